import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import { Answer } from '../policy/index.js';
import { certificateWith } from './certificate.test.support.js';
import type { Standing } from './client.js';
import { ALLOW, clientOf, DENY, FAULT, gateRig, rules, SKIP, standingOf } from './gate.test.support.js';
import { LeaseKeeper } from './leases.js';
import type { GateChain } from './options.js';

interface Given {
  readonly leaseSeconds?: number;
  readonly policyLeaseSeconds?: number;
  readonly chain?: Partial<GateChain>;
  readonly refresh?: boolean;
  /** How long the client's certificate still lasts, in milliseconds. */
  readonly certificateMs?: number;
}

function scene(given: Given = {}) {
  const rig = gateRig({ ...(given.chain === undefined ? {} : { chain: given.chain }) });
  const { standing, clock, gate } = rig;
  standing.hooks.script.delete('loadPolicy');
  if (given.refresh !== false) standing.hooks.tapped.add('users refreshIdentity');
  const certificate = given.certificateMs === undefined ? null : { ...certificateWith({}), validTo: clock.wall() + given.certificateMs };
  const client = clientOf(rules('+old'), standing, {
    leaseSeconds: given.leaseSeconds ?? null,
    identifiedAt: clock.now(),
    tls: { protocol: 'TLSv1.3', serverName: '', certificate },
  });
  client.policyLeaseSeconds = given.policyLeaseSeconds ?? null;
  const ended: number[] = [];
  let changes = 0;
  const keeper = new LeaseKeeper(
    gate,
    client,
    (code) => ended.push(code),
    () => {
      changes += 1;
    },
  );
  const asked = standing.hooks.asked;
  const may = (topic: string): boolean => client.binding.check('publish', topic, 0, false, -1) === Answer.ALLOW;
  return { ...rig, client, keeper, ended, asked, may, changes: () => changes };
}

function invalidate(keeper: LeaseKeeper): void {
  keeper.invalidate();
}

function renew(keeper: LeaseKeeper, standing: Standing): void {
  keeper.renew(standing);
}

function policy(version: number | string, pattern: string, leaseSeconds?: number) {
  const grant = { version, rules: rules(pattern) };
  return [{ plugin: 'rules', grant: leaseSeconds === undefined ? grant : { ...grant, leaseSeconds } }];
}

function refreshed(leaseSeconds: number | null): Outcome {
  return { kind: 'allow', plugin: 'users', grant: null, data: null, leaseSeconds };
}

test('Without leases nobody is ever asked.', () => {
  const { clock, asked, ended } = scene();
  clock.advance(100_000_000);
  assert.deepEqual([asked.length, ended.length], [0, 0]);
});

test('At the end of its lease an identity is confirmed by the plugin that allowed it, again and again.', () => {
  const { clock, asked, ended } = scene({ leaseSeconds: 60 });
  clock.advance(59_000);
  assert.equal(asked.length, 0);
  clock.advance(1100);
  assert.deepEqual([asked[0]?.plugin, asked[0]?.hook, asked[0]?.request.ageSeconds], ['users', 'refreshIdentity', 60]);
  asked[0]?.answer(refreshed(null));
  clock.advance(60_100);
  assert.equal(asked.length, 2);
  assert.equal(asked[1]?.request.ageSeconds, 60);
  asked[1]?.answer(refreshed(10));
  clock.advance(10_100);
  assert.equal(asked.length, 3);
  assert.deepEqual(ended, []);
});

test('Whoever came with a certificate goes when it is over, whatever the lease.', () => {
  for (const lease of [{}, { leaseSeconds: 1_000_000 }]) {
    const { clock, ended, client } = scene({ ...lease, certificateMs: 10_000_000 });
    clock.advance(9_999_900);
    assert.deepEqual(ended, []);
    clock.advance(200);
    assert.deepEqual([ended, client.barred], [[0x87], true]);
    clock.advance(20_000_000);
    assert.deepEqual(ended, [0x87]);
  }
});

test('Whoever came with a certificate that was over a moment later goes at once, and not before it can be told.', () => {
  for (const certificateMs of [0, -1000]) {
    const { clock, ended } = scene({ certificateMs });
    assert.deepEqual(ended, []);
    clock.advance(100);
    assert.deepEqual(ended, [0x87]);
  }
});

