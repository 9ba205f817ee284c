import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pubcomp, pubrec, pubrel, uint32 } from '../support/packets.js';
import { lasting, type Peer, Scene } from './scene.js';

const expiry = (seconds: number): string => `02${uint32(seconds)}`;

function secondsLeft(properties: readonly (readonly [number, string])[]): number | null {
  const found = properties.find(([id]) => id === 0x02)?.[1];
  return found === undefined ? null : Number.parseInt(found, 16);
}

describe('message expiry', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  async function away(topic: string, more: Partial<{ properties: string }> = {}): Promise<{ clientId: string; back: () => Promise<Peer> }> {
    const clientId = scene.name();
    const fields = { clientId, ...lasting(5), ...more };
    const peer = await scene.open(5, fields);
    await peer.subscribe([[topic, 2]]);
    await peer.leave();
    return { clientId, back: () => scene.open(5, fields) };
  }

  it('5.0 [MQTT-3.3.2-5] [MQTT-3.3.2-6] a message that waits is dropped when it expires, and otherwise goes out with what is left', async () => {
    const topic = scene.name('wait/');
    const session = await away(topic);
    const publisher = await scene.open(5);
    await publisher.publish1({ topic, payload: 'short', properties: expiry(1) });
    await publisher.publish2({ topic, payload: 'long', properties: expiry(100) });
    await publisher.publish1({ topic, payload: 'short too', properties: expiry(1) });
    await publisher.publish1({ topic, payload: 'for ever' });
    await publisher.publish1({ topic, payload: 'at once', properties: expiry(0) });
    await scene.seconds(2);
    const peer = await session.back();
    const [long, forever] = [await peer.next(), await peer.next()];
    assert.equal(long.payload, 'long');
    const left = secondsLeft(long.properties) ?? 0;
    assert.ok(left <= 98 && left > 80, `${left} s of 100 are left after 2`);
    assert.deepEqual([forever.payload, forever.properties], ['for ever', []]);
    await peer.silence();
  });

  it('a message that goes on at once has what it came with', async () => {
    const topic = scene.name('live/');
    const peer = await scene.open(5);
    await peer.subscribe([[topic, 1]]);
    const old = await scene.open(4);
    await old.subscribe([[topic, 1]]);
    const publisher = await scene.open(5);
    for (const seconds of [1, 60, 0xffffffff]) {
      for (const qos of [0, 1] as const) {
        publisher.publish({ topic, payload: 'x', qos, packetId: 1, properties: `0101${expiry(seconds)}` });
        if (qos === 1) await publisher.packet(4);
        const came = await peer.next();
        assert.equal(secondsLeft(came.properties), seconds);
        assert.equal(came.properties.length, 2);
        await peer.acknowledge(came);
        await old.acknowledge(await old.next());
      }
    }
  });

  it('a retained message is forgotten when it expires, and replayed with what is left until then', async () => {
    const [short, long] = [scene.name('kept/'), scene.name('kept/')];
    const publisher = await scene.open(5);
    await publisher.publish1({ topic: short, payload: 'x', retain: true, properties: expiry(1) });
    await publisher.publish1({ topic: long, payload: 'x', retain: true, properties: expiry(100) });
    await scene.seconds(2);
    const peer = await scene.open(5);
    await peer.subscribe([
      [short, 0],
      [long, 0],
    ]);
    const came = await peer.next();
    assert.equal(came.topic, long);
    const left = secondsLeft(came.properties) ?? 0;
    assert.ok(left <= 98 && left > 80, `${left} s of 100 are left after 2`);
    await peer.silence();
  });

  it('5.0 [MQTT-4.3.3-7] what went out once is sent again though it has expired, and the window of the client keeps the rest waiting', async () => {
    const topic = scene.name('begun/');
    const session = await away(topic, { properties: '210001 1100000100' });
    const peer = await session.back();
    const publisher = await scene.open(5);
    await publisher.publish2({ topic, payload: 'begun', properties: expiry(1) });
    const begun = await peer.next();
    await publisher.publish1({ topic, payload: 'waits', properties: expiry(1) });
    await publisher.publish1({ topic, payload: 'lasts', properties: expiry(100) });
    await scene.seconds(2);
    peer.wire.reset();
    const back = await session.back();
    const again = await back.next();
    assert.deepEqual([again.payload, again.packetId, again.dup], ['begun', begun.packetId, true]);
    await back.acknowledge(again);
    assert.equal((await back.next()).payload, 'lasts');
    await back.silence();
  });

  it('5.0 [MQTT-4.3.3-13] the handshake of a QoS 2 message is finished after it has expired, and the message goes nowhere late', async () => {
    const topic = scene.name('held/');
    const publisher = await scene.open(5);
    publisher.publish({ topic, payload: 'old', qos: 2, packetId: 4, properties: expiry(1) });
    await publisher.packet(5);
    await scene.seconds(2);
    const session = await away(topic);
    publisher.send(pubrel(4));
    await publisher.expect(pubcomp(4));
    await (await session.back()).silence();
    // Outgoing: begun, expired, finished.
    const peer = await scene.open(5);
    await peer.subscribe([[topic, 2]]);
    await publisher.publish2({ topic, payload: 'out', properties: expiry(1) });
    const { packetId } = await peer.next();
    await scene.seconds(2);
    peer.send(pubrec(packetId ?? 0));
    await peer.expect(pubrel(packetId ?? 0));
    peer.send(pubcomp(packetId ?? 0));
    await peer.silence();
  });

  it('the expiry of a will runs from its publication', async () => {
    const topic = scene.name('will/');
    const session = await away(topic);
    const will = { topic, payload: 'gone', qos: 1 as const, retain: true, properties: `18${uint32(1)} ${expiry(1)}` };
    const peer = await scene.open(5, { properties: '1100000100', will });
    const listener = await scene.open(5);
    await listener.subscribe([[topic, 0]]);
    peer.wire.reset();
    const came = await listener.next();
    assert.deepEqual([came.payload, secondsLeft(came.properties)], ['gone', 1]);
    await scene.seconds(2);
    await (await session.back()).silence();
    const late = await scene.open(5);
    await late.subscribe([[topic, 0]]);
    await late.silence();
  });
});
