import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTenantLimits } from '../limits.js';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import { Check } from './client.js';
import { clientOf, connectRequest, gateRig, identified, rules, SESSION_RULES, standingOf } from './gate.test.support.js';
import { type DoorRules, Tenancy, type TenantRules } from './tenancy.js';
import { TopicTable } from './topic-table.js';

const POLICY = [{ plugin: 'rules', grant: { version: 1, rules: rules('+#') } }];

/** Tenants `acme`, `deaf` (not on any listener) and `lost` (under a chain that there is not), at these listeners. */
function admitted(doors: readonly DoorRules[], request: Partial<ConnectRequest> = {}, given?: unknown) {
  const rig = gateRig();
  const { standing, gate } = rig;
  standing.hooks.script.set('loadPolicy', POLICY);
  if (given !== undefined) standing.global.script.set('resolveTenant', given);
  standing.global.tapped.add('connectDecided');
  const tenants: readonly Partial<TenantRules>[] = [{ name: 'acme' }, { name: 'deaf', listeners: [] }, { name: 'lost', chain: 'gone' }];
  const all = tenants.map((own) => ({ name: '', chain: null, listeners: null, limits: makeTenantLimits(), exports: [], ...own }));
  const tenancy = new Tenancy(doors, new Map(all.map((own) => [own.name, own])));
  gate.stand(new Map([['default', standing]]), standing.global, SESSION_RULES, 0, new Map(), tenancy);
  const results: AdmissionResult[] = [];
  gate.admit('default', connectRequest(request), (result) => results.push(result))?.start();
  const [result] = results;
  const told = standing.global.told.map(({ news }) => [news.hook, news.plugin, news.outcome, news.reasonCode]);
  const asked = standing.hooks.asked.map(({ hook }) => hook);
  return { result, told, asked, tenantsAsked: standing.global.asked.length };
}

const local = (tenant: DoorRules['tenant'] = null): DoorRules[] => [{ name: 'local', tenant }];
const ofPlugin = (name: string) => ({ kind: 'given', plugin: 'directory', value: { name } });

test('Who has no tenant where one is needed is refused as an unknown user is, before anybody is asked who he is.', () => {
  const cases: [string, ReturnType<typeof admitted>, string | null][] = [
    ['a listener that is not in the configuration', admitted([{ name: 'other' }]), null],
    ['a username without a tenant', admitted(local({ by: 'username', separator: '/', tenantFirst: true }), { username: 'ann' }), null],
    ['a tenant that there is not, by the listener', admitted(local({ by: 'name', name: 'nobody' })), null],
    ['a tenant that there is not, by a plugin', admitted(local(), {}, ofPlugin('nobody')), 'directory'],
    ['a tenant that is not admitted on the listener', admitted(local({ by: 'name', name: 'deaf' })), null],
  ];
  for (const [what, { result, told, asked }, plugin] of cases) {
    assert.deepEqual(result, { kind: 'refused', reasonCode: 0x86 }, what);
    assert.deepEqual(told, [['resolveTenant', plugin, 'deny', 0x86]], what);
    assert.deepEqual(asked, [], what);
  }
});

test('A tenant whose chain is not in the configuration is a fault, and its clients are let in by no other chain.', () => {
  for (const { result, told, asked } of [admitted(local({ by: 'name', name: 'lost' })), admitted(local(), {}, ofPlugin('lost'))]) {
    assert.deepEqual(result, { kind: 'refused', reasonCode: 0x88 });
    assert.equal(told[0]?.[2], 'fault');
    assert.deepEqual(asked, []);
  }
});

test('A tenant that is told with the question is not looked for, and counts as any other.', () => {
  const { result, tenantsAsked } = admitted(local({ by: 'name', name: 'deaf' }), { tenant: 'acme' }, ofPlugin('nobody'));
  assert.ok(result?.kind === 'accepted');
  assert.deepEqual([result.client.tenant, tenantsAsked], ['acme', 0]);
  assert.equal(admitted(local(), { tenant: 'nobody' }).result?.kind, 'refused');
});

test('A server name stands for a tenant when the listener lists it, and for none under the names of the language.', () => {
  const doors = local({ by: 'sni', names: { 'acme.example': 'acme' } });
  for (const [serverName, tenant] of [
    ['acme.example', 'acme'],
    ['other.example', null],
    ['', null],
    ['constructor', null],
    ['__proto__', null],
  ] as const) {
    const { result } = admitted(doors, { tls: { protocol: 'TLSv1.3', serverName, certificate: null } });
    assert.deepEqual(result?.kind === 'accepted' ? result.client.tenant : null, tenant, serverName);
  }
  assert.deepEqual(admitted(doors, { tls: null }).result, { kind: 'refused', reasonCode: 0x86 });
});

test('The deadline of a client with a chain of its own is that of its chain, from its CONNECT on.', () => {
  const { gate, standing, clock } = gateRig();
  const own = standingOf({ name: 'own', deadlineMs: 700 });
  own.hooks.script.set('authenticate', identified('ann'));
  own.hooks.script.delete('loadPolicy');
  const tenant = { name: 'acme', chain: 'own', listeners: null, limits: makeTenantLimits(), exports: [] };
  const tenancy = new Tenancy(local({ by: 'name', name: 'acme' }), new Map([['acme', tenant]]));
  const chains = new Map([
    ['default', standing],
    ['own', own],
  ]);
  gate.stand(chains, standing.global, SESSION_RULES, 0, new Map(), tenancy);
  const begunAt = clock.now();
  gate.admit('default', connectRequest(), () => {})?.start();
  assert.deepEqual(new Set(own.hooks.asked.map(({ deadlineAt }) => deadlineAt)), new Set([begunAt + 700]));
  assert.equal(standing.hooks.asked.length, 0);
});

test('A suspended subscription brings nothing, whatever the rules say by then.', () => {
  const client = clientOf(rules('+#'));
  const topic = new TopicTable(16).intern('a');
  for (const more of [0, Check.RECEIVE, Check.SUBSCRIBE_ALLOW]) {
    assert.equal(client.mayReceive(topic, Check.SUSPENDED | more), false);
    assert.equal(client.passesSubscribe(topic, Check.SUSPENDED | more), false);
  }
  assert.deepEqual([client.mayReceive(topic, Check.PROVEN), client.mayReceive(topic, Check.RECEIVE)], [true, true]);
});
