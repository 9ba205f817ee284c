import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type BrokerHooks, InvalidPluginConfig, type PluginContext } from '@portcullis/sdk';
import { PortcullisError } from '../errors.js';
import { CONNECT, chain, IDENTIFIED, MESSAGE, makeRig, type Plugin, plugin, preparedRig, turn } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';
import type { ChainSpec } from './specs.js';
import { StartError } from './start-error.js';

const AUTH = chain({ authenticate: ['p'] });
const letIn = (hooks: BrokerHooks) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } }));

async function refusal(plugins: readonly Plugin[], chains: readonly ChainSpec[]): Promise<string> {
  const { host } = makeRig(plugins, chains);
  let message = '';
  await assert.rejects(host.prepare(), (error) => {
    assert.ok(error instanceof PortcullisError);
    assert.equal(error.code, 'PCL_PLUGIN_LOAD');
    message = error.message;
    return true;
  });
  return message;
}

function connect(rig: Pick<ReturnType<typeof makeRig>, 'host' | 'options'>, name = 'default'): Outcome {
  const ended: Outcome[] = [];
  rig.host.chain(name).ask('authenticate', CONNECT, rig.options(), (outcome) => ended.push(outcome));
  assert.equal(ended.length, 1);
  return ended[0] as Outcome;
}

test('before the host is prepared, every question is a fault', async () => {
  const rig = makeRig([plugin('p', letIn)], [AUTH]);
  assert.equal(connect(rig).kind, 'fault');
  assert.equal(rig.host.chain('default').has('authenticate'), true);
  await rig.host.prepare();
  assert.equal(connect(rig).kind, 'allow');
});

test('what a plugin taps must fit its manifest and the chains, or the broker does not start', async () => {
  const nothing = () => {};
  const guard = (hooks: BrokerHooks) => hooks.admitClient.tap((_request, decide) => decide.pass());
  const method = (hooks: BrokerHooks) => hooks.authenticateEnhanced.tap('SCRAM', (_request, decide) => decide.deny('banned'));
  const rights = (hooks: BrokerHooks) => hooks.loadPolicy.tap((_request, give) => give.nothing());
  const cases: [Plugin[], ChainSpec[], RegExp][] = [
    [[plugin('p', letIn)], [], /p taps authenticate, but stands in no chain/],
    [[plugin('p', method)], [], /p taps authenticateEnhanced, but stands in no chain/],
    [[plugin('p', rights)], [], /p taps loadPolicy, but stands in no chain/],
    [[plugin('p', guard)], [], /p taps admitClient, but stands in no chain/],
    [[plugin('p', nothing)], [AUTH], /"authenticate" names the plugin p, which taps none of authenticate, authenticateEnhanced/],
    [[plugin('p', guard)], [AUTH], /"authenticate" names the plugin p, which taps none/],
    [[plugin('p', letIn)], [chain({ authorize: ['p'] })], /"authorize" names the plugin p, which taps none of loadPolicy, authorize/],
    [[plugin('p', letIn)], [chain({ guards: ['p'] })], /"guards" names the plugin p, which taps none of admitClient, admitIdentity/],
    [[plugin('p', letIn, { decides: {} })], [AUTH], /p taps authenticate, but "decides" of its manifest/],
    [[plugin('p', letIn)], [chain({ authenticate: ['q'] })], /"authenticate" names the unknown plugin "q", did you mean "p"\?/],
    [[plugin('p', method), plugin('q', method)], [chain({ authenticate: ['p', 'q'] })], /method "SCRAM" is owned by both p and q/],
    [[plugin('p', letIn, { spec: { onFault: 'skip' } })], [AUTH], /"onFault": "skip" is only for a plugin .* never denies/],
    [[plugin('p', letIn, { decides: {}, spec: { onFault: 'skip' } })], [AUTH], /"onFault": "skip" is only for/],
  ];
  for (const [plugins, chains, message] of cases) assert.match(await refusal(plugins, chains), message);
});

test('a plugin may stand in one list with one of its hooks and leave others unused', async () => {
  const both = plugin('p', (hooks) => {
    letIn(hooks);
    hooks.admitClient.tap((_request, decide) => decide.pass());
  });
  await preparedRig([both], [chain({ guards: ['p'] })]);
  await preparedRig([both], [AUTH]);
});

