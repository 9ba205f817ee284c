import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REMOVED, slowCustody } from './store.test.support.js';

test('An operation with an open copy waits until it is decided and its change is safe.', () => {
  const { custody, sessions } = slowCustody();
  custody.begin();
  const copy = custody.open();
  const mark = custody.end();
  assert.ok(mark !== null);
  assert.equal(custody.settled(mark), false);
  let progress = 0;
  custody.onProgress(() => {
    progress += 1;
  });
  custody.close(copy, () => custody.session(REMOVED));
  assert.equal(progress, 1);
  assert.equal(custody.settled(mark), false);
  sessions.settle(1);
  assert.equal(custody.settled(mark), true);
});

test('An open copy that leads to no change is waited for no longer than its decision.', () => {
  const { custody } = slowCustody();
  custody.begin();
  const copy = custody.open();
  const mark = custody.end();
  assert.ok(mark !== null);
  custody.close(copy, () => {});
  assert.equal(custody.settled(mark), true);
});

test('An open copy whose change the store refuses is lost: its operation never settles, and the next one is not spoilt.', () => {
  const { custody, sessions } = slowCustody();
  custody.begin();
  const copy = custody.open();
  const mark = custody.end();
  assert.ok(mark !== null);
  sessions.refuses = true;
  custody.close(copy, () => custody.session(REMOVED));
  assert.equal(custody.settled(mark), false);
  assert.equal(custody.lost(mark), true);
  sessions.refuses = false;
  custody.begin();
  assert.notEqual(custody.end(), null);
});

test('A copy that is decided within its operation is part of it, and its refusal spoils it.', () => {
  const { custody, sessions } = slowCustody();
  sessions.refuses = true;
  custody.begin();
  const copy = custody.open();
  custody.close(copy, () => custody.session(REMOVED));
  assert.equal(custody.end(), null);
});

test('A copy that is opened outside of an operation is nobody’s to wait for.', () => {
  const { custody } = slowCustody();
  custody.open();
  custody.begin();
  assert.notEqual(custody.end(), null);
  assert.equal(custody.lost({ sessions: 0, retained: 0, copies: null }), false);
});
