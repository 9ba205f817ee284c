import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, uint16 } from '../support/packets.js';
import { lasting, Scene } from './scene.js';

const MAXIMUM = 4;
const alias = (number: number): string => `23${uint16(number)}`;

describe('topic aliases', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ limits: { topicAliasMaximum: MAXIMUM } });
  });
  after(() => scene.stop());

  it('5.0 [MQTT-3.3.2-12] [MQTT-3.3.2-7] every alias up to the announced maximum works for its connection, may be set anew, and ends with it', async () => {
    const root = scene.name('alias');
    const listener = await scene.open(5);
    await listener.subscribe([[`${root}/#`, 0]]);
    const publisher = await scene.open(5);
    assert.equal(publisher.property(0x22), uint16(MAXIMUM));
    for (let number = 1; number <= MAXIMUM; number += 1) {
      publisher.publish({ topic: `${root}/${number}`, payload: 'set', properties: alias(number) });
      publisher.publish({ topic: '', payload: 'used', properties: alias(number) });
      publisher.publish({ topic: '', payload: 'used', qos: 1, packetId: 1, properties: alias(number) });
      await publisher.packet(4);
    }
    publisher.publish({ topic: `${root}/new`, payload: 'set', properties: alias(2) });
    publisher.publish({ topic: '', payload: 'used', properties: alias(2) });
    publisher.publish({ topic: '', payload: 'used', properties: alias(1) });
    const topics: string[] = [];
    for (let i = 0; i < 15; i += 1) {
      const came = await listener.next();
      assert.deepEqual(came.properties, [], 'an alias travelled');
      topics.push(came.topic.slice(root.length + 1));
    }
    assert.equal(topics.join(' '), '1 1 1 2 2 2 3 3 3 4 4 4 new new 1');
    // Another connection knows none, the next one of the same session neither.
    const clientId = scene.name();
    const first = await scene.open(5, { clientId, ...lasting(5) });
    first.publish({ topic: `${root}/x`, properties: alias(1) });
    await first.silence();
    first.wire.reset();
    for (const id of [clientId, scene.name()]) {
      const next = await scene.open(5, { clientId: id, ...lasting(5) });
      next.publish({ topic: '', payload: 'unknown', properties: alias(1) });
      await next.expelled(0x94);
    }
    assert.equal((await listener.next()).topic, `${root}/x`);
    await listener.silence();
  });

  it('5.0 [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.2.2-17] an alias of 0, above the maximum, or unknown with an empty topic ends the connection with 0x94', async () => {
    for (const [topic, number] of [
      ['a', 0],
      ['a', MAXIMUM + 1],
      ['a', 65_535],
      ['', 1],
      ['', MAXIMUM],
      ['', MAXIMUM + 1],
      ['', 65_535],
    ] as const) {
      for (const qos of [0, 1, 2] as const) {
        const peer = await scene.open(5);
        peer.publish({ topic, qos, properties: alias(number) });
        await peer.expelled(0x94);
      }
    }
  });

  it('an alias is not set by a message whose topic is wrong, and is judged as its topic is', async () => {
    const peer = await scene.open(5, { username: 'alice', password: 'secret' });
    peer.publish({ topic: 'closed/x', qos: 1, packetId: 1, properties: alias(1) });
    assert.equal((await peer.packet(4)).code, 0x87);
    peer.publish({ topic: '', qos: 1, packetId: 2, properties: alias(1) });
    assert.equal((await peer.packet(4)).code, 0x87);
    peer.publish({ topic: 'a/#', properties: alias(2) });
    await peer.expelled(0x90);
  });

  it('retained, queued and repeated messages carry their topic, not the alias by which they came', async () => {
    const topic = scene.name('full/');
    const clientId = scene.name();
    const away = await scene.open(5, { clientId, ...lasting(5) });
    await away.subscribe([[topic, 2]]);
    await away.leave();
    const publisher = await scene.open(5);
    publisher.publish({ topic, properties: alias(1) });
    publisher.publish({ topic: '', payload: 'kept', qos: 1, packetId: 1, retain: true, properties: alias(1) });
    await publisher.packet(4);
    publisher.publish({ topic: '', payload: 'two', qos: 2, packetId: 2, properties: `${alias(1)}26${field('a')}${field('b')}` });
    await publisher.packet(5);
    // The alias is another topic's by the time the message is released.
    publisher.publish({ topic: 'elsewhere', properties: alias(1) });
    publisher.send('62 02 00 02');
    await publisher.packet(7);
    const back = await scene.open(5, { clientId, ...lasting(5) });
    const [kept, two] = [await back.next(), await back.next()];
    assert.deepEqual([kept.topic, kept.payload, kept.properties], [topic, 'kept', []]);
    assert.deepEqual([two.topic, two.payload, two.properties], [topic, 'two', [[0x26, 'a=b']]]);
    const late = await scene.open(5);
    await late.subscribe([[topic, 0]]);
    assert.deepEqual((await late.next()).properties, []);
  });

  it('5.0 [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] a client gets no alias above what it takes, and none if it takes none', async () => {
    for (const maximum of [undefined, 0, 1, 3]) {
      const root = scene.name('out/');
      const peer = await scene.open(5, { properties: maximum === undefined ? '' : `22${uint16(maximum)}` });
      await peer.subscribe([[`${root}/#`, 1]]);
      const publisher = await scene.open(5);
      const known = new Map<string, string>();
      for (let i = 0; i < 12; i += 1) {
        await publisher.publish1({ topic: `${root}/${i % 6}`, payload: `${i % 6}` });
        const came = await peer.next();
        await peer.acknowledge(came);
        const found = came.properties.find(([id]) => id === 0x23)?.[1];
        if (found !== undefined) {
          const number = Number.parseInt(found, 16);
          assert.ok(number >= 1 && number <= (maximum ?? 0), `alias ${number} of ${maximum}`);
          if (came.topic !== '') known.set(found, came.topic);
        }
        assert.equal(came.topic === '' ? known.get(found ?? '') : came.topic, `${root}/${came.payload}`);
      }
    }
  });
});

describe('topic aliases where the broker takes none', () => {
  it('5.0 [MQTT-3.2.2-18] none is announced, and every one ends the connection', async () => {
    const scene = await Scene.start({ limits: { topicAliasMaximum: 0 } });
    try {
      const peer = await scene.open(5);
      assert.ok([undefined, '0000'].includes(peer.property(0x22)));
      peer.publish({ topic: 'a', properties: alias(1) });
      await peer.expelled(0x94);
    } finally {
      await scene.stop();
    }
  });
});
