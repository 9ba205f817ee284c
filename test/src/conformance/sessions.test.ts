import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect311, disconnect, puback, pubrec, uint32 } from '../support/packets.js';
import { connectOf, eachLevel, LEVELS, lasting, Peer, Scene } from './scene.js';

describe('sessions', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ sessions: { maxExpirySeconds: 3000 } });
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.4-3] [MQTT-4.1.0-2] 5.0 [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.1.4-4] a lasting session keeps subscriptions and queues QoS 1 and 2 while its client is away', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const goes of ['politely', 'by a lost connection']) {
        const root = scene.name('away/');
        const clientId = scene.name();
        const first = await scene.open(level, { clientId, ...lasting(level) });
        assert.equal(first.sessionPresent, false);
        await first.subscribe([
          [`${root}/+`, 2],
          [`${root}/zero`, 0],
        ]);
        if (goes === 'politely') await first.leave();
        else first.wire.reset();
        const publisher = await scene.open(level);
        // The reset has been seen when the broker has nothing left to send to the first connection: both are read in order.
        await publisher.publish2({ topic: `${root}/a`, payload: '2' });
        await publisher.publish1({ topic: `${root}/b`, payload: '1' });
        await publisher.publish1({ topic: `${root}/zero`, payload: 'also 1' });
        const back = await scene.open(level, { clientId, ...lasting(level) });
        if (level !== 3) assert.equal(back.sessionPresent, true);
        for (const [payload, qos] of [
          ['2', 2],
          ['1', 1],
          ['also 1', 1],
        ] as const) {
          const came = await back.next();
          assert.deepEqual([came.payload, came.qos], [payload, qos]);
        }
        await back.silence();
        await publisher.publish0({ topic: `${root}/c`, payload: 'live' });
        assert.equal((await back.next()).payload, 'live');
      }
    });
  });

  it('3.1.1 [MQTT-3.1.2-6] 5.0 [MQTT-3.1.2-4] a clean start throws subscriptions, queue and messages on their way away, in both directions', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('wiped/');
      const clientId = scene.name();
      const old = await scene.open(level, { clientId, ...lasting(level) });
      await old.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      await publisher.publish2({ topic, payload: 'on its way' });
      await old.next();
      old.publish({ topic, payload: 'held', qos: 2, packetId: 1 });
      await old.expect(pubrec(1));
      old.wire.reset();
      await publisher.publish1({ topic, payload: 'queued' });
      const clean = await scene.open(level, { clientId });
      assert.equal(clean.sessionPresent, false);
      await clean.silence();
      await publisher.publish1({ topic, payload: 'nobody subscribes' });
      await clean.silence();
      clean.send('62 02 00 01');
      assert.equal((await clean.packet(7)).code, level === 5 ? 0x92 : 0);
      await clean.leave();
      // And leaves nothing itself.
      const last = await scene.open(level, { clientId, ...lasting(level) });
      assert.equal(last.sessionPresent, false);
      await last.silence();
    });
  });

  it('5.0 [MQTT-3.1.2-23] [MQTT-4.1.0-2] a session lasts as long as it said, counted from the end of its connection', async () => {
    const ends = async (expiry: string, goodbye: string | null): Promise<boolean> => {
      const clientId = scene.name();
      const peer = await scene.open(5, { clientId, properties: expiry });
      if (goodbye === null) {
        peer.wire.reset();
        await scene.seconds(0);
      } else {
        peer.send(goodbye);
        await peer.wire.expectClosed();
      }
      await scene.seconds(2);
      const back = await scene.open(5, { clientId, cleanSession: false });
      return !back.sessionPresent;
    };
    const results = await Promise.all([
      ends('', null), // none given: ends with the connection
      ends(`11${uint32(0)}`, disconnect()),
      ends(`11${uint32(1)}`, null),
      ends(`11${uint32(1)}`, disconnect()),
      ends(`11${uint32(1000)}`, disconnect(0, `11${uint32(0)}`)), // DISCONNECT shortens it
      ends(`11${uint32(1000)}`, disconnect(0, `11${uint32(1)}`)),
      ends(`11${uint32(1)}`, disconnect(4, `11${uint32(1000)}`)), // and makes it longer
      ends(`11${uint32(1000)}`, null),
      ends(`11${uint32(0xffffffff)}`, disconnect()),
      ends(`11${uint32(1)}`, disconnect(0, `11${uint32(0xffffffff)}`)),
    ]);
    assert.deepEqual(results, [true, true, true, true, true, true, false, false, false, false]);
  });

  it('the expiry does not run while the client is connected', async () => {
    const clientId = scene.name();
    const first = await scene.open(5, { clientId, properties: `11${uint32(1)}` });
    await first.leave();
    const back = await scene.open(5, { clientId, cleanSession: false, properties: `11${uint32(1)}` });
    assert.equal(back.sessionPresent, true);
    const topic = scene.name('alive/');
    await back.subscribe([[topic, 0]]);
    await scene.seconds(2);
    const publisher = await scene.open(5);
    await publisher.publish0({ topic, payload: 'here' });
    assert.equal((await back.next()).payload, 'here');
  });

  it('a DISCONNECT cannot raise the expiry from 0, and the broker tells a client whose expiry it lowered', async () => {
    const peer = await scene.open(5);
    assert.equal(peer.property(0x11), undefined);
    peer.send(disconnect(0, `11${uint32(5)}`));
    await peer.expelled(0x82);
    const same = await scene.open(5, { properties: `11${uint32(0)}` });
    await same.leave(0, `11${uint32(0)}`);
    const long = await scene.open(5, { properties: `11${uint32(0xffffffff)}` });
    assert.equal(long.property(0x11), uint32(3000));
    await long.leave(0, `11${uint32(0)}`);
  });

  it('3.1.1 [MQTT-3.1.4-2] 5.0 [MQTT-3.1.4-3] [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-3.14.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] another connection of the same client takes the session over; the older gets a bare 0x8E as its last packet and is closed', async () => {
    await eachLevel(LEVELS, async (newer) => {
      for (const older of LEVELS) {
        const clientId = scene.name();
        const topic = scene.name('taken/');
        const first = await scene.open(older, { clientId, ...lasting(older) });
        await first.subscribe([[topic, 1]]);
        const publisher = await scene.open(4);
        await publisher.publish1({ topic, payload: 'unacknowledged' });
        const { packetId } = await first.next();
        const second = await scene.open(newer, { clientId, ...lasting(newer) });
        if (older === 5) {
          const { type, code, properties } = await first.any();
          assert.deepEqual([type, code, properties], [14, 0x8e, []]);
        }
        await first.wire.expectClosed();
        // What was on its way is the new connection's.
        const again = await second.next();
        assert.deepEqual([again.payload, again.packetId, again.dup], ['unacknowledged', packetId, true]);
        second.send(puback(packetId ?? 0));
        await second.silence();
      }
    });
  });

  it('a hundred connections of one client at once leave one session, and every other one was closed', async () => {
    await eachLevel(LEVELS, async (level) => {
      const clientId = scene.name();
      const wires = await Promise.all(Array.from({ length: 100 }, () => scene.wire()));
      const bytes = connectOf(level, { clientId, username: 'alice', password: 'secret', ...lasting(level) });
      for (const wire of wires) wire.send(bytes);
      const outcomes = await Promise.all(
        wires.map(async (wire) => {
          const peer = new Peer(wire, level);
          const connack = await peer.packet(2);
          assert.equal(connack.code, 0);
          const open = await wire.silence().then(
            () => true,
            () => false,
          );
          return { peer, open };
        }),
      );
      // A ping that was answered just before its connection was taken over proves nothing: ask the survivors again.
      const survivors = [];
      for (const { peer, open } of outcomes) {
        if (!open) continue;
        if (
          await peer.silence().then(
            () => true,
            () => false,
          )
        )
          survivors.push(peer);
      }
      assert.equal(survivors.length, 1);
      const [last] = survivors;
      assert.ok(last !== undefined);
      const topic = scene.name('storm/');
      await last.subscribe([[topic, 1]]);
      const publisher = await scene.open(level);
      await publisher.publish1({ topic, payload: 'one copy' });
      assert.equal((await last.next()).payload, 'one copy');
      await last.silence();
    });
  });

  it('a takeover waits for authentication: a wrong password disturbs nobody', async () => {
    const clientId = scene.name();
    const owner = await scene.open(5, { clientId, username: 'alice', password: 'secret' });
    assert.equal(await scene.refusal(5, { clientId, username: 'alice', password: 'guess' }), 0x86);
    assert.equal(await scene.refusal(4, { clientId, username: 'nobody', password: 'guess' }), 4);
    const wire = await scene.wire();
    wire.send(connect311({ clientId, username: 'alice', password: 'secret' }).slice(0, -8));
    await owner.silence();
    wire.reset();
  });

  it('a client without a name has no session that lasts, and 5.0 is told so', async () => {
    const clientId = scene.name();
    for (let i = 0; i < 2; i += 1) {
      const five = new Peer(await scene.wire(), 5);
      await five.connect({ clientId, ...lasting(5) });
      assert.equal(five.sessionPresent, false);
      assert.equal(five.property(0x11), uint32(0));
      await five.leave();
      const four = new Peer(await scene.wire(), 4);
      await four.connect({ clientId, cleanSession: false });
      assert.equal(four.sessionPresent, false);
      await four.leave();
    }
  });

  it('3.1.1 [MQTT-7.1.1-1] 5.0 [MQTT-4.2-1] a session of one level is taken up by another over the same transport', async () => {
    const clientId = scene.name();
    const topic = scene.name('levels/');
    const first = await scene.open(5, { clientId, ...lasting(5) });
    await first.subscribe([[topic, 2]], '0b07');
    await first.leave();
    const publisher = await scene.open(5);
    await publisher.publish2({ topic, payload: 'x', properties: '0101' });
    const second = await scene.open(4, { clientId, cleanSession: false });
    assert.equal(second.sessionPresent, true);
    const came = await second.next();
    assert.equal(came.payload, 'x');
    await second.leave();
    const third = await scene.open(5, { clientId, ...lasting(5) });
    const again = await third.next();
    assert.deepEqual([again.payload, again.packetId, again.dup], ['x', came.packetId, true]);
    assert.deepEqual(
      [...again.properties].sort(([a], [b]) => a - b),
      [
        [0x01, '01'],
        [0x0b, '7'],
      ],
    );
  });
});
