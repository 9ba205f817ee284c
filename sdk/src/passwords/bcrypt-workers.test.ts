import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { BcryptWorkers } from './bcrypt-workers.js';

const SALT = 'abcdefghijklmnopqrstuu';
const REAL = new URL('./bcrypt-worker.js', import.meta.url);

test('the digest of bcrypt is computed in other threads, several at a time', async () => {
  const workers = new BcryptWorkers(REAL, 2);
  const digests = await Promise.all(Array.from({ length: 6 }, () => workers.digest('abc', 5, SALT)));
  assert.deepEqual(new Set(digests), new Set(['RWUgMyyCUnsDr8evYotXg5ZXVF/HhzS']));
});

test('a thread that dies fails its own check and the next check gets a new one', async () => {
  const script = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ password }) => {
      if (password === 'throw') throw new Error('broken');
      if (password === 'exit') process.exit(3);
      parentPort.postMessage('done ' + password);
    });`;
  const workers = new BcryptWorkers(new URL(`data:text/javascript,${encodeURIComponent(script)}`), 1);
  const settled = await Promise.allSettled(['throw', 'a', 'exit', 'b'].map((password) => workers.digest(password, 4, SALT)));
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? one.value : 'failed')),
    ['failed', 'done a', 'failed', 'done b'],
  );
});

test('the queue is bounded', async () => {
  const workers = new BcryptWorkers(REAL, 0);
  for (let i = 0; i < 10_000; i++) void workers.digest('x', 4, SALT);
  await assert.rejects(workers.digest('x', 4, SALT), /waiting/);
});

test('an idle thread does not keep the process, and a busy one does', () => {
  const index = new URL('./index.js', import.meta.url).href;
  const script = `
    import { hashPassword, verifyPassword } from ${JSON.stringify(index)};
    const stored = await hashPassword(Buffer.from('x'), { format: 'bcrypt', bcrypt: { cost: 4 } });
    console.log(await verifyPassword(Buffer.from('x'), stored));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(output, 'true\n');
});
