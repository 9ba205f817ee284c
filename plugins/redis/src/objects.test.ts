import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Layout } from './layout.js';
import type { Lookups } from './lookups.js';
import { Objects } from './objects.js';

test('no more users and groups are read at once than may be, however many are asked for, and the next when one is there', async () => {
  let open: (() => void)[] = [];
  // A tenant without anything: three answers and the lengths of no fields.
  const askAtOnce = (commands: readonly unknown[]): Promise<readonly unknown[]> =>
    new Promise((resolve) => open.push(() => resolve(commands.map((_, index) => (index < 2 ? '' : 0)))));
  const objects = new Objects({ askAtOnce } as unknown as Lookups, new Layout('portcullis'));
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const all = Array.from({ length: 150 }, (_, i) => (i % 2 === 0 ? objects.user(null, `u${i}`) : objects.group(null, `g${i}`)));
  const waves: number[] = [];
  for (await turn(); open.length > 0; await turn()) {
    waves.push(open.length);
    const answered = open;
    open = [];
    for (const answer of answered) answer();
  }
  assert.deepEqual(waves, [64, 64, 22]);
  assert.equal((await Promise.all(all)).filter(({ record }) => record === null).length, 150);
});
