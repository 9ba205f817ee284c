import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBroker } from './broker.js';
import { Member, numbers, quiet } from './member.js';

const KIB = 1024;

describe('what all sockets hold together that nobody reads', () => {
  it('is bounded: beyond it slow peers get no QoS 0, and QoS 1 later; whoever reads does not notice', async () => {
    const broker = await startBroker({ maxTotalSocketBufferBytes: 500 * KIB });
    const slow = [];
    for (let i = 0; i < 20; i += 1) slow.push(await Member.join(broker, { clientId: `slow${i}` }));
    const [reader, publisher] = [await Member.join(broker, { clientId: 'reader' }), await Member.join(broker, { clientId: 'publisher' })];
    for (const [index, member] of [...slow, reader].entries()) member.subscribe([['t', index % 2 === 0 ? 0 : 1]]);
    await quiet(broker, [...slow, reader]);
    for (const member of slow) member.peer.stall();
    for (let i = 0; i < 300; i += 1) {
      publisher.publish({ topic: 't', payload: `${i}:`.padEnd(KIB, 'x'), qos: 1, packetId: 1 + i });
      await broker.turn();
      reader.read();
      publisher.read();
    }
    await quiet(broker, [reader, publisher]);
    // Twenty that each may hold 4 MiB hold no more than what is allowed, and less than 64 KiB each in which nobody is slow.
    const held = slow.reduce((sum, { peer }) => sum + peer.writableLength, 0);
    assert.ok(held <= 500 * KIB + 20 * 64 * KIB && held > 500 * KIB, `${held} bytes`);
    assert.equal(broker.stats.socketBufferBytes, held);
    assert.equal(reader.published.length, 300);
    assert.ok(broker.stats.droppedSlowConsumer > 1000, String(broker.stats.droppedSlowConsumer));
    assert.ok(broker.stats.messagesQueued > 1000);
    for (const member of slow) member.peer.drain();
    await quiet(broker, [...slow, reader, publisher]);
    assert.equal(broker.stats.socketBufferBytes, 0);
    for (const [index, member] of slow.entries()) {
      const came = member.payloads.map((payload) => payload.split(':')[0]);
      assert.deepEqual(came, numbers(0, index % 2 === 0 ? came.length : 300));
    }
    await broker.stop();
  });

  it('closes those who had much before it was too much, and never read it', async () => {
    const broker = await startBroker({ maxTotalSocketBufferBytes: 500 * KIB, slowConsumerTimeoutMs: 5000 });
    const [old, late, publisher] = [await Member.join(broker), await Member.join(broker), await Member.join(broker)];
    old.subscribe([['old', 0]]);
    late.subscribe([['late', 0]]);
    await quiet(broker, [old, late]);
    for (const { peer } of [old, late]) peer.stall();
    const send = async (topic: string, count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) publisher.publish({ topic, payload: 'x'.repeat(10 * KIB) });
      await broker.settle();
    };
    await send('old', 40);
    broker.clock.advance(60_000);
    await broker.settle();
    assert.equal(old.peer.ended, false);
    await send('late', 20);
    broker.clock.advance(5100);
    await broker.settle();
    assert.deepEqual([old.peer.ended, late.peer.ended], [true, true]);
    assert.equal(broker.stats.socketBufferBytes, 0);
    await broker.stop();
  });
});
