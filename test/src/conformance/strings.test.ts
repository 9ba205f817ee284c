import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { field, packet, properties, publish, subscribe, unsubscribe } from '../support/packets.js';
import { eachCase, eachLevel, LEVELS, type Level, lasting, Scene } from './scene.js';

/** Bytes that are no UTF-8 string of MQTT, as fields. */
const ILL_FORMED: readonly (readonly [string, string])[] = [
  ['a lone continuation byte', '0001 80'],
  ['a byte that never occurs', '0001 ff'],
  ['a sequence that is cut off', '0002 e282'],
  ['an overlong slash', '0002 c0af'],
  ['an overlong NUL', '0002 c080'],
  ['an overlong three byte form', '0003 e080af'],
  ['a low surrogate', '0003 edb080'],
  ['a high surrogate', '0003 eda080'],
  ['a surrogate pair', '0006 eda080edb080'],
  ['a character above U+10FFFF', '0004 f4908080'],
  ['a lead byte without a follower', '0002 c361'],
  ['U+0000', '0003 610062'],
];

/** Where a string stands: the bytes around it, and the reason code that 5.0 is told. */
type Place = (bad: string) => string;

function connectWith(level: Level, flags: number, payload: string, list = ''): string {
  const head = `${field(level === 3 ? 'MQIsdp' : 'MQTT')}0${level}${flags.toString(16).padStart(2, '0')}`;
  return packet(0x10, `${head}0000${level === 5 ? properties(list) : ''}${payload}`);
}

