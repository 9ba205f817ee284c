import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, errorText, PortcullisError } from './errors.js';

test('Codes are unique, and a reason code is one that a client can be told.', () => {
  const kinds = Object.values(ERRORS);
  assert.equal(new Set(kinds.map(({ code }) => code)).size, kinds.length);
  for (const { code, reasonCode } of kinds) {
    assert.match(code, /^PCL_[A-Z_]+$/);
    assert.ok(reasonCode >= 0x80 && reasonCode <= 0xff, code);
  }
});

test('Nobody can change the table.', () => {
  assert.throws(() => Object.assign(ERRORS.protocol, { survives: true }), TypeError);
});

test('An error of the core carries its place in the table and its cause.', () => {
  const cause = new Error('below');
  const error = new PortcullisError(ERRORS.store, 'full', { cause });
  assert.deepEqual([error.code, error.kind, error.message, error.cause, error.name], ['PCL_STORE', ERRORS.store, 'full', cause, 'PortcullisError']);
});

test('Whatever is thrown has a text.', () => {
  assert.equal(errorText(new Error('said')), 'said');
  assert.equal(errorText(new TypeError('')), 'TypeError');
  assert.equal(errorText('text'), 'threw "text"');
  // Whole: whoever shows it looks for secrets first, and half of one would not be found.
  assert.equal(errorText('x'.repeat(10_000)).length, 10_008);
  for (const thrown of [null, undefined, 0, {}, Symbol('s')]) assert.match(errorText(thrown), /^threw /);
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error('no');
      },
      getPrototypeOf() {
        throw new Error('no');
      },
    },
  );
  assert.equal(errorText(hostile), 'threw something that cannot be shown');
  assert.equal(errorText(Object.create(null)), 'threw something that cannot be shown');
});
