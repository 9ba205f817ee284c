import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, pubrel } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { startBroker } from './broker.js';
import { Member, quiet } from './member.js';

describe('a publisher that does not read its acknowledgements', () => {
  for (const qos of [1, 2] as const) {
    it(`is not read any further at QoS ${qos}, and goes on where it was when it reads`, async () => {
      const broker = await startBroker({ maxSocketBufferBytes: 65_536, receiveMaximum: 65_535 });
      const publisher = await Member.join(broker);
      publisher.peer.stall();
      const one = fromHex(publish({ topic: 't', qos, packetId: 1 }) + (qos === 2 ? pubrel(1) : ''));
      const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
      for (let i = 0; i < 100; i += 1) {
        publisher.peer.send(Buffer.from(many));
        await broker.turn();
      }
      assert.equal(publisher.peer.paused, true);
      const answers = qos === 1 ? 4 : 8;
      assert.ok(publisher.peer.writableLength <= 65_536 + 1000 * answers, String(publisher.peer.writableLength));
      assert.ok(broker.stats.messagesReceived <= 20_000);
      publisher.acknowledges = false;
      for (let i = 0; i < 100 && publisher.peer.waiting > 0; i += 1) {
        publisher.peer.drain();
        publisher.peer.stall();
        await broker.turn();
      }
      publisher.peer.drain();
      await quiet(broker, [publisher]);
      assert.equal(publisher.kinds(qos === 1 ? 'puback' : 'pubcomp').length, 100_000);
      await broker.stop();
    });
  }

  it('is disconnected when it goes on not reading', async () => {
    const broker = await startBroker({ maxSocketBufferBytes: 65_536, slowConsumerTimeoutMs: 5000 });
    const publisher = await Member.join(broker);
    publisher.peer.stall();
    const pings = Buffer.from('c000'.repeat(1000), 'hex');
    for (let i = 0; i < 100; i += 1) {
      publisher.peer.send(Buffer.from(pings));
      await broker.turn();
    }
    assert.ok(publisher.peer.writableLength <= 65_536 + 2000);
    broker.clock.advance(5100);
    await broker.settle();
    assert.equal(publisher.peer.ended, true);
    await broker.stop();
  });
});

describe('QoS 2 messages that are never released', () => {
  it('end a connection of 5.0 when there are more than the receive maximum', async () => {
    const broker = await startBroker({ receiveMaximum: 10 });
    const publisher = await Member.join(broker, { version: 5 });
    for (let id = 1; id <= 10; id += 1) publisher.publish({ topic: 't', qos: 2, packetId: id });
    await quiet(broker, [publisher]);
    assert.equal(publisher.kinds('pubrec').length, 10);
    assert.equal(publisher.peer.ended, false);
    publisher.publish({ topic: 't', qos: 2, packetId: 11 });
    await quiet(broker, [publisher]);
    assert.equal(publisher.peer.ended, true);
    assert.equal(publisher.bytes.includes(fromHex('e0 01 93')), true);
    await broker.stop();
  });

  it('take no memory beyond the receive maximum, however many come', async () => {
    const broker = await startBroker({ receiveMaximum: 100 });
    const publisher = await Member.join(broker, { version: 5 });
    const subscriber = await Member.join(broker);
    subscriber.subscribe([['t', 0]]);
    await quiet(broker, [subscriber]);
    const round = Buffer.concat(
      Array.from({ length: 100 }, (_, index) => fromHex(publisher.publishBytes({ topic: 't', qos: 2, packetId: 1 + index }))),
    );
    let answers = 0;
    for (let i = 0; i < 10_000; i += 1) {
      publisher.peer.send(Buffer.from(round));
      if (i % 10 === 9) {
        await broker.turn();
        answers += publisher.peer.take().length;
      }
    }
    await broker.settle();
    answers += publisher.peer.take().length;
    // One million PUBREC of four bytes, and nothing was routed.
    assert.equal(answers, 4_000_000);
    assert.equal(publisher.peer.ended, false);
    for (let id = 1; id <= 100; id += 1) publisher.release(id);
    await quiet(broker, [publisher, subscriber]);
    assert.equal(subscriber.published.length, 100);
    await broker.stop();
  });
});
