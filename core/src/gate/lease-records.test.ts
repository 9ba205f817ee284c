import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import { clientOf, FAULT, gateRig, PASS, rules, SKIP } from './gate.test.support.js';
import { LeaseKeeper } from './leases.js';

const CONFIRMED: Outcome = { kind: 'allow', plugin: 'users', grant: null, data: null, leaseSeconds: null };

/** A client whose identity and rights are asked for again after a minute. */
function scene(hook: 'refreshIdentity' | 'loadPolicy') {
  const rig = gateRig({ chain: { staleGraceMs: 700 } });
  const { standing, clock, gate } = rig;
  standing.hooks.script.delete('loadPolicy');
  standing.hooks.tapped.add('users refreshIdentity');
  standing.global.tapped.add('decisionMade');
  gate.decisions.allowedEvery = 1;
  const client = clientOf(rules('+old'), standing, { leaseSeconds: hook === 'refreshIdentity' ? 60 : null, identifiedAt: clock.now() });
  client.policyLeaseSeconds = hook === 'loadPolicy' ? 60 : null;
  const ended: [number, string][] = [];
  new LeaseKeeper(
    gate,
    client,
    (code, detail) => ended.push([code, detail]),
    () => {},
  );
  clock.advance(60_025);
  const told = (): unknown[] =>
    standing.global.told.map(({ news }) => [
      news.outcome,
      news.hook,
      news.plugin,
      news.action,
      news.topic,
      news.rule,
      news.reasonCode,
      news.username,
    ]);
  const lines = (): string[] => rig.lines.map((line) => line.slice(line.indexOf(' ') + 1));
  return { ...rig, client, ended, told, lines, answer: (outcome: unknown) => standing.hooks.asked.at(-1)?.answer(outcome) };
}

test('Each answer about an identity is told and logged, with who gave it and what became of the connection.', () => {
  const cases: [Outcome, unknown[], [number, string][], RegExp][] = [
    [CONFIRMED, ['allow', 'refreshIdentity', 'users', 'refresh', null, null, 0, 'ann'], [], /^info {2}client confirmed .* plugin=users code=0x00$/],
    [
      { kind: 'deny', plugin: 'users', reason: 'banned' },
      ['deny', 'refreshIdentity', 'users', 'refresh', null, null, 0x98, 'ann'],
      [[0x98, 'the identity no longer stands']],
      /^info {2}client no longer allowed .* plugin=users code=0x98$/,
    ],
    [
      FAULT,
      ['fault', 'refreshIdentity', 'users', 'refresh', null, null, 0x89, 'ann'],
      [],
      /^warn {2}client not confirmed: unavailable .* plugin=users code=0x89 detail="it broke"$/,
    ],
    [
      SKIP,
      ['fault', 'refreshIdentity', 'users', 'refresh', null, null, 0x89, 'ann'],
      [],
      /^warn {2}client not confirmed: unavailable .* detail="an authority answered skip"$/,
    ],
    [
      PASS,
      ['fault', 'refreshIdentity', 'users', 'refresh', null, null, 0x89, 'ann'],
      [],
      /^warn {2}client not confirmed: unavailable .* detail="an authority answered pass"$/,
    ],
  ];
  for (const [outcome, told, ended, line] of cases) {
    const one = scene('refreshIdentity');
    one.answer(outcome);
    assert.deepEqual(one.told(), [told], outcome.kind);
    assert.deepEqual(one.ended, ended, outcome.kind);
    assert.equal(one.lines().length, 1, outcome.kind);
    assert.match(one.lines()[0] ?? '', line);
    assert.equal(one.client.barred, outcome.kind === 'deny', outcome.kind);
  }
});

test('An identity that could not be confirmed for the whole grace bars its client, in its own words.', () => {
  const one = scene('refreshIdentity');
  one.answer(FAULT);
  assert.equal(one.client.barred, false);
  one.clock.advance(525);
  one.answer(FAULT);
  assert.deepEqual([one.client.barred, one.ended], [false, []]);
  one.clock.advance(225);
  one.answer(FAULT);
  assert.equal(one.client.barred, true);
  assert.deepEqual(one.ended, [[0x89, 'the identity could not be confirmed']]);
  assert.equal(one.told().length, 3);
});

test('Rights that could not be loaded are told and logged, and in the end close the connection without barring its client.', () => {
  const one = scene('loadPolicy');
  assert.notEqual(one.client.owed, null);
  one.answer(FAULT);
  assert.deepEqual(one.told(), [['fault', 'loadPolicy', 'code', 'refresh', null, null, 0x89, 'ann']]);
  assert.match(one.lines()[0] ?? '', /^warn {2}client not confirmed: unavailable .* hook=loadPolicy plugin=code code=0x89 detail="it broke"$/);
  assert.deepEqual(one.ended, []);
  one.clock.advance(525);
  one.answer(FAULT);
  one.clock.advance(225);
  one.answer(FAULT);
  assert.deepEqual(one.ended, [[0x89, 'the rights could not be loaded: it broke']]);
  assert.equal(one.client.barred, false, 'its will waits for its rights');
  assert.equal(one.client.owed, one.standing);
});

test('Rights that were loaded again stand at once, with their version and lease, and are no news of a decision.', () => {
  const one = scene('loadPolicy');
  one.answer([{ plugin: 'rules', grant: { version: 7, rules: rules('+new'), leaseSeconds: 30 } }]);
  assert.deepEqual([one.told(), one.lines(), one.ended], [[], [], []]);
  const { client } = one;
  assert.deepEqual([client.owed, client.policyLeaseSeconds, client.knownVersions.get('rules')], [null, 30, 7]);
  assert.equal(client.rightsEndAt, one.clock.now() + 30_000);
  assert.deepEqual([client.rules('publish', 'new', 0, false), client.rules('publish', 'old', 0, false)], [1, 0]);
});
