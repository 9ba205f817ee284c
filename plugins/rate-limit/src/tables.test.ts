import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PluginContext } from '@portcullis/sdk';
import { makePlugin } from './plugin.js';
import { TableKeeper } from './tables.js';

test('What was counted goes on for as long as somebody holds it, and is dropped with the last one.', () => {
  const keeper = new TableKeeper();
  const first = keeper.hold('a', 10);
  assert.equal(keeper.hold('a', 10), first);
  assert.notEqual(keeper.hold('b', 10), first);
  keeper.release('a', first);
  const third = keeper.hold('a', 10);
  assert.equal(third, first);
  keeper.release('a', first);
  keeper.release('a', first);
  assert.notEqual(keeper.hold('a', 10), first);
});

test('Another size means new tables; that the old ones are let go of later takes nothing from the new ones.', () => {
  const keeper = new TableKeeper();
  const small = keeper.hold('a', 10);
  const large = keeper.hold('a', 20);
  assert.notEqual(large, small);
  keeper.release('a', small);
  assert.equal(keeper.hold('a', 20), large);
});

/** Starts the plugin; what it tells when it is disposed of, and whether the first login after that has to wait. */
async function start(name: string, baseFolder: string): Promise<{ login(): string; dispose(): void }> {
  let dispose = (): void => {};
  let admit: (request: object, decide: object) => string = () => '';
  const hooks = {
    admitClient: {
      tap: (tap: typeof admit) => {
        admit = tap;
      },
    },
  };
  const context = {
    name,
    baseFolder,
    hooks,
    metrics: { count: () => {} },
    onDispose: (callback: () => void) => {
      dispose = callback;
    },
  };
  const config = { maxTracked: 10, connects: { perAddress: { perSecond: 1, burst: 1 } } };
  await makePlugin(() => 0).start(context as unknown as PluginContext, config);
  const decide = { pass: () => 'pass', deny: (reason: string) => reason };
  const request = { client: { connection: { id: 'c', address: '192.0.2.1' } }, username: 'ann', tenant: null };
  return { login: () => admit(request, decide), dispose: () => dispose() };
}

test('The next generation of an entry goes on with its counts, another entry or another broker does not, and what stops leaves nothing behind.', async () => {
  const one = await start('limits', '/one');
  assert.equal(one.login(), 'pass');
  assert.equal(one.login(), 'rate');
  const next = await start('limits', '/one');
  assert.equal(next.login(), 'rate');
  const others = [await start('other', '/one'), await start('limits', '/two')];
  for (const other of others) assert.equal(other.login(), 'pass');
  for (const running of [one, next, ...others]) running.dispose();
  const fresh = await start('limits', '/one');
  assert.equal(fresh.login(), 'pass');
  fresh.dispose();
});
