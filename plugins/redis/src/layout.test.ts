import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeName, encodeName, Layout, nameProblem } from './layout.js';

const layout = new Layout('portcullis');
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => nameProblem(text) === null);
const tenant = fc.option(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,10}$/), { nil: null });

test('a name is written with letters, digits, "_", ".", "-" and "%" only, and can be read again', () => {
  fc.assert(
    fc.property(name, (text) => {
      const code = encodeName(text);
      assert.match(code, /^[A-Za-z0-9_.%-]+$/);
      assert.equal(decodeName(code), text);
    }),
  );
  for (const code of ['', 'a:b', '%', '%4', '%41', '%zz', '%ff', '%c3%28', 'é', '%C3']) assert.equal(decodeName(code), null, code);
});

test('different tenants, kinds and names have different keys, and none is a key of the tenant itself', () => {
  fc.assert(
    fc.property(tenant, name, tenant, name, (oneTenant, one, otherTenant, other) => {
      const isSame = oneTenant === otherTenant && one === other;
      assert.equal(layout.user(oneTenant, one) === layout.user(otherTenant, other), isSame);
      assert.notEqual(layout.user(oneTenant, one), layout.group(otherTenant, other));
      for (const key of [layout.version(oneTenant), layout.epoch(oneTenant), layout.everybody(oneTenant)])
        assert.notEqual(layout.user(otherTenant, other), key);
      assert.deepEqual(layout.parse(layout.user(oneTenant, one)), { tenant: oneTenant, kind: 'user', name: one });
      assert.deepEqual(layout.parse(layout.group(oneTenant, one)), { tenant: oneTenant, kind: 'group', name: one });
    }),
  );
});

test('keys look as they are documented, and those of one tenant share one hash tag', () => {
  assert.equal(layout.user('acme', 'alice@home'), 'portcullis:{acme}:user:alice%40home');
  assert.equal(layout.group(null, 'crew'), 'portcullis:{-}:group:crew');
  assert.equal(layout.everybody('acme'), 'portcullis:{acme}:everybody');
  assert.equal(layout.version(null), 'portcullis:{-}:version');
  assert.equal(layout.epoch(null), 'portcullis:{-}:epoch');
  assert.equal(layout.channel, 'portcullis:changes');
  assert.equal(layout.scanPattern('acme'), 'portcullis:{acme}:*');
});

test('what is no key of the layout is taken for none', () => {
  for (const key of [
    'portcullis:{}:user:a',
    'portcullis:{1}:user:a',
    'portcullis:{a}:user:',
    'portcullis:{a}:user:%',
    'portcullis:{a}:x',
    'other:{a}:user:a',
  ]) {
    assert.equal(layout.parse(key), null, key);
  }
  for (const prefix of ['', 'a{b', 'a*', 'a b', 'x'.repeat(65)]) assert.throws(() => new Layout(prefix), RangeError);
});
