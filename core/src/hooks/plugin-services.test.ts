import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPABILITIES, type Capability, type PluginContext } from '@portcullis/sdk';
import { plugin, preparedRig, type Rig, type RigOptions, turn } from './hooks.test.support.js';

interface Started {
  readonly rig: Rig;
  readonly context: PluginContext;
}

async function started(capabilities: readonly Capability[], publishTo: readonly string[] = [], options: RigOptions = {}): Promise<Started> {
  let context: PluginContext | null = null;
  const p = plugin(
    'p',
    (_hooks, given) => {
      context = given;
    },
    { capabilities, spec: { publishTo } },
  );
  const rig = await preparedRig([p], [], options);
  assert.ok(context);
  return { rig, context };
}

/** One use of each capability. */
const USES: Readonly<Record<Exclude<Capability, 'credentials' | 'stores'>, (context: PluginContext) => unknown>> = {
  publish: async ({ publish }) => await publish.publish({ topic: 'a/b', payload: 'x' }),
  sessions: ({ sessions }) => sessions.find({ clientId: 'c' }),
  policy: ({ policy }) => policy.invalidate('all'),
  retained: ({ retained }) => retained.get('a'),
};

test('a service throws without its capability, works with it, and throws again once the plugin has stopped', async () => {
  for (const [capability, use] of Object.entries(USES)) {
    const without = await started(
      CAPABILITIES.filter((other) => other !== capability),
      ['#'],
    );
    await assert.rejects(async () => await use(without.context), new RegExp(`p does not ask for the capability "${capability}"`));
    assert.deepEqual(without.rig.services.calls, []);
    const having = await started([capability as Capability], ['#']);
    await use(having.context);
    assert.equal(having.rig.services.calls.length, 1);
    await having.rig.host.dispose();
    await assert.rejects(async () => await use(having.context), /p was stopped/);
  }
});

test('messages of a plugin stay within publishTo, and are valid before anybody else sees them', async () => {
  const { rig, context } = await started(['publish'], ['state/+', '$app/#']);
  const { publish } = context.publish;
  await publish({ topic: 'state/a', payload: 'ä', qos: 1, retain: true, tenant: 't' });
  await publish({ topic: '$app/x/y', payload: new Uint8Array([1]) });
  assert.deepEqual(rig.services.calls, [
    ['publish', 'p', { topic: 'state/a', payload: new TextEncoder().encode('ä'), qos: 1, retain: true, tenant: 't' }],
    ['publish', 'p', { topic: '$app/x/y', payload: new Uint8Array([1]), qos: 0, retain: false }],
  ]);
  for (const topic of ['state', 'state/a/b', 'other', '$SYS/x']) await assert.rejects(publish({ topic, payload: '' }), /may not publish to/);
  for (const topic of ['', 'state/+', 'state/#', 'state/\0', 7 as never]) await assert.rejects(publish({ topic, payload: '' }), TypeError);
  await assert.rejects(publish({ topic: 'state/a', payload: '', qos: 3 as never }));
  await assert.rejects(publish({ topic: 'state/a', payload: {} as never }), TypeError);
  assert.equal(rig.services.calls.length, 2);
});

test('commands about sessions need a selector that selects, and a reason code that refuses', async () => {
  const { rig, context } = await started(['sessions', 'policy']);
  const { sessions, policy } = context;
  for (const selector of [{}, { clientId: undefined }, { name: 'x' }, { username: 7 }, { connected: false }]) {
    assert.throws(() => sessions.disconnect(selector as never), TypeError);
    assert.throws(() => sessions.recheck(selector as never), TypeError);
    assert.throws(() => policy.invalidate(selector as never), TypeError);
  }
  assert.throws(() => sessions.disconnect({ username: 'u' }, 0), TypeError);
  for (const code of [0x7f, 0x100, 128.5, '128']) assert.throws(() => sessions.disconnect({ username: 'u' }, code as never), TypeError, String(code));
  assert.equal(sessions.disconnect({ username: 'u' }), 1);
  assert.equal(sessions.disconnect({ tenant: 't' }, 0x80), 1);
  assert.equal(sessions.disconnect({ clientId: 'c' }, 0xff), 1);
  assert.equal(sessions.release('c', 't'), true);
  policy.invalidate({ username: 'u' }, 7);
  assert.deepEqual(rig.services.calls, [
    ['disconnect', { username: 'u' }, 0x98],
    ['disconnect', { tenant: 't' }, 0x80],
    ['disconnect', { clientId: 'c' }, 0xff],
    ['release', 'c', 't'],
    ['invalidate', 'p', { username: 'u' }, 7],
  ]);
});

test('retained messages are looked up in the tenant that is named, at most so many', async () => {
  const { rig, context } = await started(['retained']);
  const { retained } = context;
  retained.get('a');
  retained.get('a', 't');
  retained.match('#');
  retained.match('#', { tenant: 't', limit: 5 });
  assert.deepEqual(rig.services.calls, [
    ['retainedGet', 'a'],
    ['retainedGet', 'a', 't'],
    ['retainedMatch', '#', { limit: 1000 }],
    ['retainedMatch', '#', { tenant: 't', limit: 5 }],
  ]);
});