test('The end of a certificate does not matter to a connection that has ended, nor without one.', () => {
  const { clock, ended, keeper } = scene({ certificateMs: 1000 });
  keeper.stop();
  const without = scene();
  clock.advance(10_000);
  without.clock.advance(1_000_000_000);
  assert.deepEqual([ended, without.ended], [[], []]);
});

test('An identity that is denied ends the connection with the code of the reason.', () => {
  const { clock, asked, ended } = scene({ leaseSeconds: 60 });
  clock.advance(60_100);
  asked[0]?.answer(DENY);
  assert.deepEqual(ended, [0x98]);
  clock.advance(1_000_000);
  assert.equal(asked.length, 1);
});

test('Where nobody can confirm it, the lease is the greatest age of the session.', () => {
  const { clock, asked, ended } = scene({ leaseSeconds: 60, refresh: false });
  clock.advance(60_100);
  assert.deepEqual([asked.length, ended], [0, [0x87]]);
});

test('An identity that cannot be confirmed ends the connection at once when there is no grace.', () => {
  for (const outcome of [FAULT, SKIP, { kind: 'pass', maxQos: 2 }]) {
    const { clock, asked, ended } = scene({ leaseSeconds: 60 });
    clock.advance(60_100);
    asked[0]?.answer(outcome);
    assert.deepEqual(ended, [0x89]);
  }
});

test('Within the grace it is tried again every half second, and the connection ends with the grace.', () => {
  const { clock, asked, ended } = scene({ leaseSeconds: 60, chain: { staleGraceMs: 1200 } });
  clock.advance(60_025);
  asked[0]?.answer(FAULT);
  clock.advance(550);
  asked[1]?.answer(FAULT);
  clock.advance(550);
  asked[2]?.answer(FAULT);
  assert.deepEqual(ended, []);
  clock.advance(200);
  asked[3]?.answer(FAULT);
  assert.deepEqual(ended, [0x89]);
  assert.equal(asked.length, 4);
});

test('A confirmation within the grace begins the lease anew, and the next failure has the whole grace again.', () => {
  const { clock, asked, ended, client } = scene({ leaseSeconds: 60, chain: { staleGraceMs: 600 } });
  clock.advance(60_025);
  asked[0]?.answer(FAULT);
  clock.advance(550);
  asked[1]?.answer(refreshed(null));
  clock.advance(60_025);
  asked[2]?.answer(FAULT);
  assert.deepEqual([ended, client.barred], [[], false]);
});

test('An identity that was confirmed by another way is not asked about until its new lease ends.', () => {
  const { clock, asked, ended, keeper } = scene({ leaseSeconds: 60 });
  clock.advance(60_100);
  keeper.identityConfirmed();
  assert.equal(asked[0]?.cancelled, true);
  clock.advance(59_000);
  assert.equal(asked.length, 1);
  clock.advance(1100);
  assert.equal(asked.length, 2);
  assert.deepEqual(ended, []);
});

test('At the end of a policy lease the rights are loaded, and the answer is in force at once.', () => {
  const { clock, asked, ended, client, may, changes } = scene({ policyLeaseSeconds: 300 });
  client.knownVersions = new Map<string, number | string>([['rules', 1]]);
  clock.advance(300_100);
  assert.equal(asked[0]?.request.reason, 'lease');
  assert.deepEqual([may('old'), may('new')], [true, false]);
  asked[0]?.answer(policy(2, '+new', 100));
  assert.deepEqual([may('old'), may('new'), changes()], [false, true, 1]);
  assert.deepEqual([...client.knownVersions], [['rules', 2]]);
  clock.advance(100_100);
  assert.equal(asked.length, 2);
  asked[1]?.answer(policy(3, '+new'));
  clock.advance(1_000_000);
  assert.equal(asked.length, 2);
  assert.deepEqual(ended, []);
});

