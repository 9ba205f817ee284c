import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeListedRules, decodeRules, decodeState, decodeUser } from './decode-rows.js';
import type { Settings } from './settings.js';
import { MAX_RULES, type Statement, statementsOf } from './statements.js';

const STATEMENTS = statementsOf({ schema: 'portcullis', replicas: [], queries: null } as unknown as Settings);
const RULES = STATEMENTS.groupRules as Statement;
const STATE = STATEMENTS.state as Statement;
const TYPES: Readonly<Record<string, number>> = { text: 25, boolean: 16, integer: 20, 'text[]': 1009, json: 3802, uuid: 2950 };

/** An answer with these columns, of the types that the statement awaits. */
function answer(statement: Statement, ...rows: Readonly<Record<string, unknown>>[]): Parameters<typeof decodeUser>[1] {
  const fields = statement.columns.map(({ name, types }) => ({ name, dataTypeID: TYPES[types[0] ?? ''] ?? 0 }));
  return { fields: fields as never, rows: rows.map((row) => fields.map(({ name }) => row[name] ?? null)) };
}

const STAMP = { version: 7, epoch: 'e', asked_tenant: 't', asked_name: 'bob' };
const BOB = { ...STAMP, username: 'bob', password_hash: 'hash', enabled: true, groups: ['a'], attributes: { site: 'x' } };
const RULE = [1, 'allow', ['publish'], 'a/#', null, null];
/** The one row in which rules stand as a list. */
const listed = (...rules: readonly unknown[]): Record<string, unknown> => ({ ...STAMP, rules: JSON.stringify(rules) });
const OWN_RULES = statementsOf({ schema: 'portcullis', queries: { user: 'select 1', rules: 'select 1' } } as unknown as Settings).rules as Statement;
const OWN_RULE = { id: 1, effect: 'allow', actions: ['publish'], pattern: 'a/#' };

test('a user is read with the version that he was read at', () => {
  const { user, version, epoch } = decodeUser(STATEMENTS.user, answer(STATEMENTS.user, BOB), 't', 'bob');
  assert.deepEqual(
    [version, epoch, user?.passwordHash, user?.isEnabled, user?.groups, { ...user?.attributes }],
    [7, 'e', 'hash', true, ['a'], { site: 'x' }],
  );
});

test('own rules come with their user as they are, and are read when they are asked for', () => {
  const read = (rules: unknown) => decodeUser(STATEMENTS.user, answer(STATEMENTS.user, { ...BOB, rules }), 't', 'bob').user?.ownRules;
  assert.equal(read(null), null);
  const text = JSON.stringify([RULE]);
  assert.equal(read(text), text);
  assert.equal(read('no JSON'), 'no JSON');
  assert.throws(() => read([RULE]), /"rules" is no text/);
  assert.deepEqual(decodeListedRules('rules', text), [{ effect: 'allow', actions: ['publish'], pattern: 'a/#', from: 'rules#1' }]);
});

test('that there is no user is an answer, and says how new it is', () => {
  assert.deepEqual(decodeUser(STATEMENTS.user, answer(STATEMENTS.user, STAMP), 't', 'bob'), { user: undefined, version: 7, epoch: 'e', stamp: null });
});

test('an answer to another question is none to this one', () => {
  for (const other of [{ asked_name: 'eve' }, { asked_tenant: '' }, { asked_name: null }, { asked_tenant: null }]) {
    assert.throws(() => decodeUser(STATEMENTS.user, answer(STATEMENTS.user, { ...BOB, ...other }), 't', 'bob'), /another question/);
    assert.throws(() => decodeRules(RULES, answer(RULES, { ...listed(RULE), ...other }), 't', 'bob'), /another question/);
  }
});

test('somebody of another name is not the one who was asked for', () => {
  assert.equal(decodeUser(STATEMENTS.user, answer(STATEMENTS.user, { ...BOB, username: 'Bob' }), 't', 'bob').user, undefined);
});

test('what is not exactly a user is a fault', () => {
  const wrong: object[] = [
    { username: null },
    { username: 7 },
    { password_hash: 7 },
    { enabled: null },
    { enabled: 'f' },
    { enabled: 0 },
    { groups: 'a' },
    { groups: [null] },
    { attributes: 'x' },
    { version: null },
    { version: '7' },
    { version: -1 },
    { epoch: null },
  ];
  for (const field of wrong) {
    assert.throws(() => decodeUser(STATEMENTS.user, answer(STATEMENTS.user, { ...BOB, ...field }), 't', 'bob'), Error, JSON.stringify(field));
  }
  assert.throws(() => decodeUser(STATEMENTS.user, answer(STATEMENTS.user, BOB, BOB), 't', 'bob'), /two rows/);
  assert.throws(() => decodeUser(STATEMENTS.user, answer(STATEMENTS.user), 't', 'bob'), /has lost its row/);
});

