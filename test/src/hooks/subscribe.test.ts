import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { publish, subscribe, unsubscribe } from '../support/packets.js';
import type { Behaviour } from './actor.js';
import { rules, Stage, VERSIONS, type Version } from './stage.js';

/** Reason, code of a SUBACK of 5.0. */
const CODES: readonly (readonly [reason: unknown, code5: number])[] = [
  // A SUBACK has no code for bad credentials; what it has none for is not authorized.
  ['bad-credentials', 0x87],
  ['not-authorized', 0x87],
  ['banned', 0x87],
  ['rate', 0x97],
  ['quota', 0x97],
  ['busy', 0x80],
  [0x80, 0x80],
  [0x83, 0x83],
  [0x8f, 0x8f],
  [0x97, 0x97],
  [0x9e, 0x9e],
  [0xa2, 0xa2],
  // Not a code of a SUBACK.
  [0x86, 0x87],
  [0x8a, 0x87],
  [0x99, 0x87],
  // No refusal: faults.
  [0x00, 0x80],
  [0x02, 0x80],
  [0x7f, 0x80],
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
  ['async', ['kept']],
  ['unavailable'],
];

const hexByte = (code: number): string => code.toString(16).padStart(2, '0');

describe('a SUBSCRIBE', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy', 'authorize'], entry: { timeoutMs: 300 } },
        guard: { taps: ['guardSubscribe'], entry: { timeoutMs: 300 } },
        second: { taps: ['guardSubscribe'] },
        rules: { taps: ['loadPolicy'] },
      },
      chains: {
        main: { guards: ['guard', 'second'], authenticate: ['mind'], authorize: ['mind'] },
        rules: { authenticate: ['mind'], authorize: ['rules'] },
        reject: { authenticate: ['mind'], authorize: ['rules'], partialSubscribe: 'reject' },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['mind', 'guard', 'second', 'rules']) await stage.script(actor, {});
    await stage.forget();
  });

  function login(version: Version, chain = 'main') {
    next += 1;
    return stage.login(version, { clientId: `c${next}` }, chain);
  }

  const props = (version: Version): object => (version === '5.0' ? { properties: '' } : {});
  const suback = (version: Version, packetId: number, ...codes: readonly number[]): string => {
    const list = (version === '5.0' ? '00 ' : '') + codes.map(hexByte).join(' ');
    return `90 ${hexByte(2 + codes.length + (version === '5.0' ? 1 : 0))} 00 ${hexByte(packetId)} ${list}`;
  };

  /** Subscribes to three filters, of which the second is judged so. */
  async function expectCodes(hook: string, behaviour: Behaviour, code5: number): Promise<void> {
    const actor = hook === 'authorize' ? 'mind' : 'guard';
    await stage.script(actor, { [`${hook} keep`]: ['keep', actor === 'mind' ? ['allow'] : ['pass']], [`${hook} no/#`]: behaviour });
    const filters = [
      ['yes/1', 1],
      ['no/#', 2],
      ['keep', 0],
    ] as const;
    const old = await login('3.1');
    // The decision to be kept is there before the filter that it is tried on.
    old.send(subscribe({ packetId: 6, filters: [['keep', 0]] }));
    await old.expect('90 03 00 06 00');
    old.send(subscribe({ packetId: 7, filters }));
    const clients = [];
    for (const version of ['3.1.1', '5.0'] as const) {
      const client = await login(version);
      client.send(subscribe({ packetId: 7, filters, ...props(version) }));
      clients.push(client);
    }
    await clients[0]?.expect(suback('3.1.1', 7, 1, 0x80, 0));
    await clients[1]?.expect(suback('5.0', 7, 1, code5, 0));
    // MQTT 3.1 knows no failure.
    await old.expectClosed();
    for (const client of clients) {
      await client.silence();
      client.close();
    }
  }

  for (const hook of ['authorize', 'guardSubscribe']) {
    for (const [reason, code5] of CODES) {
      it(`that ${hook} denies with ${reason} gets 0x${hexByte(code5)}, in 3.1.1 0x80, and 3.1 is closed; other filters stand`, () =>
        expectCodes(hook, ['deny', reason], code5));
    }

    for (const behaviour of FAULTS) {
      it(`that could not be judged by ${hook} (${behaviour.join(' ')}) gets 0x80, and 3.1 is closed; other filters stand`, () =>
        expectCodes(hook, behaviour, 0x80));
    }
  }

  it('makes the subscriptions that were granted and no other', async () => {
    await stage.script('mind', { 'authorize no': ['deny', 'not-authorized'] });
    const client = await login('3.1.1');
    client.send(
      subscribe({
        packetId: 1,
        filters: [
          ['yes', 0],
          ['no', 0],
        ],
      }),
    );
    await client.expect(suback('3.1.1', 1, 0, 0x80));
    await stage.script('mind', {});
    for (const topic of ['no', 'yes']) client.send(publish({ topic, payload: topic }));
    await client.expect(publish({ topic: 'yes', payload: 'yes' }));
    await client.silence();
    client.close();
  });

  it('has no effect at all when a client of 3.1 has to go', async () => {
    await stage.script('mind', { 'authorize no': ['async', ['deny', 'not-authorized']] });
    const fields = { clientId: 'lasting', cleanSession: false };
    const first = await stage.login('3.1', fields);
    first.send(
      subscribe({
        packetId: 1,
        filters: [
          ['yes', 1],
          ['no', 1],
        ],
      }),
    );
    await first.expectClosed();
    const publisher = await login('3.1.1');
    publisher.send(publish({ topic: 'yes', payload: 'x', qos: 1, packetId: 1 }));
    await publisher.expect('40 02 00 01');
    const again = await stage.login('3.1', fields);
    await again.silence();
    again.close();
    publisher.close();
  });

  it('is granted the lowest QoS of its guards, and messages come with it', async () => {
    await stage.script('guard', { guardSubscribe: ['pass', { maxQos: 1 }], 'guardSubscribe zero': ['async', ['pass', { maxQos: 0 }]] });
    await stage.script('second', { guardSubscribe: ['pass', { maxQos: 2 }], 'guardSubscribe zero': ['pass', { maxQos: 1 }] });
    for (const version of VERSIONS) {
      const client = await login(version);
      client.send(
        subscribe({
          packetId: 1,
          filters: [
            ['one', 2],
            ['zero', 2],
            ['$share/g/one', 0],
          ],
          ...props(version),
        }),
      );
      await client.expect(suback(version, 1, 1, 0, 0));
      client.send(publish({ topic: 'zero', payload: 'x', qos: 1, packetId: 2, ...props(version) }));
      await client.expectAnyOrder('40 02 00 02', publish({ topic: 'zero', payload: 'x', ...props(version) }));
      client.close();
    }
    assert.deepEqual(
      stage
        .of('guard', 'guardSubscribe')
        .slice(0, 3)
        .map(({ filter, shareName, qos }) => [filter, shareName, qos]),
      [
        ['one', null, 2],
        ['zero', null, 2],
        ['one', 'g', 0],
      ],
    );
  });

  it('is a fault when a guard lowers to a QoS that is none', async () => {
    for (const maxQos of [3, -1, '1']) {
      await stage.script('guard', { guardSubscribe: ['pass', { maxQos }] });
      const client = await login('5.0');
      client.send(subscribe({ packetId: 1, filters: [['a', 2]], properties: '' }));
      await client.expect('90 04 00 01 00 80');
      client.close();
    }
  });

  it('is asked about with its filter, QoS and group', async () => {
    const client = await login('5.0');
    client.send(subscribe({ packetId: 1, filters: [['$share/g/a/#', 1]], properties: '' }));
    await client.expect('90 04 00 01 00 01');
    const { action, topic, qos, shareName, retain, will, identity } = await stage.heard('mind', 'authorize');
    assert.deepEqual([action, topic, qos, shareName, retain, will], ['subscribe', 'a/#', 1, 'g', false, false]);
    assert.deepEqual(identity, { username: 'user' });
    client.close();
  });

  it('holds the packets behind it back until it is judged, and those of nobody else', async () => {
    await stage.script('mind', { 'authorize held': ['hold', ['allow']] });
    // The hold is longer than no time limit: the entry has one of 300 ms, so the release comes at once after the question.
    const client = await login('5.0');
    client.send(subscribe({ packetId: 1, filters: [['held', 0]], properties: '' }));
    client.send(publish({ topic: 'held', payload: 'behind', properties: '' }));
    await stage.heard('mind', 'authorize', ({ topic }: { topic: string }) => topic === 'held');
    assert.equal(client.unread, '');
    await stage.script('mind', {});
    await client.expect(`90 04 00 01 00 00 ${publish({ topic: 'held', payload: 'behind', properties: '' })}`);
    client.close();
  });

  it('is judged by rules: covered, partly covered, untouched, denied', async () => {
    await stage.script('rules', {
      loadPolicy: ['policy', { version: 1, rules: [...rules('allow', 'site/+/open', 'own/%c/#'), ...rules('deny', 'site/x/open')] }],
    });
    const client = await stage.login('5.0', { clientId: 'me' }, 'rules');
    const filters = [
      ['site/a/open', 1],
      ['site/+/open', 1],
      ['site/#', 1],
      ['other', 1],
      ['site/x/open', 1],
      ['own/me/+', 1],
      ['own/you/#', 1],
    ] as const;
    client.send(subscribe({ packetId: 1, filters, properties: '' }));
    await client.expect(suback('5.0', 1, 1, 1, 1, 0x87, 0x87, 1, 0x87));
    client.close();
    const strict = await stage.login('5.0', { clientId: 'me2' }, 'reject');
    strict.send(subscribe({ packetId: 1, filters: filters.slice(0, 3), properties: '' }));
    await strict.expect(suback('5.0', 1, 1, 0x87, 0x87));
    strict.close();
  });

  it('delivers only what its receiver may have when it was partly covered', async () => {
    await stage.script('rules', {
      'loadPolicy in': ['policy', { version: 1, rules: [...rules('allow', 'site/+/open'), ...rules('deny', 'site/x/#')] }],
    });
    const receiver = await stage.login('3.1.1', { clientId: 'in' }, 'rules');
    receiver.send(subscribe({ packetId: 1, filters: [['site/#', 0]] }));
    await receiver.expect('90 03 00 01 00');
    const sender = await stage.login('3.1.1', { clientId: 'out' }, 'rules');
    for (const topic of ['site/a/closed', 'site/x/open', 'site', 'site/a/open']) sender.send(publish({ topic, payload: 'm' }));
    await receiver.expect(publish({ topic: 'site/a/open', payload: 'm' }));
    await sender.silence();
    await receiver.silence();
    receiver.close();
    sender.close();
  });

  it('lowers the QoS to that of the rule', async () => {
    const rule = { effect: 'allow', actions: ['subscribe', 'receive'], pattern: 'low', maxQos: 0, from: 'test' };
    await stage.script('rules', { loadPolicy: ['policy', { version: 1, rules: [rule] }] });
    const client = await login('5.0', 'rules');
    client.send(subscribe({ packetId: 1, filters: [['low', 2]], properties: '' }));
    await client.expect('90 04 00 01 00 00');
    client.close();
  });

  it('can always be taken back: nobody is asked about an UNSUBSCRIBE', async () => {
    for (const version of VERSIONS) {
      const client = await login(version);
      client.send(subscribe({ packetId: 1, filters: [['a', 0]], ...props(version) }));
      await client.expect(suback(version, 1, 0));
      await stage.script('mind', { authorize: ['throw'] });
      await stage.script('guard', { guardSubscribe: ['deny', 'banned'] });
      await stage.forget();
      client.send(unsubscribe({ packetId: 2, filters: ['a'], ...props(version) }));
      await client.expect(version === '5.0' ? 'b0 04 00 02 00 00' : 'b0 02 00 02');
      await stage.script('mind', {});
      await stage.script('guard', {});
      assert.deepEqual(
        stage.events.filter(({ hook }) => hook === 'authorize' || hook === 'guardSubscribe'),
        [],
      );
      client.close();
    }
  });
});