describe('strings', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start({ users: { alice: 'secret', constructor: 'c-secret', ['__proto__']: 'p-secret', 'al\ufeffice': 'bom' } });
  });
  after(() => scene.stop());

  it('3.1.1 [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-3.1.3-4] [MQTT-3.1.3-10] [MQTT-3.1.3-11] 5.0 [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] ill-formed strings in CONNECT close without an answer', async () => {
    const cases: [string, string][] = [];
    for (const [what, bad] of ILL_FORMED) {
      for (const level of LEVELS) {
        const x = field('x');
        const none = level === 5 ? '00' : '';
        cases.push([`${level}: ${what} in the client identifier`, connectWith(level, 0x02, bad)]);
        cases.push([`${level}: ${what} in the will topic`, connectWith(level, 0x06, x + none + bad + field('gone'))]);
        cases.push([`${level}: ${what} in the user name`, connectWith(level, 0xc2, x + bad + field('secret'))]);
      }
      cases.push([`${what} in a user property's name`, connectWith(5, 2, field('x'), `26${bad}${field('v')}`)]);
      cases.push([`${what} in a user property's value`, connectWith(5, 2, field('x'), `26${field('n')}${bad}`)]);
      cases.push([`${what} in the authentication method`, connectWith(5, 2, field('x'), `15${bad}`)]);
      const will = (list: string): string => field('x') + properties(list) + field('w') + field('gone');
      cases.push([`${what} in the will's content type`, connectWith(5, 6, will(`03${bad}`))]);
      cases.push([`${what} in the will's response topic`, connectWith(5, 6, will(`08${bad}`))]);
    }
    await eachCase(cases, (bytes) => scene.speechless(bytes));
  });

  it('3.1.1 [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2] 5.0 [MQTT-3.3.2-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2] ill-formed strings in later packets end the connection', async () => {
    const places: [string, Level, Place][] = [
      ['a user property of PUBLISH', 5, (bad) => packet(0x30, field('a') + properties(`26${field('n')}${bad}`))],
      ['the content type', 5, (bad) => packet(0x30, field('a') + properties(`03${bad}`))],
      ['the response topic', 5, (bad) => packet(0x30, field('a') + properties(`08${bad}`))],
      ['a user property of SUBSCRIBE', 5, (bad) => packet(0x82, `0001${properties(`26${bad}${field('v')}`)}${field('a')}00`)],
      ['the reason string of PUBACK', 5, (bad) => packet(0x40, `0001 00 ${properties(`1f${bad}`)}`)],
      ['the reason string of DISCONNECT', 5, (bad) => packet(0xe0, `00 ${properties(`1f${bad}`)}`)],
    ];
    for (const level of LEVELS) {
      const none = level === 5 ? '00' : '';
      places.push([`${level}: a topic name`, level, (bad) => packet(0x30, bad + none)]);
      places.push([`${level}: the topic name of a QoS 2 message`, level, (bad) => packet(0x34, `${bad}0001${none}`)]);
      places.push([`${level}: a filter of SUBSCRIBE`, level, (bad) => packet(0x82, `0001${none}${bad}00`)]);
      places.push([`${level}: a filter of UNSUBSCRIBE`, level, (bad) => packet(0xa2, `0001${none}${bad}`)]);
      places.push([`${level}: the second filter`, level, (bad) => packet(0x82, `0001${none}${field('good')}00${bad}00`)]);
    }
    const cases = places.flatMap(([where, level, place]) =>
      ILL_FORMED.map(([what, bad]) => [`${what} in ${where}`, { level, bytes: place(bad) }] as const),
    );
    await eachCase(cases, async ({ level, bytes }) => {
      const peer = await scene.open(level);
      peer.send(bytes);
      if (level === 5) assert.ok([0x81, 0x90, 0x8f].includes((await peer.packet(14)).code ?? 0));
      await peer.wire.expectClosed();
    });
  });

  it('3.1.1 [MQTT-1.5.3-3] [MQTT-4.7.3-4] 5.0 [MQTT-1.5.4-3] [MQTT-4.7.3-4] a byte order mark, case, and another normal form make another string; none is changed on its way', async () => {
    await eachLevel(LEVELS, async (level) => {
      const root = scene.name('same/');
      const spellings = [
        'a',
        '\ufeffa',
        'a\ufeff',
        'A',
        'a ',
        '\u00e9',
        'e\u0301',
        '\u212b',
        '\u00c5',
        '\ufffd',
        '\ud83c\udff0',
        'a\u0001',
        '\uffff',
      ];
      const topics = spellings.map((spelling) => `${root}/${spelling}`);
      const peer = await scene.open(level);
      assert.ok((await peer.subscribe(topics.map((topic) => [topic, 0] as const))).every((code) => code === 0));
      for (const topic of topics) {
        peer.publish({ topic, payload: topic });
        const came = await peer.next();
        assert.equal(came.topic, topic);
        assert.equal(came.payload, topic);
      }
      await peer.silence();
    });
    // So for client identifiers and user names.
    const clientId = scene.name();
    const marked = await scene.open(4, { clientId: `\ufeff${clientId}`, username: 'al\ufeffice', password: 'bom' });
    const plain = await scene.open(4, { clientId, username: 'alice', password: 'secret' });
    await marked.silence();
    await plain.leave();
    assert.equal(await scene.refusal(4, { clientId: scene.name(), username: 'alice', password: 'bom' }), 4);
  });

  it('names of JavaScript are names like others, wherever a name may stand', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf', 'then']) {
      await eachLevel(LEVELS, async (level) => {
        // As a client identifier, with a session.
        const clientId = `${name}${level === 5 ? '' : level}`;
        const first = await scene.open(level, { clientId, ...lasting(level) });
        assert.equal(first.sessionPresent, false);
        const topic = `${name}/${scene.name()}/${name}`;
        await first.subscribe([
          [topic, 1],
          [`$share/${name}/${topic}`, 1],
        ]);
        await first.leave();
        const publisher = await scene.open(level);
        const list = level === 5 ? { properties: `26${field(name)}${field(name)}` } : {};
        await publisher.publish1({ topic, payload: name, retain: true, ...list });
        const back = await scene.open(level, { clientId, ...lasting(level) });
        for (let i = 0; i < 2; i += 1) {
          const came = await back.next();
          assert.equal(came.topic, topic);
          assert.equal(came.payload, name);
          if (level === 5) assert.deepEqual(came.properties, [[0x26, `${name}=${name}`]]);
          await back.acknowledge(came);
        }
        await back.unsubscribe([topic, `$share/${name}/${topic}`]);
        const late = await scene.open(level);
        await late.subscribe([[`${name}/+/${name}`, 0]]);
        assert.ok((await late.next()).retain);
        await back.leave();
      });
      // As a whole topic and filter.
      const peer = await scene.open(4);
      await peer.subscribe([[name, 0]]);
      peer.publish({ topic: name, payload: 'whole' });
      assert.equal((await peer.next()).topic, name);
      await peer.leave();
    }
    // As a user name: it is not there unless it is in the file.
    for (const username of ['toString', 'hasOwnProperty', 'valueOf', 'then']) {
      assert.equal(await scene.refusal(4, { clientId: scene.name(), username, password: 'x' }), 4);
      assert.equal(await scene.refusal(5, { clientId: scene.name(), username, password: '' }), 0x86);
    }
    assert.equal(await scene.refusal(4, { clientId: scene.name(), username: 'constructor', password: 'p-secret' }), 4);
    await (await scene.open(4, { username: 'constructor', password: 'c-secret' })).leave();
    await (await scene.open(4, { username: '__proto__', password: 'p-secret' })).leave();
  });

  it('3.1.1 [MQTT-4.7.3-1] 5.0 [MQTT-4.7.3-1] an empty topic name or filter ends the connection', async () => {
    await eachLevel(LEVELS, async (level) => {
      const list = level === 5 ? { properties: '' } : {};
      await scene.violation(level, publish({ topic: '', ...list }), 0x82);
      await scene.violation(level, subscribe({ filters: [['', 0]], ...list }), 0x8f);
      await scene.violation(level, unsubscribe({ filters: [''], ...list }), 0x8f);
    });
  });
});
