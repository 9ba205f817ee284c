import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryBroker } from '../fuzz/memory-broker.js';
import type { Peer } from '../fuzz/peer.js';
import { connect5 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { startBroker } from './broker.js';
import { Member } from './member.js';

/** Sockets of addresses of their own that send nothing. */
function silent(broker: MemoryBroker, count: number): Peer[] {
  return Array.from({ length: count }, (_, index) => broker.connect(`192.0.2.${index}`));
}

/** A CONNECT of which a good part does not come. */
function begin(peer: Peer, bytes: number): void {
  peer.send(Buffer.concat([fromHex('10 80 20 00 04 4d 51 54 54 04 02 00 3c 0f f2'), Buffer.alloc(bytes - 15, 'a')]));
}

describe('connections that have not had their CONNACK', () => {
  it('are bounded for all addresses together: the oldest makes room, and a client that is not slow gets in', async () => {
    const broker = await startBroker({ maxHalfOpen: 10 });
    const strangers = silent(broker, 10);
    assert.equal(broker.stats.connectionsHalfOpen, 10);
    await Member.join(broker);
    assert.deepEqual(
      strangers.map(({ destroyed }) => destroyed),
      [true, ...Array(9).fill(false)],
    );
    // Whoever was accepted is not counted any more.
    assert.equal(broker.stats.connectionsHalfOpen, 9);
    for (let i = 0; i < 20; i += 1) await Member.join(broker, { clientId: `m${i}` });
    assert.equal(strangers.filter(({ destroyed }) => destroyed).length, 1);
    await broker.stop();
    assert.equal(broker.stats.connectionsHalfOpen, 0);
  });

  it('are not closed for others while we owe them the answer: then the newest is refused', async () => {
    const broker = await startBroker({ maxHalfOpenPerAddress: 3 });
    const method = '15 00 03 72 2f 74';
    const challenged = Array.from({ length: 3 }, (_, index) => {
      const peer = broker.connect();
      peer.send(fromHex(connect5({ clientId: `e${index}`, username: 'amy', properties: method })));
      return peer;
    });
    await broker.settle();
    assert.ok(challenged.every((peer) => peer.take()[0] === 0xf0));
    assert.equal(broker.connect().destroyed, true);
    assert.deepEqual([broker.stats.refusedHalfOpen, broker.stats.connectionsRefused], [1, 1]);
    assert.ok(challenged.every(({ destroyed }) => !destroyed));
    // They do not keep their places for ever either.
    broker.clock.advance(11_000);
    await broker.settle();
    assert.ok(challenged.every(({ ended }) => ended));
    await Member.join(broker);
    await broker.stop();
  });

  it('are bounded in the bytes that they hold together: the newest is closed, and nobody else', async () => {
    const broker = await startBroker({ maxPreAuthTotalBytes: 10_000 });
    const strangers = silent(broker, 6);
    for (const peer of strangers) {
      begin(peer, 2000);
      await broker.settle();
    }
    assert.deepEqual(
      strangers.map(({ destroyed }) => destroyed),
      [false, false, false, false, false, true],
    );
    assert.deepEqual([broker.stats.preAuthBytes, broker.stats.closedPreAuthBytes], [10_000, 1]);
    // What is accepted at once holds nothing.
    await Member.join(broker);
    strangers[0]?.disappear();
    await broker.settle();
    assert.equal(broker.stats.preAuthBytes, 8000);
    await broker.stop();
    assert.equal(broker.stats.preAuthBytes, 0);
  });

  it('make room in bytes for a CONNECT that has come, the oldest first', async () => {
    const broker = await startBroker({ maxPreAuthTotalBytes: 10_000 });
    const strangers = silent(broker, 5);
    for (const peer of strangers) begin(peer, 2000);
    await broker.settle();
    assert.equal(broker.stats.preAuthBytes, 10_000);
    // The plugin takes its time, so that the CONNECT has to wait.
    await Member.join(broker, { username: 'slow' });
    assert.deepEqual(
      strangers.map(({ destroyed }) => destroyed),
      [true, false, false, false, false],
    );
    await broker.stop();
  });
});
