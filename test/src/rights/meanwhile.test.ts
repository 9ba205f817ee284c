import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Stage, usualIndex } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

const METHOD = '15 00 01 4d';
const REAUTHENTICATE = `f0 06 19 04 ${METHOD}`;
const REAUTHENTICATED = `f0 06 00 04 ${METHOD}`;

describe('rights that change in the middle of something', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy', 'authenticateEnhanced', 'messageDropped'], methods: ['M'] },
        judge: {
          taps: ['authorize'],
          index: usualIndex({ decides: { authorize: ['allow', 'deny', 'skip'] }, capabilities: ['policy', 'sessions'] }),
        },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        code: { authenticate: ['mind'], authorize: ['mind', 'judge'] },
      },
    });
  });
  after(() => stage.stop());
  beforeEach(async () => {
    for (const actor of ['mind', 'judge']) await stage.script(actor, {});
    await stage.forget();
    next += 1;
  });

  const counter = async (name: string): Promise<number> => (await stage.call('mind', 'stats.get', name)) as number;

  for (const version of ['3.1.1', '5.0'] as const)
    it(`are asked of code again for a filter that it allowed before, though the SUBSCRIBE is answered after (${version})`, async () => {
      const properties = version === '5.0' ? { properties: '' } : {};
      const id = `c${next}`;
      const client = await stage.login(version, { clientId: id }, 'code');
      await stage.script('judge', { 'authorize second': ['hold', ['allow']] });
      client.send(
        subscribe({
          packetId: 1,
          filters: [
            ['first', 0],
            ['second', 0],
          ],
          ...properties,
        }),
      );
      await stage.heard('judge', 'authorize', (request: { topic: string }) => request.topic === 'second');
      const done = await counter('revocationsDone');
      await stage.call('judge', 'policy.invalidate', { clientId: id });
      while ((await counter('revocationsDone')) === done) await stage.forget();
      // What it may receive is another question, and is still allowed.
      await stage.script('judge', { 'authorize first': ['deny', 'not-authorized'], 'authorize subscribe': ['allow'] });
      await client.expect(version === '5.0' ? '90 05 00 01 00 00 00' : '90 04 00 01 00 00');
      await stage.script('judge', {});
      const sender = await stage.login(version, { clientId: 'sender' });
      sender.send(`${publish({ topic: 'first', payload: 'x', ...properties })} ${publish({ topic: 'second', payload: 'y', ...properties })}`);
      await client.expect(publish({ topic: 'second', payload: 'y', ...properties }));
      await client.silence();
      client.close();
      sender.close();
    });

  for (const [changes, says, reason] of [
    [1, 'asked of code again for a will', 'not-authorized'],
    [4, 'not chased for ever: the will is not published', 'fault'],
  ] as const)
    it(`are ${says}, whose client is gone while they change ${changes === 1 ? 'once' : 'again and again'}`, async () => {
      const id = `c${next}`;
      const heir = await stage.login('5.0', { clientId: `heir${next}` });
      heir.send(subscribe({ packetId: 1, filters: [['will', 0]], properties: '' }));
      await heir.expect('90 04 00 01 00 00');
      const client = await stage.login('5.0', { clientId: id, will: { topic: 'will', payload: 'w' } }, 'code');
      await stage.script('judge', { 'authorize will': ['hold', ['allow']] });
      await stage.forget();
      client.reset();
      for (let i = 1; i <= changes; i += 1) {
        await stage.heard('judge', 'authorize', (request: { topic: string }) => request.topic === 'will');
        await stage.forget();
        await stage.call('mind', 'policy.invalidate', { clientId: id });
        await stage.script('judge', { 'authorize will': changes === 1 ? ['deny', 'not-authorized'] : ['hold', ['allow']] });
      }
      await stage.heard('mind', 'messageDropped', (news: { reason: string }) => news.reason === reason);
      await heir.silence();
      heir.close();
    });

  async function authenticated(id: string, groups: readonly string[]): Promise<WireClient> {
    await stage.script('mind', { authenticateEnhanced: ['allow', { identity: { username: 'u', groups } }] });
    const client = await stage.login('5.0', { clientId: id, username: 'u', properties: METHOD });
    await stage.forget();
    return client;
  }

  it('are loaded for the groups that a re-authentication has found, and those before are lost', async () => {
    const client = await authenticated(`c${next}`, ['admin']);
    client.send(subscribe({ packetId: 1, filters: [['t', 0]], properties: '' }));
    await client.expect('90 04 00 01 00 00');
    await stage.script('mind', {
      authenticateEnhanced: ['allow', { identity: { username: 'u', groups: ['guest'] } }],
      loadPolicy: ['policy', { version: 1, rules: [] }],
    });
    client.send(REAUTHENTICATE);
    await client.expect(REAUTHENTICATED);
    const { identity, reason } = await stage.heard('mind', 'loadPolicy');
    assert.deepEqual([identity, reason], [{ username: 'u', groups: ['guest'] }, 'invalidated']);
    while ((await counter('subscriptionsSuspended')) === 0) await stage.forget();
    client.send(publish({ topic: 't', qos: 1, packetId: 2, properties: '' }));
    await client.expect('40 03 00 02 87');
    client.close();
  });

  it('are not asked for when a re-authentication finds the client as it was', async () => {
    const client = await authenticated(`c${next}`, ['admin']);
    client.send(REAUTHENTICATE);
    await client.expect(REAUTHENTICATED);
    await client.silence();
    assert.equal((await stage.asked('mind', 'loadPolicy')).length, 0);
    client.close();
  });
});
