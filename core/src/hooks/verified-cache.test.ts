import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { ManualClock } from '../clock.js';
import { HashQueue, type VerifyPassword } from './hash-queue.js';
import { VerifiedCache } from './verified-cache.js';

const LIFETIME_MS = 1000;

function scene(capacity: number, says: (password: string, stored: string) => boolean | Error) {
  const clock = new ManualClock();
  const cache = new VerifiedCache(clock, capacity, LIFETIME_MS);
  const asked: string[] = [];
  const verify: VerifyPassword = async (password, stored) => {
    asked.push(`${Buffer.from(password)}:${stored}`);
    const said = says(Buffer.from(password).toString(), String(stored));
    if (said instanceof Error) throw said;
    return said;
  };
  const queue = new HashQueue(verify, cache, 4, 100);
  const login = (password: string, stored: string | null): Promise<boolean> => queue.add(Buffer.from(password), stored, () => {});
  return { clock, cache, asked, login };
}

test('a password that matched is not hashed again until its time is over', async () => {
  const { clock, asked, login } = scene(10, () => true);
  for (let i = 0; i < 3; i += 1) assert.equal(await login('secret', 'hash'), true);
  assert.deepEqual(asked, ['secret:hash']);
  clock.advance(LIFETIME_MS - 1);
  await login('secret', 'hash');
  assert.equal(asked.length, 1);
  clock.advance(1);
  await login('secret', 'hash');
  assert.equal(asked.length, 2);
});

test('another password, and another hash of the same user, are hashed', async () => {
  const { asked, login } = scene(10, (password, stored) => `hash of ${password}` === stored);
  assert.equal(await login('old', 'hash of old'), true);
  assert.equal(await login('new', 'hash of old'), false);
  assert.equal(await login('old', 'hash of new'), false);
  assert.equal(await login('old', 'hash of old'), true);
  assert.deepEqual(asked, ['old:hash of old', 'new:hash of old', 'old:hash of new']);
});

test('no other split of the same bytes into hash and password is taken for a match', async () => {
  const { login } = scene(10, (password, stored) => password === 'bc' && stored === 'a');
  assert.equal(await login('bc', 'a'), true);
  assert.equal(await login('c', 'ab'), false);
  assert.equal(await login('abc', ''), false);
  assert.equal(await login('', 'abc'), false);
});

test('neither a mismatch nor an error is remembered', async () => {
  const answers: (boolean | Error)[] = [false, new Error('broken'), true];
  const { asked, cache, login } = scene(10, () => answers.shift() ?? true);
  assert.equal(await login('p', 'h'), false);
  await assert.rejects(login('p', 'h'));
  assert.equal(cache.size, 0);
  assert.equal(await login('p', 'h'), true);
  assert.equal(await login('p', 'h'), true);
  assert.equal(asked.length, 3);
});

test('it holds no more than its limit, and lets the oldest go', async () => {
  const { asked, cache, login } = scene(3, () => true);
  for (const password of ['a', 'b', 'c', 'd']) await login(password, 'h');
  assert.equal(cache.size, 3);
  asked.length = 0;
  for (const password of ['b', 'c', 'd', 'a']) await login(password, 'h');
  assert.deepEqual(asked, ['a:h']);
});

test('with room for none it remembers nothing; nor what is very long, nor a hash that is not there', async () => {
  const none = scene(0, () => true);
  await none.login('p', 'h');
  await none.login('p', 'h');
  assert.equal(none.asked.length, 2);
  const { cache, login } = scene(10, () => true);
  await login('x'.repeat(2000), 'h');
  await login('p', 'x'.repeat(2000));
  await login('p', null);
  assert.equal(cache.size, 0);
  await login('é'.repeat(400), 'ü'.repeat(100));
  assert.equal(cache.size, 1);
});

test('nothing that it shows holds a password', async () => {
  const { cache, login } = scene(10, () => true);
  await login('correct horse', 'hash');
  assert.ok(!inspect(cache, { depth: 9, showHidden: true }).includes('correct horse'));
  assert.notEqual(
    cache.keyOf(Buffer.from('p'), 'h'),
    new VerifiedCache(new ManualClock(), 10, 1000).keyOf(Buffer.from('p'), 'h'),
    'the key is keyed',
  );
});