test('Rights that cannot be loaded end the connection after the grace; until then the old ones are in force.', () => {
  const { clock, asked, ended, may } = scene({ policyLeaseSeconds: 300, chain: { staleGraceMs: 700 } });
  clock.advance(300_025);
  asked[0]?.answer(FAULT);
  assert.deepEqual([ended, may('old')], [[], true]);
  clock.advance(550);
  asked[1]?.answer(FAULT);
  assert.deepEqual(ended, []);
  clock.advance(250);
  asked[2]?.answer(FAULT);
  assert.deepEqual(ended, [0x89]);
});

test('Without a grace one fault of the policy source is the end.', () => {
  const { clock, asked, ended } = scene({ policyLeaseSeconds: 300 });
  clock.advance(300_100);
  asked[0]?.answer(FAULT);
  assert.deepEqual(ended, [0x89]);
});

test('An invalidation while a load is in flight asks again, and the earlier answer is never installed.', () => {
  const { asked, keeper, may, changes } = scene();
  invalidate(keeper);
  invalidate(keeper);
  assert.equal(asked[0]?.cancelled, true);
  // A host that answers although it was told not to.
  (asked[0] as { cancelled: boolean }).cancelled = false;
  asked[1]?.answer(policy(2, '+new'));
  asked[0]?.answer(policy(1, '+older'));
  assert.deepEqual([may('new'), may('older'), changes()], [true, false, 1]);
});

test('While one load is in flight the end of the lease does not begin another, whose earlier answer could win.', () => {
  const { asked, keeper, may, clock } = scene({ policyLeaseSeconds: 1 });
  invalidate(keeper);
  clock.advance(10_000);
  assert.equal(asked.length, 1);
  asked[0]?.answer(policy(2, '+new', 1));
  clock.advance(1100);
  assert.deepEqual([may('new'), asked.length], [true, 2]);
  // And the other way round.
  invalidate(keeper);
  assert.equal(asked[1]?.cancelled, true);
});

test('An answer below the version that was announced is thrown away and asked for again, for as long as an answer may take.', () => {
  const { asked, keeper, may, clock, client, ended } = scene({ chain: { deadlineMs: 1200 } });
  client.announce('rules', 5);
  invalidate(keeper);
  asked[0]?.answer(policy(4, '+older'));
  assert.deepEqual([may('old'), may('older'), ended.length], [true, false, 0]);
  clock.advance(550);
  asked[1]?.answer(policy(5, '+new'));
  assert.deepEqual([may('new'), ended.length], [true, 0]);
  invalidate(keeper);
  for (let i = 2; i < 5; i += 1) {
    asked[i]?.answer(policy(4, '+older'));
    clock.advance(550);
  }
  asked[5]?.answer(policy(4, '+older'));
  assert.deepEqual([may('older'), ended], [false, [0x89]]);
});

test('A client knows that its rights are older than what was announced.', () => {
  const { client } = scene();
  client.knownVersions = new Map<string, number | string>([['rules', 4]]);
  assert.equal(client.outdated, false);
  client.announce('rules', 4);
  assert.equal(client.outdated, false);
  client.announce('rules', 6);
  client.announce('rules', 5);
  assert.deepEqual([client.outdated, client.announced?.get('rules')], [true, 6]);
  client.knownVersions = new Map<string, number | string>([['rules', 'a string cannot be compared']]);
  assert.equal(client.outdated, false);
});

test('With a new generation the rights come from its plugins, and stay the old ones until they are there.', () => {
  const { asked, keeper, may, client, standing, ended } = scene();
  const next = standingOf({}, { generation: 2 });
  next.hooks.script.delete('loadPolicy');
  renew(keeper, next);
  assert.equal(asked.length, 0);
  assert.equal(next.hooks.asked[0]?.request.reason, 'reload');
  assert.equal(client.standing, standing);
  next.hooks.asked[0]?.answer(policy(1, '+new'));
  assert.deepEqual([client.standing.generation, may('new'), may('old'), ended.length], [2, true, false, 0]);
});

