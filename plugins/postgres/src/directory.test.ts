import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rule, SourceVersions } from '@portcullis/sdk';
import type { Database, Decode } from './database.js';
import type { State } from './decode-rows.js';
import { Directory } from './directory.js';
import { RealTimers } from './real-timers.js';
import type { Settings } from './settings.js';
import { type Statement, statementsOf } from './statements.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Question {
  readonly statement: string;
  readonly values: readonly string[];
  answer(given: object): void;
}

/** A database whose answers the test gives, when it likes. */
class Rig {
  readonly asked: Question[] = [];
  readonly templates = new Map<string, readonly Rule[]>();
  readonly versions = new SourceVersions();
  readonly directory: Directory;

  constructor({ maxKeptBytes = 1_000_000, queries = null as Settings['queries'] } = {}) {
    this.versions.observe('e', 1);
    const settings = {
      schema: 'portcullis',
      queries,
      replicas: [],
      leaseMs: 300_000,
      maxUsers: 100,
      maxKeptBytes,
      maxGroups: 10,
    } as unknown as Settings;
    const ask = <Answer extends State>({ name }: Statement, values: readonly string[], _decode: Decode<Answer>): Promise<Answer> =>
      new Promise((resolve) => {
        this.asked.push({ statement: name, values, answer: (given) => resolve({ version: 1, epoch: 'e', ...given } as Answer) });
      });
    this.directory = new Directory({
      settings,
      statements: statementsOf(settings),
      database: { ask } as unknown as Database,
      versions: this.versions,
      timers: new RealTimers(),
      policy: {
        setTemplate: (name, rules) => void this.templates.set(name, rules),
        removeTemplate: () => {},
        forgetTemplate: () => true,
        replaceTemplates: () => {},
        invalidate: () => {},
      },
      groupFailed: () => {},
    });
  }

  async answer(at: number, given: object): Promise<void> {
    await turn();
    this.asked[at]?.answer(given);
    await turn();
  }
}

const user = (passwordHash: string, ownRules: string | null = null): object => ({
  user: { passwordHash, isEnabled: true, groups: [], attributes: {}, ownRules },
});
const OWN_QUERIES: Settings['queries'] = { user: 'select 1', rules: 'select 1', everybodyRules: 'select 1' };
/** As the database lists rules. */
const listed = (pattern: string): string => JSON.stringify([[1, 'allow', ['publish'], pattern, null, null]]);
const rule = (pattern: string): Rule => ({ effect: 'allow', actions: ['publish'], pattern, from: pattern });

test('what was read before a change is never used, whichever answer comes first', async () => {
  const rig = new Rig({ queries: OWN_QUERIES });
  const found = rig.directory.user(null, 'bob');
  const rights = rig.directory.rights(null, 'bob');
  const templates = rig.directory.templates(null, []);
  await turn();
  assert.deepEqual(rig.asked.map(({ statement }) => statement).sort(), ['everybodyRules', 'rules', 'user']);
  rig.directory.userChanged(null, 'bob');
  rig.directory.groupChanged(null, null);
  for (const at of [0, 1, 2]) await rig.answer(at, rig.asked[at]?.statement === 'user' ? user('old') : { rules: [rule('old')] });
  assert.deepEqual([...rig.templates.values()], []);
  for (const at of [3, 4, 5]) {
    const question = rig.asked[at];
    await rig.answer(at, question?.statement === 'user' ? user('new') : { rules: [rule('new')] });
  }
  assert.equal((await found)?.value.passwordHash, 'new');
  assert.equal((await rights).own.value.rules[0]?.pattern, 'new');
  const [everybody] = (await templates).templates;
  assert.equal(rig.templates.get(everybody ?? '')?.[0]?.pattern, 'new');
  assert.equal((await rig.directory.user(null, 'bob'))?.value.passwordHash, 'new');
  assert.equal(rig.asked.length, 6);
});

test('own rules are asked for with their user, once for his login and his rights', async () => {
  const rig = new Rig();
  const found = rig.directory.user(null, 'bob');
  await rig.answer(0, user('hash', listed('own')));
  await found;
  const { user: known, own } = await rig.directory.rights(null, 'bob');
  assert.equal(known?.value.passwordHash, 'hash');
  assert.deepEqual(
    own.value.rules.map(({ pattern }) => pattern),
    ['own'],
  );
  assert.ok(own.leftMs <= known.leftMs);
  assert.equal(rig.asked.length, 1);
  rig.directory.userChanged(null, 'bob');
  const changed = rig.directory.rights(null, 'bob');
  await rig.answer(1, user('hash', listed('other')));
  assert.equal((await changed).own.value.rules[0]?.pattern, 'other');
});

