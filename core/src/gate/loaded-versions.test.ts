import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyGrant } from '@portcullis/sdk';
import { INFO, rules, standingOf } from './gate.test.support.js';
import { type LoadedPolicy, loadPolicy, type PolicyFault } from './policy-loader.js';

type Answers = readonly { readonly plugin: string; readonly grant: PolicyGrant | null }[];

function load(answers: Answers, announced: ReadonlyMap<string, number> | null = null): LoadedPolicy | PolicyFault {
  const standing = standingOf();
  standing.hooks.script.set('loadPolicy', answers);
  const results: (LoadedPolicy | PolicyFault)[] = [];
  const subject = { info: INFO, identity: { username: 'ann' }, tenant: null, tls: null, announced };
  loadPolicy(standing, subject, 'connect', new Map(), 99, (result) => results.push(result));
  return results[0] as LoadedPolicy | PolicyFault;
}

const gives = (plugin: string, version: number | string) => ({ plugin, grant: { version, rules: rules('+a') } });

test('Each client goes by the sources and versions of its own answers, whoever was asked for just before.', () => {
  const cases: Answers[] = [
    [gives('a', 1)],
    [gives('a', 2)],
    [gives('b', 2)],
    [gives('a', 2), gives('b', 2)],
    [gives('b', 2), gives('a', 2)],
    [{ plugin: 'a', grant: null }, gives('b', 2)],
    [gives('b', '2')],
    [],
    [gives('a', 1)],
  ];
  for (const answers of cases) {
    const result = load(answers);
    assert.equal(result.kind, 'policy');
    const given = answers.filter(({ grant }) => grant !== null);
    assert.deepEqual(
      (result as LoadedPolicy).sources,
      given.map(({ plugin }) => plugin),
    );
    assert.deepEqual(
      [...(result as LoadedPolicy).versions],
      given.map(({ plugin, grant }) => [plugin, grant?.version]),
    );
  }
});

test('Clients with the same answers share what is known of them.', () => {
  const [first, second] = [load([gives('a', 1)]), load([gives('a', 1)])] as [LoadedPolicy, LoadedPolicy];
  assert.equal(first.versions, second.versions);
  assert.equal(first.sources, second.sources);
});

test('An answer from before what was announced is a fault of its source that is no overload; a text is never older.', () => {
  const announced = new Map([['a', 5]]);
  assert.deepEqual(load([gives('a', 4)], announced), {
    kind: 'fault',
    plugin: 'a',
    overload: false,
    outdated: true,
    detail: 'loadPolicy: version 4 is older than 5, which was announced',
  });
  for (const version of ['4', '1', '']) assert.equal(load([gives('a', version)], announced).kind, 'policy', version);
});

test('Rights that cannot be bound are a fault that is neither overload nor outdated.', () => {
  const result = load([{ plugin: 'a', grant: { version: 1, templates: ['missing'] } }]);
  assert.ok(result.kind === 'fault');
  assert.deepEqual([result.plugin, result.overload, result.outdated], ['a', false, false]);
  assert.match(result.detail, /there is no template "missing"/);
});
