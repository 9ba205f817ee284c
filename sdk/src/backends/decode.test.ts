import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAttributes, decodeGroups, decodeRule, MAX_ATTRIBUTES, MAX_GROUPS } from './decode.js';

const RULE = { effect: 'allow', actions: ['publish', 'receive'], pattern: 'site/%u/#', maxQos: 1, retain: false };

test('a sound record becomes a rule that says where it comes from', () => {
  assert.deepEqual(decodeRule(RULE, 'rules#7'), { ...RULE, from: 'rules#7' });
  assert.deepEqual(decodeRule({ effect: 'deny', actions: ['subscribe'], pattern: '#', maxQos: null, retain: null }, 'r'), {
    effect: 'deny',
    actions: ['subscribe'],
    pattern: '#',
    from: 'r',
  });
});

test('what only resembles a rule is none, and the error names the record and the field', () => {
  const wrong: [field: string, value: unknown][] = [
    ...[undefined, null, '', 'ALLOW', 'permit', true, 1, ['allow']].map((value): [string, unknown] => ['effect', value]),
    ...[
      undefined,
      null,
      [],
      'publish',
      '{publish}',
      ['write'],
      ['publish', 'publish'],
      [null],
      [['publish']],
      { 0: 'publish', length: 1 },
      new Array(1),
    ].map((value): [string, unknown] => ['actions', value]),
    ...[undefined, null, '', 7, ['a'], 'a\0b', 'a'.repeat(65_536), Buffer.from('a')].map((value): [string, unknown] => ['pattern', value]),
    ...['0', '1', 3, -1, 1.5, true, [], Number.NaN, 1n].map((value): [string, unknown] => ['maxQos', value]),
    ...['f', 't', 'false', '0', 0, 1, [], {}].map((value): [string, unknown] => ['retain', value]),
  ];
  for (const [field, value] of wrong) {
    assert.throws(
      () => decodeRule({ ...RULE, [field]: value }, 'rules#7'),
      new RegExp(`^Error: rules#7: "${field}" is `),
      `${field} ${String(value)}`,
    );
  }
});

test('groups are different names; null is none', () => {
  assert.deepEqual(decodeGroups(['a', '__proto__', 'b c'], 'u'), ['a', '__proto__', 'b c']);
  assert.deepEqual(decodeGroups(null, 'u'), []);
  const many = Array.from({ length: MAX_GROUPS + 1 }, (_, i) => `g${i}`);
  assert.equal(decodeGroups(many.slice(1), 'u').length, MAX_GROUPS);
  for (const wrong of ['a', '{a}', {}, 0, false, [''], [1], [null], ['a', 'a'], ['a\0'], new Array(2), ['a'.repeat(4097)], many]) {
    assert.throws(() => decodeGroups(wrong, 'users#1'), /^Error: users#1: "groups" is /, JSON.stringify(wrong)?.slice(0, 50));
  }
});

test('attributes are texts, numbers and booleans by name; null is none, and nothing is inherited', () => {
  const attributes = decodeAttributes(JSON.parse('{"site":"a","floor":3,"staff":true,"__proto__":"x"}'), 'u');
  assert.deepEqual(Object.entries(attributes), [
    ['site', 'a'],
    ['floor', 3],
    ['staff', true],
    ['__proto__', 'x'],
  ]);
  assert.equal(Object.getPrototypeOf(attributes), null);
  assert.equal(attributes.constructor, undefined);
  assert.deepEqual(Object.keys(decodeAttributes(null, 'u')), []);
  const many = Object.fromEntries(Array.from({ length: MAX_ATTRIBUTES + 1 }, (_, i) => [`a${i}`, i]));
  const wrong = ['{}', [], ['a'], 1, true, { a: null }, { a: {} }, { a: ['b'] }, { a: Number.NaN }, { a: 1n }, { '': 'a' }, { a: 'b\0' }, many];
  for (const value of wrong) assert.throws(() => decodeAttributes(value, 'users#1'), /^Error: users#1: "attributes" is /);
});

test('an integer that is not told apart from another one is no attribute: a pattern would lead to what is somebody else’s', () => {
  assert.equal(JSON.parse('9007199254740993'), JSON.parse('9007199254740992'));
  for (const number of ['9007199254740993', '-9007199254740993', '1e21']) {
    assert.throws(() => decodeAttributes(JSON.parse(`{"a":${number}}`), 'u'), /^Error: u: "attributes" is /, number);
  }
  assert.deepEqual({ ...decodeAttributes(JSON.parse('{"a":9007199254740991,"b":-1.5}'), 'u') }, { a: 9007199254740991, b: -1.5 });
});