test('rules that are none are a fault of the rights and not of the login', async () => {
  const rig = new Rig();
  const found = rig.directory.user(null, 'bob');
  await rig.answer(0, user('hash', '[[7, "perhaps"]]'));
  assert.equal((await found)?.value.passwordHash, 'hash');
  await assert.rejects(rig.directory.rights(null, 'bob'), /rules: a rule is not complete/);
});

test('who is not in the tables has no rules of his own, as of what was known before the question', async () => {
  const rig = new Rig();
  const before = rig.directory.version;
  const rights = rig.directory.rights(null, 'eve');
  await turn();
  rig.versions.observe('e', 2);
  await rig.answer(0, { user: undefined });
  assert.deepEqual(await rights, { user: undefined, own: { value: { rules: [], version: before }, leftMs: 300_000 } });
});

test('a tenant and a name that read alike together are kept apart', async () => {
  const rig = new Rig();
  const one = rig.directory.user('a', 'b-c');
  await rig.answer(0, user('of a'));
  assert.equal((await one)?.value.passwordHash, 'of a');
  const other = rig.directory.user('a-b', 'c');
  await rig.answer(1, { user: undefined });
  assert.equal(await other, undefined);
  assert.deepEqual(
    rig.asked.map(({ values }) => values),
    [
      ['a', 'b-c'],
      ['a-b', 'c'],
    ],
  );
});

test('a hundred questions about one user are one question to the database, and none about him afterwards', async () => {
  const rig = new Rig();
  const all = Array.from({ length: 100 }, () => rig.directory.user(null, 'bob'));
  await rig.answer(0, user('hash'));
  assert.equal((await Promise.all(all)).length, 100);
  await rig.directory.user(null, 'bob');
  assert.equal(rig.asked.length, 1);
});

test('what is kept of users takes no more bytes than it may, and who was not asked about the longest time is asked about again', async () => {
  const rig = new Rig({ maxKeptBytes: 10_000 });
  for (let i = 0; i < 20; i += 1) {
    const found = rig.directory.user(null, `u${i}`);
    await rig.answer(i, user('x'.repeat(2000)));
    await found;
  }
  assert.ok(rig.directory.kept.users < 5, String(rig.directory.kept.users));
  await rig.directory.user(null, 'u19');
  assert.equal(rig.asked.length, 20);
  const again = rig.directory.user(null, 'u0');
  await rig.answer(20, user('x'));
  assert.equal((await again)?.value.passwordHash, 'x');
});

test('a tenant that has changed is forgotten, and no other', async () => {
  const rig = new Rig();
  for (const [at, tenant] of ['acme', null].entries()) {
    const found = rig.directory.user(tenant, 'bob');
    await rig.answer(at, user('old'));
    await found;
  }
  rig.directory.tenantChanged('acme');
  assert.equal((await rig.directory.user(null, 'bob'))?.value.passwordHash, 'old');
  const now = rig.directory.user('acme', 'bob');
  await rig.answer(2, user('new'));
  assert.equal((await now)?.value.passwordHash, 'new');
});

test('a name that nobody can have is not asked about', async () => {
  const rig = new Rig();
  assert.equal(await rig.directory.user(null, 'x'.repeat(4097)), undefined);
  assert.equal(rig.asked.length, 0);
});

test('a version that does not say how new it is counts as what was known before the question', async () => {
  const rig = new Rig();
  const before = rig.directory.version;
  const found = rig.directory.user(null, 'bob');
  await turn();
  rig.versions.observe('e', 2);
  await rig.answer(0, { ...user('hash'), version: null });
  assert.equal((await found)?.value.version, before);
  assert.equal(rig.directory.version, before + 1);
});

test('while changes are not heard of every question goes to the database', async () => {
  const rig = new Rig();
  rig.directory.heard(false);
  for (let at = 0; at < 3; at += 1) {
    const found = rig.directory.user(null, 'bob');
    await rig.answer(at, user(`hash${at}`));
    assert.equal((await found)?.value.passwordHash, `hash${at}`);
  }
  rig.directory.heard(true);
  const found = rig.directory.user(null, 'bob');
  await rig.answer(3, user('kept'));
  await found;
  await rig.directory.user(null, 'bob');
  assert.equal(rig.asked.length, 4);
});
