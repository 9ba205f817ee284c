import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { PINGREQ, PINGRESP, publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import type { Behaviour } from './actor.js';
import { bytes, rules, Stage, usualIndex, VERSIONS, type Version } from './stage.js';

const LASTING = { cleanSession: false, properties: '11 00 00 00 3c' };
const policy = (version: number | string, list: readonly object[], more: object = {}): Behaviour => ['policy', { version, rules: list, ...more }];

describe('the services of a plugin', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: {
          taps: ['authenticate', 'loadPolicy', 'resolveTenant', 'messagePublished', 'policyChanged'],
          entry: { publishTo: ['out/#', 'exact'] },
        },
        quiet: { taps: ['admitClient'] },
        poor: { taps: ['admitClient'], index: usualIndex({ decides: {}, capabilities: [] }), entry: { publishTo: ['out/#'] } },
        other: { taps: ['authenticate'] },
      },
      chains: {
        main: { guards: ['quiet', 'poor'], authenticate: ['mind'], authorize: ['mind'] },
        grace: { guards: ['quiet', 'poor'], authenticate: ['mind', 'other'], authorize: ['mind'], staleGraceMs: 60_000 },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    await stage.script('mind', {});
    await stage.forget();
  });

  const login = (version: Version = '5.0', fields: object = {}, chain = 'main'): Promise<WireClient> => {
    next += 1;
    return stage.login(version, { clientId: `c${next}`, ...fields }, chain);
  };

  async function subscriber(filter: string, qos = 0, fields: object = {}, chain = 'main'): Promise<WireClient> {
    const client = await login('5.0', fields, chain);
    client.send(subscribe({ packetId: 1, filters: [[filter, qos]], properties: '' }));
    await client.expect(`90 04 00 01 00 0${qos}`);
    return client;
  }

  it('need the capability: without it each of them throws, and nothing happens', async () => {
    const client = await subscriber('out/#');
    for (const [name, ...args] of [
      ['publish.publish', { topic: 'out/x', payload: 'x' }],
      ['sessions.find', { username: 'user' }],
      ['sessions.disconnect', { username: 'user' }],
      ['sessions.recheck', { username: 'user' }],
      ['sessions.release', 'c1'],
      ['policy.invalidate', 'all'],
      ['policy.setTemplate', 't', []],
      ['policy.removeTemplate', 't'],
      ['policy.forgetTemplate', 't'],
      ['retained.get', 'x'],
      ['retained.match', '#'],
    ] as const) {
      await assert.rejects(stage.call('poor', name, ...args), /capability/, name);
    }
    await client.silence();
    client.close();
  });

  describe('publish', () => {
    it('reaches subscribers as any message does, with its properties, and is retained', async () => {
      const client = await subscriber('out/#', 1);
      const properties = { contentType: 'text', userProperties: [['k', 'v']], correlationData: bytes('id'), responseTopic: 'back' };
      await stage.call('mind', 'publish.publish', { topic: 'out/a', payload: 'text', qos: 1, retain: true, properties });
      assert.match(await client.readPacket(), /^32 .* 00 01 .*74 65 78 74$/);
      client.send('40 02 00 01');
      await stage.call('mind', 'publish.publish', { topic: 'out/b', payload: bytes('bytes') });
      await client.expect(publish({ topic: 'out/b', payload: 'bytes', properties: '' }));
      const late = await subscriber('out/a');
      assert.match(await late.readPacket(), /^31 /);
      assert.deepEqual(await stage.call('mind', 'retained.get', 'out/a'), { topic: 'out/a', payload: { $bytes: '74657874' }, qos: 1 });
      client.close();
      late.close();
    });

    it('is told of as published by the plugin', async () => {
      await stage.call('mind', 'publish.publish', { topic: 'exact', payload: 'abc', qos: 2 });
      assert.deepEqual(await stage.heard('mind', 'messagePublished'), {
        publisher: 'plugin/mind',
        tenant: null,
        topic: 'exact',
        qos: 2,
        retain: false,
        payloadBytes: 3,
        payload: { $bytes: '616263' },
      });
    });

    it('stays within what the entry grants', async () => {
      const client = await subscriber('#');
      await client.expect(await lastRetained('out/a'));
      for (const topic of ['outside', 'exact/x', 'out', '$SYS/x', '', 'out/+', 'out/\u0000']) {
        if (topic === 'out') await stage.call('mind', 'publish.publish', { topic, payload: 'x' });
        else await assert.rejects(stage.call('mind', 'publish.publish', { topic, payload: 'x' }), JSON.stringify(topic));
      }
      await assert.rejects(stage.call('quiet', 'publish.publish', { topic: 'out/x', payload: 'x' }), /publishTo/);
      await client.expect(publish({ topic: 'out', payload: 'x', properties: '' }));
      await client.silence();
      client.close();
    });

    async function lastRetained(topic: string): Promise<string> {
      const client = await subscriber(topic);
      const packet = await client.readPacket();
      client.close();
      return packet;
    }

    it('goes to the tenant that it names', async () => {
      await stage.script('mind', { resolveTenant: ['tenant', { name: 'red' }] });
      const red = await subscriber('out/#');
      await stage.script('mind', {});
      const none = await subscriber('out/new');
      await stage.call('mind', 'publish.publish', { topic: 'out/new', payload: 'x', tenant: 'red' });
      await red.expect(publish({ topic: 'out/new', payload: 'x', properties: '' }));
      await none.silence();
      red.close();
      none.close();
    });

    it('is judged at its receivers as everything is', async () => {
      const client = await subscriber('out/secret');
      await stage.script('mind', { loadPolicy: policy(2, rules('deny', 'out/secret')) });
      await stage.call('mind', 'policy.invalidate', 'all');
      await stage.call('mind', 'publish.publish', { topic: 'out/secret', payload: 'x' });
      await client.silence();
      client.close();
    });
  });

  describe('sessions', () => {
    it('finds clients by identifier, name and tenant, connected or not', async () => {
      await stage.script('mind', {
        'authenticate find-me': ['allow', { identity: { username: 'found' } }],
        'resolveTenant find-me': ['tenant', { name: 'acme' }],
      });
      const client = await login('5.0', { clientId: 'find-me', ...LASTING });
      const summary = { clientId: 'find-me', tenant: 'acme', username: 'found', address: '127.0.0.1', connected: true };
      for (const selector of [
        { clientId: 'find-me' },
        { username: 'found' },
        { tenant: 'acme' },
        { clientId: 'find-me', username: 'found', tenant: 'acme' },
        { connected: true, tenant: 'acme' },
      ]) {
        assert.deepEqual(await stage.call('quiet', 'sessions.find', selector), [summary]);
      }
      assert.deepEqual(await stage.call('quiet', 'sessions.find', { clientId: 'find-me', username: 'user' }), []);
      assert.deepEqual(await stage.call('quiet', 'sessions.find', { clientId: 'find-me', tenant: null }), []);
      const other = await login('5.0', { clientId: 'no-tenant' });
      const everybody = (await stage.call('quiet', 'sessions.find', { connected: true })) as { clientId: string }[];
      assert.deepEqual(
        ['find-me', 'no-tenant'].map((id) => everybody.some(({ clientId }) => clientId === id)),
        [true, true],
      );
      assert.equal(((await stage.call('quiet', 'sessions.find', { clientId: 'no-tenant', tenant: null })) as unknown[]).length, 1);
      other.close();
      for (const selector of [{}, { clientId: 7 }, { connected: false }]) {
        await assert.rejects(stage.call('quiet', 'sessions.find', selector));
      }
      assert.equal(await stage.call('quiet', 'sessions.disconnect', { clientId: 'find-me' }), 1);
      await client.expect('e0 01 98');
      await client.expectClosed();
      assert.deepEqual(await stage.call('quiet', 'sessions.find', { clientId: 'find-me' }), [{ ...summary, connected: false }]);
      assert.deepEqual(await stage.call('quiet', 'sessions.find', { clientId: 'find-me', connected: true }), []);
      assert.equal(await stage.call('quiet', 'sessions.disconnect', { clientId: 'find-me' }), 0);
    });

    it('disconnects with the code that it is told; 3.x is closed', async () => {
      for (const version of VERSIONS) {
        const client = await login(version, { clientId: 'away' });
        assert.equal(await stage.call('quiet', 'sessions.disconnect', { clientId: 'away' }, 0x9d), 1);
        if (version === '5.0') await client.expect('e0 01 9d');
        await client.expectClosed();
      }
      for (const code of [0, 0x7f, 0x100, 'x']) await assert.rejects(stage.call('quiet', 'sessions.disconnect', { clientId: 'away' }, code));
    });

    it('sends no code that a DISCONNECT may not carry', async () => {
      const client = await login('5.0', { clientId: 'odd' });
      await stage.call('quiet', 'sessions.disconnect', { clientId: 'odd' }, 0x86);
      await client.expect('e0 01 87');
      await client.expectClosed();
    });

    it('releases a client identifier that nobody is connected with', async () => {
      const client = await login('5.0', { clientId: 'mine', username: 'ann', ...LASTING });
      assert.equal(await stage.call('quiet', 'sessions.release', 'mine'), false);
      await stage.call('quiet', 'sessions.disconnect', { clientId: 'mine' });
      await client.expect('e0 01 98');
      await (await stage.knock('5.0', { clientId: 'mine', username: 'bob' })).expect('20 03 00 85 00');
      assert.equal(await stage.call('quiet', 'sessions.release', 'mine', 'acme'), false);
      assert.equal(await stage.call('quiet', 'sessions.release', 'mine'), true);
      assert.equal(await stage.call('quiet', 'sessions.release', 'mine'), false);
      const bob = await login('5.0', { clientId: 'mine', username: 'bob' });
      bob.close();
    });

    it('asks for the rights of clients again', async () => {
      const client = await subscriber('re/1', 0, { clientId: 'again' });
      await stage.script('mind', { loadPolicy: policy(2, rules('allow', 're/2')) });
      assert.equal(await stage.call('quiet', 'sessions.recheck', { clientId: 'again' }), 1);
      client.send(publish({ topic: 're/1', payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await client.expect('40 03 00 01 87');
      const sender = await login('5.0', { clientId: 'old-rights' });
      await sender.silence();
      client.close();
      sender.close();
    });
  });

  describe('policy', () => {
    it('changes rights of those who are connected by a template, at once', async () => {
      await stage.call('mind', 'policy.setTemplate', 'shared', rules('allow', 'tpl/#'));
      await stage.script('mind', { loadPolicy: ['policy', { version: 1, templates: ['shared'] }] });
      const receiver = await subscriber('tpl/a');
      const sender = await login('3.1.1');
      const send = async (payload: string): Promise<void> => {
        sender.send(publish({ topic: 'tpl/a', payload }) + PINGREQ);
        await sender.expect(PINGRESP);
      };
      await send('1');
      await receiver.expect(publish({ topic: 'tpl/a', payload: '1', properties: '' }));
      await stage.forget();
      await stage.call('mind', 'policy.setTemplate', 'shared', [
        ...rules('allow', 'tpl/#'),
        { effect: 'deny', actions: ['receive'], pattern: 'tpl/a', from: 'x' },
      ]);
      await stage.heard('mind', 'policyChanged');
      await send('2');
      await receiver.silence();
      await stage.call('mind', 'policy.setTemplate', 'shared', rules('allow', 'tpl/#'));
      await send('3');
      await receiver.expect(publish({ topic: 'tpl/a', payload: '3', properties: '' }));
      await stage.call('mind', 'policy.forgetTemplate', 'shared');
      await send('bound');
      await receiver.expect(publish({ topic: 'tpl/a', payload: 'bound', properties: '' }));
      await stage.call('mind', 'policy.removeTemplate', 'shared');
      await send('4');
      await receiver.silence();
      assert.equal((await stage.asked('mind', 'loadPolicy')).length, 0);
      receiver.close();
      sender.close();
    });

    it('changes nothing by a template that does not compile', async () => {
      await stage.call('mind', 'policy.setTemplate', 'sound', rules('allow', 'sound/#'));
      await stage.script('mind', { loadPolicy: ['policy', { version: 1, templates: ['sound'] }] });
      const client = await subscriber('sound/a');
      for (const bad of [
        [{ effect: 'allow', actions: ['publish'], pattern: 'a/#/b', from: 'x' }],
        [{ effect: 'grant', actions: ['publish'], pattern: 'a', from: 'x' }],
        'all',
        [null],
      ]) {
        await assert.rejects(stage.call('mind', 'policy.setTemplate', 'sound', bad));
      }
      client.send(publish({ topic: 'sound/a', payload: 'x', properties: '' }));
      await client.expect(publish({ topic: 'sound/a', payload: 'x', properties: '' }));
      client.close();
    });

    it('makes an invalidation effective on a subscription that is there, live and queued', async () => {
      const receiver = await subscriber('inv/a', 1, { clientId: 'inv', ...LASTING });
      const sender = await login('3.1.1', { username: 'sender' });
      sender.send(publish({ topic: 'inv/a', payload: '1', qos: 1, packetId: 1 }));
      await receiver.expect(publish({ topic: 'inv/a', payload: '1', qos: 1, packetId: 1, properties: '' }));
      receiver.send('40 02 00 01');
      await stage.script('mind', { 'loadPolicy inv': policy(2, rules('allow', 'inv/b')) });
      await stage.call('mind', 'policy.invalidate', { clientId: 'inv' }, 2);
      sender.send(publish({ topic: 'inv/a', payload: '2', qos: 1, packetId: 2 }));
      await sender.expect('40 02 00 01 40 02 00 02');
      await receiver.silence();
      // What was refused is gone; when the right comes back, so does what is published from then on.
      await stage.script('mind', { 'loadPolicy inv': policy(3, rules('allow', '#')) });
      await stage.call('mind', 'policy.invalidate', { clientId: 'inv' }, 3);
      sender.send(publish({ topic: 'inv/a', payload: '3', qos: 1, packetId: 3 }));
      await receiver.expect(publish({ topic: 'inv/a', payload: '3', qos: 1, packetId: 2, properties: '' }));
      receiver.close();
      sender.close();
    });

    it('does not deliver what was queued by rights that are gone', async () => {
      const first = await subscriber('q/#', 1, { clientId: 'away', ...LASTING });
      await stage.call('quiet', 'sessions.disconnect', { clientId: 'away' });
      await first.expect('e0 01 98');
      const sender = await login('3.1.1', { username: 'sender' });
      for (const [index, topic] of ['q/a', 'q/b'].entries()) sender.send(publish({ topic, payload: 'x', qos: 1, packetId: index + 1 }));
      await sender.expect('40 02 00 01 40 02 00 02');
      await stage.script('mind', { 'loadPolicy away': policy(2, rules('allow', 'q/b')) });
      await stage.call('mind', 'policy.invalidate', { clientId: 'away' }, 2);
      const back = await login('5.0', { clientId: 'away', ...LASTING });
      await back.expect(publish({ topic: 'q/b', payload: 'x', qos: 1, packetId: 1, properties: '' }));
      back.send('40 02 00 01');
      await back.silence();
      back.close();
      sender.close();
    });

    it('throws away an answer that is older than the version it was told of, and asks again', async () => {
      const client = await login('5.0', { clientId: 'fresh' }, 'grace');
      await stage.script('mind', { loadPolicy: policy(4, rules('allow', 'old')) });
      await stage.forget();
      await stage.call('mind', 'policy.invalidate', { clientId: 'fresh' }, 5);
      await stage.heard('mind', 'loadPolicy');
      client.send(publish({ topic: 'fine', qos: 1, packetId: 1, properties: '' }));
      await client.expect('40 03 00 01 10');
      await stage.forget();
      await stage.script('mind', { loadPolicy: policy(5, rules('deny', 'fine')) });
      await stage.heard('mind', 'loadPolicy');
      for (let packetId = 2, answer = ''; !answer.endsWith('87'); packetId += 1) {
        client.send(publish({ topic: 'fine', qos: 1, packetId, properties: '' }));
        answer = await client.readPacket();
      }
      client.close();
    });

    it('does not let a client in by rights that were invalidated while it was asked for', async () => {
      await stage.script('mind', { 'loadPolicy racing': ['hold', policy(1, rules('allow', '#'))] });
      const client = await stage.knock('5.0', { clientId: 'racing', username: 'u' }, 'grace');
      await stage.heard('mind', 'loadPolicy');
      await stage.call('mind', 'policy.invalidate', 'all', 2);
      await stage.script('mind', { loadPolicy: policy(2, rules('deny', '#')) });
      await client.readPacket('CONNACK');
      client.send(publish({ topic: 't', qos: 1, packetId: 1, properties: '' }));
      await client.expect('40 03 00 01 87');
      client.close();
    });
  });

  it('read retained messages', async () => {
    const sender = await login('5.0');
    for (const topic of ['ret/1', 'ret/2', 'ret/3']) {
      sender.send(publish({ topic, payload: topic, qos: 1, packetId: 1, retain: true, properties: '' }));
      await sender.readPacket();
    }
    assert.deepEqual(await stage.call('mind', 'retained.get', 'ret/2'), { topic: 'ret/2', payload: { $bytes: '7265742f32' }, qos: 1 });
    assert.equal(await stage.call('mind', 'retained.get', 'ret/4'), undefined);
    assert.equal(await stage.call('mind', 'retained.get', 'ret/2', 'acme'), undefined);
    const topics = async (filter: string, options?: object): Promise<string[]> =>
      ((await stage.call('mind', 'retained.match', filter, ...(options === undefined ? [] : [options]))) as { topic: string }[])
        .map(({ topic }) => topic)
        .sort();
    assert.deepEqual(await topics('ret/+'), ['ret/1', 'ret/2', 'ret/3']);
    assert.equal((await topics('ret/#', { limit: 2 })).length, 2);
    assert.deepEqual(await topics('ret/#', { tenant: 'acme' }), []);
    await assert.rejects(stage.call('mind', 'retained.match', 'a/#/b'));
    sender.close();
  });

  it('count and show: metrics among those of the broker', async () => {
    await stage.call('mind', 'metrics.count', 'things', 2);
    await stage.call('mind', 'metrics.count', 'things');
    await stage.call('mind', 'metrics.gauge', 'level', -1.5);
    assert.equal(await stage.call('quiet', 'stats.get', 'plugin.mind.things'), 3);
    assert.equal(await stage.call('quiet', 'stats.get', 'plugin.mind.level'), -1.5);
    assert.equal(await stage.call('quiet', 'stats.get', 'constructor'), undefined);
    assert.ok(((await stage.call('quiet', 'stats.names')) as string[]).includes('clientsConnected'));
    for (const [name, value] of [
      ['', 1],
      ['a b', 1],
      ['x', 'y'],
    ] as const)
      await assert.rejects(stage.call('mind', 'metrics.count', name, value));
  });

  it('log under the name of the plugin', async () => {
    await stage.call('mind', 'log.warn', { table: 'users' }, 'a row is odd');
    await stage.broker.waitForOutput(/warn {2}a row is odd plugin=mind table=users/);
  });
});