test('a wrong tap ends the start, even when the plugin catches what it throws', async () => {
  const wrong: [(hooks: BrokerHooks) => void, RegExp][] = [
    [
      (hooks) => (hooks as unknown as Record<string, BrokerHooks['authenticate']>).authentcate?.tap(() => null as never),
      /unknown hook "authentcate", did you mean "authenticate"\?/,
    ],
    [(hooks) => hooks.authenticate.tap(null as never), /takes a function/],
    [
      (hooks) => {
        letIn(hooks);
        letIn(hooks);
      },
      /authenticate is tapped twice/,
    ],
    [(hooks) => hooks.authenticateEnhanced.tap('', (() => null) as never), /takes the name of a method/],
    [
      (hooks) => {
        for (let i = 0; i < 2; i += 1) hooks.authenticateEnhanced.tap('M', (_request, decide) => decide.deny('banned'));
      },
      /tapped twice for the method "M"/,
    ],
  ];
  for (const [tap, message] of wrong) {
    assert.match(await refusal([plugin('p', tap)], [AUTH]), message);
    const swallowed = (hooks: BrokerHooks) => {
      letIn(hooks);
      try {
        tap(hooks);
      } catch {
        // The plugin goes on.
      }
    };
    assert.match(await refusal([plugin('p', swallowed)], [AUTH]), /unknown hook|takes|tapped twice/);
  }
});

test('hooks can be tapped only, not called, listed as a promise or replaced', async () => {
  let hooks: BrokerHooks | null = null;
  await preparedRig(
    [
      plugin('p', async (given) => {
        letIn(given);
        hooks = await Promise.resolve(given);
      }),
    ],
    [AUTH],
  );
  const given = hooks as unknown as BrokerHooks;
  assert.deepEqual(Object.keys(given.authenticate), ['tap']);
  assert.throws(() => Object.assign(given, { authenticate: null }), TypeError);
  assert.throws(() => Object.assign(given.authenticate, { tap: null }), TypeError);
  assert.throws(() => given.authorize.tap((_request, decide) => decide.allow()), /can be tapped until start has settled, not later/);
});

test("a start that fails ends the broker's start, in one line with the plugin's name, after the others were stopped", async () => {
  const order: string[] = [];
  const first = plugin('first', (hooks, { onDispose, signal }) => {
    letIn(hooks);
    onDispose(() => void order.push(`first ${signal.aborted}`));
  });
  const second = plugin('second', (_hooks, { onDispose }) => {
    onDispose(() => void order.push('second'));
    throw new InvalidPluginConfig('users.txt:3: no such format');
  });
  const third = plugin('third', () => void order.push('third started'));
  const { host, services } = makeRig([first, second, third], [chain({ authenticate: ['first'] })]);
  await assert.rejects(host.prepare(), /^PortcullisError: plugin second could not start: users.txt:3: no such format$/);
  assert.deepEqual(order, ['second', 'third started', 'first true']);
  assert.ok(services.calls.some(([name, plugin]) => name === 'removePlugin' && plugin === 'first'));
});

test('every plugin that cannot start is named, each at its entry', async () => {
  const broken = (name: string) =>
    plugin(name, () => {
      throw new InvalidPluginConfig(`${name}.txt is missing`);
    });
  const { host } = makeRig([broken('one'), plugin('fine', letIn), broken('other')], [chain({ authenticate: ['fine'] })]);
  await assert.rejects(host.prepare(), (error) => {
    assert.ok(error instanceof StartError);
    assert.deepEqual(error.problems, [
      { path: ['plugins', 'one'], message: 'plugin one could not start: one.txt is missing' },
      { path: ['plugins', 'other'], message: 'plugin other could not start: other.txt is missing' },
    ]);
    return true;
  });
});

test("a start that does not settle in time ends the broker's start", async () => {
  const { host, clock } = makeRig([plugin('p', () => new Promise(() => {}))], [], { limits: { pluginStartMs: 1000 } });
  const preparing = host.prepare();
  const refused = assert.rejects(preparing, /plugin p could not start: start has not settled within 1000 ms/);
  clock.advance(1100);
  await refused;
});

/** A plugin whose backend is down for so many starts. */
function flaky(failures: number, startup: 'gate' | 'wait' | 'exit', tap: (hooks: BrokerHooks) => void = letIn): { p: Plugin; starts: () => number } {
  let starts = 0;
  const p = plugin(
    'p',
    async (hooks) => {
      starts += 1;
      if (starts <= failures) throw new BackendUnavailable('no connection');
      tap(hooks);
    },
    { spec: { startup } },
  );
  return { p, starts: () => starts };
}

