import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPromise } from 'node:util/types';
import { Deferred } from './deferred.js';
import { turn } from './hooks.test.support.js';
import { VerifyAnswers, withoutPassword } from './verify-answer.js';

function asked(): { answers: VerifyAnswers; promise: Promise<boolean>; come: (matches: boolean) => void; fail: (error: Error) => void } {
  const answers = new VerifyAnswers();
  const answer = new Deferred<boolean>();
  const promise = answers.follow(answer.promise);
  return { answers, promise, come: (matches) => answer.resolve(matches), fail: (error) => answer.reject(error) };
}

test('an answer is open until it has come and somebody has waited for it', async () => {
  const { answers, promise, come } = asked();
  assert.equal(answers.open, true);
  const waiting = promise.then((matches) => matches);
  await turn();
  assert.equal(answers.open, true, 'it has not come');
  come(true);
  assert.equal(await waiting, true);
  assert.equal(answers.open, false);
});

test('an answer that has come while nobody waited for it is open', async () => {
  const { answers, promise, come } = asked();
  come(false);
  await turn();
  assert.equal(answers.open, true);
  assert.equal(await promise, false);
  assert.equal(answers.open, false);
});

test('every way of waiting counts, a failed answer too, and whoever waits finds it closed', async () => {
  const ways: ((promise: Promise<boolean>) => Promise<unknown>)[] = [
    async (promise) => await promise,
    async (promise) => promise,
    (promise) => Promise.all([promise]),
    (promise) => Promise.race([promise]),
    (promise) => Promise.resolve(promise),
    (promise) => promise.catch(() => 'failed'),
    (promise) => promise.finally(() => {}),
  ];
  for (const [index, wait] of ways.entries()) {
    const { answers, promise, come } = asked();
    const seen = wait(promise).then((matches) => [matches, answers.open]);
    come(true);
    assert.deepEqual((await seen).flat(), [true, false], `way ${index}`);
    const failing = asked();
    const failed = wait(failing.promise).then(
      () => failing.answers.open,
      () => failing.answers.open,
    );
    failing.fail(new Error('no hash'));
    assert.equal(await failed, false, `way ${index}`);
  }
});

test('of several answers, one that is open leaves them open', async () => {
  const answers = new VerifyAnswers();
  assert.equal(answers.open, false, 'nothing was asked');
  await answers.follow(Promise.resolve(true));
  assert.equal(answers.open, false);
  const second = answers.follow(Promise.resolve(true));
  assert.equal(answers.open, true);
  await second;
  assert.equal(answers.open, false);
});

test('it is a promise like any other, and one that failed and nobody waited for is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const heard = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', heard);
  const { promise, fail } = asked();
  fail(new Error('no hash'));
  await turn();
  await turn();
  process.off('unhandledRejection', heard);
  assert.deepEqual(unhandled, []);
  assert.ok(isPromise(promise) && promise instanceof Promise);
  assert.equal(Object.getPrototypeOf(promise.catch(() => {})), Promise.prototype);
  await promise.catch(() => {});
});

test('the answer without a password is no, and not there before others have had a turn', async () => {
  let come = false;
  const answer = withoutPassword().then((matches) => {
    come = true;
    return matches;
  });
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
  assert.equal(come, false);
  assert.equal(await answer, false);
});
