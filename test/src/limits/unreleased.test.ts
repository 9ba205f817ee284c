import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBroker } from './broker.js';
import { Member } from './member.js';

const KIB = 1024;

describe('QoS 2 messages that their publisher does not release', () => {
  it('are bounded in bytes: 5.0 is told, 3.x is closed', async () => {
    const broker = await startBroker({ maxQueuedBytes: 10 * KIB });
    const five = await Member.join(broker, { version: 5 });
    const four = await Member.join(broker, { version: 4 });
    for (const member of [five, four])
      for (let packetId = 1; packetId <= 12; packetId += 1) member.publish({ topic: 't', payload: 'x'.repeat(KIB), qos: 2, packetId });
    await broker.settle();
    for (const member of [five, four]) member.read();
    const codes = five.came.map((packet) => (packet.cmd === 'pubrec' ? (packet.reasonCode ?? 0) : -1));
    assert.deepEqual(codes, [...Array(8).fill(0), ...Array(4).fill(0x97)]);
    assert.equal(four.came.length, 8);
    assert.equal(broker.stats.clientsConnected, 1);
    assert.ok(broker.stats.queuedBytes > 8 * KIB && broker.stats.queuedBytes <= 10 * KIB);
    // What is released makes room.
    five.came.length = 0;
    for (let packetId = 1; packetId <= 8; packetId += 1) five.release(packetId);
    await broker.settle();
    assert.equal(broker.stats.queuedBytes, 0);
    await broker.stop();
  });

  it('are not bounded in number for 3.x, which knows no receive maximum', async () => {
    const broker = await startBroker({ receiveMaximum: 10 });
    const member = await Member.join(broker, { version: 4 });
    for (let packetId = 1; packetId <= 100; packetId += 1) member.publish({ topic: 't', payload: 'x', qos: 2, packetId });
    await broker.settle();
    member.read();
    assert.equal(member.came.filter(({ cmd }) => cmd === 'pubrec').length, 100);
    await broker.stop();
  });
});
