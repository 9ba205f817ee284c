import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type DecideGuard, type HookName } from '@portcullis/sdk';
import { HOOK_NAMES, HOOKS, isAuthorityHook } from './hook-table.js';
import { CONNECT, chain, plugin, preparedRig } from './hooks.test.support.js';
import { assumedTaps } from './tap-registry.js';

const definition = (given: object) => plugin('p', () => {}, given).loaded.definition;
const judges = (hook: HookName): boolean => HOOKS[hook].role !== 'observer';

test('a plugin that could not start yet counts as tapping every hook of its list that is a question, whichever that is', () => {
  for (const hook of HOOK_NAMES) assert.equal(assumedTaps(hook, definition({ taps: [hook] })), judges(hook), hook);
});

test('without a list it counts as tapping all questions but those about sockets, and of authorities those that it declares', () => {
  const silent = definition({ decides: {} });
  for (const hook of HOOK_NAMES) {
    const socket = hook === 'acceptConnection' || hook === 'upgradeWebSocket';
    assert.equal(assumedTaps(hook, silent), judges(hook) && !socket && !isAuthorityHook(hook), hook);
  }
  // So whoever comes past a guard of sockets that is not there is refused at the CONNECT, in every chain.
  assert.equal(assumedTaps('resolveTenant', silent), true);
});

for (const hook of ['acceptConnection', 'upgradeWebSocket'] as const) {
  test(`a guard that taps ${hook} alone refuses while its backend is down, and judges when it is there`, async () => {
    let down = true;
    const p = plugin(
      'p',
      (hooks) => {
        if (down) throw new BackendUnavailable('no list of addresses');
        hooks[hook].tap((_request: object, decide: DecideGuard) => decide.deny('banned'));
      },
      { taps: [hook] },
    );
    const rig = await preparedRig([p], [chain({})]);
    assert.equal(rig.host.global.has(hook), true);
    assert.equal(rig.host.global.guard(hook, CONNECT).kind, 'fault');
    down = false;
    rig.clock.advance(1100);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(rig.host.global.guard(hook, CONNECT).kind, 'deny');
  });
}
