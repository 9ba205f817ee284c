import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { puback, pubcomp, pubrec, pubrel } from '../support/packets.js';
import { eachLevel, LEVELS, lasting, Scene } from './scene.js';

describe('acknowledgements and resending', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-4.3.3-2] 5.0 [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] a repeat before PUBREL is answered and not delivered again; after PUBCOMP the identifier is new', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('twice/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      for (const round of ['first', 'second']) {
        for (const dup of [false, true, true, false]) {
          publisher.publish({ topic, payload: round, qos: 2, packetId: 9, dup });
          await publisher.expect(pubrec(9));
        }
        publisher.send(pubrel(9));
        await publisher.expect(pubcomp(9));
        const came = await listener.next();
        assert.equal(came.payload, round);
        await listener.acknowledge(came);
        await listener.silence();
      }
      // A PUBREL for nothing is answered as well: the client must be able to get rid of it.
      publisher.send(pubrel(77));
      const answer = await publisher.packet(7);
      assert.equal(answer.packetId, 77);
      assert.equal(answer.code, level === 5 ? 0x92 : 0);
    });
  });

  it('3.1.1 [MQTT-4.1.0-1] 5.0 [MQTT-4.1.0-1] what came with QoS 2 before a lost connection is not delivered again after it', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('resume/');
      const clientId = scene.name();
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 2]]);
      const before = await scene.open(level, { clientId, ...lasting(level) });
      before.publish({ topic, payload: 'once', qos: 2, packetId: 4 });
      await before.expect(pubrec(4));
      before.wire.reset();
      const after = await scene.open(level, { clientId, ...lasting(level) });
      after.publish({ topic, payload: 'once', qos: 2, packetId: 4, dup: true });
      await after.expect(pubrec(4));
      after.send(pubrel(4));
      await after.expect(pubcomp(4));
      assert.equal((await listener.next()).payload, 'once');
      await listener.silence();
      // Without the session the identifier is new.
      after.publish({ topic, payload: 'kept back', qos: 2, packetId: 5 });
      await after.expect(pubrec(5));
      after.wire.reset();
      const clean = await scene.open(level, { clientId });
      clean.publish({ topic, payload: 'new', qos: 2, packetId: 5, dup: true });
      await clean.expect(pubrec(5));
      clean.send(pubrel(5));
      await clean.expect(pubcomp(5));
      assert.equal((await listener.next()).payload, 'new');
      await listener.silence();
    });
  });

  it('3.1.1 [MQTT-2.3.1-4] [MQTT-4.3.3-1] 5.0 [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-3] [MQTT-4.3.2-3] what goes out keeps its identifier until its handshake is over', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('window/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      await publisher.publish2({ topic, payload: 'a' });
      await publisher.publish1({ topic, payload: 'b' });
      const a = await listener.next();
      const b = await listener.next();
      listener.send(pubrec(a.packetId ?? 0));
      await listener.expect(pubrel(a.packetId ?? 0));
      // PUBREC again: PUBREL again, nothing else.
      listener.send(pubrec(a.packetId ?? 0));
      await listener.expect(pubrel(a.packetId ?? 0));
      const seen = new Set([a.packetId, b.packetId]);
      for (let i = 0; i < 50; i += 1) {
        await publisher.publish1({ topic, payload: 'c' });
        const { packetId } = await listener.next();
        assert.ok(!seen.has(packetId), `identifier ${packetId} is in use`);
        listener.send(puback(packetId ?? 0));
      }
      listener.send(pubcomp(a.packetId ?? 0) + puback(b.packetId ?? 0));
      await listener.silence();
    });
  });

  it('identifiers of messages to a client run through all 65,535 and skip those in use', async () => {
    const topic = scene.name('wrap/');
    const listener = await scene.open(4);
    await listener.subscribe([[topic, 1]]);
    const publisher = await scene.open(4);
    await publisher.publish1({ topic, payload: 'held' });
    const held = await listener.next();
    const message = `32${(topic.length + 4).toString(16).padStart(2, '0')}00${topic.length.toString(16).padStart(2, '0')}${Buffer.from(topic).toString('hex')}0001`;
    const batch = message.repeat(500);
    let largest = 0;
    for (let sent = 0; sent < 66_000; sent += 500) {
      publisher.send(batch);
      const acks = Buffer.alloc(2000);
      const bytes = await listener.wire.read((topic.length + 6) * 500);
      for (let i = 0; i < 500; i += 1) {
        const packetId = bytes.readUInt16BE(i * (topic.length + 6) + topic.length + 4);
        assert.ok(packetId !== held.packetId && packetId !== 0);
        largest = Math.max(largest, packetId);
        acks.writeUInt32BE(0x40020000 + packetId, i * 4);
      }
      listener.wire.send(acks);
      await publisher.wire.read(2000);
    }
    assert.equal(largest, 65_535);
  });

  it('3.1.1 [MQTT-3.3.1-1] [MQTT-4.4.0-1] [MQTT-4.6.0-1] 5.0 [MQTT-3.3.1-1] [MQTT-4.4.0-1] [MQTT-4.3.3-6] on resumption what is unacknowledged goes out again, in order, with its identifiers and DUP; after PUBREL only PUBREL', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('again/');
      const clientId = scene.name();
      const first = await scene.open(level, { clientId, ...lasting(level) });
      await first.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      await publisher.publish1({ topic, payload: 'a' });
      await publisher.publish2({ topic, payload: 'b' });
      await publisher.publish2({ topic, payload: 'c' });
      await publisher.publish1({ topic, payload: 'd' });
      await publisher.publish1({ topic, payload: 'e' });
      const [a, b, c, d, e] = [await first.next(), await first.next(), await first.next(), await first.next(), await first.next()];
      first.send(pubrec(b.packetId ?? 0));
      await first.expect(pubrel(b.packetId ?? 0));
      first.send(puback(d.packetId ?? 0));
      // Nothing is sent again while the connection stands.
      await first.silence();
      first.wire.reset();
      for (const _ of ['once', 'and once more']) {
        const back = await scene.open(level, { clientId, ...lasting(level) });
        const came = [await back.any(), await back.any(), await back.any(), await back.any()];
        // No order is prescribed between PUBREL and PUBLISH.
        assert.deepEqual(
          came
            .sort((one, other) => one.payload.localeCompare(other.payload))
            .map(({ type, payload, packetId, dup }) => [type, payload, packetId, dup]),
          [
            [6, '', b.packetId, false],
            [3, 'a', a.packetId, true],
            [3, 'c', c.packetId, true],
            [3, 'e', e.packetId, true],
          ],
        );
        await back.silence();
        back.wire.reset();
      }
      // A clean start forgets them.
      const clean = await scene.open(level, { clientId, cleanSession: true });
      await clean.silence();
    });
  });

  it('5.0 [MQTT-4.4.0-2] [MQTT-4.3.3-9] an error in PUBACK or PUBREC settles the message and frees its identifier; it is not sent again', async () => {
    const topic = scene.name('settled/');
    const clientId = scene.name();
    const peer = await scene.open(5, { clientId, properties: '1100000100 210002' });
    await peer.subscribe([[topic, 2]]);
    const publisher = await scene.open(5);
    for (const payload of ['a', 'b', 'c']) await publisher.publish2({ topic, payload });
    const [a, b] = [await peer.next(), await peer.next()];
    peer.send(pubrec(a.packetId ?? 0, 0x97));
    // The window has room again, and no PUBREL answers an error.
    const c = await peer.next();
    assert.equal(c.payload, 'c');
    peer.send(pubrec(b.packetId ?? 0, 0x80));
    await peer.silence();
    await publisher.publish1({ topic, payload: 'd' });
    const d = await peer.next();
    peer.send(puback(d.packetId ?? 0, 0x99));
    await peer.silence();
    peer.wire.reset();
    const back = await scene.open(5, { clientId, cleanSession: false, properties: '1100000100' });
    const again = await back.next();
    assert.equal(again.payload, 'c');
    await back.silence();
    // Inbound: after an error PUBREC the identifier is new.
    const alice = await scene.open(5, { username: 'alice', password: 'secret' });
    alice.publish({ topic: 'closed/x', qos: 2, packetId: 8 });
    assert.equal((await alice.packet(5)).code, 0x87);
    alice.publish({ topic, payload: 'open', qos: 2, packetId: 8 });
    assert.equal((await alice.packet(5)).code, 0);
    alice.send(pubrel(8));
    await alice.expect(pubcomp(8));
    assert.equal((await back.next()).payload, 'open');
  });

  it('reason codes of success in PUBREC and PUBREL go on with the handshake', async () => {
    const topic = scene.name('success/');
    const peer = await scene.open(5);
    await peer.subscribe([[topic, 2]]);
    const publisher = await scene.open(5);
    publisher.publish({ topic, qos: 2, packetId: 1 });
    await publisher.expect(pubrec(1));
    publisher.send(pubrel(1, 0x00, ''));
    await publisher.expect(pubcomp(1));
    const { packetId } = await peer.next();
    peer.send(pubrec(packetId ?? 0, 0x10));
    await peer.expect(pubrel(packetId ?? 0));
    peer.send(pubcomp(packetId ?? 0, 0x92));
    // A PUBREC for an identifier that is not in use: 5.0 says so.
    peer.send(pubrec(999));
    assert.equal((await peer.packet(6)).code, 0x92);
    await peer.silence();
  });

  it('3.1.1 [MQTT-3.12.4-1] 5.0 [MQTT-3.12.4-1] PINGREQ gets PINGRESP, each one its own', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level);
      peer.send('c0 00 c0 00 c0 00');
      await peer.expect('d0 00 d0 00 d0 00');
      await peer.silence();
    });
  });
});
