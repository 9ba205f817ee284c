import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { PINGREQ, PINGRESP, publish, pubrel, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import type { Behaviour } from './actor.js';
import { connectPacket, Stage, VERSIONS, type Version } from './stage.js';

/** Reason, code of a PUBACK or PUBREC of 5.0. */
const CODES: readonly (readonly [reason: unknown, code5: number])[] = [
  // A PUBACK has no code for bad credentials; what it has none for is not authorized.
  ['bad-credentials', 0x87],
  ['not-authorized', 0x87],
  ['banned', 0x87],
  ['rate', 0x97],
  ['quota', 0x97],
  ['busy', 0x97],
  [0x80, 0x80],
  [0x83, 0x83],
  [0x90, 0x90],
  [0x97, 0x97],
  [0x99, 0x99],
  // Not a code of a PUBACK.
  [0x86, 0x87],
  [0x8a, 0x87],
  [0x9f, 0x87],
];

const FAULTS: readonly Behaviour[] = [
  ['throw'],
  ['reject'],
  ['hang'],
  ['return'],
  ['return', null],
  ['return', true],
  ['return', { allow: true }],
  ['kept'],
  ['deny', 0],
  ['deny', 0x7f],
  ['deny', 'unknown word'],
];

/** Both questions that may refuse a publish. `rewritePublish` cannot deny, only fail. */
const QUESTIONS = ['authorize', 'guardPublish'] as const;
const DISCONNECT_FAULT = 'e0 01 83';
const hexByte = (code: number): string => code.toString(16).padStart(2, '0');

describe('a PUBLISH', () => {
  let stage: Stage;
  let receiver: WireClient;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy', 'authorize', 'guardPublish', 'rewritePublish'], entry: { timeoutMs: 300 } },
        plain: { taps: ['loadPolicy'] },
      },
      chains: {
        main: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] },
        close: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'], denyPublish: 'close' },
        refuse: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'], publishFault: 'refuse' },
        plain: { authenticate: ['mind'], authorize: ['plain'] },
      },
    });
    receiver = await stage.login('3.1.1', { clientId: 'receiver' }, 'plain');
    receiver.send(subscribe({ packetId: 1, filters: [['#', 2]] }));
    await receiver.expect('90 03 00 01 02');
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['mind', 'plain']) await stage.script(actor, {});
    await stage.forget();
  });

  const login = (version: Version, chain = 'main'): Promise<WireClient> => {
    next += 1;
    return stage.login(version, { clientId: `c${next}` }, chain);
  };
  const packetFor = (version: Version, qos: 0 | 1 | 2, topic = 'bad'): string =>
    publish({ topic, payload: 'x', qos, packetId: 5, ...(version === '5.0' ? { properties: '' } : {}) });

  /** Whatever was sent before did not reach the receiver: this message comes first. */
  async function nothingArrived(): Promise<void> {
    await stage.script('mind', {});
    const marker = `marker/${next}`;
    const client = await login('3.1.1');
    client.send(publish({ topic: marker }));
    await receiver.expect(publish({ topic: marker }));
    client.close();
  }

  for (const question of QUESTIONS) {
    for (const [reason, code5] of CODES) {
      it(`that ${question} denies with ${reason} gets 0x${hexByte(code5)} in 5.0, is acknowledged and dropped in 3.x`, async () => {
        for (const version of VERSIONS) {
          await stage.script('mind', { [`${question} bad`]: ['deny', reason] });
          const client = await login(version);
          client.send(packetFor(version, 0));
          client.send(packetFor(version, 1));
          await client.expect(version === '5.0' ? `40 03 00 05 ${hexByte(code5)}` : '40 02 00 05');
          client.send(packetFor(version, 2));
          await client.expect(version === '5.0' ? `50 03 00 05 ${hexByte(code5)}` : '50 02 00 05');
          if (version !== '5.0') {
            client.send(pubrel(5));
            await client.expect('70 02 00 05');
          }
          // The packet identifier is free again, and the connection as good as before.
          client.send(packetFor(version, 1, 'good'));
          await receiver.expect(publish({ topic: 'good', payload: 'x', qos: 1, packetId: await receivedId() }));
          assert.match(await client.readPacket(), /^40 02 00 05/);
          client.close();
        }
        await nothingArrived();
      });
    }

    for (const behaviour of FAULTS) {
      it(`that could not be judged by ${question} (${behaviour.join(' ')}) is dropped at QoS 0, never acknowledged at QoS 1 and 2`, async () => {
        for (const version of VERSIONS) {
          await stage.script('mind', {
            [`${question} bad`]: behaviour,
            [`${question} good`]: ['keep', [question === 'authorize' ? 'allow' : 'pass']],
          });
          const calm = await login(version);
          calm.send(packetFor(version, 0, 'good'));
          await receiver.expect(publish({ topic: 'good', payload: 'x' }));
          const clients = [calm, await login(version), await login(version)];
          for (const [qos, client] of clients.entries()) client.send(`${packetFor(version, qos as 0 | 1 | 2)} ${PINGREQ}`);
          await calm.expect(PINGRESP);
          for (const client of clients.slice(1)) {
            if (version === '5.0') await client.expect(DISCONNECT_FAULT);
            await client.expectClosed();
          }
          calm.close();
        }
        await nothingArrived();
      });
    }

    it(`closes a 3.x connection when ${question} denies it and "denyPublish" says so; 5.0 gets its code`, async () => {
      for (const version of VERSIONS) {
        for (const qos of [1, 2] as const) {
          await stage.script('mind', { [`${question} bad`]: ['deny', 'quota'] });
          const client = await login(version, 'close');
          client.send(packetFor(version, qos));
          if (version === '5.0') await client.expect(`${qos === 1 ? '40' : '50'} 03 00 05 97`);
          else await client.expectClosed();
          client.close();
        }
        const client = await login(version, 'close');
        client.send(packetFor(version, 0));
        await client.silence();
        client.close();
      }
      await nothingArrived();
    });

    it(`is answered 0x83 when ${question} fails and "publishFault" says so; 3.x closes all the same`, async () => {
      for (const version of VERSIONS) {
        for (const qos of [1, 2] as const) {
          await stage.script('mind', { [`${question} bad`]: ['throw'] });
          const client = await login(version, 'refuse');
          client.send(packetFor(version, qos));
          if (version !== '5.0') await client.expectClosed();
          else {
            await client.expect(`${qos === 1 ? '40' : '50'} 03 00 05 83`);
            await client.silence();
          }
          client.close();
        }
      }
      await nothingArrived();
    });
  }

  let receiverId = 0;
  /** The receiver acknowledges nothing, so its packet identifiers grow. */
  async function receivedId(): Promise<number> {
    receiverId += 1;
    return receiverId;
  }

  it('is asked about with all that it is, topic alias resolved', async () => {
    const client = await login('5.0');
    const properties =
      '01 01 ; payload format\n 02 00 00 00 3c ; expiry\n 03 00 01 74 ; content type\n 08 00 01 72 ; response topic\n 26 00 01 6b 00 01 76 ; user property';
    client.send(publish({ topic: 'alias/x', payload: 'one', qos: 0, retain: false, properties: '23 00 01' }));
    client.send(publish({ topic: '', payload: 'two', qos: 1, packetId: 9, properties: `23 00 01 ${properties.replaceAll(/;[^\n]*/g, '')}` }));
    assert.match(await client.readPacket(), /^40 02 00 09/);
    const authorized = await stage.asked('mind', 'authorize');
    assert.deepEqual(
      authorized.map(({ action, topic, qos, retain, will }) => [action, topic, qos, retain, will]),
      [
        ['publish', 'alias/x', 0, false, false],
        ['publish', 'alias/x', 1, false, false],
      ],
    );
    const guarded = (await stage.asked('mind', 'guardPublish'))[1] as { message: Record<string, unknown>; identity: unknown; will: boolean };
    assert.deepEqual(guarded.message, {
      topic: 'alias/x',
      payload: { $bytes: '74776f' },
      qos: 1,
      retain: false,
      properties: { payloadFormat: 1, messageExpirySeconds: 60, contentType: 't', responseTopic: 'r', userProperties: [['k', 'v']] },
    });
    assert.deepEqual([guarded.identity, guarded.will], [{ username: 'user' }, false]);
    receiverId += 1;
    await receiver.expect(
      publish({ topic: 'alias/x', payload: 'one' }) + publish({ topic: 'alias/x', payload: 'two', qos: 1, packetId: receiverId }),
    );
    client.close();
  });

  it('holds the packets behind it back until it is judged, so that order is kept', async () => {
    await stage.script('mind', { 'authorize held': ['hold', ['allow']] });
    const client = await login('3.1.1');
    client.send(publish({ topic: 'held', payload: '1' }) + publish({ topic: 'after', payload: '2' }) + PINGREQ);
    await stage.heard('mind', 'authorize', ({ topic }: { topic: string }) => topic === 'held');
    assert.equal(client.unread, '');
    await stage.script('mind', {});
    await receiver.expect(publish({ topic: 'held', payload: '1' }) + publish({ topic: 'after', payload: '2' }));
    await client.expect(PINGRESP);
    client.close();
  });

  it('is judged as a will, too, at CONNECT and when it is published', async () => {
    await stage.script('mind', { 'guardPublish will/bad': ['deny', 'banned'] });
    for (const topic of ['will/bad', 'will/good']) {
      const client = await login311With(topic);
      client.reset();
    }
    await receiver.expect(publish({ topic: 'will/good', payload: 'gone' }));
    const asked = (await stage.asked('mind', 'authorize')).filter(({ will }) => will === true);
    assert.deepEqual(
      asked.map(({ topic }) => topic),
      ['will/bad', 'will/bad', 'will/good', 'will/good'],
    );
    await nothingArrived();
  });

  async function login311With(topic: string): Promise<WireClient> {
    next += 1;
    const client = await stage.open();
    client.send(connectPacket('3.1.1', { clientId: `c${next}`, username: 'u', will: { topic, payload: 'gone' } }));
    await client.expect('20 02 00 00');
    return client;
  }

  it('to a topic of the broker is denied whatever plugins say', async () => {
    await stage.script('mind', { authorize: ['allow'] });
    const client = await login('5.0');
    client.send(packetFor('5.0', 1, '$SYS/x'));
    await client.expect('40 03 00 05 87');
    client.close();
  });
});
