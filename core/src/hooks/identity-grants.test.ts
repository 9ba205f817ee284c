import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBytes, checkIdentityGrant, checkPatch, checkPolicy, checkReason, checkRules, checkTenant, Malformed } from './grants.js';

const RULE = { effect: 'allow', actions: ['publish'], pattern: 'a', from: 'x' };

function attributes(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, i]));
}

test('an identity is anonymous, or has a name, or is malformed', () => {
  assert.deepEqual(checkIdentityGrant({ identity: { anonymous: true } }), { identity: { anonymous: true } });
  assert.deepEqual(checkIdentityGrant({ identity: { username: 'ann', anonymous: false } }), { identity: { username: 'ann' } });
  for (const anonymous of ['yes', 1, null, 0]) {
    assert.throws(() => checkIdentityGrant({ identity: { username: 'ann', anonymous } }), Malformed, String(anonymous));
  }
  for (const identity of [null, [], 'ann', undefined, {}, { anonymous: true, username: 'ann' }, { username: '' }, { username: 'a\0' }]) {
    assert.throws(() => checkIdentityGrant({ identity }), Malformed, JSON.stringify(identity));
  }
  for (const grant of [null, undefined, [{ identity: { username: 'ann' } }], 'ann']) assert.throws(() => checkIdentityGrant(grant), Malformed);
});

test('an anonymous identity keeps its groups and attributes', () => {
  const { identity } = checkIdentityGrant({ identity: { anonymous: true, groups: ['guests'], attributes: { floor: 3 } } });
  assert.deepEqual([identity.anonymous, identity.groups, { ...identity.attributes }], [true, ['guests'], { floor: 3 }]);
  assert.deepEqual(checkIdentityGrant({ identity: { anonymous: true, groups: [] } }).identity.groups, []);
});

test('lists are as long as 10,000 items and bytes as 65,535, not longer', () => {
  const ofMany = (count: number) => checkIdentityGrant({ identity: { username: 'ann', attributes: attributes(count) } });
  assert.equal(Object.keys(ofMany(10_000).identity.attributes ?? {}).length, 10_000);
  assert.throws(() => ofMany(10_001), Malformed);
  const inGroups = (count: number) => checkIdentityGrant({ identity: { username: 'ann', groups: new Array(count).fill('g') } });
  assert.equal(inGroups(10_000).identity.groups?.length, 10_000);
  assert.throws(() => inGroups(10_001), Malformed);
  assert.equal(checkBytes(new Uint8Array(65_535), 'it').length, 65_535);
  assert.throws(() => checkBytes(new Uint8Array(65_536), 'it'), Malformed);
});

test('attributes are strings, finite numbers and booleans', () => {
  const given = { s: 'x', n: 0.5, t: true, f: false };
  assert.deepEqual({ ...checkIdentityGrant({ identity: { username: 'ann', attributes: given } }).identity.attributes }, given);
  for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY, {}, ['x'], undefined, 1n]) {
    assert.throws(() => checkIdentityGrant({ identity: { username: 'ann', attributes: { value } } }), Malformed, String(value));
  }
  for (const wrong of [null, ['x'], 'x', 7]) assert.throws(() => checkIdentityGrant({ identity: { username: 'ann', attributes: wrong } }), Malformed);
});

test('a lease is a positive number of seconds', () => {
  assert.equal(checkIdentityGrant({ identity: { username: 'ann' }, leaseSeconds: 0.5 }).leaseSeconds, 0.5);
  assert.equal('leaseSeconds' in checkIdentityGrant({ identity: { username: 'ann' } }), false);
  for (const leaseSeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '60', null]) {
    assert.throws(() => checkIdentityGrant({ identity: { username: 'ann' }, leaseSeconds }), Malformed, String(leaseSeconds));
  }
});

test('a reason is a deny word, or a whole number from 0x80 to 0xFF', () => {
  for (const reason of ['banned', 'rate', 'bad-credentials', 0x80, 0xff]) assert.equal(checkReason(reason), reason);
  for (const reason of ['nice', '', undefined, null, 0, 0x7f, 0x100, 128.5, Number.NaN, {}, ['banned']]) {
    assert.throws(() => checkReason(reason), Malformed, String(reason));
  }
});

test('every field of a rule has its form, and a rule says allow or deny', () => {
  assert.deepEqual(checkRules([{ ...RULE, maxQos: 0, retain: false }]), [{ ...RULE, maxQos: 0, retain: false }]);
  assert.deepEqual(checkRules([{ ...RULE, effect: 'deny', maxQos: 2, retain: true, from: 7 }])[0], {
    ...RULE,
    effect: 'deny',
    maxQos: 2,
    retain: true,
    from: '',
  });
  const wrong: object[] = [
    { effect: 'permit' },
    { effect: undefined },
    { actions: [] },
    { actions: 'publish' },
    { actions: ['write'] },
    { actions: ['publish', null] },
    { pattern: 7 },
    { pattern: undefined },
    { maxQos: 3 },
    { maxQos: '1' },
    { maxQos: null },
    { retain: 'no' },
    { retain: null },
  ];
  for (const change of wrong) assert.throws(() => checkRules([RULE, { ...RULE, ...change }]), Malformed, JSON.stringify(change));
  for (const rules of [null, RULE, 'a', [null], [[RULE]]]) assert.throws(() => checkRules(rules), Malformed);
});

