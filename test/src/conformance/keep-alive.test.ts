import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet } from '../support/packets.js';
import { eachLevel, LEVELS, Scene } from './scene.js';

/** No earlier than one and a half times the keep alive of one second, and promptly after it; the machine may be busy. */
const EARLIEST_MS = 1400;
const LATEST_MS = 3500;

describe('keep alive', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ limits: { connectTimeoutMs: 1500 } });
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.1.2-24] 5.0 [MQTT-3.1.2-22] [MQTT-3.2.2-22] after one and a half times the keep alive without a packet the connection ends as if it were lost, and the will goes out', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('silent/');
      const listener = await scene.open(level);
      await listener.subscribe([[topic, 1]]);
      const peer = await scene.open(level, { keepAlive: 1, will: { topic, payload: 'silent', qos: 1 } });
      assert.equal(peer.property(0x13), undefined, 'the keep alive is the client’s own');
      const since = performance.now();
      await peer.expelled(0x8d);
      const took = performance.now() - since;
      assert.ok(took >= EARLIEST_MS && took < LATEST_MS, `closed after ${took} ms`);
      assert.equal((await listener.next()).payload, 'silent');
    });
  });

  it('packets of any kind keep the connection, however they are cut; bytes that make no packet do not', async () => {
    const kept = await scene.open(4, { keepAlive: 1 });
    const publishing = await scene.open(5, { keepAlive: 1 });
    const dribbling = await scene.open(4, { keepAlive: 1 });
    const since = performance.now();
    dribbling.send('30 64 00 01 61');
    const closed = dribbling.wire.expectClosed().then(() => performance.now() - since);
    for (let i = 0; i < 3; i += 1) {
      kept.send('c0');
      publishing.publish({ topic: 'a', qos: 0 });
      await scene.seconds(1);
      kept.send('00');
      dribbling.send('00');
    }
    const took = await closed;
    await kept.expect('d0 00 d0 00 d0 00');
    await publishing.silence();
    assert.ok(took >= EARLIEST_MS && took < LATEST_MS, `closed after ${took} ms`);
  });

  it('a large packet that arrives slowly but steadily is awaited', async () => {
    const peer = await scene.open(4, { keepAlive: 1 });
    const topic = scene.name('large/');
    const listener = await scene.open(4);
    await listener.subscribe([[topic, 0]]);
    const bytes = packet(0x30, field(topic) + 'ab'.repeat(40_000));
    for (let from = 0; from < bytes.length; from += 20_000) {
      peer.send(bytes.slice(from, from + 20_000));
      await scene.seconds(0);
      if (from < 60_000) await scene.seconds(1);
    }
    await listener.expect(bytes);
    await peer.silence();
  });

  it('what is sent to a client does not keep its connection', async () => {
    const topic = scene.name('chatter/');
    const peer = await scene.open(4, { keepAlive: 1 });
    await peer.subscribe([[topic, 0]]);
    const publisher = await scene.open(4);
    for (let i = 0; i < 3; i += 1) {
      await publisher.publish1({ topic });
      await scene.seconds(1);
    }
    const came = await peer.payloads(1);
    assert.deepEqual(came, ['']);
    while (peer.wire.ending === null) await peer.next().catch(() => null);
  });

  it('a keep alive of 0 never ends a connection, and the longest is no overflow', async () => {
    const none = await scene.open(4, { keepAlive: 0 });
    const longest = await scene.open(5, { keepAlive: 65_535 });
    assert.equal(longest.property(0x13), undefined);
    await scene.seconds(2);
    await none.silence();
    await longest.silence();
  });

  it('a connection without a whole CONNECT is closed after the time for it', async () => {
    await Promise.all(['', '10', '10 20 00 04 4d 51'].map((bytes) => scene.speechless(bytes)));
  });
});
