import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBroker } from './broker.js';
import { Member, numbers, quiet } from './member.js';

const BUFFER = 65_536;
/** What one turn of the event loop may gather before it is written. */
const TURN = 262_144;

describe('a subscriber that does not read', () => {
  it('loses QoS 0, counted, while its publisher and the others go on, and holds no more than its buffer', async () => {
    const broker = await startBroker({ maxSocketBufferBytes: BUFFER });
    const [slow, fast, publisher] = [await Member.join(broker), await Member.join(broker), await Member.join(broker)];
    for (const member of [slow, fast]) member.subscribe([['t', 0]]);
    await quiet(broker, [slow, fast]);
    slow.peer.stall();
    const rest = 'x'.repeat(1000);
    for (let i = 0; i < 5000; i += 1) {
      publisher.publish({ topic: 't', payload: `${i}:${rest}` });
      if (i % 20 === 0) await broker.turn();
      // What one turn brought may stand above the limit, nothing more.
      assert.ok(slow.peer.writableLength <= BUFFER + 25 * 1100, String(slow.peer.writableLength));
    }
    await quiet(broker, [fast]);
    assert.equal(publisher.peer.waiting, 0);
    assert.deepEqual(
      fast.payloads.map((payload) => payload.split(':')[0]),
      numbers(0, 5000),
    );
    slow.peer.drain();
    await quiet(broker, [slow]);
    const came = slow.payloads.map((payload) => payload.split(':')[0]);
    assert.ok(came.length >= 60 && came.length < 150, String(came.length));
    // What it got is the beginning, whole.
    assert.deepEqual(came, numbers(0, came.length));
    assert.equal(broker.stats.droppedSlowConsumer, 5000 - came.length);
    publisher.publish({ topic: 't', payload: 'again' });
    await quiet(broker, [slow]);
    assert.equal(slow.payloads.at(-1), 'again');
    await broker.stop();
  });

  it('gets QoS 1 and 2 later and in order as far as its queue reached; the rest is dropped and counted', async () => {
    for (const qos of [1, 2] as const) {
      const broker = await startBroker({ maxSocketBufferBytes: BUFFER, maxQueuedMessages: 300, maxInflight: 100 });
      const [slow, fast, publisher] = [await Member.join(broker), await Member.join(broker), await Member.join(broker)];
      for (const member of [slow, fast]) member.subscribe([['t', qos]]);
      await quiet(broker, [slow, fast]);
      slow.peer.stall();
      for (let i = 0; i < 1000; i += 1) {
        publisher.publish({ topic: 't', payload: `${i}:${'x'.repeat(2000)}`, qos, packetId: 1 + i });
        if (qos === 2) publisher.release(1 + i);
        await broker.turn();
        fast.read();
        publisher.read();
      }
      await quiet(broker, [fast, publisher]);
      assert.equal(fast.payloads.length, 1000);
      assert.equal(publisher.kinds(qos === 1 ? 'puback' : 'pubcomp').length, 1000);
      assert.equal(broker.stats.messagesQueued, 300);
      assert.ok(slow.peer.writableLength <= BUFFER + 3000);
      slow.peer.drain();
      await quiet(broker, [slow, publisher]);
      const came = slow.payloads.map((payload) => payload.split(':')[0]);
      assert.deepEqual(came, numbers(0, came.length));
      assert.ok(came.length > 300 && came.length <= 400, String(came.length));
      assert.equal(broker.stats.droppedQueueFull, 1000 - came.length);
      assert.equal(broker.stats.messagesQueued, 0);
      assert.equal(broker.stats.queuedBytes, 0);
      await broker.stop();
    }
  });

  it('is disconnected after slowConsumerTimeoutMs, and not before', async () => {
    const broker = await startBroker({ maxSocketBufferBytes: BUFFER, slowConsumerTimeoutMs: 10_000 });
    const [slow, publisher] = [await Member.join(broker, { keepAlive: 1 }), await Member.join(broker)];
    slow.subscribe([['t', 0]]);
    await quiet(broker, [slow]);
    slow.peer.stall();
    for (let i = 0; i < 100; i += 1) {
      publisher.publish({ topic: 't', payload: 'x'.repeat(1000) });
      await broker.turn();
    }
    broker.clock.advance(9900);
    await broker.settle();
    assert.equal(slow.peer.ended, false);
    broker.clock.advance(200);
    await broker.settle();
    assert.equal(slow.peer.ended, true);
    broker.clock.advance(1000);
    await broker.settle();
    assert.equal(slow.peer.destroyed, true);
    assert.equal(broker.stats.clientsConnected, 1);
    await broker.stop();
  });

  it('gets the retained messages as it reads, not all at once', async () => {
    const broker = await startBroker({ maxSocketBufferBytes: BUFFER });
    const publisher = await Member.join(broker);
    for (let i = 0; i < 300; i += 1) {
      // Both ways of writing: small ones are copied, large ones are handed on.
      publisher.publish({ topic: `r/${i}`, payload: Buffer.alloc(i % 2 === 0 ? 20_000 : 4000, i), retain: true });
      await broker.turn();
    }
    for (const qos of [0, 1, 2] as const) {
      const slow = await Member.join(broker, { version: 5 });
      slow.peer.stall();
      slow.subscribe([['r/#', qos]]);
      await broker.settle();
      assert.ok(slow.peer.writableLength <= BUFFER + TURN + 20_100, `QoS ${qos}: ${slow.peer.writableLength} bytes`);
      for (let i = 0; i < 300 && slow.published.length < 300; i += 1) {
        slow.peer.drain();
        slow.peer.stall();
        await broker.turn();
        assert.ok(slow.peer.writableLength <= BUFFER + TURN + 20_100, `QoS ${qos}: ${slow.peer.writableLength} bytes`);
        slow.read();
      }
      assert.equal(new Set(slow.published.map(({ topic }) => topic)).size, 300, `QoS ${qos}`);
      assert.ok(slow.published.every(({ retain }) => retain));
      slow.peer.disappear();
    }
    await broker.stop();
  });

  it('does not hold up a fan-out to many: everybody else gets everything in order', async () => {
    const broker = await startBroker({ maxSocketBufferBytes: BUFFER });
    const members: Member[] = [];
    for (let i = 0; i < 20; i += 1) members.push(await Member.join(broker, { version: ([3, 4, 5] as const)[i % 3] as 3 | 4 | 5 }));
    for (const [index, member] of members.entries()) member.subscribe([[index % 2 === 0 ? 'f/#' : 'f/+', (index % 3) as 0 | 1 | 2]]);
    await quiet(broker, members);
    const [slow] = members as [Member];
    slow.peer.stall();
    const publisher = await Member.join(broker, { version: 5 });
    for (let i = 0; i < 2000; i += 1) {
      publisher.publish({ topic: 'f/x', payload: `${i}:${'x'.repeat(200)}`, qos: 1, packetId: 1 + (i % 60_000) });
      if (i % 50 === 49) for (const member of members.slice(1)) member.read();
      if (i % 25 === 0) await broker.turn();
    }
    await quiet(broker, [...members.slice(1), publisher]);
    for (const member of members.slice(1)) {
      assert.deepEqual(
        member.payloads.map((payload) => payload.split(':')[0]),
        numbers(0, 2000),
      );
    }
    assert.ok(broker.stats.droppedSlowConsumer > 1000);
    await broker.stop();
  });
});
