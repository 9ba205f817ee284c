import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type BrokerHooks, type Decision, type PluginContext } from '@portcullis/sdk';
import { ManualClock, TimerWheel } from '../clock.js';
import { makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import type { HostTools } from './asked-plugin.js';
import { FaultLog } from './fault-log.js';
import { HashQueue } from './hash-queue.js';
import { CONNECT, chain, FakeServices, makeRig, type Plugin, plugin, preparedRig, turn } from './hooks.test.support.js';
import type { PluginOutcome } from './outcome.js';
import { PluginLife } from './plugin-life.js';
import { VerifiedCache } from './verified-cache.js';

const letIn = (hooks: BrokerHooks) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } }));

/** One plugin that may lose its thread, without a thread. */
function lifeOf({ spec, loaded }: Plugin) {
  const clock = new ManualClock();
  const stats = new Stats();
  const lines: string[] = [];
  const log = new Logger((line) => lines.push(line), 'debug');
  const limits = makeLimits({ workerRestartMs: 1000, workerRestartMaxMs: 4000 });
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const hashes = new HashQueue(async () => false, new VerifiedCache(clock, 0, 1000), 1, 1);
  const tools: HostTools = { log, stats, wheel, limits, hashes, faults: new FaultLog(log, stats, wheel, (name) => `/plugins/${name}`) };
  const services = new FakeServices();
  const adopted: string[] = [];
  const life = new PluginLife({ spec, definition: loaded.definition, root: loaded.root, baseFolder: '/base', services, tools }, ({ runtime }) =>
    adopted.push(runtime.state),
  );
  const ask = (): PluginOutcome[] => {
    const ended: PluginOutcome[] = [];
    life.runtime.ask('authenticate', CONNECT, { deadlineAt: clock.now() + 60_000 }, (outcome) => ended.push(outcome));
    return ended;
  };
  const wait = async (milliseconds: number): Promise<void> => {
    await turn();
    clock.advance(milliseconds);
    await turn();
  };
  return { life, clock, stats, lines, services, adopted, ask, wait };
}

test('a plugin that lost its thread refuses until it has been started again, and is made known as at every later start', async () => {
  let starts = 0;
  const p = plugin('p', (hooks) => {
    starts += 1;
    letIn(hooks);
  });
  const { life, stats, lines, services, adopted, ask, wait } = lifeOf(p);
  life.lost('before it was started');
  await life.begin();
  assert.deepEqual([starts, stats.workersLost], [1, 0], 'what is not in use cannot be lost');
  assert.equal(ask()[0]?.kind, 'allow');

  life.lost('it stood still');
  life.lost('and ended');
  assert.deepEqual([life.runtime.state, life.runtime.standing.whyDown, stats.workersLost], ['down', 'it stood still', 1]);
  assert.match(
    lines.join('\n'),
    /error the worker of a plugin has ended; another is started code=PCL_PLUGIN_FAULT plugin=p cause="it stood still" pauseMs=0/,
  );
  const refused = ask()[0];
  assert.ok(refused?.kind === 'fault' && /not ready: it stood still/.test(refused.detail));
  await wait(50);
  assert.deepEqual([starts, life.runtime.state, adopted], [2, 'ready', ['ready']]);
  assert.deepEqual(services.calls, [['removePlugin', 'p']], 'what it had said of rights went with it');
  assert.equal(ask()[0]?.kind, 'allow');
});

