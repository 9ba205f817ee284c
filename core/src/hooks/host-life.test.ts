import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type BrokerHooks, type Decision } from '@portcullis/sdk';
import { TimerWheel, type WheelTimer } from '../clock.js';
import { attribute } from './escape.js';
import { CONNECT, chain, IDENTIFIED, makeRig, plugin, preparedRig, turn } from './hooks.test.support.js';
import { didYouMean, nearestName } from './nearest-name.js';
import type { Outcome } from './outcome.js';
import { StartError } from './start-error.js';
import { within } from './within.js';

const letIn = (hooks: BrokerHooks) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } }));

test('a host is prepared once', async () => {
  const { host } = await preparedRig([plugin('p', letIn)], [chain({ authenticate: ['p'] })]);
  await assert.rejects(host.prepare(), /prepared once/);
});

test('a start that finds its backend down after the host was disposed is not tried again', async () => {
  let starts = 0;
  let fail: (error: Error) => void = () => {};
  const p = plugin('p', () => {
    starts += 1;
    return new Promise<void>((_resolve, reject) => {
      fail = reject;
    });
  });
  const { host, clock } = makeRig([p], []);
  const refused = assert.rejects(host.prepare());
  await turn();
  const disposing = host.dispose();
  fail(new BackendUnavailable('down'));
  await refused;
  await disposing;
  clock.advance(60_000);
  await turn();
  assert.equal(starts, 1);
});

test('a start that fails after the host was disposed begins no other plugin', async () => {
  let fail: (error: Error) => void = () => {};
  const p = plugin(
    'p',
    () =>
      new Promise<void>((_resolve, reject) => {
        fail = reject;
      }),
  );
  let others = 0;
  const q = plugin('q', (hooks) => {
    others += 1;
    letIn(hooks);
  });
  const { host } = makeRig([p, q], []);
  const refused = assert.rejects(host.prepare(), /no file/);
  await turn();
  const disposing = host.dispose();
  fail(new Error('no file'));
  await refused;
  await disposing;
  assert.equal(others, 0);
});

test('a later start that fails after the host was disposed is the last', async () => {
  let starts = 0;
  let fail: (error: Error) => void = () => {};
  const p = plugin('p', (hooks) => {
    starts += 1;
    letIn(hooks);
    if (starts === 1) throw new BackendUnavailable('down');
    return new Promise<void>((_resolve, reject) => {
      fail = reject;
    });
  });
  const { host, clock, lines } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  clock.advance(1100);
  await turn();
  assert.equal(starts, 2);
  const disposing = host.dispose();
  const before = lines.length;
  fail(new BackendUnavailable('still down'));
  await disposing;
  await turn();
  clock.advance(60_000);
  await turn();
  assert.equal(starts, 2);
  assert.doesNotMatch(lines.slice(before).join('\n'), /tried again/);
});

test('what is refused because a plugin was stopped is logged as that, and as not ready before', async () => {
  const p = plugin('p', (hooks) => {
    letIn(hooks);
    throw new BackendUnavailable('down');
  });
  const { host, options, lines } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  const details: string[] = [];
  const ask = () =>
    host.chain('default').ask('authenticate', CONNECT, options(), (outcome) => details.push(outcome.kind === 'fault' ? outcome.detail : ''));
  ask();
  assert.match(lines.join('\n'), /hook=authenticate kind=not-ready .*not ready: down/);
  await host.dispose();
  ask();
  assert.match(lines.join('\n'), /hook=authenticate kind=stopped .*the plugin was stopped/);
  assert.deepEqual(details, ['the plugin is not ready: down', 'the plugin was stopped']);
});

test('an answer that comes after the plugin was stopped is late: counted, and the question stays a fault', async () => {
  let answer: () => void = () => {};
  const p = plugin('p', (hooks) =>
    hooks.authorize.tap(
      (_request, decide) =>
        new Promise<Decision>((resolve) => {
          answer = () => resolve(decide.allow());
        }),
    ),
  );
  const { host, options, stats } = await preparedRig([p], [chain({ authorize: ['p'] })]);
  const ended: Outcome[] = [];
  host.chain('default').ask('authorize', IDENTIFIED, options(), (outcome) => ended.push(outcome));
  await host.dispose();
  answer();
  await turn();
  assert.deepEqual(
    ended.map(({ kind }) => kind),
    ['fault'],
  );
  assert.deepEqual([stats.lateAnswers, stats.secondAnswers, stats.ofPlugin('p').lateAnswers], [1, 0, 1]);
});

