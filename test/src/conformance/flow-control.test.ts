import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet, puback, pubcomp, publish, pubrec, pubrel, subscribe, uint16, uint32 } from '../support/packets.js';
import { eachLevel, LEVELS, lasting, type Peer, Scene } from './scene.js';

const RECEIVE_MAXIMUM = 8;
const MAX_PACKET = 2000;

describe('flow control and packet sizes', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ limits: { receiveMaximum: RECEIVE_MAXIMUM, maxPacketBytes: MAX_PACKET, maxInflight: 20, maxQueuedMessages: 30 } });
  });
  after(() => scene.stop());

  it('CONNACK announces what the broker takes', async () => {
    const peer = await scene.open(5);
    assert.equal(peer.property(0x21), uint16(RECEIVE_MAXIMUM));
    assert.equal(peer.property(0x27), uint32(MAX_PACKET));
  });

  it('5.0 [MQTT-3.3.4-7] more QoS 2 messages before their PUBREL than the receive maximum end the connection with 0x93', async () => {
    const peer = await scene.open(5);
    for (let packetId = 1; packetId <= RECEIVE_MAXIMUM; packetId += 1) {
      peer.publish({ topic: 'a', qos: 2, packetId });
      await peer.packet(5);
    }
    // Repeats cost nothing, QoS 0 and other packets go on.
    peer.publish({ topic: 'a', qos: 2, packetId: 1, dup: true });
    await peer.packet(5);
    peer.publish({ topic: 'a', qos: 0 });
    await peer.subscribe([['none', 0]]);
    // One that is finished makes room for one.
    peer.send(pubrel(3));
    await peer.expect(pubcomp(3));
    peer.publish({ topic: 'a', qos: 2, packetId: 100 });
    await peer.packet(5);
    peer.publish({ topic: 'a', qos: 2, packetId: 101 });
    await peer.expelled(0x93);
  });

  it('a burst of QoS 1 messages beyond the receive maximum is answered where each was acknowledged at once', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level);
      const list = level === 5 ? { properties: '' } : {};
      let bytes = '';
      for (let packetId = 1; packetId <= 100; packetId += 1) bytes += publish({ topic: 'a', qos: 1, packetId, ...list });
      peer.send(bytes);
      for (let packetId = 1; packetId <= 100; packetId += 1) assert.equal((await peer.packet(4)).packetId, packetId);
      await peer.silence();
    });
  });

  async function receiver(receiveMaximum: number, more = '', options = 2): Promise<{ peer: Peer; publisher: Peer; topic: string; clientId: string }> {
    const topic = scene.name('flow/');
    const clientId = scene.name();
    const peer = await scene.open(5, { clientId, cleanSession: false, properties: `21${uint16(receiveMaximum)} 11${uint32(100)} ${more}` });
    await peer.subscribe([[topic, options]]);
    return { peer, publisher: await scene.open(5), topic, clientId };
  }

  it('5.0 [MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] no more unacknowledged messages go out than the client takes, QoS 2 until PUBCOMP; all else goes on', async () => {
    const { peer, publisher, topic } = await receiver(2);
    await publisher.publish2({ topic, payload: 'a' });
    await publisher.publish1({ topic, payload: 'b' });
    await publisher.publish1({ topic, payload: 'c' });
    await publisher.publish2({ topic, payload: 'd' });
    const [a, b] = [await peer.next(), await peer.next()];
    await peer.silence();
    await publisher.publish0({ topic, payload: 'zero' });
    const zero = await peer.next();
    assert.deepEqual([zero.payload, zero.qos], ['zero', 0]);
    await peer.subscribe([['other', 1]]);
    assert.equal(await peer.publish1({ topic: 'nobody' }), 0x10);
    peer.send(pubrec(a.packetId ?? 0));
    await peer.expect(pubrel(a.packetId ?? 0));
    await peer.silence();
    peer.send(pubcomp(a.packetId ?? 0));
    const c = await peer.next();
    assert.equal(c.payload, 'c');
    await peer.silence();
    peer.send(puback(b.packetId ?? 0));
    const d = await peer.next();
    assert.equal(d.payload, 'd');
    // An acknowledgement of nothing gives no credit.
    await publisher.publish1({ topic, payload: 'e' });
    peer.send(puback(b.packetId ?? 0) + pubcomp(a.packetId ?? 0));
    await peer.silence();
    peer.send(puback(c.packetId ?? 0));
    assert.equal((await peer.next()).payload, 'e');
  });

  it('a smaller receive maximum on the next connection holds for what is sent again, too', async () => {
    const { peer, publisher, topic, clientId } = await receiver(10);
    for (const payload of ['a', 'b', 'c', 'd']) await publisher.publish1({ topic, payload });
    const first = [await peer.next(), await peer.next(), await peer.next(), await peer.next()];
    peer.wire.reset();
    const back = await scene.open(5, { clientId, cleanSession: false, properties: '210002 1100000100' });
    await publisher.publish1({ topic, payload: 'e' });
    const again = [await back.next(), await back.next()];
    await back.silence();
    for (let i = 0; i < 3; i += 1) {
      const oldest = again[i];
      assert.ok(oldest !== undefined);
      await back.acknowledge(oldest);
      again.push(await back.next());
      await back.silence();
    }
    assert.deepEqual(
      again.map(({ payload, packetId, dup }) => [payload, payload === 'e' || packetId, dup]),
      [...first.map(({ payload, packetId }) => [payload, packetId, true]), ['e', true, false]],
    );
  });

  it('a burst in one write keeps its order and to the window, also for a session that does not last', async () => {
    for (const level of LEVELS) {
      const topic = scene.name('burst/');
      const peer = await scene.open(5, { properties: '210005' });
      await peer.subscribe([[topic, 1]]);
      const publisher = await scene.open(level);
      const list = level === 5 ? { properties: '' } : {};
      let bytes = '';
      for (let i = 1; i <= 25; i += 1) bytes += publish({ topic, payload: `${i}`, qos: 1, packetId: i, ...list });
      publisher.send(bytes);
      for (let i = 1; i <= 25; i += 1) await publisher.packet(4);
      for (let from = 1; from <= 25; from += 5) {
        const came = [];
        for (let i = from; i < from + 5; i += 1) came.push(await peer.next());
        assert.deepEqual(
          came.map(({ payload }) => Number(payload)),
          [0, 1, 2, 3, 4].map((step) => from + step),
        );
        await peer.silence();
        for (const packet of came) peer.send(puback(packet.packetId ?? 0));
      }
      await peer.silence();
    }
  });

  it('of a burst in one write only what is too large for a client is dropped for it', async () => {
    for (const qos of [0, 1] as const) {
      const topic = scene.name('mixed/');
      const peer = await scene.open(5, { properties: `27${uint32(100)}` });
      await peer.subscribe([[topic, qos]]);
      const publisher = await scene.open(5);
      let bytes = '';
      for (const length of [1, 200, 2, 300, 3]) bytes += publish({ topic, payload: 'z'.repeat(length), qos, packetId: length, properties: '' });
      publisher.send(bytes);
      assert.deepEqual(await peer.payloads(3), ['z', 'zz', 'zzz']);
      await peer.silence();
    }
  });

  it('a receive maximum of 1 delivers one after the other, in order', async () => {
    const { peer, publisher, topic } = await receiver(1);
    for (let i = 0; i < 10; i += 1) await publisher.publish1({ topic, payload: `${i}` });
    for (let i = 0; i < 10; i += 1) {
      const came = await peer.next();
      assert.equal(came.payload, `${i}`);
      await peer.silence();
      await peer.acknowledge(came);
    }
    await peer.silence();
  });

  it('a queue that is full drops what is new and keeps its order; the session stays usable', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('full/');
      const clientId = scene.name();
      const peer = await scene.open(level, { clientId, ...lasting(level) });
      await peer.subscribe([[topic, 1]]);
      await peer.leave();
      const publisher = await scene.open(level);
      for (let i = 0; i < 40; i += 1) await publisher.publish1({ topic, payload: `${i}` });
      const back = await scene.open(level, { clientId, ...lasting(level) });
      for (let i = 0; i < 30; i += 1) {
        const came = await back.next();
        assert.equal(came.payload, `${i}`);
        await back.acknowledge(came);
      }
      await back.silence();
      await publisher.publish1({ topic, payload: 'new' });
      assert.equal((await back.next()).payload, 'new');
    });
  });

  it('5.0 [MQTT-3.1.2-24] [MQTT-3.1.2-25] what is larger than the client takes is dropped as if it were delivered: no stall, no credit, for nobody else', async () => {
    const { peer, publisher, topic, clientId } = await receiver(1, `27${uint32(64)}`);
    const other = await scene.open(5);
    await other.subscribe([[topic, 0]]);
    const large = 'x'.repeat(100);
    for (const qos of [0, 1, 2]) {
      for (const retain of [false, true]) {
        if (qos === 0) await publisher.publish0({ topic, payload: large, retain });
        else if (qos === 1) await publisher.publish1({ topic, payload: large, retain });
        else await publisher.publish2({ topic, payload: large, retain });
      }
      await publisher.publish1({ topic, payload: `after ${qos}` });
      const came = await peer.next();
      assert.equal(came.payload, `after ${qos}`);
      await peer.acknowledge(came);
      await peer.silence();
      assert.deepEqual(await other.payloads(3), [large, large, `after ${qos}`]);
    }
    // Retained and queued as well.
    await peer.subscribe([[topic, 1]]);
    await peer.silence();
    peer.wire.reset();
    await scene.seconds(0);
    await publisher.publish1({ topic, payload: large });
    await publisher.publish1({ topic, payload: 'small' });
    const back = await scene.open(5, { clientId, cleanSession: false, properties: `210001 27${uint32(64)}` });
    assert.equal((await back.next()).payload, 'small');
    await back.silence();
  });

  it('a message is dropped when exactly one byte too large, counted as it would be sent', async () => {
    const topic = scene.name('exact/');
    const publisher = await scene.open(5);
    for (const list of ['', `26${field('a')}${field('b')}`]) {
      for (const subscriptionId of ['', '0bff01']) {
        const bytes = (payload: string): number =>
          packet(0x32, `${field(topic)}000100${list}${subscriptionId}${Buffer.from(payload).toString('hex')}`).length / 2;
        const fits = 'x'.repeat(30);
        const peer = await scene.open(5, { properties: `27${uint32(bytes(fits))}` });
        await peer.subscribe([[topic, 1]], subscriptionId);
        await publisher.publish1({ topic, payload: `${fits}x`, properties: list });
        await publisher.publish1({ topic, payload: fits, properties: list });
        assert.equal((await peer.next()).payload, fits);
        await peer.silence();
      }
    }
  });

  it('a client that could not take the CONNACK is refused, and takes no session over', async () => {
    const clientId = scene.name();
    const owner = await scene.open(5, { clientId });
    const wire = await scene.wire();
    wire.send(packet(0x10, `${field('MQTT')}05020000 05 27${uint32(10)}${field(clientId)}`));
    await wire.expect('20 03 00 95 00');
    await wire.expectClosed();
    await scene.speechless(packet(0x10, `${field('MQTT')}05020000 05 27${uint32(4)}${field(clientId)}`));
    await owner.silence();
  });

  it('5.0 [MQTT-3.2.2-15] a packet above the announced size ends the connection with 0x95, before its body comes', async () => {
    await eachLevel(LEVELS, async (level) => {
      const none = level === 5 ? '00' : '';
      const head = field(`size${level}`) + none;
      const peer = await scene.open(level);
      await peer.subscribe([[`size${level}`, 0]]);
      const largest = packet(0x30, head + '61'.repeat(MAX_PACKET - 3 - head.length / 2));
      assert.equal(largest.length / 2, MAX_PACKET);
      peer.send(largest);
      await peer.expect(largest);
      peer.send('30 ce 0f');
      await peer.expelled(0x95);
      const early = await scene.open(level);
      early.send('82 ff ff ff 7f');
      await early.expelled(0x95);
      // CONNECT has a bound of its own.
      await scene.speechless('10 ff ff 7f');
    });
  });

  it('packet identifiers of a client are free again after their last acknowledgement, and shared by nothing else', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level);
      const list = level === 5 ? { properties: '' } : {};
      await peer.subscribe([['ids', 2]], '', 5);
      peer.publish({ topic: 'x', qos: 2, packetId: 5 });
      await peer.packet(5);
      // The same number for SUBSCRIBE and QoS 1 while QoS 2 is under way: each gets its own answer.
      peer.send(subscribe({ packetId: 5, filters: [['y', 0]], ...list }));
      assert.equal((await peer.packet(9)).packetId, 5);
      peer.send(pubrel(5));
      await peer.expect(pubcomp(5));
      peer.publish({ topic: 'x', qos: 1, packetId: 5 });
      assert.equal((await peer.packet(4)).packetId, 5);
    });
  });
});