test('After a fault the new generation is asked again, not the old one.', () => {
  const { asked, keeper, may, clock, client } = scene({ chain: { staleGraceMs: 1000 } });
  const next = standingOf({ staleGraceMs: 1000 }, { generation: 2 });
  next.hooks.script.delete('loadPolicy');
  renew(keeper, next);
  next.hooks.asked[0]?.answer(FAULT);
  clock.advance(550);
  assert.deepEqual([asked.length, next.hooks.asked.length], [0, 2]);
  next.hooks.asked[1]?.answer(policy(1, '+new'));
  assert.deepEqual([client.standing.generation, may('new')], [2, true]);
});

test('A new generation confirms the identity anew, also one that was just being confirmed.', () => {
  const { asked, keeper, clock, ended, client } = scene({ leaseSeconds: 60 });
  clock.advance(60_100);
  const next = standingOf({}, { generation: 2 });
  next.hooks.script.set('loadPolicy', policy(1, '+new'));
  next.hooks.tapped.add('users refreshIdentity');
  renew(keeper, next);
  assert.equal(asked[0]?.cancelled, true);
  const refreshes = () => next.hooks.asked.filter(({ hook }) => hook === 'refreshIdentity');
  refreshes()[0]?.answer(refreshed(null));
  clock.advance(60_100);
  assert.equal(refreshes().length, 2);
  assert.deepEqual([ended.length, client.barred], [0, false]);
  refreshes()[1]?.answer(DENY);
  assert.deepEqual([ended, client.barred], [[0x98], true]);
});

test('A client whose authority is not in the new generation has to go, and nothing is published in its name.', () => {
  const { keeper, ended, client } = scene();
  const next = standingOf({ authenticate: ['others'] }, { generation: 2 });
  renew(keeper, next);
  assert.deepEqual([ended, client.barred, next.hooks.asked.length], [[0x87], true, 0]);
});

test('Rights that are still to be loaded are owed, until they are there.', () => {
  const { keeper, asked, client, standing } = scene();
  assert.equal(client.owed, null);
  invalidate(keeper);
  assert.equal(client.owed, standing);
  asked[0]?.answer(policy(1, '+new'));
  assert.equal(client.owed, null);
});

test('An identity that could not be confirmed in time is barred; rights that could not be loaded stay owed.', () => {
  const identity = scene({ leaseSeconds: 60 });
  identity.clock.advance(60_100);
  identity.asked[0]?.answer(FAULT);
  assert.equal(identity.client.barred, true);
  const rights = scene();
  invalidate(rights.keeper);
  rights.asked[0]?.answer(FAULT);
  assert.deepEqual([rights.client.barred, rights.client.owed], [false, rights.standing]);
});

test('Whatever was asked is cancelled when the connection ends, and an answer that comes all the same changes nothing.', () => {
  const { asked, keeper, clock, may, ended, changes } = scene({ leaseSeconds: 60 });
  clock.advance(60_100);
  invalidate(keeper);
  keeper.stop();
  assert.deepEqual(
    asked.map(({ cancelled }) => cancelled),
    [true, true],
  );
  for (const question of asked) (question as { cancelled: boolean }).cancelled = false;
  asked[0]?.answer(DENY);
  asked[1]?.answer(policy(1, '+new'));
  asked[1]?.answer(FAULT);
  invalidate(keeper);
  const next = standingOf({ authenticate: ['others'] });
  renew(keeper, next);
  assert.equal(next.hooks.asked.length, 0);
  clock.advance(1_000_000);
  assert.deepEqual([may('new'), ended.length, changes(), asked.length], [false, 0, 0, 2]);
});

test('A rule that does not compile is a fault of the source, not a policy with fewer rules.', () => {
  const { asked, keeper, ended } = scene();
  invalidate(keeper);
  asked[0]?.answer([{ plugin: 'rules', grant: { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'a/#/b', from: 'x' }] } }]);
  assert.deepEqual(ended, [0x89]);
});

test('Decisions about a client are told.', () => {
  const { asked, clock, standing } = scene({ leaseSeconds: 60 });
  standing.global.tapped.add('decisionMade');
  clock.advance(60_100);
  asked[0]?.answer({ ...(ALLOW as object), leaseSeconds: null });
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.hook, news.outcome, news.action]),
    [['refreshIdentity', 'allow', 'refresh']],
  );
});
