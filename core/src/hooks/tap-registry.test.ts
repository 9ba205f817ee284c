import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokerHooks } from '@portcullis/sdk';
import { HOOK_NAMES } from './hook-table.js';
import { plugin, preparedRig } from './hooks.test.support.js';
import { TapRegistry } from './tap-registry.js';

test('hooks hold every hook, and nothing that the language looks for by itself', async () => {
  const { hooks, problems } = new TapRegistry();
  const looked = hooks as unknown as Record<string | symbol, unknown>;
  assert.deepEqual(Object.keys(hooks).sort(), [...HOOK_NAMES].sort());
  for (const name of HOOK_NAMES) assert.deepEqual(Object.keys(looked[name] as object), ['tap']);
  const symbols = Object.getOwnPropertyNames(Symbol).flatMap((name) => {
    const symbol = (Symbol as unknown as Record<string, unknown>)[name];
    return typeof symbol === 'symbol' ? [symbol] : [];
  });
  assert.ok(symbols.includes(Symbol.iterator) && symbols.includes(Symbol.toPrimitive));
  for (const symbol of symbols) assert.equal(looked[symbol], undefined, String(symbol));
  assert.equal(looked.then, undefined);
  assert.equal(await Promise.resolve(hooks), hooks);
  assert.deepEqual(problems, [], 'looking is no mistake');
});

test('a hook that there is not can be looked at, and ends the start when it is tapped, whatever it is called', async () => {
  for (const name of ['authentikate', 'toString', 'constructor', '__proto__', '', 'x'.repeat(1000)]) {
    const looks = plugin('p', (hooks) => void (hooks as unknown as Record<string, unknown>)[name]);
    await preparedRig([looks], []);
    const taps = plugin('p', (hooks) => {
      try {
        (hooks as unknown as Record<string, { tap(handler: () => void): void }>)[name]?.tap(() => {});
      } catch {
        // The plugin goes on, and must not be started all the same.
      }
    });
    await assert.rejects(preparedRig([taps], []), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /unknown hook "/);
      assert.ok(error.message.length < 200, 'what it is called is cut');
      return true;
    });
  }
});

test('what a start has tapped is known by hook and by method, and belongs to that start alone', () => {
  const [first, second] = [new TapRegistry(), new TapRegistry()];
  const handler = () => null as never;
  first.hooks.authenticateEnhanced.tap('A', handler);
  first.hooks.authenticateEnhanced.tap('B', handler);
  first.hooks.sessionOpened.tap(handler);
  assert.deepEqual(
    [first.tapped, first.methods],
    [HOOK_NAMES.filter((name) => name === 'authenticateEnhanced' || name === 'sessionOpened'), ['A', 'B']],
  );
  assert.deepEqual([second.tapped, second.methods], [[], []]);
  for (const name of HOOK_NAMES) assert.equal(first.has(name), first.tapped.includes(name), name);
  assert.equal(first.methodHandler('A'), handler);
  assert.equal(first.methodHandler('a'), undefined);
  first.close();
  const late = Object.entries(first.hooks) as [keyof BrokerHooks, { tap(...given: unknown[]): void }][];
  for (const [name, { tap }] of late) assert.throws(() => tap('C', handler), /until start has settled, not later/, name);
  assert.deepEqual(first.problems, []);
});