test('a plugin that is ready does not stand in for one that is down and may own the method', async () => {
  const deny = (_request: object, decide: { deny(reason: 'banned'): Decision }) => decide.deny('banned');
  const ready = plugin('ready', (hooks) => hooks.authenticateEnhanced.tap('OTHER', deny));
  const down = plugin('down', () => {
    throw new BackendUnavailable('down');
  });
  const { host, options } = await preparedRig([ready, down], [chain({ authenticate: ['ready', 'down'] })]);
  const kinds: string[] = [];
  for (const method of ['OTHER', 'M']) host.chain('default').askEnhanced(method, CONNECT, options(), ({ kind }) => kinds.push(kind));
  assert.deepEqual(kinds, ['deny', 'fault']);
});

test('while a plugin is down it counts as answering what its manifest lists, and nothing else', async () => {
  const make = (decides: { authorize?: ['allow'] }) =>
    plugin(
      'down',
      () => {
        throw new BackendUnavailable('down');
      },
      { decides },
    );
  for (const [decides, kind] of [
    [{ authorize: ['allow'] }, 'fault'],
    [{}, 'skip'],
  ] as [{ authorize?: ['allow'] }, string][]) {
    const { host, options } = await preparedRig([make(decides)], [chain({ authorize: ['down'] })]);
    const ended: Outcome[] = [];
    host.chain('default').ask('authorize', IDENTIFIED, options(), (outcome) => ended.push(outcome));
    assert.equal(ended[0]?.kind, kind);
  }
});

test('a question that waited in vain is counted and logged once', async () => {
  const p = plugin('p', (hooks) => hooks.authorize.tap(() => new Promise<Decision>(() => {})), { spec: { maxConcurrent: 1, timeoutMs: 10_000 } });
  const { host, options, clock, stats } = await preparedRig([p], [chain({ authorize: ['p'] })]);
  const ended: Outcome[] = [];
  host.chain('default').ask('authorize', IDENTIFIED, options(60_000), (outcome) => ended.push(outcome));
  host.chain('default').ask('authorize', IDENTIFIED, options(1000), (outcome) => ended.push(outcome));
  clock.advance(1100);
  assert.deepEqual([ended.length, stats.pluginOverloads, stats.pluginFaults], [1, 1, 0]);
});

test('an error in a package that serves two entries is put down to the first', () => {
  const error = new Error('message');
  error.stack = 'Error: message\n    at f (/app/plugins/a/index.js:1:1)';
  const entries = ['one', 'two'].map((name) => ({ name, root: '/app/plugins/a' }));
  assert.equal(attribute(error, entries), 'one');
});

test('failover looks past a plugin that is down', async () => {
  const down = plugin(
    'down',
    () => {
      throw new BackendUnavailable('down');
    },
    { decides: { authenticate: ['allow', 'skip'] }, spec: { onFault: 'skip' } },
  );
  const { host, options } = await preparedRig([down, plugin('p', letIn)], [chain({ authenticate: ['down', 'p'] })]);
  const ended: Outcome[] = [];
  host.chain('default').ask('authenticate', CONNECT, options(), (outcome) => ended.push(outcome));
  assert.equal(ended[0]?.kind, 'allow');
});

