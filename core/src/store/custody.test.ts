import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Custody, NO_MARK } from './custody.js';
import { MemoryRetainedStore, MemorySessionStore } from './memory-store.js';
import { CLEARED, REMOVED, SlowRetainedStore, SlowSessionStore, slowCustody } from './store.test.support.js';

test('An operation that changes nothing waits for nothing, even while earlier changes are not safe.', () => {
  const { custody } = slowCustody();
  custody.session(REMOVED);
  custody.begin();
  assert.equal(custody.end(), NO_MARK);
});

test('An operation waits for its own changes in both stores, and is settled when both are safe.', () => {
  const { custody, sessions, retained } = slowCustody();
  custody.begin();
  custody.session(REMOVED);
  custody.session(REMOVED);
  custody.retain(CLEARED);
  const mark = custody.end();
  assert.deepEqual(mark, { sessions: 2, retained: 1, copies: null });
  assert.ok(mark !== null);
  assert.equal(custody.settled(mark), false);
  sessions.settle(1);
  retained.settle();
  assert.equal(custody.settled(mark), false);
  sessions.settle(2);
  assert.equal(custody.settled(mark), true);
});

test('An operation in whose middle another one begins and ends waits for its own changes and copies all the same.', () => {
  const { custody, sessions } = slowCustody();
  custody.begin();
  custody.session(REMOVED);
  const copy = custody.open();
  custody.begin();
  assert.equal(custody.end(), NO_MARK);
  const mark = custody.end();
  assert.deepEqual(mark, { sessions: 1, retained: 0, copies: [copy] });
  assert.ok(mark !== null);
  sessions.settle();
  assert.equal(custody.settled(mark), false, 'its copy is open');
  custody.close(copy, () => {});
  assert.equal(custody.settled(mark), true);
});

test('What a store refused of an operation spoils it also when another one ends well in its middle, and that other one alone when it was refused.', () => {
  const { custody, sessions } = slowCustody();
  custody.begin();
  sessions.refuses = true;
  custody.session(REMOVED);
  sessions.refuses = false;
  custody.begin();
  custody.session(REMOVED);
  assert.notEqual(custody.end(), null);
  assert.equal(custody.end(), null);
  custody.begin();
  custody.begin();
  sessions.refuses = true;
  custody.session(REMOVED);
  sessions.refuses = false;
  assert.equal(custody.end(), null);
  assert.equal(custody.end(), NO_MARK);
});

test('In the middle of an operation nobody is told what has settled; then everybody is, also when the operation never came to its end.', async () => {
  const { custody, sessions } = slowCustody();
  let told = 0;
  custody.onProgress(() => {
    told += 1;
  });
  custody.begin();
  custody.begin();
  custody.session(REMOVED);
  sessions.settle();
  sessions.settle();
  assert.equal(told, 0);
  await Promise.resolve();
  assert.equal(told, 1);
  sessions.settle();
  assert.equal(told, 2, 'at once again');
  const append = sessions.append.bind(sessions);
  sessions.append = (change) => {
    sessions.settle();
    return append(change);
  };
  custody.session(REMOVED);
  assert.equal(told, 2, 'not by a store that is being given a change');
  await Promise.resolve();
  assert.equal(told, 3);
});

test('A change that one store has made safe does not stand for the other.', () => {
  const { custody, sessions } = slowCustody();
  custody.begin();
  custody.retain(CLEARED);
  const mark = custody.end();
  sessions.settle(100);
  assert.ok(mark !== null && !custody.settled(mark));
});

test('What is safe at once, as in memory, costs no wait.', () => {
  const custody = new Custody(
    new MemorySessionStore(),
    new MemoryRetainedStore(),
    () => assert.fail(),
    () => assert.fail(),
  );
  custody.begin();
  custody.session(REMOVED);
  custody.retain(CLEARED);
  assert.equal(custody.end(), NO_MARK);
  assert.equal(custody.failed, false);
});

test('A refused change in either store spoils its operation, is reported, and does not spoil the next one.', () => {
  for (const which of ['sessions', 'retained'] as const) {
    const { custody, refused, ...stores } = slowCustody();
    stores[which].refuses = true;
    custody.begin();
    custody.session(REMOVED);
    custody.retain(CLEARED);
    assert.equal(custody.end(), null);
    assert.equal(refused.length, 1);
    stores[which].refuses = false;
    custody.begin();
    custody.session(REMOVED);
    assert.notEqual(custody.end(), null);
  }
});

test('Everybody who waits hears of progress, until it says no more.', () => {
  const { custody, sessions, retained } = slowCustody();
  const heard: string[] = [];
  const stop = custody.onProgress(() => {
    heard.push('first');
    stop();
  });
  custody.onProgress(() => heard.push('second'));
  sessions.settle();
  retained.settle();
  assert.deepEqual(heard, ['first', 'second', 'second']);
});

test('A store that failed is reported once, and settles nothing any more.', () => {
  const { custody, sessions, retained, failed, refused } = slowCustody();
  custody.begin();
  custody.session(REMOVED);
  const mark = custody.end();
  let heard = 0;
  custody.onProgress(() => {
    heard += 1;
  });
  sessions.fail();
  retained.fail();
  assert.deepEqual([failed.length, custody.failed, heard], [1, true, 2]);
  assert.ok(mark !== null && !custody.settled(mark));
  custody.begin();
  custody.session(REMOVED);
  assert.equal(custody.end(), null);
  assert.equal(refused.length, 1);
});

test('A store that comes with a past begins where it left off.', () => {
  const sessions = new SlowSessionStore();
  sessions.changes.push(REMOVED, REMOVED);
  sessions.settled = 2;
  const custody = new Custody(
    sessions,
    new SlowRetainedStore(),
    () => {},
    () => {},
  );
  custody.begin();
  assert.equal(custody.end(), NO_MARK);
  custody.begin();
  custody.session(REMOVED);
  assert.deepEqual(custody.end(), { sessions: 3, retained: 0, copies: null });
});
