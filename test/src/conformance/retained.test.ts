import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eachLevel, LEVELS, lasting, Scene } from './scene.js';

describe('retained messages', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT-3.3.1-9] 5.0 [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT-3.3.1-12] the last one of a topic is kept, goes to new subscriptions with RETAIN, and live without', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('keep/');
      const live = await scene.open(level);
      await live.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      await publisher.publish2({ topic, payload: 'two', retain: true });
      await publisher.publish1({ topic, payload: 'one', retain: true });
      for (const [payload, qos] of [
        ['two', 2],
        ['one', 1],
      ] as const) {
        const came = await live.next();
        assert.deepEqual([came.payload, came.qos, came.retain], [payload, qos, false]);
      }
      for (const [granted, qos] of [
        [2, 1],
        [0, 0],
      ] as const) {
        const late = await scene.open(level);
        await late.subscribe([[topic, granted]]);
        const came = await late.next();
        assert.deepEqual([came.payload, came.qos, came.retain, came.dup], ['one', qos, true, false]);
        await late.silence();
      }
      // QoS 0 displaces what was kept with more.
      await publisher.publish0({ topic, payload: 'zero', retain: true });
      assert.equal((await live.next()).retain, false);
      const last = await scene.open(level);
      await last.subscribe([[topic, 2]]);
      const came = await last.next();
      assert.deepEqual([came.payload, came.qos, came.retain], ['zero', 0, true]);
    });
  });

  it('3.1.1 [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.3.1-12] 5.0 [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] an empty one deletes, is passed on live and never kept; a message without RETAIN changes nothing', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('drop/');
      const live = await scene.open(level);
      const publisher = await scene.open(level);
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish1({ topic, payload: 'kept', retain: true });
        await publisher.publish1({ topic, payload: '' });
        await live.subscribe([[topic, 0]]);
        assert.equal((await live.next()).payload, 'kept');
        if (qos === 0) await publisher.publish0({ topic, retain: true });
        else if (qos === 1) await publisher.publish1({ topic, retain: true });
        else await publisher.publish2({ topic, retain: true });
        const came = await live.next();
        assert.deepEqual([came.payload, came.retain], ['', false]);
        const late = await scene.open(level);
        await late.subscribe([[topic, 0]]);
        await late.silence();
        await live.unsubscribe([topic]);
      }
    });
  });

  it('3.1.1 [MQTT-3.8.4-3] 5.0 [MQTT-3.8.4-3] [MQTT-3.8.4-4] the same filter again replaces the subscription and sends retained messages again', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('replace/');
      const publisher = await scene.open(level);
      await publisher.publish1({ topic, payload: 'kept', retain: true });
      const peer = await scene.open(level);
      for (const qos of [0, 1, 0]) {
        await peer.subscribe([[topic, qos]]);
        const came = await peer.next();
        assert.deepEqual([came.payload, came.qos, came.retain], ['kept', qos, true]);
        if (qos > 0) await peer.acknowledge(came);
      }
      await peer.subscribe([[topic, 1]]);
      await peer.acknowledge(await peer.next());
      // One subscription: one copy, with the QoS of the last.
      await publisher.publish2({ topic, payload: 'live' });
      const came = await peer.next();
      assert.deepEqual([came.payload, came.qos, came.retain], ['live', 1, false]);
      await peer.silence();
    });
  });

  it('replacing a subscription under traffic loses no message and repeats none', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('busy/');
      const peer = await scene.open(level);
      await peer.subscribe([[topic, 0]]);
      const publisher = await scene.open(level);
      const again = level === 5 ? { properties: '' } : {};
      for (let i = 0; i < 100; i += 1) {
        publisher.publish({ topic, payload: `${i}`, qos: 0 });
        if (i % 10 === 0) peer.send(subscribeTo(topic, again));
      }
      const numbers: number[] = [];
      while (numbers.length < 100) {
        const packet = await peer.any();
        if (packet.type === 3) numbers.push(Number(packet.payload));
      }
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index),
      );
    });
  });

  it('5.0 [MQTT-3.3.1-10] [MQTT-3.3.1-11] retain handling 1 sends them to a new subscription only, 2 to none', async () => {
    const topic = scene.name('handling/');
    const publisher = await scene.open(5);
    await publisher.publish1({ topic, payload: 'kept', retain: true });
    const clientId = scene.name();
    const peer = await scene.open(5, { clientId, ...lasting(5) });
    await peer.subscribe([[topic, 0x20]]);
    await peer.silence();
    await peer.subscribe([[topic, 0x10]]);
    await peer.silence();
    await peer.unsubscribe([topic]);
    await peer.subscribe([[topic, 0x10]]);
    assert.equal((await peer.next()).payload, 'kept');
    await peer.subscribe([[topic, 0x11]]);
    await peer.silence();
    await peer.subscribe([[topic, 0x01]]);
    await peer.acknowledge(await peer.next());
    // In a session that was resumed the subscription is not new.
    peer.wire.reset();
    const back = await scene.open(5, { clientId, ...lasting(5) });
    await back.subscribe([[topic, 0x10]]);
    await back.silence();
  });

  it('5.0 [MQTT-3.3.1-13] with Retain As Published RETAIN travels live as it came; replays carry it in any case', async () => {
    const topic = scene.name('published/');
    const asPublished = await scene.open(5);
    await asPublished.subscribe([[topic, 0x08]]);
    const plain = await scene.open(5);
    await plain.subscribe([[topic, 0x00]]);
    const publisher = await scene.open(5);
    for (const retain of [true, false]) {
      await publisher.publish1({ topic, payload: 'x', retain });
      assert.equal((await asPublished.next()).retain, retain);
      assert.equal((await plain.next()).retain, false);
    }
    // Also for a message that waited for its client.
    const clientId = scene.name();
    const away = await scene.open(5, { clientId, ...lasting(5) });
    await away.subscribe([[topic, 0x29]]);
    away.wire.reset();
    await publisher.publish1({ topic, payload: 'y', retain: true });
    await publisher.publish1({ topic, payload: 'z' });
    const back = await scene.open(5, { clientId, ...lasting(5) });
    for (const [payload, retain] of [
      ['y', true],
      ['z', false],
    ]) {
      const came = await back.next();
      assert.deepEqual([came.payload, came.retain], [payload, retain]);
    }
    for (const options of [0x00, 0x08]) {
      const late = await scene.open(5);
      await late.subscribe([[topic, options]]);
      assert.equal((await late.next()).retain, true);
    }
  });

  it('are matched by wildcards as live ones are, without those whose topic begins with $', async () => {
    await eachLevel(LEVELS, async (level) => {
      const root = scene.name('tree');
      const publisher = await scene.open(level);
      const topics = [root, `${root}/`, `${root}/a`, `${root}/a/b`, `${root}/a/b/c`, `${root}//b`];
      for (const topic of topics) await publisher.publish1({ topic, payload: topic, retain: true });
      await publisher.publish1({ topic: `$dollar/${root}`, payload: 'hidden', retain: true });
      const expected: [string, string[]][] = [
        [`${root}/#`, topics],
        [`${root}/+`, [`${root}/`, `${root}/a`]],
        [`${root}/+/b`, [`${root}/a/b`, `${root}//b`]],
        [`${root}/+/#`, topics.slice(1)],
        [`+/${root}`, []],
        [`$dollar/${root}/#`, [`$dollar/${root}`]],
        [`${root}/a/b/c/#`, [`${root}/a/b/c`]],
      ];
      for (const [filter, wanted] of expected) {
        const peer = await scene.open(level);
        await peer.subscribe([[filter, 0]]);
        const came: string[] = [];
        for (const _ of wanted) came.push((await peer.next()).topic);
        assert.deepEqual(came.sort(), [...wanted].sort(), filter);
        await peer.silence();
        await peer.leave();
      }
      const all = await scene.open(level);
      await all.subscribe([['#', 0]]);
      all.send('c0 00');
      let count = 0;
      for (let came = await all.any(); came.type === 3; came = await all.any()) {
        assert.ok(!came.topic.startsWith('$'), came.topic);
        count += 1;
      }
      assert.ok(count >= topics.length);
    });
  });
});

function subscribeTo(topic: string, list: { properties?: string }): string {
  const filter = Buffer.from(topic);
  const body = `0001${list.properties === undefined ? '' : '00'}${filter.length.toString(16).padStart(4, '0')}${filter.toString('hex')}00`;
  return `82${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
}