test('every way of using a service asks for its capability', async () => {
  const { rig, context } = await started([]);
  const { sessions, policy, retained } = context;
  const uses: (() => unknown)[] = [
    () => sessions.find({ clientId: 'c' }),
    () => sessions.disconnect({ clientId: 'c' }),
    () => sessions.recheck({ clientId: 'c' }),
    () => sessions.release('c'),
    () => policy.setTemplate('t', []),
    () => policy.removeTemplate('t'),
    () => policy.forgetTemplate('t'),
    () => policy.replaceTemplates(new Map()),
    () => policy.invalidate('all'),
    () => retained.get('a'),
    () => retained.match('#'),
  ];
  for (const use of uses) assert.throws(use, /does not ask for the capability/, String(use));
  assert.deepEqual(rig.services.calls, []);
});

test('templates are attributed to the plugin and copied; rules of the wrong form change nothing', async () => {
  const { rig, context } = await started(['policy']);
  const rule = { effect: 'allow' as const, actions: ['publish' as const], pattern: 'a/#', from: 'file:1' };
  assert.throws(() => context.policy.setTemplate(7 as never, [rule]), TypeError);
  assert.throws(() => context.policy.replaceTemplates(new Map([[7, [rule]]]) as never), TypeError);
  context.policy.setTemplate('t', [rule]);
  rule.pattern = '#';
  context.policy.removeTemplate('t');
  context.policy.replaceTemplates(new Map());
  assert.equal(context.policy.forgetTemplate('t'), true);
  assert.throws(() => context.policy.forgetTemplate(7 as never), TypeError);
  assert.throws(() => context.policy.setTemplate('t', [{ ...rule, effect: 'permit' as never }]));
  assert.deepEqual(rig.services.calls, [
    ['setTemplates', 'p', { replace: false, set: new Map([['t', [{ ...rule, pattern: 'a/#' }]]]), remove: [] }],
    ['setTemplates', 'p', { replace: false, set: new Map(), remove: ['t'] }],
    ['setTemplates', 'p', { replace: true, set: new Map(), remove: [] }],
    ['forgetTemplate', 'p', 't'],
  ]);
});

test('a store is provided from start and not later', async () => {
  const store = {} as never;
  let context: PluginContext | null = null;
  const p = plugin(
    'p',
    (_hooks, given) => {
      context = given;
      given.stores.provideSessionStore(store);
    },
    { capabilities: ['stores'] },
  );
  const { services } = await preparedRig([p], []);
  assert.deepEqual(services.calls, [['provideSessionStore', 'p', store]]);
  assert.throws(() => (context as PluginContext | null)?.stores.provideRetainedStore(store), /from start, not later/);
});

test('a timer needs a time and something to call', async () => {
  const { rig, context } = await started([]);
  for (const callback of [undefined, null, 'x', {}]) assert.throws(() => context.timers.after(1, callback as never), TypeError);
  for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY, '1']) assert.throws(() => context.timers.every(time as never, () => {}), TypeError);
  let called = 0;
  context.timers.after(0, () => {
    called += 1;
  });
  rig.clock.advance(50);
  assert.equal(called, 1);
});

test('timers call back on time, can be cancelled, survive what their callbacks throw, and end with the plugin', async () => {
  const { rig, context } = await started([], [], { limits: { pluginTimers: 4 } });
  const seen: string[] = [];
  const { timers } = context;
  timers.after(100, () => void seen.push('once'));
  const cancel = timers.every(100, () => {
    seen.push('every');
    throw new Error('broken');
  });
  timers.after(100, (async () => {
    throw new Error('rejected');
  }) as () => void);
  rig.clock.advance(350);
  await turn();
  assert.deepEqual(seen, ['once', 'every', 'every', 'every']);
  assert.equal(rig.stats.escapedErrors, 4);
  assert.match(rig.lines.join('\n'), /PCL_PLUGIN_ESCAPED plugin=p hook=timer/);
  cancel();
  rig.clock.advance(500);
  assert.equal(seen.length, 4);
  for (const wrong of [-1, Number.NaN, '5' as never]) assert.throws(() => timers.after(wrong, () => {}), TypeError);
  for (let i = 0; i < 4; i += 1) timers.after(1000, () => void seen.push('late'));
  assert.throws(() => timers.after(1000, () => {}), /has 4 timers already/);
  await rig.host.dispose();
  rig.clock.advance(2000);
  assert.equal(seen.length, 4);
  assert.throws(() => timers.after(1, () => {}), /was stopped/);
});

test('metrics are named after the plugin and bounded in number', async () => {
  const { rig, context } = await started([], [], { limits: { pluginMetrics: 2 } });
  const { metrics, stats } = context;
  metrics.count('hits');
  metrics.count('hits', 2);
  metrics.gauge('size', 7);
  assert.equal(stats.get('plugin.p.hits'), 3);
  assert.equal(stats.get('plugin.p.size'), 7);
  assert.ok(stats.names().includes('pluginFaults'));
  assert.throws(() => metrics.count('third'), /has 2 metrics already/);
  assert.throws(() => metrics.count('a b'), TypeError);
  assert.throws(() => metrics.gauge('size', Number.NaN), TypeError);
  assert.equal(rig.stats.get('plugin.p.size'), 7);
});

test("the context offers the plugin's own view of the broker and nothing that it could change", async () => {
  const { context, rig } = await started([]);
  assert.equal(context.name, 'p');
  assert.equal(context.baseFolder, '/base');
  assert.equal(context.timeoutMs, 2000);
  assert.ok(Object.isFrozen(context));
  for (const part of [context.log, context.stats, context.metrics, context.timers, context.publish, context.sessions, context.policy]) {
    assert.ok(Object.isFrozen(part));
  }
  context.log.info({ n: 1 }, 'hello');
  assert.match(rig.lines[0] as string, /info {2}hello plugin=p n=1/);
});