test('startup "exit": a backend that is down ends the start', async () => {
  assert.match(await refusal([flaky(1, 'exit').p], [AUTH]), /plugin p could not start: no connection/);
});

test('startup "gate": refuses until a later start succeeds, tried again after 1, 2 and then every 2.5 seconds', async () => {
  const { p, starts } = flaky(8, 'gate');
  const rig = await preparedRig([p], [AUTH]);
  await rig.host.ready;
  assert.equal(rig.host.states.get('p'), 'down');
  const ended = connect(rig);
  assert.ok(ended.kind === 'fault' && !ended.overload);
  const waits = [1000, 2000, 2500, 2500, 2500, 2500, 2500, 2500];
  for (const [i, wait] of waits.entries()) {
    rig.clock.advance(wait - 50);
    await turn();
    assert.equal(starts(), i + 1);
    rig.clock.advance(100);
    await turn();
    assert.equal(starts(), i + 2);
  }
  assert.equal(rig.host.states.get('p'), 'ready');
  assert.equal(connect(rig).kind, 'allow');
});

for (const startup of ['gate', 'wait'] as const) {
  test(`startup "${startup}": a backend that comes and goes lets in only while it is there, and within five seconds of its coming to stay`, async () => {
    let passed = 0;
    // There between two starts, then for the start and a moment more, then for good.
    const isUp = (): boolean => (passed >= 1500 && passed < 2500) || (passed >= 10_300 && passed < 10_800) || passed >= 20_000;
    let starts = 0;
    const p = plugin(
      'p',
      async (hooks) => {
        starts += 1;
        if (!isUp()) throw new BackendUnavailable('no connection');
        hooks.authenticate.tap((_request, decide) => {
          if (!isUp()) throw new BackendUnavailable('lost the connection');
          return decide.allow({ identity: { username: 'u' } });
        });
      },
      { spec: { startup } },
    );
    const rig = await preparedRig([p], [AUTH]);
    let ready = false;
    void rig.host.ready.then(() => {
      ready = true;
    });
    const allowedAt: number[] = [];
    for (; passed < 30_000; passed += 100) {
      const { kind } = connect(rig);
      if (kind === 'allow') allowedAt.push(passed);
      assert.ok(kind === 'allow' ? isUp() : kind === 'fault', `${kind} after ${passed} ms`);
      if (passed >= 25_000) assert.equal(kind, 'allow', `after ${passed} ms`);
      rig.clock.advance(100);
      await turn();
    }
    assert.ok(starts >= 5, `${starts} starts`);
    assert.ok(
      allowedAt.some((at) => at < 11_000),
      'the start that found the backend counts, though that went again',
    );
    assert.equal(ready, true);
  });
}

test('while a plugin is down, everything that it might tap refuses: nothing passes because a guard is not there yet', async () => {
  const { p } = flaky(1, 'gate', (hooks) => hooks.admitClient.tap((_request, decide) => decide.pass()));
  const in_ = plugin('in', letIn);
  const rig = await preparedRig([p, in_], [chain({ guards: ['p'], authenticate: ['in'] }), chain({ name: 'other', authenticate: ['in'] })]);
  const door = rig.host.chain('default');
  const admitted = async () => await new Promise<Outcome>((resolve) => door.ask('admitClient', CONNECT, rig.options(), resolve));
  assert.equal((await admitted()).kind, 'fault');
  assert.equal(door.guard('guardPublish', { ...IDENTIFIED, message: MESSAGE }).kind, 'fault');
  assert.equal(rig.host.chain('other').has('admitClient'), false, 'a chain without it is not concerned');
  const tenant = await new Promise<{ kind: string }>((resolve) => rig.host.global.firstGiven('resolveTenant', CONNECT, rig.options(), resolve));
  assert.equal(tenant.kind, 'fault', 'without its tenant a client could meet strangers');
  assert.equal(rig.host.global.guard('acceptConnection', CONNECT).kind, 'pass', 'a CONNECT gets an answer');
  rig.clock.advance(1100);
  await turn();
  assert.equal((await admitted()).kind, 'pass');
  assert.equal(door.has('guardPublish'), false);
  assert.equal(rig.host.global.has('resolveTenant'), false);
});