test('a column that is missing, doubled or of another type than at the start is a fault, and so is half a row', () => {
  const good = answer(STATEMENTS.user, BOB);
  const at = good.fields.findIndex(({ name }) => name === 'enabled');
  const fieldsWith = (field: object | null): typeof good.fields =>
    good.fields.flatMap((given, i) => (i !== at ? [given] : field === null ? [] : [{ ...given, ...field }]));
  const decode = (fields: typeof good.fields, rows = good.rows): unknown => decodeUser(STATEMENTS.user, { fields, rows }, 't', 'bob');
  assert.throws(() => decode(fieldsWith({ dataTypeID: 25 })), /"enabled" is of another type/);
  assert.throws(() => decode(fieldsWith({ name: 'username', dataTypeID: 25 })), /"username" twice|no column "enabled"/);
  assert.throws(() => decode(fieldsWith(null)), /no column "enabled"/);
  assert.throws(
    () =>
      decode(
        good.fields,
        good.rows.map((row) => row.slice(0, 3)),
      ),
    /not complete/,
  );
});

test('rules are all read or none, and no more than there may be', () => {
  assert.deepEqual(decodeRules(RULES, answer(RULES, STAMP), 't', 'bob'), { rules: [], version: 7, epoch: 'e', stamp: null });
  const read = (...rules: readonly unknown[]) => decodeRules(RULES, answer(RULES, listed(...rules)), 't', 'bob').rules;
  assert.deepEqual(read(RULE, [2, 'deny', ['receive', 'subscribe'], 'b', 1, false]), [
    { effect: 'allow', actions: ['publish'], pattern: 'a/#', from: 'groupRules#1' },
    { effect: 'deny', actions: ['receive', 'subscribe'], pattern: 'b', maxQos: 1, retain: false, from: 'groupRules#2' },
  ]);
  assert.throws(() => read(RULE, [2, null, ['publish'], 'a', null, null]), /^Error: groupRules#2: "effect"/);
  for (const half of [null, {}, [], RULE.slice(1), [...RULE, 1], [null, 'allow', ['publish'], 'a', null, null]]) {
    assert.throws(() => read(RULE, half), /^Error: groupRules: .*(not complete|no number)/, JSON.stringify(half));
  }
  const many = new Array<typeof RULE>(MAX_RULES + 1).fill(RULE);
  assert.equal(read(...many.slice(1)).length, MAX_RULES);
  assert.throws(() => read(...many), /more than 10000 rules/);
  for (const none of ['{}', '"x"', '7', 'x', '', [], 7]) {
    assert.throws(() => decodeRules(RULES, answer(RULES, { ...STAMP, rules: none }), 't', 'bob'), /no list|no JSON|no text/, String(none));
  }
  assert.throws(() => decodeRules(RULES, answer(RULES, listed(RULE), listed(RULE)), 't', 'bob'), /exactly one row/);
  assert.throws(() => decodeRules(RULES, answer(RULES), 't', 'bob'), /has lost its row/);
});

test('rules of own queries stand in a row each: they are all read or none, and no more than there may be', () => {
  const read = (...rows: Readonly<Record<string, unknown>>[]) => decodeRules(OWN_RULES, answer(OWN_RULES, ...rows), 't', 'bob').rules;
  assert.deepEqual(read(), []);
  assert.deepEqual(
    read(OWN_RULE, { ...OWN_RULE, id: null, max_qos: 1 }).map(({ from, maxQos }) => [from, maxQos]),
    [
      ['rules#1', undefined],
      ['rules row 2', 1],
    ],
  );
  assert.throws(() => read(OWN_RULE, { ...OWN_RULE, id: 2, effect: null }), /^Error: rules#2: "effect"/);
  assert.throws(() => read({}), /"effect"/);
  const many = new Array<typeof OWN_RULE>(MAX_RULES + 1).fill(OWN_RULE);
  assert.equal(read(...many.slice(1)).length, MAX_RULES);
  assert.throws(() => read(...many), /more than 10000 rules/);
});

test('the version of all data stands in exactly one row', () => {
  assert.deepEqual(decodeState(STATE, answer(STATE, { version: 7, epoch: 'e', stamp: '1.5' })), { version: 7, epoch: 'e', stamp: '1.5' });
  assert.throws(() => decodeState(STATE, answer(STATE)), /exactly one row/);
  assert.throws(() => decodeState(STATE, answer(STATE, STAMP, STAMP)), /exactly one row/);
});
