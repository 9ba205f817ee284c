import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyGrant } from '@portcullis/sdk';
import { Answer } from '../policy/index.js';
import { certificateWith } from './certificate.test.support.js';
import { FAULT, type FakeStanding, INFO, OVERLOAD, rules, standingOf } from './gate.test.support.js';
import { type LoadedPolicy, loadPolicy, type PolicyFault, type PolicySubject } from './policy-loader.js';

const ANN: PolicySubject = { info: INFO, identity: { username: 'ann', attributes: { site: 'x1' } }, tenant: 'acme', tls: null };

type Answers = { plugin: string; grant: PolicyGrant | null }[];

function load(standing: FakeStanding, answers: unknown, subject = ANN, known = new Map<string, number | string>()): LoadedPolicy | PolicyFault {
  standing.hooks.script.set('loadPolicy', answers);
  const results: (LoadedPolicy | PolicyFault)[] = [];
  loadPolicy(standing, subject, 'connect', known, 99, (result) => results.push(result));
  assert.equal(results.length, 1);
  return results[0] as LoadedPolicy | PolicyFault;
}

function loaded(result: LoadedPolicy | PolicyFault): LoadedPolicy {
  assert.equal(result.kind, 'policy', result.kind === 'fault' ? result.detail : '');
  return result as LoadedPolicy;
}

const may = (result: LoadedPolicy, topic: string): boolean => result.binding.check('publish', topic, 0, false, -1) === Answer.ALLOW;

test('Templates and own rules of all sources are bound together, with the values of the client.', () => {
  const standing = standingOf();
  standing.engine.setTemplate('a', 'shared', rules('+shared/%u'));
  const answers: Answers = [
    { plugin: 'a', grant: { version: 1, templates: ['shared'], rules: rules('+own/%c', '+t/%{tenant}', '+s/%{attr.site}') } },
    { plugin: 'none', grant: null },
    { plugin: 'b', grant: { version: 'v7', rules: rules('-own/secret', '+b') } },
  ];
  const result = loaded(load(standing, answers));
  assert.deepEqual(
    ['shared/ann', 'shared/bob', 'own/c1', 't/acme', 's/x1', 'b', 'c'].map((topic) => may(result, topic)),
    [true, false, true, true, true, true, false],
  );
  assert.deepEqual(result.sources, ['a', 'b']);
  assert.deepEqual(
    [...result.versions],
    [
      ['a', 1],
      ['b', 'v7'],
    ],
  );
});

test('An anonymous client has no username for rules.', () => {
  const result = loaded(
    load(standingOf(), [{ plugin: 'a', grant: { version: 1, rules: rules('+u/%u') } }], { ...ANN, identity: { anonymous: true } }),
  );
  assert.equal(may(result, 'u/'), false);
  assert.equal(may(result, 'u/null'), false);
});

test('The common name is that of a verified certificate.', () => {
  const certificate = certificateWith({ commonName: 'dev1' });
  const answers = [{ plugin: 'a', grant: { version: 1, rules: rules('+cn/%{cn}') } }];
  assert.equal(may(loaded(load(standingOf(), answers, { ...ANN, tls: { protocol: '', serverName: '', certificate } })), 'cn/dev1'), true);
  assert.equal(may(loaded(load(standingOf(), answers)), 'cn/dev1'), false);
});

test('The shortest lease of all sources holds.', () => {
  const grant = (leaseSeconds?: number): PolicyGrant => (leaseSeconds === undefined ? { version: 1 } : { version: 1, leaseSeconds });
  const leases = (...given: (number | undefined)[]) =>
    loaded(
      load(
        standingOf(),
        given.map((lease, i) => ({ plugin: `p${i}`, grant: grant(lease) })),
      ),
    ).leaseSeconds;
  assert.equal(leases(300, 20, 40), 20);
  assert.equal(leases(undefined, 40), 40);
  assert.equal(leases(undefined), null);
});

test('Sources that know nothing grant nothing.', () => {
  const result = loaded(load(standingOf(), [{ plugin: 'a', grant: null }]));
  assert.deepEqual([may(result, 'a'), result.sources], [false, []]);
});

test('A fault of one source is a fault of the whole, and says so.', () => {
  assert.deepEqual(load(standingOf(), FAULT), { kind: 'fault', plugin: 'code', overload: false, outdated: false, detail: 'it broke' });
  assert.deepEqual(load(standingOf(), OVERLOAD), { kind: 'fault', plugin: 'code', overload: true, outdated: false, detail: 'no room' });
});

test('An unknown template, a template of another plugin, and a rule that does not compile are faults of the plugin that gave them.', () => {
  const standing = standingOf();
  standing.engine.setTemplate('other', 'theirs', rules('+a'));
  const good = { plugin: 'good', grant: { version: 1, rules: rules('+a') } };
  const bad: PolicyGrant[] = [
    { version: 1, templates: ['missing'] },
    { version: 1, templates: ['theirs'] },
    { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'a/#/b', from: 'x' }] },
    { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: '%{nonsense}', from: 'x' }] },
  ];
  for (const grant of bad) {
    const result = load(standing, [good, { plugin: 'bad', grant }]);
    assert.deepEqual([result.kind, result.kind === 'fault' ? result.plugin : ''], ['fault', 'bad']);
  }
});

test('A number below the announced version is refused as outdated; the same, a greater one and a string are not.', () => {
  const subject = { ...ANN, announced: new Map([['a', 5]]) };
  const result = (plugin: string, version: number | string) => load(standingOf(), [{ plugin, grant: { version } }], subject);
  const old = result('a', 4);
  assert.deepEqual([old.kind, old.kind === 'fault' ? old.outdated : null, old.kind === 'fault' ? old.plugin : null], ['fault', true, 'a']);
  for (const version of [5, 6, 'any']) assert.equal(result('a', version).kind, 'policy');
  assert.equal(result('b', 1).kind, 'policy');
});

test('Sources are told why they are asked and what they gave last.', () => {
  const standing = standingOf();
  const known = new Map([['a', 3]]);
  load(standing, [], ANN, known);
  const [asked] = standing.hooks.asked;
  assert.deepEqual([asked?.request.reason, asked?.request.knownVersions, asked?.deadlineAt], ['connect', known, 99]);
  assert.deepEqual([asked?.request.client, asked?.request.identity, asked?.request.tenant], [INFO, ANN.identity, 'acme']);
});

test('A load that takes its time can be cancelled.', () => {
  const standing = standingOf();
  standing.hooks.script.delete('loadPolicy');
  let results = 0;
  const pending = loadPolicy(standing, ANN, 'lease', new Map(), 1, () => {
    results += 1;
  });
  pending?.cancel();
  standing.hooks.asked[0]?.answer([]);
  assert.equal(results, 0);
});
