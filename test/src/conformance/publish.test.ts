import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet, puback, publish, pubrec } from '../support/packets.js';
import { eachLevel, LEVELS, Scene } from './scene.js';

describe('PUBLISH', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ limits: { maxTopicLevels: 65_535, maxPacketBytes: 200_000 } });
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.3.4-1] [MQTT-2.3.1-6] 5.0 [MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] is answered by nothing, PUBACK or PUBREC with its identifier', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level);
      const listener = await scene.open(level);
      const topic = scene.name('answer/');
      await listener.subscribe([[topic, 0]]);
      await peer.publish0({ topic });
      for (const packetId of [1, 2, 255, 256, 65_535]) {
        peer.publish({ topic, qos: 1, packetId });
        await peer.expect(puback(packetId));
        peer.publish({ topic, qos: 2, packetId });
        await peer.expect(pubrec(packetId));
      }
      await peer.silence();
    });
  });

  it('3.1.1 [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-3.8.4-6] 5.0 [MQTT-4.3.1-1] [MQTT-3.8.4-8] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-2.2.1-4] every pair of QoS is delivered with the lower, with an identifier if above 0, first without DUP', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const receiver of LEVELS) {
        for (const granted of [0, 1, 2] as const) {
          const topic = scene.name('pairs/');
          const listener = await scene.open(receiver);
          assert.deepEqual(await listener.subscribe([[topic, granted]]), [granted]);
          const publisher = await scene.open(level);
          await publisher.publish0({ topic, payload: '0' });
          await publisher.publish1({ topic, payload: '1' });
          await publisher.publish2({ topic, payload: '2' });
          const ids = new Set<number>();
          for (const qos of [0, 1, 2]) {
            const came = await listener.next();
            assert.equal(came.payload, String(qos));
            assert.equal(came.qos, Math.min(qos, granted));
            assert.equal(came.dup, false);
            assert.equal(came.retain, false);
            assert.deepEqual(came.properties, []);
            if (came.packetId === null) continue;
            assert.notEqual(came.packetId, 0);
            assert.ok(!ids.has(came.packetId), 'an identifier in use was given again');
            ids.add(came.packetId);
          }
          await listener.silence();
          publisher.wire.close();
          listener.wire.close();
        }
      }
    });
  });

  it('3.1.1 [MQTT-3.3.1-3] [MQTT-4.3.2-2] 5.0 [MQTT-3.3.1-3] [MQTT-4.3.2-5] DUP does not travel, and after PUBACK the same identifier is a new message', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('dup/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      for (const dup of [false, true, true]) await publisher.publish1({ topic, payload: 'x', dup, packetId: 3 });
      publisher.publish({ topic, payload: 'x', dup: true, qos: 2, packetId: 3 });
      await publisher.expect(pubrec(3));
      publisher.send('62 02 00 03');
      for (const qos of [1, 1, 1, 2]) {
        const came = await listener.next();
        assert.equal(came.qos, qos);
        assert.equal(came.dup, false);
      }
      await listener.silence();
    });
  });

  it('3.1.1 [MQTT-3.3.5-1] [MQTT-3.3.2-3] [MQTT-4.5.0-1] 5.0 [MQTT-3.3.4-2] [MQTT-3.3.2-3] [MQTT-4.5.0-1] overlapping subscriptions deliver at the highest QoS, whatever their order; every subscriber gets the message', async () => {
    await eachLevel(LEVELS, async (level) => {
      const root = `over/${level}`;
      const filters = [`${root}/a`, `${root}/+`, `${root}/#`, `+/${level}/a`];
      const orders: [number, number, number, number][] = [
        [0, 1, 2, 0],
        [2, 1, 0, 0],
        [1, 0, 0, 2],
        [0, 0, 1, 1],
      ];
      for (const order of orders) {
        const listener = await scene.open(level);
        // In packets of their own and in one: the same.
        await listener.subscribe(filters.slice(0, 2).map((filter, index) => [filter, order[index] ?? 0] as const));
        for (const index of [2, 3]) await listener.subscribe([[filters[index] ?? '', order[index] ?? 0]]);
        const publisher = await scene.open(level);
        await publisher.publish2({ topic: `${root}/a`, payload: 'once' });
        const first = await listener.next();
        assert.equal(first.qos, Math.max(...order));
        assert.equal(first.topic, `${root}/a`);
        await listener.silence();
        await publisher.publish1({ topic: `${root}/a`, payload: 'again' });
        assert.equal((await listener.next()).qos, Math.min(1, Math.max(...order)));
        await listener.silence();
        await listener.leave();
      }
    });
  });

  it('3.1.1 [MQTT-3.3.5-2] a 3.x client whose message is not allowed gets its acknowledgement, 5.0 is told; nobody gets the message', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = `closed/${scene.name()}`;
      const watcher = await scene.open(level);
      await watcher.subscribe([['closed/#', 2]]);
      const peer = await scene.open(level, { username: 'alice', password: 'secret' });
      await peer.publish0({ topic, retain: true, payload: 'no' });
      peer.publish({ topic, qos: 1, packetId: 5, payload: 'no', retain: true });
      const ack = await peer.packet(4);
      assert.equal(ack.packetId, 5);
      assert.equal(ack.code, level === 5 ? 0x87 : 0);
      assert.deepEqual(ack.properties, []);
      peer.publish({ topic, qos: 2, packetId: 6, payload: 'no' });
      assert.equal((await peer.packet(5)).code, level === 5 ? 0x87 : 0);
      if (level !== 5) {
        peer.send('62 02 00 06');
        await peer.expect('70 02 00 06');
      }
      await peer.silence();
      await watcher.silence();
    });
  });

  it('3.1.1 [MQTT-4.6.0-5] [MQTT-4.6.0-6] 5.0 [MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one publisher stay in order per topic and QoS, for every receiver', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('order/');
      const receivers = [];
      for (const receiver of LEVELS) {
        for (const qos of [0, 1, 2]) {
          const peer = await scene.open(receiver);
          await peer.subscribe([[topic, qos]]);
          receivers.push(peer);
        }
      }
      const publisher = await scene.open(level);
      const list = level === 5 ? { properties: '' } : {};
      let bytes = '';
      for (let i = 0; i < 300; i += 1) bytes += publish({ topic, payload: `${i}`, qos: i % 3 === 0 ? 1 : 0, packetId: i + 1, ...list });
      publisher.send(bytes);
      for (const peer of receivers) {
        const byQos: number[][] = [[], [], []];
        for (let i = 0; i < 300; i += 1) {
          const came = await peer.next();
          byQos[came.qos]?.push(Number(came.payload));
          if (came.qos > 0) peer.send(puback(came.packetId ?? 0));
        }
        for (const numbers of byQos)
          assert.deepEqual(
            numbers,
            [...numbers].sort((a, b) => a - b),
          );
        await peer.silence();
      }
    });
  });

  it('thousands of messages in one write arrive in order at receivers of every level and QoS', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('many/');
      const receivers = await Promise.all(LEVELS.map((receiver) => scene.open(receiver)));
      for (const peer of receivers) await peer.subscribe([[topic, 1]]);
      const publisher = await scene.open(level);
      const list = level === 5 ? { properties: '' } : {};
      const count = 2500;
      let bytes = '';
      for (let i = 0; i < count; i += 1) bytes += publish({ topic, payload: String(i).padStart(5, '0'), ...list });
      publisher.send(bytes);
      for (const peer of receivers) {
        const length = publish({ topic, payload: '00000', ...(peer.level === 5 ? { properties: '' } : {}) }).length / 2;
        const came = await peer.wire.read(length * count);
        for (let i = 0; i < count; i += 1) assert.equal(Number(came.toString('latin1', (i + 1) * length - 5, (i + 1) * length)), i);
        await peer.silence();
      }
    });
  });

  it('3.1.1 [MQTT-4.7.2-1] 5.0 [MQTT-4.7.2-1] a filter that begins with a wildcard does not match a topic that begins with $', async () => {
    await eachLevel(LEVELS, async (level) => {
      const wild = await scene.open(level);
      await wild.subscribe([
        ['#', 0],
        ['+/one/#', 0],
        ['+/+', 0],
      ]);
      const exact = await scene.open(level);
      await exact.subscribe([
        ['$dollar/#', 0],
        ['$dollar/+', 0],
      ]);
      const publisher = await scene.open(level);
      await publisher.publish0({ topic: '$dollar/one', payload: String(level) });
      while ((await exact.next()).payload !== String(level));
      await publisher.publish0({ topic: `end/one/${level}` });
      for (;;) {
        const { topic } = await wild.next();
        assert.ok(!topic.startsWith('$'), topic);
        if (topic === `end/one/${level}`) break;
      }
      wild.wire.close();
    });
    // Nobody's topics: what looks like the broker's own is not for clients to write.
    const listener = await scene.open(5);
    await listener.subscribe([['$SYS/#', 0]]);
    const writer = await scene.open(5);
    assert.notEqual(await writer.publish1({ topic: '$SYS/broker/version', payload: 'mine' }), 0);
    await listener.silence();
  });

  it('a topic of 65,535 bytes, and one of 65,534 slashes, is delivered, retained and matched', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const topic of ['t'.repeat(65_534) + level, '/'.repeat(65_533) + level]) {
        const listener = await scene.open(level);
        assert.deepEqual(await listener.subscribe([[topic, 0]]), [0]);
        const publisher = await scene.open(level);
        await publisher.publish1({ topic, payload: 'far', retain: true });
        const came = await listener.next();
        assert.ok(came.topic === topic && came.payload === 'far');
        const late = await scene.open(level);
        await late.subscribe([[topic, 0]]);
        assert.ok((await late.next()).retain);
        await late.unsubscribe([topic]);
        await publisher.publish1({ topic, retain: true });
        late.wire.close();
        listener.wire.close();
      }
      // One level deeper than allowed by a limit is an error of that packet, not of the broker.
      const filter = `${'+/'.repeat(32_767)}#`.slice(0, 65_535);
      const deep = await scene.open(level);
      assert.deepEqual(await deep.subscribe([[filter, 0]]), [0]);
      deep.wire.close();
    });
  });

  it('an empty payload and one with every byte pass unchanged', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('bytes/');
      const peer = await scene.open(level);
      await peer.subscribe([[topic, 0]]);
      const every = Buffer.from(Array.from({ length: 256 }, (_, index) => index)).toString('hex');
      for (const payload of ['', '00', every, every.repeat(300)]) {
        const bytes = packet(0x30, field(topic) + (level === 5 ? '00' : '') + payload);
        peer.send(bytes);
        await peer.expect(bytes);
      }
    });
  });
});