test('while a plugin is down, an authentication method that nobody is known to own is a fault, not unknown', async () => {
  const { p } = flaky(1, 'gate');
  const rig = await preparedRig([p], [AUTH]);
  const asked = async () => await new Promise<Outcome>((resolve) => rig.host.chain('default').askEnhanced('M', CONNECT, rig.options(), resolve));
  assert.equal((await asked()).kind, 'fault');
  rig.clock.advance(1100);
  await turn();
  assert.equal((await asked()).kind, 'skip');
});

test('startup "wait": ready resolves when the last such plugin has started', async () => {
  const { p } = flaky(2, 'wait');
  const rig = await preparedRig([p], [AUTH]);
  let ready = false;
  void rig.host.ready.then(() => {
    ready = true;
  });
  rig.clock.advance(1100);
  await turn();
  assert.equal(ready, false);
  rig.clock.advance(2100);
  await turn();
  assert.equal(ready, true);
});

test('startup "wait": a plugin that comes up but does not fit the chains makes ready reject', async () => {
  const { p } = flaky(1, 'wait', () => {});
  const rig = await preparedRig([p], [AUTH]);
  rig.clock.advance(1100);
  await assert.rejects(rig.host.ready, /taps none of authenticate/);
  assert.equal(connect(rig).kind, 'fault');
});

test('a failed start leaves nothing behind: its callbacks run, its timers end, its taps are forgotten', async () => {
  const seen: string[] = [];
  let contexts: PluginContext[] = [];
  const p = plugin('p', async (hooks, context) => {
    contexts.push(context);
    const n = contexts.length;
    context.timers.every(100, () => void seen.push(`tick ${n}`));
    context.onDispose(() => void seen.push(`end ${n}`));
    hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: `start${n}` } }));
    if (n === 1) throw new BackendUnavailable('down');
  });
  const rig = await preparedRig([p], [AUTH]);
  assert.deepEqual(seen, ['end 1']);
  assert.equal(contexts[0]?.signal.aborted, true);
  assert.equal(connect(rig).kind, 'fault');
  rig.clock.advance(1025);
  await turn();
  rig.clock.advance(150);
  assert.deepEqual(seen, ['end 1', 'tick 2']);
  const ended = connect(rig);
  assert.ok(ended.kind === 'allow' && ended.grant?.identity.anonymous !== true && ended.grant?.identity.username === 'start2');
  contexts = [];
});

test('retire: what was asked is answered, also what follows from an answer, and only then the plugins are disposed of', async () => {
  const rig = await preparedRig(
    [
      plugin('p', (hooks, { onDispose }) => {
        hooks.authenticate.tap(
          (_request, decide) => new Promise((resolve) => answers.push(() => resolve(decide.allow({ identity: { username: 'u' } })))),
        );
        hooks.admitClient.tap((_request, decide) => new Promise((resolve) => answers.push(() => resolve(decide.pass()))));
        onDispose(() => void ends.push('disposed'));
      }),
    ],
    [chain({ guards: ['p'], authenticate: ['p'] })],
  );
  const answers: (() => void)[] = [];
  const ends: string[] = [];
  const door = rig.host.chain('default');
  door.ask('admitClient', CONNECT, rig.options(), (guarded) => {
    ends.push(guarded.kind);
    door.ask('authenticate', CONNECT, rig.options(), (outcome) => ends.push(outcome.kind));
  });
  const retired = rig.host.retire();
  await turn();
  answers.shift()?.();
  await turn();
  assert.deepEqual(ends, ['pass']);
  answers.shift()?.();
  await retired;
  assert.deepEqual(ends, ['pass', 'allow', 'disposed']);
});

test('retire: whoever is not answered within pluginDrainMs gets a fault', async () => {
  const silent = (hooks: BrokerHooks) => hooks.authenticate.tap(() => new Promise(() => {}));
  const rig = await preparedRig([plugin('p', silent, { spec: { timeoutMs: 60_000 } })], [chain({ authenticate: ['p'], deadlineMs: 60_000 })], {
    limits: { pluginDrainMs: 700 },
  });
  const ended: Outcome[] = [];
  rig.host.chain('default').ask('authenticate', CONNECT, rig.options(60_000), (outcome) => ended.push(outcome));
  const retired = rig.host.retire();
  await turn();
  rig.clock.advance(600);
  await turn();
  assert.equal(ended.length, 0);
  rig.clock.advance(200);
  await retired;
  assert.equal(ended[0]?.kind, 'fault');
});

