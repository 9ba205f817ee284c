import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { Stage } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

const NOTHING: Behaviour = ['policy', { version: 2, rules: [] }];

for (const version of ['3.1.1', '5.0'] as const)
  describe(`what is retained, in ${version}`, () => {
    const properties = version === '5.0' ? { properties: '' } : {};
    let stage: Stage;

    before(async () => {
      const listener = (tenant: string) => ({ url: 'mqtt://127.0.0.1:0', chain: 'main', tenant });
      stage = await Stage.start({
        actors: { mind: { taps: ['authenticate', 'loadPolicy'], entry: { publishTo: ['made/#'] } } },
        chains: { main: { authenticate: ['mind'], authorize: ['mind'] } },
        more: {
          listeners: { acme: listener('acme'), beta: listener('beta'), none: { url: 'mqtt://127.0.0.1:0', chain: 'main' } },
          tenants: { acme: { exports: [{ to: 'beta', topics: ['news/#'], under: 'from/acme', retain: true }] }, beta: {} },
        },
      });
    });
    after(() => stage.stop());
    beforeEach(() => stage.script('mind', {}));

    const login = (tenant: string, clientId: string, username = 'user'): Promise<WireClient> => stage.login(version, { clientId, username }, tenant);
    const counter = async (name: string): Promise<number> => (await stage.call('mind', 'stats.get', name)) as number;

    async function retain(client: WireClient, topic: string, payload: string): Promise<void> {
      client.send(publish({ topic, payload, qos: 1, packetId: 7, retain: true, ...properties }));
      assert.match(await client.readPacket(), /^40 0. 00 07/);
    }

    async function reads(tenant: string, topic: string, payload: string | null): Promise<void> {
      const reader = await login(tenant, 'reader');
      reader.send(subscribe({ packetId: 1, filters: [[topic, 0]], ...properties }));
      await reader.expect(version === '5.0' ? '90 04 00 01 00 00' : '90 03 00 01 00');
      if (payload !== null) await reader.expect(publish({ topic, payload, retain: true, ...properties }));
      await reader.silence();
      reader.close();
    }

    it('by a plugin is not withdrawn because a client that calls itself as the plugin does may not publish it', async () => {
      await stage.call('mind', 'publish.publish', { topic: 'made/a', payload: 'p', tenant: 'acme', retain: true });
      await stage.script('mind', { 'loadPolicy plugin/mind': NOTHING });
      const namesake = await login('acme', 'plugin/mind', 'plugin/mind');
      await namesake.silence();
      await stage.call('mind', 'policy.invalidate', 'all');
      await namesake.silence();
      await reads('acme', 'made/a', 'p');
      namesake.close();
    });

    it('from another tenant is not withdrawn because a client has the name of that tenant', async () => {
      const acme = await login('acme', 'press');
      await retain(acme, 'news/a', 'n');
      await stage.script('mind', { 'loadPolicy tenant/acme': NOTHING });
      const namesake = await login('beta', 'tenant/acme', 'tenant/acme');
      await namesake.silence();
      await reads('beta', 'from/acme/news/a', 'n');
      namesake.close();
      acme.close();
    });

    it('in another tenant, too, is withdrawn with the right of its publisher, and not what somebody there has put in its place', async () => {
      const [acme, beta] = [await login('acme', 'press'), await login('beta', 'press')];
      await retain(acme, 'news/b', 'n');
      await retain(acme, 'news/c', 'n');
      await retain(beta, 'from/acme/news/c', 'own');
      const withdrawn = await counter('retainedWithdrawn');
      await stage.script('mind', { 'loadPolicy press': NOTHING });
      await stage.call('mind', 'policy.invalidate', { clientId: 'press', tenant: 'acme' });
      // Of acme what was exported in the test before, b and c; of beta a and b.
      await acme.silence();
      assert.equal(await counter('retainedWithdrawn'), withdrawn + 5);
      await reads('acme', 'news/b', null);
      await reads('beta', 'from/acme/news/b', null);
      await reads('beta', 'from/acme/news/c', 'own');
      acme.close();
      beta.close();
    });

    for (const [selector, meant] of [
      [{ clientId: 'one' }, ['acme/one', 'beta/one', 'null/one']],
      [{ clientId: 'one', tenant: 'acme' }, ['acme/one']],
      [{ tenant: 'beta' }, ['beta/one', 'beta/two']],
      [{ tenant: null }, ['null/one', 'null/two']],
      [{ username: 'u-two' }, ['acme/two', 'beta/two', 'null/two']],
      [{ username: 'u-one', clientId: 'two' }, []],
      ['all', ['acme/one', 'acme/two', 'beta/one', 'beta/two', 'null/one', 'null/two']],
    ] as const)
      it(`and everything else is judged anew for those who are meant, and for nobody else: ${JSON.stringify(selector)}`, async () => {
        const clients: WireClient[] = [];
        for (const tenant of ['acme', 'beta', 'none']) for (const id of ['one', 'two']) clients.push(await login(tenant, id, `u-${id}`));
        await stage.forget();
        await stage.call('mind', 'policy.invalidate', selector);
        for (const client of clients) await client.silence();
        const asked = (await stage.asked('mind', 'loadPolicy')) as unknown as readonly { client: { id: string }; tenant: string | null }[];
        const ours = asked.filter(({ client }) => client.id === 'one' || client.id === 'two');
        assert.deepEqual(ours.map(({ client, tenant }) => `${tenant}/${client.id}`).sort(), meant);
        for (const client of clients) client.close();
      });
  });
