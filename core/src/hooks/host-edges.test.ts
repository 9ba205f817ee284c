import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type BrokerHooks, type PluginContext } from '@portcullis/sdk';
import { PortcullisError } from '../errors.js';
import { HOOK_NAMES, HOOKS } from './hook-table.js';
import { CONNECT, chain, IDENTIFIED, MESSAGE, makeRig, type Plugin, plugin, preparedRig, turn } from './hooks.test.support.js';
import { makeVerbs } from './verbs.js';

const letIn = (hooks: BrokerHooks) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } }));

test('a chain that there is not is a mistake of the broker, and guards that there are not let pass', async () => {
  const { host } = await preparedRig([plugin('p', letIn)], [chain({ authenticate: ['p'] })]);
  assert.throws(
    () => host.chain('other'),
    (error) => error instanceof PortcullisError && error.code === 'PCL_INVARIANT' && /other/.test(error.message),
  );
  for (const hook of ['guardPublish', 'guardRetain', 'guardDelivery'] as const) {
    assert.deepEqual(host.chain('default').guard(hook, { ...IDENTIFIED, message: MESSAGE }), { kind: 'pass', maxQos: 2 });
  }
  assert.deepEqual(host.global.guard('acceptConnection', CONNECT), { kind: 'pass', maxQos: 2 });
});

test('only hooks that are asked have verbs, and each has those of its role', () => {
  for (const hook of HOOK_NAMES) {
    const { role } = HOOKS[hook];
    if (role === 'observer') assert.throws(() => makeVerbs(hook, {}), /is no question/, hook);
    else {
      const verbs: string[] = [];
      for (const verb in makeVerbs(hook, {})) verbs.push(verb);
      assert.equal(verbs.includes('deny'), role !== 'source', hook);
      assert.equal(verbs.includes('allow'), role === 'authority', hook);
      assert.equal(verbs.includes('pass'), role === 'guard', hook);
      assert.equal(verbs.includes('nothing'), role === 'source', hook);
      assert.equal(verbs.includes('skip'), hook === 'authenticate' || hook === 'authorize', hook);
    }
  }
});

/** Plugins of which each notes its reloads; the one called `down` never starts. */
function reloading(seen: string[], names: readonly string[]): Plugin[] {
  return names.map((name) =>
    plugin(name, (_hooks, { onReload }) => {
      onReload(() => {
        seen.push(name);
        if (name === 'broken') throw new Error('file is gone');
        return name === 'hanging' ? new Promise(() => {}) : undefined;
      });
      if (name === 'down') throw new BackendUnavailable('no connection');
    }),
  );
}

test('a reload reaches every plugin that is there, in order, and names each that could not, also for not ending in time', async () => {
  const seen: string[] = [];
  const { host, clock, lines } = await preparedRig(reloading(seen, ['one', 'down', 'broken', 'hanging', 'last']), [], {
    limits: { pluginStartMs: 1000 },
  });
  const reloaded = host.reload();
  await turn();
  assert.deepEqual(seen, ['one', 'broken', 'hanging'], 'one after the other');
  clock.advance(1100);
  assert.deepEqual(await reloaded, [
    { path: ['plugins', 'broken'], message: 'file is gone' },
    { path: ['plugins', 'hanging'], message: 'onReload has not settled within 1000 ms' },
  ]);
  assert.deepEqual(seen, ['one', 'broken', 'hanging', 'last']);
  assert.equal(lines.filter((line) => /could not reload; it goes on as before/.test(line)).length, 2);
});

test('plugins that are to retire stay for as long as somebody needs them, and at most so long', async () => {
  for (const until of ['no longer needed', 'too long', 'disposed of']) {
    let disposed = false;
    let needed = true;
    const p = plugin('p', (hooks, { onDispose }) => {
      letIn(hooks);
      onDispose(() => {
        disposed = true;
      });
    });
    const { host, clock } = await preparedRig([p], [chain({ authenticate: ['p'] })], { limits: { pluginDrainMs: 1000 } });
    const retired = host.retire(() => needed);
    for (let i = 0; i < 5; i += 1) {
      clock.advance(100);
      await turn();
    }
    assert.equal(disposed, false, until);
    if (until === 'no longer needed') needed = false;
    if (until === 'disposed of') await host.dispose();
    clock.advance(until === 'too long' ? 600 : 100);
    await retired;
    assert.equal(disposed, true, until);
  }
});

test('a start that failed and whose callbacks hang is given up after five seconds, with the other callbacks called', async () => {
  const seen: string[] = [];
  let starts = 0;
  const p = plugin('p', (hooks, { onDispose }) => {
    starts += 1;
    const start = starts;
    letIn(hooks);
    onDispose(() => void seen.push(`closed ${start}`));
    onDispose(() => {
      throw new Error('and fails');
    });
    if (start === 1) {
      onDispose(() => new Promise(() => {}));
      throw new BackendUnavailable('down');
    }
  });
  const rig = makeRig([p], [chain({ authenticate: ['p'] })]);
  const preparing = rig.host.prepare();
  await turn();
  rig.clock.advance(4900);
  await turn();
  assert.deepEqual([seen, rig.host.states.get('p')], [[], 'starting']);
  rig.clock.advance(200);
  await preparing;
  await turn();
  assert.deepEqual([seen, rig.host.states.get('p')], [['closed 1'], 'down']);
  assert.match(rig.lines.join('\n'), /a plugin failed while stopping.*and fails/);
  rig.clock.advance(1100);
  await turn();
  assert.deepEqual([starts, rig.host.states.get('p')], [2, 'ready']);
});

test('a method and its handler are both looked at when they are tapped, and so is the version that rights are invalidated with', async () => {
  const refusals: string[] = [];
  let context: PluginContext | null = null;
  const p = plugin(
    'p',
    (hooks, given) => {
      context = given;
      for (const given of [['SCRAM', null], ['SCRAM'], [7, () => {}], ['a\0', () => {}], []]) {
        try {
          (hooks.authenticateEnhanced.tap as unknown as (...given: unknown[]) => void)(...given);
        } catch (error) {
          refusals.push(String(error));
        }
      }
    },
    { capabilities: ['policy'] },
  );
  await assert.rejects(preparedRig([p], []), /takes the name of a method and a function/);
  assert.equal(refusals.length, 5);
  for (const refusal of refusals) assert.match(refusal, /authenticateEnhanced.tap takes the name of a method and a function/);

  const { services } = await preparedRig(
    [
      plugin(
        'q',
        (_hooks, given) => {
          context = given;
        },
        { capabilities: ['policy'] },
      ),
    ],
    [],
  );
  const { policy } = context as unknown as PluginContext;
  for (const version of [Number.NaN, Number.POSITIVE_INFINITY, '7', null]) {
    assert.throws(() => policy.invalidate('all', version as never), /a version is a finite number/, String(version));
  }
  policy.invalidate('all');
  policy.invalidate({ clientId: 'c' }, 0);
  assert.deepEqual(services.calls, [
    ['invalidate', 'q', 'all'],
    ['invalidate', 'q', { clientId: 'c' }, 0],
  ]);
});
