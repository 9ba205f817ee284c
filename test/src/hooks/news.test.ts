import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { disconnect, PINGREQ, publish, pubrel, subscribe, unsubscribe } from '../support/packets.js';
import { rules, Stage, VERSIONS } from './stage.js';

const NEWS = [
  'clientConnected',
  'clientDisconnected',
  'sessionOpened',
  'sessionResumed',
  'sessionTakenOver',
  'sessionExpired',
  'subscribed',
  'unsubscribed',
  'messagePublished',
  'messageDelivered',
  'messageDropped',
  'policyChanged',
  'decisionMade',
  'connectDecided',
  'brokerReady',
  'brokerStopping',
] as const;

const USER = { username: 'user' };
const EXPIRY = (seconds: number): string => `11 ${seconds.toString(16).padStart(8, '0')}`;

describe('news', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy', 'admitClient', 'guardPublish', 'guardSubscribe'] },
        coder: { taps: ['authorize'] },
        first: { taps: NEWS },
        last: { taps: NEWS },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        guarded: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] },
        code: { authenticate: ['mind'], authorize: ['coder'] },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['mind', 'coder', 'first', 'last']) await stage.script(actor, {});
    await stage.forget();
  });

  const about = (clientId: string) => (news: { clientId?: string; client?: { id: string } }) => (news.clientId ?? news.client?.id) === clientId;
  const decision = (outcome: string, action: string) => (news: { outcome: string; action: string }) =>
    news.outcome === outcome && news.action === action;
  /** What counts of a decision: who, what, and by which rule. */
  const essence = ({ hook, plugin, topic, rule, reasonCode, username }: Readonly<Record<string, unknown>>): readonly unknown[] => [
    hook,
    plugin,
    topic,
    rule,
    reasonCode,
    username,
  ];

  it('of the broker: it is ready, with its listeners', async () => {
    // Told before the first test began; a second stage would only repeat it.
    const fresh = await Stage.start({
      actors: { one: { taps: ['authenticate', 'brokerReady', 'brokerStopping'] } },
      chains: { main: { authenticate: ['one'] } },
    });
    const listeners = [{ name: 'main', url: fresh.broker.url('main') }];
    assert.deepEqual(await fresh.heard('one', 'brokerReady'), { listeners });
    const stopped = fresh.stop();
    assert.deepEqual(await fresh.heard('one', 'brokerStopping'), { listeners });
    assert.equal(await stopped, 0);
  });

  it('of clients: connected, and disconnected with the reason', async () => {
    const polite = await stage.login('5.0', { clientId: 'polite', keepAlive: 20 });
    const { client, ...connected } = (await stage.heard('first', 'clientConnected', about('polite'))) as { client: Record<string, unknown> };
    assert.deepEqual(connected, { identity: USER, tenant: null, sessionPresent: false });
    assert.deepEqual([client.id, client.protocol, client.keepAliveSeconds, client.cleanStart], ['polite', '5.0', 20, true]);
    polite.send(disconnect(0));
    const { client: _, ...gone } = await stage.heard('first', 'clientDisconnected', about('polite'));
    assert.deepEqual(gone, { identity: USER, tenant: null, reasonCode: 0, error: null });
    for (const [clientId, end, reasonCode, error] of [
      ['lost', '', 0x80, 'PCL_SOCKET'],
      ['broken', '00 00', 0x81, 'PCL_MALFORMED_PACKET'],
      ['twice', '10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61', 0x82, 'PCL_PROTOCOL_ERROR'],
    ] as const) {
      const rude = await stage.login('3.1.1', { clientId });
      if (end === '') rude.reset();
      else rude.send(end);
      const news = await stage.heard('first', 'clientDisconnected', about(clientId));
      assert.deepEqual([news.error, clientId === 'broken' || news.reasonCode === reasonCode], [error, true]);
    }
  });

  it('of a client that was never let in: none but the decision', async () => {
    await stage.script('mind', { authenticate: ['deny', 'banned'] });
    await (await stage.knock('5.0', { clientId: 'never', username: 'u' })).expect('20 03 00 8a 00');
    const news = await stage.heard('first', 'decisionMade', decision('deny', 'connect'));
    assert.deepEqual(essence(news), ['authenticate', 'mind', null, null, 0x8a, 'u']);
    assert.deepEqual([...new Set(stage.events.filter(({ actor }) => actor === 'first').map(({ hook }) => hook))].sort(), [
      'connectDecided',
      'decisionMade',
    ]);
  });

  it('of a CONNECT: what became of it, also when its client did not wait', async () => {
    const become = (outcome: string) => stage.heard('first', 'connectDecided', (news: { outcome: string }) => news.outcome === outcome);
    const said = ({ hook, plugin, username, reasonCode, client }: Readonly<Record<string, unknown>>): readonly unknown[] => [
      hook,
      plugin,
      username,
      reasonCode,
      (client as { id: string }).id,
    ];
    (await stage.login('5.0', { clientId: 'in' })).close();
    assert.deepEqual(said(await become('allow')), ['authenticate', 'mind', 'user', 0, 'in']);
    await stage.script('mind', { 'authenticate out': ['deny', 'bad-credentials'], 'authenticate ill': ['throw'], 'authenticate slow': ['hang'] });
    await (await stage.knock('3.1.1', { clientId: 'out', username: 'u' })).expect('20 02 00 04');
    assert.deepEqual(said(await become('deny')), ['authenticate', 'mind', 'u', 0x86, 'out']);
    await (await stage.knock('3.1.1', { clientId: 'ill', username: 'u' })).expect('20 02 00 03');
    assert.deepEqual(said(await become('fault')), ['authenticate', 'mind', 'u', 0x88, 'ill']);
    const slow = await stage.knock('5.0', { clientId: 'slow', username: 'u' });
    await stage.heard('mind', 'authenticate', about('slow'));
    slow.reset();
    assert.deepEqual(said(await become('abandoned')), ['connect', null, 'u', 0, 'slow']);
  });

  it('of sessions: opened, taken over, resumed, expired', async () => {
    const session = { clientId: 's', tenant: null, owner: 'user' };
    const fields = { clientId: 's', cleanSession: false, properties: EXPIRY(60) };
    const one = await stage.login('5.0', fields);
    assert.deepEqual(await stage.heard('first', 'sessionOpened', about('s')), session);
    const two = await stage.knock('5.0', { ...fields, username: 'user' });
    await one.expect('e0 01 8e');
    assert.match(await two.readPacket(), /^20 [0-9a-f]{2} 01 00/);
    assert.deepEqual(await stage.heard('first', 'sessionTakenOver', about('s')), session);
    assert.deepEqual(await stage.heard('first', 'sessionResumed', about('s')), session);
    const resumed = await stage.heard('first', 'clientConnected', (news: { sessionPresent: boolean }) => news.sessionPresent);
    assert.equal((resumed.client as { id: string }).id, 's');
    assert.deepEqual(await stage.asked('first', 'sessionExpired'), []);
    // The session ends with the connection now.
    two.send(disconnect(0, EXPIRY(0)));
    assert.deepEqual(await stage.heard('first', 'sessionExpired', about('s')), session);
    const order = stage.events.filter(({ actor, hook }) => actor === 'first' && hook.startsWith('session')).map(({ hook }) => hook);
    assert.deepEqual(order, ['sessionOpened', 'sessionTakenOver', 'sessionResumed', 'sessionExpired']);
    assert.deepEqual(
      (await stage.asked('first', 'clientDisconnected')).map(({ reasonCode }) => reasonCode),
      [0x8e, 0],
    );
  });

  it('of sessions that last beyond their connection: they expire when their time is over', async () => {
    const client = await stage.login('5.0', { clientId: 'short', properties: EXPIRY(1) });
    client.send(disconnect(0));
    await stage.heard('first', 'clientDisconnected', about('short'));
    assert.deepEqual(await stage.asked('first', 'sessionExpired'), []);
    await stage.heard('first', 'sessionExpired', about('short'));
  });

  it('of subscriptions: granted and taken back, not refused ones', async () => {
    await stage.script('mind', {
      loadPolicy: ['policy', { version: 1, rules: [{ effect: 'allow', actions: ['subscribe'], pattern: 'a/#', maxQos: 1, from: 'x' }] }],
    });
    const client = await stage.login('5.0', { clientId: 'sub' });
    client.send(
      subscribe({
        packetId: 1,
        filters: [
          ['a/+', 2],
          ['b', 0],
          ['$share/g/a/b', 0],
        ],
        properties: '',
      }),
    );
    await client.expect('90 06 00 01 00 01 87 00');
    client.send(unsubscribe({ packetId: 2, filters: ['a/+', 'b'], properties: '' }));
    await client.expect('b0 05 00 02 00 00 11');
    await stage.heard('first', 'unsubscribed');
    const who = { clientId: 'sub', tenant: null, owner: 'user' };
    assert.deepEqual(await stage.asked('first', 'subscribed'), [
      { ...who, filter: 'a/+', qos: 1 },
      { ...who, filter: '$share/g/a/b', qos: 0 },
    ]);
    assert.deepEqual(await stage.asked('first', 'unsubscribed'), [{ ...who, filter: 'a/+', qos: 1 }]);
    client.close();
  });

  it('of messages: published and delivered, of every QoS and version, also those of plugins and wills', async () => {
    for (const version of VERSIONS) {
      for (const qos of [0, 1, 2] as const) {
        await stage.forget();
        const more = version === '5.0' ? { properties: '' } : {};
        const client = await stage.login(version, { clientId: 'both' });
        client.send(subscribe({ packetId: 1, filters: [['m', 2]], ...more }));
        await client.readPacket('SUBACK');
        client.send(publish({ topic: 'm', payload: 'abc', qos, packetId: 7, retain: true, ...more }));
        if (qos === 2) client.send(pubrel(7));
        const message = { tenant: null, topic: 'm', qos, payloadBytes: 3 };
        assert.deepEqual(await stage.heard('first', 'messagePublished'), {
          ...message,
          publisher: 'both',
          retain: true,
          payload: { $bytes: '616263' },
        });
        assert.deepEqual(await stage.heard('first', 'messageDelivered'), { ...message, clientId: 'both', retain: false });
        assert.equal((await stage.asked('first', 'messagePublished')).length, 1);
        assert.equal((await stage.asked('first', 'messageDelivered')).length, 1);
        client.send(publish({ topic: 'm', retain: true, ...more }));
        client.close();
        await stage.heard('first', 'sessionExpired', about('both'));
      }
    }
    const testament = await stage.login('3.1.1', { clientId: 'willing', will: { topic: 'will', payload: 'w' } });
    testament.reset();
    const will = await stage.heard('first', 'messagePublished', (news: { topic: string }) => news.topic === 'will');
    assert.deepEqual([will.publisher, will.payload], ['willing', { $bytes: '77' }]);
  });

  it('of messages that were dropped, and why', async () => {
    // A copy beyond what its receiver takes.
    const small = await stage.login('5.0', { clientId: 'small', properties: '27 00 00 00 1e' });
    small.send(subscribe({ packetId: 1, filters: [['big', 1]], properties: '' }));
    await small.expect('90 04 00 01 00 01');
    const sender = await stage.login('5.0', { clientId: 'sender' });
    sender.send(publish({ topic: 'big', payload: 'x'.repeat(40), qos: 1, packetId: 1, properties: '' }));
    assert.deepEqual(await stage.heard('first', 'messageDropped'), { clientId: 'small', tenant: null, topic: 'big', reason: 'too-large', count: 1 });
    await stage.forget();
    // Rights to receive that are not those to subscribe.
    await stage.script('mind', {
      'loadPolicy deaf': [
        'policy',
        { version: 1, rules: [...rules('allow', 't'), { effect: 'deny', actions: ['receive'], pattern: 't', from: 'x' }] },
      ],
    });
    const deaf = await stage.login('5.0', { clientId: 'deaf' });
    deaf.send(subscribe({ packetId: 1, filters: [['t', 0]], properties: '' }));
    await deaf.expect('90 04 00 01 00 00');
    sender.send(publish({ topic: 't', payload: 'x', properties: '' }));
    assert.deepEqual(await stage.heard('first', 'messageDropped'), {
      clientId: 'deaf',
      tenant: null,
      topic: 't',
      reason: 'not-authorized',
      count: 1,
    });
    for (const client of [small, deaf, sender]) client.close();
  });

  it('of publishes that were refused: the whole message is dropped', async () => {
    await stage.script('mind', { 'loadPolicy mute': ['nothing'], 'guardPublish t': ['deny', 'quota'], 'guardPublish f': ['throw'] });
    for (const [chain, clientId, topic, reason] of [
      ['main', 'mute', 't', 'not-authorized'],
      ['guarded', 'loud', 't', 'guard'],
      ['guarded', 'loud', 'f', 'fault'],
    ] as const) {
      for (const qos of [0, 1] as const) {
        await stage.forget();
        const client = await stage.login('5.0', { clientId }, chain);
        client.send(publish({ topic, payload: 'x', qos, packetId: 1, properties: '' }));
        if (reason !== 'fault' || qos === 0) {
          assert.deepEqual(await stage.heard('first', 'messageDropped'), { clientId: null, tenant: null, topic, reason, count: 1 });
        } else {
          // Its publisher keeps what nobody could judge: it is not lost.
          await client.expect('e0 01 83');
          await stage.heard('first', 'clientDisconnected', ({ reasonCode }: { reasonCode: number }) => reasonCode === 0x83);
          assert.deepEqual(await stage.asked('first', 'messageDropped'), []);
        }
        client.close();
        await stage.heard('first', 'sessionExpired');
      }
    }
  });

  it('of changed rights: by which plugin, which version, for how many', async () => {
    const client = await stage.login('5.0', { clientId: 'p' });
    const [found] = (await stage.call('mind', 'sessions.find', { clientId: 'p' })) as unknown[];
    assert.ok(found);
    await stage.forget();
    await stage.call('mind', 'policy.invalidate', { clientId: 'p' }, 1);
    assert.deepEqual(await stage.heard('first', 'policyChanged'), { plugin: 'mind', version: 1, clients: 1 });
    client.close();
  });

  it('reach every listener, and one that throws, rejects or writes into them changes nothing', async () => {
    for (const what of ['throw', 'reject', 'change'] as const) {
      await stage.script('first', Object.fromEntries(NEWS.map((hook) => [hook, [what]])));
      await stage.forget();
      const client = await stage.login('3.1.1', { clientId: `l-${what}` });
      client.send(subscribe({ filters: [['n', 0]] }));
      await client.expect('90 03 00 01 00');
      client.send(publish({ topic: 'n', payload: 'x', qos: 1, packetId: 1 }) + PINGREQ);
      await client.expectAnyOrder(publish({ topic: 'n', payload: 'x' }), '40 02 00 01', 'd0 00');
      client.close();
      await stage.heard('last', 'sessionExpired', about(`l-${what}`));
      for (const hook of ['clientConnected', 'sessionOpened', 'subscribed', 'messagePublished', 'messageDelivered'] as const) {
        assert.deepEqual(await stage.asked('last', hook), await stage.asked('first', hook), hook);
      }
    }
    await stage.broker.waitForOutput(/PCL_PLUGIN_ESCAPED plugin=first/);
  });
});
