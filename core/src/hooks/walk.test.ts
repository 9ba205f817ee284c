import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '@portcullis/sdk';
import type { HostTools } from './asked-plugin.js';
import { Walk } from './dispatch.js';
import { CONNECT, chain, IDENTIFIED, plugin, preparedRig, turn } from './hooks.test.support.js';
import { fault, type Outcome, SKIP } from './outcome.js';
import type { PluginRuntime } from './plugin-runtime.js';

/** A walk along plugins that are nothing but a name, with what asking one of them does. */
function walk(names: readonly string[], ask: (name: string, next: (result?: Outcome) => void) => void) {
  const stats = { invariantsBroken: 0, logged: 0 };
  const log = {
    error() {
      stats.logged += 1;
    },
  };
  const tools = { stats, log } as unknown as HostTools;
  const plugins = names.map((name) => ({ name }) as PluginRuntime);
  const made = new Walk<Outcome>('authenticate', plugins, tools, {
    ask: (asked, _fold, next) => {
      ask(asked.name, next);
      return null;
    },
    runOut: () => SKIP,
    broken: (failed) => failed,
  });
  const ended: Outcome[] = [];
  made.start({}, { deadlineAt: 0 }, (outcome) => ended.push(outcome));
  return { ended, stats };
}

test('a mistake of ours in the middle of a walk ends it as a fault, at once or behind an answer that took its time', async () => {
  for (const late of [false, true]) {
    const { ended, stats } = walk(['a', 'b'], (name, next) => {
      if (name === 'b') throw new Error('ours');
      if (late) setImmediate(() => next());
      else next();
    });
    await turn();
    await turn();
    assert.deepEqual([ended.length, ended[0]?.kind, stats], [1, 'fault', { invariantsBroken: 1, logged: 1 }], String(late));
  }
});

test('a step that is said to have ended twice goes on once', () => {
  const asked: string[] = [];
  const { ended } = walk(['a', 'b', 'c'], (name, next) => {
    asked.push(name);
    next();
    next();
    next(fault(null, 'a third answer'));
  });
  assert.deepEqual(asked, ['a', 'b', 'c']);
  assert.deepEqual(ended, [SKIP]);
});

test('cancelling reaches the question that is open, also behind one that was answered at once', async () => {
  const signals: AbortSignal[] = [];
  const first = plugin('first', (hooks) => hooks.authenticate.tap((_request, decide) => decide.skip()));
  const second = plugin('second', (hooks) =>
    hooks.authenticate.tap(({ signal }) => {
      signals.push(signal);
      return new Promise<Decision>(() => {});
    }),
  );
  const { host, options } = await preparedRig([first, second], [chain({ authenticate: ['first', 'second'] })]);
  host
    .chain('default')
    .ask('authenticate', CONNECT, options(), () => assert.fail('cancelled'))
    ?.cancel();
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true],
  );
});

test('deny-overrides names who allowed first, and who denied first', async () => {
  const saying = (name: string, letter: 'allow' | 'deny') =>
    plugin(name, (hooks) => hooks.authorize.tap((_request, decide) => (letter === 'allow' ? decide.allow() : decide.deny('banned'))));
  const { host, options } = await preparedRig(
    [saying('a1', 'allow'), saying('a2', 'allow'), saying('d1', 'deny'), saying('d2', 'deny')],
    [chain({ authorize: ['a1', 'a2'] }), chain({ name: 'denied', authorize: ['a1', 'd1', 'd2', 'a2'] })],
  );
  const named: unknown[] = [];
  for (const name of ['default', 'denied']) {
    host.chain(name).ask('authorize', IDENTIFIED, options(), (outcome) => named.push([outcome.kind, 'plugin' in outcome ? outcome.plugin : null]));
  }
  assert.deepEqual(named, [
    ['allow', 'a1'],
    ['deny', 'd1'],
  ]);
});

test('what is no decision is named by its kind in the log, and never by its value', async () => {
  // biome-ignore lint/suspicious/noThenProperty: it is not called, and so no promise.
  const callable = Object.assign(() => 'secret', { then: 'secret' });
  const cases: [unknown, string][] = [
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [false, 'false'],
    ['secret', 'a string'],
    [86_401_239, 'a number'],
    [{ secret: 'secret' }, 'an object'],
    [callable, 'a function'],
  ];
  for (const hook of ['authenticate', 'acceptConnection'] as const) {
    for (const [value, kind] of cases) {
      const p = plugin('p', (hooks) => (hooks[hook] as unknown as { tap(handler: () => unknown): void }).tap(() => value));
      const { host, options, lines } = await preparedRig([p], hook === 'authenticate' ? [chain({ authenticate: ['p'] })] : []);
      if (hook === 'authenticate') host.chain('default').ask(hook, CONNECT, options(), () => {});
      else host.global.guard(hook, CONNECT);
      const text = lines.join('\n');
      assert.match(text, new RegExp(`kind=no-decision .*answered with ${kind} instead of a decision`), `${hook} ${kind}`);
      assert.doesNotMatch(text, /secret|86401239/);
    }
  }
});