test('a policy has a version, and otherwise only what was given', () => {
  assert.deepEqual(checkPolicy({ version: 'v' }), { version: 'v' });
  assert.deepEqual(checkPolicy({ version: 0, templates: ['t'], rules: [RULE], leaseSeconds: 9 }), {
    version: 0,
    templates: ['t'],
    rules: [RULE],
    leaseSeconds: 9,
  });
  const wrong = [{}, { version: null }, { version: Number.NaN }, { version: {} }, { version: 1, templates: 't' }, { version: 1, templates: [7] }];
  for (const given of [...wrong, { version: 1, rules: {} }, { version: 1, leaseSeconds: 0 }, null, []]) {
    assert.throws(() => checkPolicy(given), Malformed, JSON.stringify(given));
  }
});

test('a patch holds data, so many levels deep, and only fields that may be patched', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'x' : { inner: nested(depth - 1) });
  assert.ok(checkPatch({ a: nested(4) }, ['a']));
  assert.throws(() => checkPatch({ a: nested(5) }, ['a']), Malformed);
  for (const value of [() => {}, Symbol('x'), [() => {}]]) assert.throws(() => checkPatch({ a: value }, ['a']), Malformed);
  assert.throws(() => checkPatch({ b: 1 }, ['a']), /"b", which cannot be patched/);
  assert.deepEqual({ ...checkPatch({ a: undefined }, ['a']) }, {});
  assert.deepEqual({ ...checkPatch({ a: null }, ['a']) }, { a: null });
  const bytes = new Uint8Array([1, 2]);
  const { a: copied } = checkPatch({ a: bytes }, ['a']) as { readonly a: Uint8Array };
  assert.notEqual(copied, bytes);
  assert.deepEqual([...copied], [1, 2]);
});

test('whatever is malformed is named: which field, and what it should have been', () => {
  const identity = (given: unknown) => () => checkIdentityGrant({ identity: given });
  const policy = (given: object) => () => checkPolicy({ version: 1, ...given });
  const rule = (given: object) => policy({ rules: [{ ...RULE, ...given }] });
  const cases: [() => unknown, RegExp][] = [
    [() => checkReason(0x7f), /^denied with 127, which is no reason code from 0x80 to 0xFF$/],
    [() => checkReason(1000), /^denied with 1000, which is no reason code/],
    [
      () => checkReason('nice'),
      /^denied with a reason that is neither a number nor a word to deny with: bad-credentials, not-authorized, banned, rate, quota, busy$/,
    ],
    [() => checkBytes('bytes', 'it'), /^it is not a Uint8Array$/],
    [() => checkBytes([1], 'it'), /^it is not a Uint8Array$/],
    [() => checkBytes(new Uint8Array(65_536), 'it'), /^it is longer than 65,535 bytes$/],
    [() => checkIdentityGrant('ann'), /^allow without an identity: its argument is not an object$/],
    [identity([]), /^allow without an identity: "identity" is not an object$/],
    [identity({ anonymous: true, username: 'ann' }), /^an identity is both anonymous and named$/],
    [identity({ anonymous: 'yes', username: 'ann' }), /^"anonymous" of an identity is neither true nor false$/],
    [identity({ username: '' }), /^the username of an identity is not 1 to 65,535 bytes/],
    [identity({ username: 'ann', groups: 'g' }), /^groups are not an array$/],
    [identity({ username: 'ann', groups: [7] }), /^groups are not all strings$/],
    [identity({ username: 'ann', attributes: [] }), /^"attributes" of an identity is not an object$/],
    [identity({ username: 'ann', attributes: { a: null } }), /^an attribute of an identity is not a string, a finite number or a boolean$/],
    [identity({ username: 'ann', attributes: attributes(10_001) }), /^an identity has too many attributes$/],
    [() => checkTenant({ name: '9' }), /^the name of a tenant is not a letter/],
    [() => checkTenant({ name: 7 }), /^the name of a tenant is not a letter/],
    [() => checkTenant(null), /^the tenant is not an object$/],
    [policy({ version: true }), /^the version of a policy is neither a string nor a finite number$/],
    [policy({ leaseSeconds: 0 }), /^leaseSeconds is not a positive finite number$/],
    [policy({ templates: 't' }), /^templates are not an array$/],
    [policy({ rules: {} }), /^rules are not an array$/],
    [policy({ rules: [7] }), /^a rule is not an object$/],
    [rule({ effect: 'Allow' }), /^the effect of a rule is neither "allow" nor "deny"$/],
    [rule({ actions: [] }), /^a rule has no actions$/],
    [rule({ actions: ['write'] }), /^a rule has an action other than/],
    [rule({ pattern: null }), /^a rule has no pattern$/],
    [rule({ retain: 1 }), /^"retain" of a rule is not a boolean$/],
    [rule({ maxQos: 3 }), /^a maximum QoS is not 0, 1 or 2$/],
    [() => checkPatch([], ['a']), /^the patch is not an object$/],
    [() => checkPatch({ ['x'.repeat(100)]: 1 }, ['a']), /^a patch has the field "x{40}", which cannot be patched$/],
    [() => checkPatch({ a: Symbol('a') }, ['a']), /^a patch holds something that is not data$/],
  ];
  for (const [check, message] of cases) {
    assert.throws(check, (error) => {
      assert.ok(error instanceof Malformed);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.deepEqual(checkTenant({ name: 'Acme.eu_1-x' }), { name: 'Acme.eu_1-x' });
});
