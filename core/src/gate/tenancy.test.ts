import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TlsEvidence } from '@portcullis/sdk';
import { makeTenantLimits } from '../limits.js';
import type { AdmissionResult } from './admission-types.js';
import { certificateWith } from './certificate.test.support.js';
import { connectRequest, gateRig, identified, SESSION_RULES, standingOf } from './gate.test.support.js';
import { Mount } from './mount.js';
import { Tenancy, type TenantRule, type TenantRules } from './tenancy.js';

function tenant(name: string, given: Partial<TenantRules> = {}): readonly [string, TenantRules] {
  return [name, { name, chain: null, listeners: null, limits: makeTenantLimits(), exports: [], ...given }];
}

function tenancy(rule: TenantRule | null = null, ...tenants: (readonly [string, TenantRules])[]): Tenancy {
  return new Tenancy([{ name: 'local', tenant: rule }], tenants.length === 0 ? null : new Map(tenants));
}

function organisations(...O: string[]): TlsEvidence {
  return { protocol: 'TLSv1.3', serverName: '', certificate: certificateWith({ fields: { O } }) };
}

test('The first separator divides tenant and user where the tenant comes first, the last where it comes behind.', () => {
  const first = tenancy({ by: 'username', separator: '/', tenantFirst: true });
  assert.deepEqual(first.resolve('local', 'a/b/c', null), { tenant: 'a', username: 'b/c' });
  const last = tenancy({ by: 'username', separator: '@', tenantFirst: false });
  assert.deepEqual(last.resolve('local', 'a@b@c', null), { tenant: 'c', username: 'a@b' });
  for (const username of [null, '', 'a', 'a/']) assert.ok('refused' in first.resolve('local', username, null), `${username}`);
});

test('A field of a subject is its whole value, never a piece of another, and counts only when it stands there once.', () => {
  const rule = tenancy({ by: 'certificate', field: 'O' });
  const of = (...values: string[]): string | null => {
    const found = rule.resolve('local', 'u', organisations(...values));
    return 'refused' in found ? null : found.tenant;
  };
  assert.equal(of('acme'), 'acme');
  assert.equal(of('acme,O=beta'), 'acme,O=beta');
  assert.equal(of(), null);
  assert.equal(of('acme', 'acme'), null);
  assert.equal(of('acme', 'beta'), null);
  assert.ok('refused' in rule.resolve('local', 'u', null));
});

test('A listener without a rule has clients without a tenant; one that is not in the configuration has none where that matters.', () => {
  assert.deepEqual(tenancy().resolve('local', 'u', null), { tenant: null, username: 'u' });
  assert.deepEqual(tenancy().resolve('gone', 'u', null), { tenant: null, username: 'u' });
  assert.ok('refused' in tenancy(null, tenant('a')).resolve('gone', 'u', null));
  const mounted = new Tenancy([{ name: 'local', mountpoint: 'm/' }]);
  assert.ok('refused' in mounted.resolve('gone', 'u', null));
  const all = [tenancy(), tenancy({ by: 'name', name: 'a' }, tenant('a')), mounted];
  for (const one of all) for (const other of all) assert.equal(one.agrees(other, 'local'), one === other);
  assert.ok(all[1]?.agrees(tenancy({ by: 'name', name: 'a' }, tenant('a'), tenant('b')), 'local'));
});

test('A tenant has its place where it is admitted, under its own chain or that of the listener; one that is not there has none.', () => {
  const some = tenancy(null, tenant('a'), tenant('b', { chain: 'own' }), tenant('c', { listeners: ['other'] }));
  assert.deepEqual(some.place('local', 'a', 'x'), { chain: 'x' });
  assert.deepEqual(some.place('local', 'b', 'x'), { chain: 'own' });
  assert.deepEqual(some.place('local', 'c', 'x'), { refused: 'the tenant is not admitted on this listener' });
  assert.deepEqual(some.place('local', 'd', 'x'), { refused: 'there is no such tenant' });
  assert.deepEqual(some.place('local', null, 'x'), { chain: 'x' });
  // Where none are configured, those that plugins name are there.
  assert.deepEqual(tenancy().place('local', 'd', 'x'), { chain: 'x' });
  assert.deepEqual([some.knows('a'), some.knows('d'), tenancy().knows('d')], [true, false, true]);
});