test('retire: gives way to a disposal', async () => {
  const rig = await preparedRig([plugin('p', (hooks) => hooks.authenticate.tap(() => new Promise(() => {})))], [AUTH]);
  const ended: Outcome[] = [];
  rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), (outcome) => ended.push(outcome));
  const retired = rig.host.retire();
  await rig.host.dispose();
  await retired;
  assert.equal(ended[0]?.kind, 'fault');
});

test('dispose: questions end as faults, signals are aborted, callbacks run last in first out, and nothing is answered any more', async () => {
  const order: string[] = [];
  let signal: AbortSignal | null = null;
  const make = (name: string) =>
    plugin(name, (hooks, context) => {
      signal = context.signal;
      context.onDispose(() => void order.push(`${name} 1`));
      context.onDispose(async () => {
        await turn();
        order.push(`${name} 2`);
        throw new Error('and fails');
      });
      hooks.authenticate.tap(() => new Promise(() => {}));
    });
  const rig = await preparedRig([make('a'), make('b')], [chain({ authenticate: ['a', 'b'] })]);
  const ended: Outcome[] = [];
  rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), (outcome) => ended.push(outcome));
  const disposing = rig.host.dispose();
  assert.equal(ended[0]?.kind, 'fault');
  assert.equal((signal as AbortSignal | null)?.aborted, true);
  await disposing;
  assert.deepEqual(order, ['b 2', 'b 1', 'a 2', 'a 1']);
  assert.equal(connect(rig).kind, 'fault');
  assert.equal(rig.host.dispose(), disposing);
  await rig.host.ready;
});

test('dispose: callbacks that hang hold nothing up for longer than five seconds, and the others are called', async () => {
  const order: string[] = [];
  const p = plugin('p', (hooks, { onDispose }) => {
    letIn(hooks);
    onDispose(() => void order.push('first'));
    onDispose(() => new Promise(() => {}));
  });
  const rig = await preparedRig([p], [AUTH]);
  const disposing = rig.host.dispose();
  await turn();
  rig.clock.advance(4900);
  await turn();
  assert.deepEqual(order, []);
  rig.clock.advance(200);
  await disposing;
  assert.deepEqual(order, ['first']);
});

test('dispose while a start is under way: what the start opens afterwards is closed at once', async () => {
  let go: () => void = () => {};
  const order: string[] = [];
  const p = plugin('p', async (hooks, { onDispose }) => {
    letIn(hooks);
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    onDispose(() => void order.push('closed'));
  });
  const rig = makeRig([p], [AUTH]);
  const refused = assert.rejects(rig.host.prepare());
  await turn();
  const disposing = rig.host.dispose();
  go();
  await refused;
  await disposing;
  assert.deepEqual(order, ['closed']);
});

test('reload calls every callback; one that fails is logged and the plugin goes on as before', async () => {
  const seen: string[] = [];
  const p = plugin('p', (hooks, { onReload }) => {
    letIn(hooks);
    onReload(() => {
      seen.push('one');
      throw new Error('file is gone');
    });
    onReload(async () => void seen.push('two'));
  });
  const rig = await preparedRig([p], [AUTH]);
  await rig.host.reload();
  assert.deepEqual(seen, ['one', 'two']);
  assert.match(rig.lines.join('\n'), /could not reload.*plugin=p.*file is gone/);
  assert.equal(connect(rig).kind, 'allow');
});

test('configuration reaches a plugin frozen and without prototypes', async () => {
  let config: unknown = null;
  const given = JSON.parse('{ "users": { "__proto__": { "admin": true }, "a": [{ "b": 1 }] } }') as unknown;
  const p = plugin('p', letIn, {
    spec: { config: given },
    start: (context, value) => {
      config = value;
      letIn(context.hooks);
    },
  });
  await preparedRig([p], [AUTH]);
  const { users } = config as { users: Record<string, unknown> };
  assert.equal(Object.getPrototypeOf(users), null);
  assert.equal(users.constructor, undefined);
  assert.equal(users.admin, undefined);
  assert.deepEqual(Object.keys(users), ['__proto__', 'a']);
  const inner = (users.a as object[])[0] as object;
  assert.ok(Object.isFrozen(config) && Object.isFrozen(users) && Object.isFrozen(users.a) && Object.isFrozen(inner));
});