test('a question of a hook that a plugin does not tap is skipped at once, and refused while it is down or stopped', async () => {
  const { life, clock } = lifeOf(plugin('p', letIn));
  const asked = (): unknown[] => {
    const kinds: unknown[] = [];
    const note = ({ kind }: PluginOutcome) => kinds.push(kind);
    kinds.push(life.runtime.ask('authorize', CONNECT, { deadlineAt: clock.now() + 1000 }, note));
    kinds.push(life.runtime.askEnhanced('M', CONNECT, { deadlineAt: clock.now() + 1000 }, note));
    note(life.runtime.askNow('guardPublish', CONNECT));
    return kinds;
  };
  assert.deepEqual(asked(), ['fault', null, 'fault', null, 'fault']);
  await life.begin();
  assert.deepEqual(asked(), ['skip', null, 'skip', null, 'nothing']);
  life.lost('gone');
  assert.deepEqual(asked(), ['fault', null, 'fault', null, 'fault']);
  life.signalEnd();
  assert.deepEqual(asked(), ['fault', null, 'fault', null, 'fault']);
});

test('a plugin whose backend is down says so in the log, at the first start and at each later one, and keeps its secrets out of it', async () => {
  let starts = 0;
  const p = plugin(
    'p',
    () => {
      starts += 1;
      throw new BackendUnavailable(`no connection with hunter22 (${starts})`);
    },
    { spec: { secrets: ['hunter22'] } },
  );
  const rig = makeRig([p], []);
  await rig.host.prepare();
  rig.clock.advance(1100);
  await turn();
  const [first = '', second = '', ...rest] = rig.lines;
  assert.match(first, /warn .*the backend of a plugin is down; its start is tried again plugin=p cause="no connection with \S+ \(1\)"$/);
  assert.match(second, /warn .*a plugin could not start; it is tried again plugin=p cause="no connection with \S+ \(2\)"$/);
  assert.deepEqual(rest, []);
  const { whyDown } = rig.host.standings.get('p') ?? {};
  assert.match(whyDown ?? '', /^no connection with \S+ \(2\)$/);
  assert.doesNotMatch([...rig.lines, whyDown].join(), /hunter22/);
});

test('a backend that stays down for the same cause is logged every half minute, and another cause at once', async () => {
  let cause = 'no connection';
  const p = plugin('p', () => {
    throw new BackendUnavailable(cause);
  });
  const rig = makeRig([p], []);
  await rig.host.prepare();
  const pass = async (milliseconds: number): Promise<number> => {
    const before = rig.lines.length;
    for (let passed = 0; passed < milliseconds; passed += 100) {
      rig.clock.advance(100);
      await turn();
    }
    return rig.lines.length - before;
  };
  assert.equal(rig.lines.length, 1);
  assert.equal(await pass(60_000), 2);
  cause = 'no such database';
  assert.equal(await pass(3000), 1);
});

test('a plugin that loses one thread after the other is started again ever later', async () => {
  let starts = 0;
  const { life, lines, wait } = lifeOf(
    plugin('p', (hooks) => {
      starts += 1;
      letIn(hooks);
    }),
  );
  await life.begin();
  // At once, then about a second, then about two.
  for (const [i, [early, late]] of [
    [0, 50],
    [700, 600],
    [1500, 1000],
  ].entries()) {
    life.lost('gone');
    if (early !== undefined && early > 0) await wait(early);
    assert.equal(starts, i + 1);
    await wait(late ?? 0);
    assert.equal(starts, i + 2);
  }
  assert.equal(lines.filter((line) => line.includes('the worker of a plugin has ended')).length, 3);
});

test('what loses its thread while it ends is not started again, also when it lost it just before', async () => {
  for (const order of ['lost first', 'ended first', 'ended while it stops'] as const) {
    let starts = 0;
    let stopped: () => void = () => {};
    const { life, stats, wait } = lifeOf(
      plugin('p', (hooks, { onDispose }) => {
        starts += 1;
        letIn(hooks);
        if (order === 'ended while it stops') onDispose(() => new Promise<void>((resolve) => (stopped = resolve)));
      }),
    );
    await life.begin();
    if (order !== 'ended first') life.lost('gone');
    if (order === 'lost first') await turn();
    life.signalEnd();
    stopped();
    if (order === 'ended first') life.lost('gone');
    await wait(60_000);
    assert.deepEqual([starts, life.runtime.state, stats.workersLost], [1, 'stopped', order === 'ended first' ? 0 : 1], order);
  }
});