test('A tenant is lost when the next configuration does not have it, not when neither has any.', () => {
  const [none, some] = [tenancy(), tenancy(null, tenant('a'))];
  assert.deepEqual([some.hasLost('b', none), some.hasLost('a', none), none.hasLost('a', some), none.hasLost('b', some)], [true, false, true, false]);
  assert.equal(none.hasLost('a', none), false);
});

test('A CONNECT keeps to the tenants and chains of the configuration by which it was begun.', () => {
  const { gate, standing } = gateRig();
  const own = standingOf({ name: 'own' });
  own.hooks.script.set('authenticate', identified('bob'));
  const chains = new Map([
    ['default', standing],
    ['own', own],
  ]);
  gate.stand(chains, standing.global, SESSION_RULES, 0, new Map(), tenancy(null, tenant('a', { chain: 'own' })));
  standing.global.script.delete('resolveTenant');
  const results: AdmissionResult[] = [];
  gate.admit('default', connectRequest(), (result) => results.push(result))?.start();
  gate.stand(new Map([['default', standingOf()]]), standing.global, SESSION_RULES, 0, new Map(), tenancy(null, tenant('b')));
  standing.global.asked[0]?.answer({ kind: 'given', plugin: 't', value: { name: 'a' } });
  const [result] = results;
  assert.ok(result?.kind === 'accepted');
  assert.deepEqual([result.client.tenant, result.client.username, result.client.standing], ['a', 'bob', own]);
  // Whether it still gets a session is for the configuration that is in force.
  assert.equal(gate.standingAt('local', 'a', 'default'), undefined);
});

test('The chain of the tenant has its own deadline, from the same beginning.', () => {
  const { gate, standing, clock } = gateRig({ chain: { deadlineMs: 1000 } });
  const own = standingOf({ name: 'own', deadlineMs: 3000 });
  gate.stand(
    new Map([
      ['default', standing],
      ['own', own],
    ]),
    standing.global,
    SESSION_RULES,
    0,
    new Map(),
    tenancy({ by: 'name', name: 'a' }, tenant('a', { chain: 'own' })),
  );
  const began = clock.now();
  gate.admit('default', connectRequest(), () => {})?.start();
  assert.equal(standing.global.asked[0]?.deadlineAt, began + 1000);
  assert.deepEqual(new Set(own.hooks.asked.map(({ deadlineAt }) => deadlineAt)), new Set([began + 3000]));
  assert.equal(standing.hooks.asked.length, 0);
});

test('A mountpoint is put before names and taken from them; what does not lie below it has no name there.', () => {
  const mount = new Mount('m/é/');
  assert.deepEqual(
    [mount.topic('/x'), mount.filter('+/#'), mount.filter('$share/g/+/#'), mount.filter('$SYS/#')],
    ['m/é//x', 'm/é/+/#', '$share/g/m/é/+/#', 'm/é/$SYS/#'],
  );
  // No filter at all: it must not become one.
  assert.equal(mount.filter('$share/g'), '$share/g');
  const strip = (topic: string): string | null => mount.stripped(Buffer.from(topic))?.toString() ?? null;
  assert.deepEqual(
    [strip('m/é/x'), strip('m/é//'), strip('m/é/'), strip('m/é'), strip('m/e/x'), strip('x/m/é/x')],
    ['x', '/', null, null, null, null],
  );
  assert.equal(mount.joined(Buffer.from('..abc..'), 2, 5).toString(), 'm/é/abc');
});
