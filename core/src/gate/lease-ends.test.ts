import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldAuthorize, type Judgement } from './fold.js';
import { clientOf, gateRig, rules, SKIP, standingOf } from './gate.test.support.js';
import { LeaseKeeper } from './leases.js';

const POLICY = (leaseSeconds?: number) => [
  { plugin: 'rules', grant: { version: 1, rules: rules('+a'), ...(leaseSeconds === undefined ? {} : { leaseSeconds }) } },
];

function scene(policyLeaseSeconds: number | null, changed: (keeper: LeaseKeeper) => void = () => {}) {
  const rig = gateRig();
  rig.standing.hooks.script.delete('loadPolicy');
  const client = clientOf(rules('+a'), rig.standing);
  client.policyLeaseSeconds = policyLeaseSeconds;
  const ended: number[] = [];
  const keeper: LeaseKeeper = new LeaseKeeper(
    rig.gate,
    client,
    (code) => ended.push(code),
    () => changed(keeper),
  );
  return { ...rig, client, keeper, ended, asked: rig.standing.hooks.asked };
}

test('Rights end with their lease, or never.', () => {
  const { client, clock, asked } = scene(60);
  assert.equal(client.rightsEndAt, clock.now() + 60_000);
  clock.advance(60_100);
  asked[0]?.answer(POLICY());
  assert.equal(client.rightsEndAt, Number.POSITIVE_INFINITY);
  clock.advance(10_000_000);
  assert.equal(asked.length, 1, 'rights without a lease are not asked for again');
  assert.equal(scene(null).client.rightsEndAt, Number.POSITIVE_INFINITY);
});

test('Rights that were loaded ahead of time have the whole of their lease.', () => {
  const { client, clock, asked, keeper } = scene(60);
  clock.advance(50_000);
  keeper.invalidate();
  asked[0]?.answer(POLICY(60));
  assert.equal(client.rightsEndAt, clock.now() + 60_000);
  clock.advance(59_000);
  assert.equal(asked.length, 1);
  clock.advance(1100);
  assert.equal(asked.length, 2);
});

test('Nobody is asked for the rights of a connection that has ended.', () => {
  const { clock, asked, keeper, ended } = scene(60);
  keeper.stop();
  clock.advance(1_000_000);
  keeper.invalidate();
  assert.deepEqual([asked.length, ended], [0, []]);
});

test('A change of rights that makes them be loaded once more leaves that load open, and it ends with the connection.', () => {
  let again = true;
  const { asked, keeper, standing } = scene(null, (own) => {
    if (!again) return;
    again = false;
    standing.hooks.script.delete('loadPolicy');
    own.invalidate();
  });
  standing.hooks.script.set('loadPolicy', POLICY());
  keeper.invalidate();
  assert.equal(asked.length, 2);
  assert.equal(asked[1]?.cancelled, false);
  keeper.stop();
  assert.equal(asked[1]?.cancelled, true);
});

test('A template that changes while code is asked makes the question be put anew, although the rights are the same object.', () => {
  const standing = standingOf({ authorize: ['rules', 'code'] });
  standing.hooks.tapped.add('code authorize');
  standing.engine.setTemplate('rules', 't', rules('+a'));
  const client = clientOf([], standing);
  client.stand(
    standing,
    standing.engine.bind({ combine: 'deny-overrides', variables: client.binding, sources: [{ plugin: 'rules', templates: ['t'], rules: null }] }),
    ['rules'],
  );
  const judged: Judgement[] = [];
  const question = { action: 'publish', request: {}, rules: (source: number) => client.binding.check('publish', 'a', 0, false, source) } as const;
  foldAuthorize(client, question, 1000, (judgement) => judged.push(judgement));
  standing.engine.setTemplate('rules', 't', rules('-a'));
  standing.hooks.asked[0]?.answer(SKIP);
  assert.equal(judged.length, 0);
  standing.hooks.asked[1]?.answer(SKIP);
  assert.equal(judged[0]?.outcome, 'deny');
});
