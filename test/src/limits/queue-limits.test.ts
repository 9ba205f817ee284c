import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryBroker } from '../fuzz/memory-broker.js';
import { startBroker } from './broker.js';
import { Member, numbers, quiet } from './member.js';

const HOUR = '11 00 00 0e 10';

/** Leaves a session behind that waits for everything beneath `t`. */
async function sleeper(broker: MemoryBroker, clientId: string): Promise<void> {
  const member = await Member.join(broker, { clientId, version: 5, properties: HOUR });
  member.subscribe([['t/#', 1]]);
  await quiet(broker, [member]);
  member.peer.disappear();
}

async function wake(broker: MemoryBroker, clientId: string): Promise<Member> {
  const member = await Member.join(broker, { clientId, version: 5, properties: HOUR, cleanSession: false });
  await quiet(broker, [member]);
  return member;
}

async function send(broker: MemoryBroker, count: number, bytes: number): Promise<void> {
  const publisher = await Member.join(broker);
  for (let i = 0; i < count; i += 1) {
    publisher.publish({ topic: 't/x', payload: `${i}:`.padEnd(bytes, 'x'), qos: 1, packetId: 1 + i });
    await broker.turn();
  }
  await quiet(broker, [publisher]);
  assert.equal(publisher.kinds('puback').length, count);
  publisher.peer.disappear();
}

describe('what waits for sessions', () => {
  it('is bounded in number for each: newer messages are dropped and counted', async () => {
    const broker = await startBroker({ maxQueuedMessages: 50 });
    await sleeper(broker, 'one');
    await sleeper(broker, 'two');
    await send(broker, 80, 10);
    assert.equal(broker.stats.messagesQueued, 100);
    assert.equal(broker.stats.droppedQueueFull, 60);
    for (const clientId of ['one', 'two']) {
      const member = await wake(broker, clientId);
      assert.deepEqual(
        member.payloads.map((payload) => payload.split(':')[0]),
        numbers(0, 50),
      );
    }
    assert.equal(broker.stats.messagesQueued, 0);
    assert.equal(broker.stats.queuedBytes, 0);
    await broker.stop();
  });

  it('is bounded in bytes for each', async () => {
    const broker = await startBroker({ maxQueuedBytes: 100_000 });
    await sleeper(broker, 'one');
    await send(broker, 30, 10_000);
    assert.ok(broker.stats.queuedBytes <= 100_000 && broker.stats.queuedBytes > 80_000);
    const { messagesQueued, droppedQueueFull } = broker.stats;
    assert.equal(messagesQueued + droppedQueueFull, 30);
    // A small one still has a place where a large one has none.
    await send(broker, 1, 10);
    assert.equal(broker.stats.messagesQueued, messagesQueued + 1);
    assert.equal((await wake(broker, 'one')).published.length, messagesQueued + 1);
    await broker.stop();
  });

  it('is bounded in bytes for all together, and room comes back', async () => {
    const broker = await startBroker({ maxTotalQueuedBytes: 100_000 });
    for (const clientId of ['one', 'two', 'three']) await sleeper(broker, clientId);
    await send(broker, 20, 5000);
    assert.ok(broker.stats.queuedBytes <= 100_000 && broker.stats.queuedBytes > 85_000, String(broker.stats.queuedBytes));
    assert.equal(broker.stats.messagesQueued + broker.stats.droppedQueueFull, 60);
    const before = broker.stats.queuedBytes;
    await wake(broker, 'one');
    assert.ok(broker.stats.queuedBytes < before);
    await send(broker, 1, 5000);
    assert.ok(broker.stats.queuedBytes > before - 35_000);
    broker.clock.advance(3_700_000);
    await broker.settle();
    assert.equal(broker.stats.messagesQueued, 0);
    assert.equal(broker.stats.queuedBytes, 0);
    await broker.stop();
  });

  it('is bounded in bytes also while somebody is there who reads and acknowledges nothing', async () => {
    for (const qos of [1, 2] as const) {
      const broker = await startBroker({ maxQueuedBytes: 100_000 });
      const member = await Member.join(broker, { version: 5, properties: HOUR });
      member.subscribe([['t/#', qos]]);
      await quiet(broker, [member]);
      member.acknowledges = false;
      const publisher = await Member.join(broker);
      for (let i = 0; i < 50; i += 1) {
        publisher.publish({ topic: 't/x', payload: `${i}:`.padEnd(10_000, 'x'), qos: 2, packetId: 1 + i });
        publisher.release(1 + i);
      }
      await quiet(broker, [publisher, member]);
      // So much was sent, so much waits, and the rest is dropped.
      assert.ok(member.published.length >= 9 && member.published.length <= 11, String(member.published.length));
      assert.ok(broker.stats.queuedBytes <= 100_000);
      const held = member.published.length + broker.stats.messagesQueued;
      assert.equal(held + broker.stats.droppedQueueFull, 50);
      member.acknowledges = true;
      for (const { messageId = 0 } of [...member.published]) member.acknowledge({ qos, messageId });
      await quiet(broker, [member]);
      assert.deepEqual(
        member.payloads.map((payload) => payload.split(':')[0]),
        numbers(0, held),
      );
      assert.equal(broker.stats.queuedBytes, 0);
      // And all of the room is there again.
      const before = broker.stats.droppedQueueFull;
      publisher.publish({ topic: 't/x', payload: 'again', qos: 1, packetId: 100 });
      await quiet(broker, [publisher, member]);
      assert.equal(member.payloads.at(-1), 'again');
      assert.equal(broker.stats.droppedQueueFull, before);
      await broker.stop();
    }
  });

  it('is sent as far as maxInflight lets it, and goes on with every acknowledgement', async () => {
    for (const qos of [1, 2] as const) {
      const broker = await startBroker({ maxInflight: 10 });
      const member = await Member.join(broker, { version: 5 });
      member.subscribe([['t/#', qos]]);
      await quiet(broker, [member]);
      member.acknowledges = false;
      const publisher = await Member.join(broker);
      for (let i = 0; i < 30; i += 1) {
        publisher.publish({ topic: 't/x', payload: String(i), qos: 2, packetId: 1 + i });
        publisher.release(1 + i);
      }
      await quiet(broker, [publisher, member]);
      assert.deepEqual(member.payloads, numbers(0, 10));
      assert.equal(broker.stats.messagesQueued, 20);
      member.acknowledges = true;
      for (const { messageId = 0 } of [...member.published]) member.acknowledge({ qos, messageId });
      await quiet(broker, [member]);
      assert.deepEqual(member.payloads, numbers(0, 30));
      await broker.stop();
    }
  });

  it('takes nothing at QoS 0 while nobody is there', async () => {
    const broker = await startBroker();
    await sleeper(broker, 'one');
    const publisher = await Member.join(broker);
    for (let i = 0; i < 100; i += 1) publisher.publish({ topic: 't/x', payload: 'x' });
    await quiet(broker, [publisher]);
    assert.equal(broker.stats.messagesQueued, 0);
    assert.equal((await wake(broker, 'one')).published.length, 0);
    await broker.stop();
  });
});