test('a plugin that comes up while others are still being started makes nobody ready before all of them are there and fit', async () => {
  for (const fits of [true, false]) {
    let starts = 0;
    let go: () => void = () => {};
    const early = plugin(
      'early',
      (hooks) => {
        starts += 1;
        if (starts === 1) throw new BackendUnavailable('down');
        letIn(hooks);
      },
      { spec: { startup: 'wait' } },
    );
    const slow = plugin('slow', async (hooks) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      if (fits) hooks.admitClient.tap((_request, decide) => decide.pass());
    });
    const rig = makeRig([early, slow], [chain({ guards: ['slow'], authenticate: ['early'] })]);
    const ready: string[] = [];
    rig.host.ready.then(
      () => ready.push('ready'),
      () => ready.push('never'),
    );
    const preparing = rig.host.prepare().then(
      () => 'prepared',
      () => 'refused',
    );
    await turn();
    rig.clock.advance(1100);
    await turn();
    assert.deepEqual([starts, rig.host.states.get('early'), rig.host.states.get('slow'), ready], [2, 'ready', 'starting', []]);
    go();
    assert.equal(await preparing, fits ? 'prepared' : 'refused');
    await turn();
    assert.deepEqual(ready, [fits ? 'ready' : 'never']);
    const kinds: string[] = [];
    rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), ({ kind }) => kinds.push(kind));
    assert.deepEqual(kinds, [fits ? 'allow' : 'fault']);
  }
});

test('what a plugin asks to be called at its end or at a reload must be a function', async () => {
  const thrown: unknown[] = [];
  const p = plugin('p', (_hooks, context) => {
    for (const wrong of [undefined, null, 'close', {}, Promise.resolve()]) {
      for (const register of [context.onDispose, context.onReload]) {
        try {
          register(wrong as never);
        } catch (error) {
          thrown.push(error);
        }
      }
    }
  });
  const { host } = await preparedRig([p], []);
  assert.equal(thrown.length, 10);
  for (const [i, error] of thrown.entries())
    assert.ok(error instanceof TypeError && error.message.startsWith(i % 2 === 0 ? 'onDispose' : 'onReload'));
  assert.deepEqual(await host.reload(), []);
  await host.dispose();
});

test('what a plugin opens after it was stopped is closed at once, and it hears of no reload', async () => {
  const seen: string[] = [];
  let context: PluginContext | null = null;
  const p = plugin('p', (_hooks, given) => {
    context = given;
    given.onDispose(() => void seen.push('opened in time'));
  });
  const { host, lines } = await preparedRig([p], []);
  await host.dispose();
  const kept = context as unknown as PluginContext;
  kept.onDispose(() => void seen.push('opened too late'));
  kept.onDispose(() => Promise.reject(new Error('closing failed')));
  kept.onReload(() => void seen.push('reloaded'));
  await turn();
  assert.deepEqual(seen, ['opened in time', 'opened too late']);
  assert.match(lines.join('\n'), /a plugin failed while stopping.*closing failed/);
});

test('plugins that do not stop in time are said to have not', async () => {
  const hanging = plugin('p', (hooks, { onDispose }) => {
    hooks.authenticate.tap(() => new Promise<Decision>(() => {}));
    onDispose(() => new Promise(() => {}));
  });
  const { host, clock, lines, services } = await preparedRig([hanging], [chain({ authenticate: ['p'] })]);
  const disposing = host.dispose();
  await turn();
  assert.doesNotMatch(lines.join('\n'), /not stopped in time/);
  clock.advance(5100);
  await disposing;
  assert.match(lines.join('\n'), /warn .*plugins have not stopped in time .*milliseconds=5000/);
  assert.deepEqual(services.calls, [['removePlugin', 'p']], 'its rules go all the same');
});