test('the log tells of plugins that are ready and of those that have not stopped, and of no others', async () => {
  let starts = 0;
  const late = (hooks: BrokerHooks) => {
    starts += 1;
    if (starts === 1) throw new BackendUnavailable('down');
    letIn(hooks);
  };
  const fits = await preparedRig([plugin('p', late)], [chain({ authenticate: ['p'] })]);
  fits.clock.advance(1100);
  await turn();
  assert.match(fits.lines.join('\n'), /the plugin is ready/);
  await fits.host.dispose();
  assert.doesNotMatch(fits.lines.join('\n'), /have not stopped in time/);

  starts = 0;
  const misfit = await preparedRig([plugin('p', late)], [chain({ authorize: ['p'] })]);
  misfit.clock.advance(1100);
  await turn();
  assert.match(misfit.lines.join('\n'), /the configuration does not fit it/);
  assert.doesNotMatch(misfit.lines.join('\n'), /the plugin is ready/);
});

test('the error of the only plugin that could not start keeps its cause', async () => {
  const cause = new Error('no file');
  const { host } = makeRig(
    [
      plugin('p', () => {
        throw cause;
      }),
    ],
    [],
  );
  await assert.rejects(host.prepare(), (error) => error instanceof StartError && error.cause === cause);
});

test('who waits for a plugin to be ready is told when the host ends before', async () => {
  const p = plugin(
    'p',
    () => {
      throw new BackendUnavailable('down');
    },
    { spec: { startup: 'wait' } },
  );
  const { host } = await preparedRig([p], []);
  const refused = assert.rejects(host.ready, /the plugin host was disposed/);
  await host.dispose();
  await refused;
});

test('a start that is still under way when the host ends can tap nothing any more', async () => {
  let late: () => void = () => {};
  const p = plugin('p', async (hooks) => {
    await new Promise<void>((resolve) => {
      late = () => {
        assert.throws(() => letIn(hooks), /can be tapped until start has settled, not later/);
        resolve();
      };
    });
  });
  const { host } = makeRig([p], []);
  const refused = assert.rejects(host.prepare());
  await turn();
  const disposing = host.dispose();
  late();
  await refused;
  await disposing;
});

test('what a start had tapped before its backend was found to be down refuses until a later one succeeds', async () => {
  let starts = 0;
  const p = plugin('p', (hooks) => {
    starts += 1;
    hooks.acceptConnection.tap((_request, decide) => decide.pass());
    if (starts < 3) throw new BackendUnavailable('down');
  });
  const { host, clock, lines } = await preparedRig([p], []);
  const kinds = [host.global.guard('acceptConnection', CONNECT).kind];
  for (const wait of [1100, 2100]) {
    clock.advance(wait);
    await turn();
    kinds.push(host.global.guard('acceptConnection', CONNECT).kind);
  }
  assert.deepEqual(kinds, ['fault', 'fault', 'pass']);
  assert.match(lines.join('\n'), /a plugin could not start; it is tried again/);
});

test('an error that names one problem names nothing else, and one of several counts the others', () => {
  const problems = ['one', 'two', 'three'].map((message) => ({ path: [], message }));
  assert.equal(new StartError(problems.slice(0, 1)).message, 'one');
  assert.equal(new StartError(problems).message, 'one (and 2 more: two; three)');
});

test('what runs within a time takes its timer along when it ends', async () => {
  const { clock } = makeRig([], []);
  for (const run of [async () => 'done', () => Promise.reject(new Error('failed'))]) {
    const wheel = new TimerWheel(clock, () => {});
    const timers: WheelTimer[] = [];
    const after = wheel.after.bind(wheel);
    wheel.after = (...given) => {
      const timer = after(...given);
      timers.push(timer);
      return timer;
    };
    await within(wheel, 1000, run).catch(() => {});
    assert.deepEqual(
      timers.map(({ scheduled }) => scheduled),
      [false],
    );
  }
});

test('a name is near enough if so few letters differ', () => {
  assert.equal(nearestName('catx', ['cat', 'dog']), 'cat');
  assert.equal(nearestName('CAT', ['cat']), 'cat');
  assert.equal(nearestName('catxx', ['cat']), 'cat');
  assert.equal(nearestName('catxxx', ['cat']), null);
  assert.deepEqual([didYouMean('catx', ['cat']), didYouMean('zebra', ['cat'])], [', did you mean "cat"?', '']);
  assert.equal(nearestName('xxxcat', ['cat']), null);
  assert.equal(nearestName('authenticated', ['authenticat', 'authenticate']), 'authenticate');
});
