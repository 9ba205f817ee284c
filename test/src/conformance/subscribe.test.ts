import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet, puback, pubcomp, pubrec, pubrel, subscribe, unsubscribe } from '../support/packets.js';
import { eachCase, eachLevel, LEVELS, lasting, Scene } from './scene.js';

describe('SUBSCRIBE and UNSUBSCRIBE', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-2.3.1-7] 5.0 [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-2.2.1-6] one SUBACK with the identifier and a code for each filter, in order', async () => {
    await eachLevel(LEVELS, async (level) => {
      const peer = await scene.open(level, { username: 'alice', password: 'secret' });
      const list = level === 5 ? { properties: '' } : {};
      const none = level === 5 ? '00' : '';
      for (const packetId of [1, 258, 65_535]) {
        const id = packetId.toString(16).padStart(4, '0');
        peer.send(
          subscribe({
            packetId,
            filters: [
              ['a/2', 2],
              ['a/0', 0],
              ['a/1', 1],
              ['a/0', 0],
            ],
            ...list,
          }),
        );
        await peer.expect(packet(0x90, `${id}${none}02000100`));
      }
      if (level === 3) return;
      // What is refused does not disturb what is granted.
      const refused = level === 5 ? '87' : '80';
      peer.send(
        subscribe({
          packetId: 7,
          filters: [
            ['closed/x', 1],
            [`open/${level}`, 1],
            ['closed/#', 0],
          ],
          ...list,
        }),
      );
      await peer.expect(packet(0x90, `0007${none}${refused}01${refused}`));
      const publisher = await scene.open(level);
      await publisher.publish1({ topic: 'closed/x' });
      await publisher.publish1({ topic: `open/${level}` });
      assert.equal((await peer.next()).topic, `open/${level}`);
      await peer.silence();
    });
  });

  it('MQTT 3.1, which has no code for a refusal, ends the connection, and nothing of the packet holds', async () => {
    const clientId = scene.name();
    const user = { clientId, username: 'alice', password: 'secret', cleanSession: false };
    const peer = await scene.open(3, user);
    peer.send(
      subscribe({
        filters: [
          ['granted/x', 1],
          ['closed/x', 1],
        ],
      }),
    );
    await peer.wire.expectClosed();
    const publisher = await scene.open(3);
    await publisher.publish1({ topic: 'granted/x' });
    await (await scene.open(3, user)).silence();
  });

  it('3.1.1 [MQTT-4.7.1-2] [MQTT-4.7.1-3] 5.0 [MQTT-4.7.1-1] [MQTT-4.7.1-2] filters with a wildcard in a wrong place are refused, in SUBSCRIBE and in UNSUBSCRIBE', async () => {
    const bad = ['sport#', '#/x', 'a/#/b', 'a/b#', '##', 'sp+rt', '+a', 'a+', 'a/b+/c', '++', '+#', '#+', 'a/+b', 'a/#/'];
    const cases = LEVELS.flatMap((level) => bad.map((filter) => [`${filter} at level ${level}`, { level, filter }] as const));
    await eachCase(cases, async ({ level, filter }) => {
      const list = level === 5 ? { properties: '' } : {};
      await scene.violation(level, subscribe({ filters: [[filter, 0]], ...list }), 0x8f);
      await scene.violation(level, unsubscribe({ filters: [filter], ...list }), 0x8f);
    });
  });

  it('wildcards match levels, empty ones included, and # the level above it', async () => {
    await eachLevel(LEVELS, async (level) => {
      const root = `m${level}`;
      const rows: [filter: string, matching: string[], other: string[]][] = [
        [`${root}/#`, [root, `${root}/`, `${root}/a`, `${root}/a/b/c`, `${root}//`], [`${root}a`, `x/${root}`]],
        [`${root}/+`, [`${root}/`, `${root}/a`], [root, `${root}/a/b`, `${root}//`]],
        [`${root}/+/+`, [`${root}//`, `${root}/a/b`, `${root}/a/`], [`${root}/a`, `${root}/a/b/c`]],
        [`+/${root}`, [`/${root}`, `a/${root}`], [root, `a/b/${root}`]],
        [`/${root}`, [`/${root}`], [root, `a/${root}`]],
        [`${root}/+/b/#`, [`${root}/a/b`, `${root}//b/c`], [`${root}/a/c`, `${root}/b`]],
        [`${root}`, [root], [`${root}/`, `/${root}`, root.toUpperCase()]],
        [`${root}/`, [`${root}/`], [root, `${root}//`]],
      ];
      const publisher = await scene.open(level);
      for (const [filter, matching, other] of rows) {
        const peer = await scene.open(level);
        await peer.subscribe([[filter, 0]]);
        for (const topic of [...other, ...matching]) await publisher.publish0({ topic });
        const came = [];
        for (const _ of matching) came.push((await peer.next()).topic);
        assert.deepEqual(came, matching, filter);
        await peer.silence();
        await peer.leave();
      }
    });
  });

  it('3.1.1 [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] 5.0 [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] one UNSUBACK, codes in order; only the very same filter is removed', async () => {
    await eachLevel(LEVELS, async (level) => {
      const root = scene.name('un');
      const peer = await scene.open(level);
      await peer.subscribe([
        [`${root}/+`, 0],
        [`${root}/a`, 0],
        [`${root}/b`, 0],
      ]);
      const codes = await peer.unsubscribe([`${root}/#`, `${root}/a`, `${root}/c`, `${root}/a`, `${root}/A`], 65_535);
      assert.deepEqual(codes, level === 5 ? [0x11, 0x00, 0x11, 0x11, 0x11] : []);
      const publisher = await scene.open(level);
      await publisher.publish0({ topic: `${root}/a`, payload: 'by the wildcard' });
      assert.equal((await peer.next()).payload, 'by the wildcard');
      await peer.silence();
      await peer.unsubscribe([`${root}/+`]);
      await publisher.publish0({ topic: `${root}/a` });
      await publisher.publish0({ topic: `${root}/b`, payload: 'still' });
      assert.equal((await peer.next()).payload, 'still');
      await peer.silence();
      peer.send(level === 5 ? packet(0xa2, `0001 00${field('never')}`) : packet(0xa2, `0001${field('never')}`));
      await peer.expect(level === 5 ? 'b0 04 00 01 00 11' : 'b0 02 00 01');
    });
  });

  it('3.1.1 [MQTT-3.10.4-3] 5.0 [MQTT-3.10.4-3] what is on its way when its subscription goes is still finished', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('begun/');
      const clientId = scene.name();
      const peer = await scene.open(level, { clientId, ...lasting(level) });
      await peer.subscribe([[topic, 2]]);
      const publisher = await scene.open(level);
      for (const payload of ['a', 'b', 'c']) await publisher.publish2({ topic, payload });
      await publisher.publish1({ topic, payload: 'd' });
      const [a, b, c, d] = [await peer.next(), await peer.next(), await peer.next(), await peer.next()];
      peer.send(pubrec(a.packetId ?? 0));
      await peer.expect(pubrel(a.packetId ?? 0));
      await peer.unsubscribe([topic]);
      await publisher.publish1({ topic, payload: 'too late' });
      peer.send(pubcomp(a.packetId ?? 0));
      await peer.acknowledge(b);
      await peer.silence();
      peer.wire.reset();
      const back = await scene.open(level, { clientId, ...lasting(level) });
      assert.deepEqual(
        [await back.next(), await back.next()].map(({ payload, packetId, dup }) => [payload, packetId, dup]),
        [
          ['c', c.packetId, true],
          ['d', d.packetId, true],
        ],
      );
      back.send(pubrec(c.packetId ?? 0) + puback(d.packetId ?? 0));
      await back.expect(pubrel(c.packetId ?? 0));
      await back.silence();
    });
  });

  it('5.0 [MQTT-3.8.3-3] No Local keeps a client’s own messages from it, whichever connection they came by', async () => {
    const topic = scene.name('local/');
    const clientId = scene.name();
    const peer = await scene.open(5, { clientId, ...lasting(5) });
    await peer.subscribe([[topic, 0x04 | 1]]);
    const other = await scene.open(5);
    await peer.publish0({ topic, payload: 'own' });
    await peer.publish1({ topic, payload: 'own' });
    await peer.publish2({ topic, payload: 'own', retain: true });
    await peer.silence();
    await other.publish1({ topic, payload: 'of another' });
    const came = await peer.next();
    assert.equal(came.payload, 'of another');
    await peer.acknowledge(came);
    // The retained message is its own as well.
    await peer.subscribe([[topic, 0x04 | 1]]);
    await peer.silence();
    // A subscription beside it without No Local brings them.
    await peer.subscribe([[`${topic}/#`, 0x20]]);
    peer.publish({ topic, payload: 'by the other', qos: 1, packetId: 8 });
    const packets = [await peer.any(), await peer.any()];
    assert.deepEqual(packets.map(({ type, payload }) => `${type}${payload}`).sort(), ['3by the other', '4']);
    await peer.silence();
  });

  it('5.0 [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] every identifier of the subscriptions that match comes with the message, live, queued and retained', async () => {
    const topic = scene.name('ids/');
    const clientId = scene.name();
    const peer = await scene.open(5, { clientId, ...lasting(5) });
    await peer.subscribe([[topic, 1]], '0b01');
    await peer.subscribe([[`${topic}/#`, 0]], '0bffffff7f');
    await peer.subscribe([['ids/+', 0]], '0b01');
    await peer.subscribe([[`+/${topic.slice(4)}`, 0]]);
    const publisher = await scene.open(5);
    const idsOf = (properties: readonly (readonly [number, string])[]): string[] =>
      properties.filter(([id]) => id === 0x0b).map(([, value]) => value);
    const send = async (payload: string): Promise<void> => void (await publisher.publish1({ topic, payload, properties: '0101' }));
    const look = async (from: typeof peer, payload: string, ids: string[]): Promise<void> => {
      const came = await from.next();
      assert.equal(came.payload, payload);
      assert.deepEqual([...new Set(idsOf(came.properties))].sort(), ids);
      assert.deepEqual(
        came.properties.filter(([id]) => id !== 0x0b),
        [[0x01, '01']],
      );
      await from.acknowledge(came);
    };
    await send('live');
    await look(peer, 'live', ['1', 'fffffff']);
    // Replacing a subscription replaces its identifier, also by none.
    await peer.subscribe([[`${topic}/#`, 0]], '0b05');
    await peer.subscribe([['ids/+', 0]]);
    await send('replaced');
    await look(peer, 'replaced', ['1', '5']);
    peer.wire.reset();
    await scene.seconds(0);
    await send('queued');
    const back = await scene.open(5, { clientId, ...lasting(5) });
    await look(back, 'queued', ['1', '5']);
    await publisher.publish1({ topic, payload: 'kept', retain: true, properties: '0101' });
    await look(back, 'kept', ['1', '5']);
    await back.subscribe([[topic, 0]], '0b09');
    await look(back, 'kept', ['9']);
    await back.silence();
  });

  it('5.0 [MQTT-3.3.4-6] a subscription identifier in a PUBLISH, or of 0 in a SUBSCRIBE, ends the connection', async () => {
    await scene.violation(5, packet(0x30, `${field('a')} 02 0b01`), 0x82);
    await scene.violation(5, packet(0x82, `0001 02 0b00 ${field('a')}00`), 0x82);
    await scene.violation(5, packet(0x82, `0001 04 0b01 0b02 ${field('a')}00`), 0x82);
    await scene.violation(5, packet(0xa2, `0001 02 0b01 ${field('a')}`), 0x81);
  });

  it('5.0 [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK hold no property, and never more than the client takes', async () => {
    const peer = await scene.open(5, { username: 'alice', password: 'secret', properties: '27 00000020' });
    assert.deepEqual(await peer.subscribe([['closed/x', 0]], `26${field('a')}${field('b')}`), [0x87]);
    peer.send(packet(0xa2, `0001 ${'07'} 26${field('a')}${field('b')}${field('x')}`));
    await peer.expect('b0 04 00 01 00 11');
    // 40 codes do not fit in 32 bytes: there is no answer that the client could take.
    peer.send(subscribe({ filters: Array.from({ length: 40 }, (_, index) => [`f/${index}`, 0] as const), properties: '' }));
    await peer.expelled(0x95);
  });
});