test('a function that claims to be a promise is one', async () => {
  const promise = () =>
    Object.assign(() => {}, {
      // biome-ignore lint/suspicious/noThenProperty: whatever has a `then` counts as a promise, and functions may have one.
      then(resolve: (value: unknown) => void) {
        resolve(null);
      },
    });
  const p = plugin('p', (hooks) => {
    hooks.acceptConnection.tap(promise as never);
    hooks.authenticate.tap(promise as never);
  });
  const { host, options, lines } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  assert.equal(host.global.guard('acceptConnection', CONNECT).kind, 'fault');
  host.chain('default').ask('authenticate', CONNECT, options(), () => {});
  assert.match(lines.join('\n'), /hook=acceptConnection kind=promise/);
  assert.match(lines.join('\n'), /hook=authenticate kind=no-decision .*answered with null/);
});

test('a fault of who says to which tenant a client belongs stays what it was', async () => {
  const failing = plugin('failing', (hooks) =>
    hooks.resolveTenant.tap(() => {
      throw new Error('no tenants today');
    }),
  );
  const slow = plugin('slow', (hooks) => hooks.resolveTenant.tap(() => new Promise(() => {})));
  const { host, options } = await preparedRig([failing], []);
  const waiting = await preparedRig([slow], []);
  const ended: unknown[] = [];
  host.global.firstGiven('resolveTenant', CONNECT, options(), (outcome) => ended.push(outcome));
  waiting.host.global.firstGiven('resolveTenant', CONNECT, waiting.options(100), (outcome) => ended.push(outcome));
  waiting.clock.advance(200);
  assert.deepEqual(ended, [fault('failing', 'no tenants today'), fault('slow', 'the deadline of the chain came before the answer', true)]);
});

test('an error that cannot even be looked at is a fault like any other', async () => {
  const p = plugin('p', (hooks) =>
    hooks.authenticate.tap(() => {
      throw Object.defineProperty(new Error('it broke'), 'code', {
        get() {
          throw new Error('no code either');
        },
      });
    }),
  );
  const { host, options, lines } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  host.chain('default').ask('authenticate', CONNECT, options(), () => {});
  assert.match(lines.join('\n'), /kind=threw .*it broke/);
});

test('rights: a source that failed ends the question with what it says, whoever has answered at once before it', async () => {
  const now = plugin('now', (hooks) => hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1 })));
  const slow = plugin('slow', (hooks) => hooks.loadPolicy.tap(() => new Promise(() => {})));
  const request = { ...IDENTIFIED, tls: null, reason: 'connect' } as const;
  for (const late of [false, true]) {
    const failing = plugin('failing', (hooks) =>
      hooks.loadPolicy.tap((() => {
        if (late) return Promise.reject(new Error('no rights today'));
        throw new Error('no rights today');
      }) as never),
    );
    const { host, options } = await preparedRig([now, slow, failing], [chain({ authorize: ['now', 'slow', 'failing'] })]);
    const ended: unknown[] = [];
    host.chain('default').loadPolicy(request, new Map(), options(), (outcome) => ended.push(outcome));
    await turn();
    assert.deepEqual(ended, [fault('failing', 'no rights today')]);
  }
});

test('rights: cancelling cancels who is still asked, beside who has answered', async () => {
  const signals: AbortSignal[] = [];
  const now = plugin('now', (hooks) => hooks.loadPolicy.tap((_request, give) => give.nothing()));
  const slow = plugin('slow', (hooks) =>
    hooks.loadPolicy.tap(({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    }),
  );
  const { host, options } = await preparedRig([now, slow], [chain({ authorize: ['now', 'slow'] })]);
  const request = { ...IDENTIFIED, tls: null, reason: 'connect' } as const;
  host
    .chain('default')
    .loadPolicy(request, new Map(), options(), () => assert.fail('cancelled'))
    ?.cancel();
  assert.equal(signals[0]?.aborted, true);
});

test('what an allow lacks is said in words, not by what reading it threw', async () => {
  const cases: ['authenticateEnhanced' | 'refreshIdentity', unknown, RegExp][] = [
    ['authenticateEnhanced', undefined, /allow without an identity: its argument is not an object/],
    ['authenticateEnhanced', null, /allow without an identity: its argument is not an object/],
    ['refreshIdentity', null, /the argument of allow is not an object/],
    ['refreshIdentity', 7, /the argument of allow is not an object/],
  ];
  for (const [hook, argument, message] of cases) {
    const p = plugin('p', (hooks) => {
      const handler = (_request: object, decide: { allow(given: unknown): Decision }) => decide.allow(argument);
      hooks.authenticate.tap((_request, decide) => decide.skip());
      if (hook === 'refreshIdentity') hooks.refreshIdentity.tap(handler as never);
      else hooks.authenticateEnhanced.tap('M', handler as never);
    });
    const { host, options } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
    const ended: Outcome[] = [];
    const take = (outcome: Outcome) => void ended.push(outcome);
    if (hook === 'refreshIdentity') host.chain('default').askPlugin('p', hook, IDENTIFIED, options(), take);
    else host.chain('default').askEnhanced('M', CONNECT, options(), take);
    assert.ok(ended[0]?.kind === 'fault');
    assert.match(ended[0].detail, message);
  }
});
