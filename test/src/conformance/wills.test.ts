import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { disconnect, field, uint32 } from '../support/packets.js';
import { eachLevel, LEVELS, type Level, lasting, type Peer, Scene } from './scene.js';

describe('wills', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  async function listen(level: Level, topic: string, options = 2): Promise<Peer> {
    const listener = await scene.open(level);
    await listener.subscribe([[topic, options]]);
    return listener;
  }

  it('3.1.1 [MQTT-3.1.2-8] [MQTT-3.1.2-12] [MQTT-3.1.2-16] [MQTT-3.1.2-17] 5.0 [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-14] [MQTT-3.1.2-15] a connection that is lost publishes the will with its QoS and RETAIN; one without a will publishes nothing', async () => {
    await eachLevel(LEVELS, async (level) => {
      for (const qos of [0, 1, 2] as const) {
        for (const retain of [false, true]) {
          const topic = scene.name('lost/');
          const listener = await listen(level, topic);
          const peer = await scene.open(level, { will: { topic, payload: 'gone', qos, retain } });
          const other = await scene.open(level);
          await listener.silence();
          peer.wire.reset();
          other.wire.reset();
          const came = await listener.next();
          assert.deepEqual([came.payload, came.qos, came.retain, came.dup], ['gone', qos, false, false]);
          await listener.acknowledge(came);
          await listener.silence();
          const late = await listen(level, topic);
          if (retain) assert.deepEqual([(await late.next()).payload], ['gone']);
          await late.silence();
        }
      }
    });
  });

  it('3.1.1 [MQTT-3.1.2-10] [MQTT-3.14.4-3] 5.0 [MQTT-3.1.2-10] [MQTT-3.14.4-3] DISCONNECT with success takes the will away, every other reason lets it out', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('bye/');
      const listener = await listen(level, topic);
      const will = { topic, payload: 'gone' };
      const polite = await scene.open(level, { will });
      await polite.leave();
      if (level === 5) {
        const explicit = await scene.open(level, { will });
        await explicit.leave(0, '');
        await listener.silence();
        for (const code of [0x04, 0x80, 0x81, 0x93, 0x99]) {
          const rude = await scene.open(level, { will });
          rude.send(disconnect(code));
          await rude.wire.expectClosed();
          assert.equal((await listener.next()).payload, 'gone');
        }
      }
      await listener.silence();
      // Closing the socket without a word is no goodbye, and what was published is not published again.
      const clientId = scene.name();
      const silent = await scene.open(level, { clientId, will, ...lasting(level) });
      silent.wire.close();
      assert.equal((await listener.next()).payload, 'gone');
      await (await scene.open(level, { clientId, ...lasting(level) })).leave();
      await listener.silence();
    });
  });

  it('a protocol error of the client lets the will out', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('error/');
      const listener = await listen(level, topic);
      for (const bytes of ['c1 00', '40 02 00 00', 'e1 00', '00 00']) {
        const peer = await scene.open(level, { will: { topic, payload: bytes } });
        peer.send(bytes);
        if (level === 5) await peer.packet(14);
        await peer.wire.expectClosed();
        assert.equal((await listener.next()).payload, bytes);
      }
    });
  });

  it('a takeover lets the will out, unless the client comes back to its session before the will delay ends', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('over/');
      const listener = await listen(level, topic);
      const clientId = scene.name();
      await scene.open(level, { clientId, will: { topic, payload: 'first' } });
      const second = await scene.open(level, { clientId });
      assert.equal((await listener.next()).payload, 'first');
      await second.leave();
      await listener.silence();
    });
    const topic = scene.name('over/');
    const listener = await listen(5, topic);
    const clientId = scene.name();
    const will = { topic, payload: 'delayed', properties: `18${uint32(1000)}` };
    await scene.open(5, { clientId, ...lasting(5), will });
    await scene.open(5, { clientId, ...lasting(5), will });
    await listener.silence();
    // A clean start ends the session, and with it the waiting.
    await scene.open(5, { clientId, ...lasting(5), cleanSession: true });
    assert.equal((await listener.next()).payload, 'delayed');
    await listener.silence();
  });

  it('5.0 [MQTT-3.1.3-9] the will waits for its delay, but no longer than the session lasts; a client that is back in time takes it away', async () => {
    const watch = async (delay: number, expiry: number): Promise<{ listener: Peer; clientId: string; topic: string }> => {
      const topic = scene.name('delay/');
      const listener = await listen(5, topic);
      const clientId = scene.name();
      const peer = await scene.open(5, {
        clientId,
        properties: `11${uint32(expiry)}`,
        will: { topic, payload: 'late', properties: `18${uint32(delay)}` },
      });
      peer.wire.reset();
      return { listener, clientId, topic };
    };
    // It stays, with a will of its own for which the old delay means nothing.
    const back = async ({ clientId, topic }: { clientId: string; topic: string }): Promise<void> => {
      const peer = await scene.open(5, { clientId, ...lasting(5), will: { topic, payload: 'another', properties: `18${uint32(1000)}` } });
      assert.equal(peer.sessionPresent, true);
    };
    const [none, one, sessionFirst, noSession, returned, long] = await Promise.all([
      watch(0, 100),
      watch(1, 100),
      watch(1000, 1),
      watch(1000, 0),
      watch(1, 100),
      watch(1000, 1000),
    ]);
    assert.equal((await none.listener.next()).payload, 'late');
    assert.equal((await noSession.listener.next()).payload, 'late');
    await Promise.all([one, sessionFirst].map(({ listener }) => listener.silence()));
    await back(returned);
    await scene.seconds(2);
    for (const { listener } of [one, sessionFirst]) {
      assert.equal((await listener.next()).payload, 'late');
      await listener.silence();
    }
    await returned.listener.silence();
    await long.listener.silence();
  });

  it('5.0 [MQTT-3.1.3-10] properties of the will travel unchanged, user properties in their order; its delay does not', async () => {
    const topic = scene.name('props/');
    const listener = await listen(5, topic);
    const user = ['b', 'a', 'b', 'c'].map((name, index) => `26${field(name)}${field(String(index))}`);
    const peer = await scene.open(5, {
      properties: `11${uint32(5)}`,
      will: {
        topic,
        payload: 'gone',
        qos: 1,
        properties: `${user[0]} 0101 18${uint32(0)} ${user[1]} 02${uint32(60)} 03${field('text/plain')} ${user[2]} 08${field('answer/here')} 09${field('id')} ${user[3]}`,
      },
    });
    peer.wire.reset();
    const { properties } = await listener.next();
    assert.deepEqual(
      properties.filter(([id]) => id === 0x26).map(([, value]) => value),
      ['b=0', 'a=1', 'b=2', 'c=3'],
    );
    const rest = new Map(properties.filter(([id]) => id !== 0x26));
    assert.deepEqual(rest.get(0x01), '01');
    assert.deepEqual(rest.get(0x03), Buffer.from('text/plain').toString('hex'));
    assert.deepEqual(rest.get(0x08), Buffer.from('answer/here').toString('hex'));
    assert.deepEqual(rest.get(0x09), Buffer.from('id').toString('hex'));
    assert.equal(rest.get(0x02), uint32(60));
    assert.ok(!rest.has(0x18));
    assert.equal(rest.size, 5);
  });

  it('a will that its client may not publish refuses the CONNECT', async () => {
    await eachLevel(LEVELS, async (level) => {
      const fields = { clientId: scene.name(), username: 'alice', password: 'secret' };
      const refused = await scene.refusal(level, { ...fields, will: { topic: 'closed/will', payload: 'x' } });
      assert.equal(refused, level === 5 ? 0x87 : 5);
      await (await scene.open(level, { ...fields, will: { topic: 'open/will', payload: 'x' } })).leave();
    });
  });
});
