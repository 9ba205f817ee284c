import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type Decision } from '@portcullis/sdk';
import { CONNECT, chain, IDENTIFIED, type Plugin, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';
import { AskedFailure } from './judge-answer.js';
import type { Outcome } from './outcome.js';
import { whenAbandoned } from './question.js';
import type { Pending, PluginSpec } from './specs.js';

type Decide = { allow(): Decision; deny(reason: 'banned'): Decision; skip(): Decision };
type Handler = (request: { readonly topic: string; readonly signal: AbortSignal }, decide: Decide) => Decision | PromiseLike<Decision>;

function judge(handler: Handler, spec: Partial<PluginSpec> = {}): Plugin {
  return plugin('p', (hooks) => hooks.authorize.tap((request, decide) => handler(request, decide)), { spec });
}

async function rigOf(handler: Handler, spec: Partial<PluginSpec> = {}): Promise<Rig> {
  return await preparedRig([judge(handler, spec)], [chain({ authorize: ['p'] })]);
}

interface Asked {
  readonly ended: Outcome[];
  readonly pending: Pending | null;
}

function ask(rig: Rig, topic = 't', deadlineMs = 5000): Asked {
  const ended: Outcome[] = [];
  const request = { ...IDENTIFIED, action: 'publish', topic, qos: 0, retain: false, shareName: null, will: false };
  const pending = rig.host.chain('default').ask('authorize', request, rig.options(deadlineMs), (outcome) => ended.push(outcome));
  return { ended, pending };
}

function only({ ended }: Asked): Outcome {
  assert.equal(ended.length, 1);
  return ended[0] as Outcome;
}

const never = () => new Promise<Decision>(() => {});

test("silence for the plugin's timeoutMs is a fault, its signal is aborted, and a late answer is counted and ignored", async () => {
  let answer: () => void = () => {};
  let signal: AbortSignal | null = null;
  const rig = await rigOf(
    (request, decide) => {
      signal = request.signal;
      return new Promise((resolve) => {
        answer = () => resolve(decide.allow());
      });
    },
    { timeoutMs: 1000 },
  );
  const asked = ask(rig);
  rig.clock.advance(975);
  assert.deepEqual(asked.ended, []);
  rig.clock.advance(50);
  const ended = only(asked);
  assert.ok(ended.kind === 'fault' && !ended.overload && ended.plugin === 'p');
  assert.equal((signal as AbortSignal | null)?.aborted, true);
  answer();
  await turn();
  assert.equal(asked.ended.length, 1);
  assert.equal(rig.stats.lateAnswers, 1);
});

test('an answer that comes after the deadline does not count even if the timer has not run yet', async () => {
  let answer: () => void = () => {};
  const rig = await rigOf(
    (_request, decide) =>
      new Promise((resolve) => {
        answer = () => resolve(decide.allow());
      }),
  );
  const asked = ask(rig, 't', 10);
  // Ten milliseconds are less than a tick of the wheel.
  rig.clock.advance(10);
  assert.deepEqual(asked.ended, []);
  answer();
  await turn();
  const ended = only(asked);
  assert.ok(ended.kind === 'fault' && ended.overload);
});

test('the deadline of the chain ends a question as overload, and one that has passed is not put at all', async () => {
  let calls = 0;
  const rig = await rigOf(() => {
    calls += 1;
    return never();
  });
  const asked = ask(rig, 't', 500);
  rig.clock.advance(600);
  const ended = only(asked);
  assert.ok(ended.kind === 'fault' && ended.overload);
  const late = only(ask(rig, 't', 0));
  assert.ok(late.kind === 'fault' && late.overload);
  assert.equal(calls, 1);
  assert.equal(rig.stats.pluginOverloads, 2);
});

test('a question that is cancelled aborts its signal and never calls done', async () => {
  let signal: AbortSignal | null = null;
  let answer: () => void = () => {};
  const rig = await rigOf((request, decide) => {
    signal = request.signal;
    return new Promise((resolve) => {
      answer = () => resolve(decide.allow());
    });
  });
  const asked = ask(rig);
  asked.pending?.cancel();
  assert.equal((signal as AbortSignal | null)?.aborted, true);
  answer();
  await turn();
  rig.clock.advance(10_000);
  assert.deepEqual(asked.ended, []);
  assert.equal(rig.stats.pluginFaults, 0);
});

test('a signal that is first looked at after the question was cancelled is aborted', async () => {
  let look: () => boolean = () => false;
  const rig = await rigOf((request) => {
    look = () => request.signal.aborted;
    return never();
  });
  ask(rig).pending?.cancel();
  assert.equal(look(), true);
});

test('the first settlement wins: a denial and then an allow stays a denial, and the second is counted', async () => {
  const rig = await rigOf(
    (_request, decide) =>
      ({
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tried here
        then(resolve: (decision: Decision) => void, reject: (error: Error) => void) {
          resolve(decide.deny('banned'));
          resolve(decide.allow());
          reject(new Error('late'));
          throw new Error('later');
        },
      }) as PromiseLike<Decision>,
  );
  assert.equal(only(ask(rig)).kind, 'deny');
  assert.equal(rig.stats.secondAnswers, 3);
});

test('a chain of plugins that skip twice asks the next one once', async () => {
  let calls = 0;
  const first = plugin('first', (hooks) =>
    hooks.authorize.tap(
      (_request, decide) =>
        ({
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tried here
          then(resolve: (decision: Decision) => void) {
            setImmediate(() => {
              resolve(decide.skip());
              resolve(decide.skip());
            });
          },
        }) as PromiseLike<Decision>,
    ),
  );
  const second = plugin('second', (hooks) =>
    hooks.authorize.tap((_request, decide) => {
      calls += 1;
      return decide.deny('banned');
    }),
  );
  const rig = await preparedRig([first, second], [chain({ authorize: ['first', 'second'] })]);
  const asked = ask(rig);
  await turn();
  await turn();
  assert.equal(only(asked).kind, 'deny');
  assert.equal(calls, 1);
  assert.equal(rig.stats.secondAnswers, 1);
});

test('a handler that throws at once behind one that answered later ends the question, and nothing escapes', async () => {
  const first = plugin('first', (hooks) => hooks.authorize.tap(async (_request, decide) => decide.skip()));
  const second = plugin('second', (hooks) =>
    hooks.authorize.tap(() => {
      throw new Error('at once');
    }),
  );
  const rig = await preparedRig([first, second], [chain({ authorize: ['first', 'second'] })]);
  const asked = ask(rig);
  await turn();
  const ended = only(asked);
  assert.ok(ended.kind === 'fault' && ended.plugin === 'second');
});

test('a receiver of outcomes that throws is our mistake: counted, and neither the plugin nor the next question notices', async () => {
  const rig = await rigOf(async (_request, decide) => decide.allow());
  const request = { ...IDENTIFIED, topic: 't' };
  rig.host.chain('default').ask('authorize', request, rig.options(), () => {
    throw new Error('ours');
  });
  await turn();
  assert.equal(rig.stats.invariantsBroken, 1);
  const asked = ask(rig);
  await turn();
  assert.equal(only(asked).kind, 'allow');
});

test('a plugin is asked so many questions at a time, so many wait, and further ones are refused as overload', async () => {
  const open = new Map<string, () => void>();
  const rig = await rigOf((request, decide) => new Promise((resolve) => open.set(request.topic, () => resolve(decide.allow()))), {
    maxConcurrent: 2,
    maxQueue: 2,
  });
  const asked = ['a', 'b', 'c', 'd', 'e'].map((topic) => ask(rig, topic));
  assert.deepEqual([...open.keys()], ['a', 'b']);
  const refused = only(asked[4] as Asked);
  assert.ok(refused.kind === 'fault' && refused.overload);
  open.get('a')?.();
  await turn();
  assert.deepEqual([...open.keys()], ['a', 'b', 'c'], 'the one that has waited longest is next');
  asked[3]?.pending?.cancel();
  open.get('b')?.();
  open.get('c')?.();
  await turn();
  assert.deepEqual([...open.keys()], ['a', 'b', 'c'], 'one that was cancelled while it waited is not put');
  assert.deepEqual(
    asked.map(({ ended }) => ended[0]?.kind ?? null),
    ['allow', 'allow', 'allow', null, 'fault'],
  );
});

test('a question that waits for a slot until the deadline of the chain is refused as overload', async () => {
  const rig = await rigOf(never, { maxConcurrent: 1, timeoutMs: 60_000 });
  ask(rig, 'a', 60_000);
  const waiting = ask(rig, 'b', 1000);
  rig.clock.advance(1100);
  const ended = only(waiting);
  assert.ok(ended.kind === 'fault' && ended.overload);
});

test('a thousand questions that are answered at once from the queue do not pile up on the stack', async () => {
  let open: () => void = () => {};
  const rig = await rigOf(
    (request, decide) =>
      request.topic === 'first'
        ? new Promise((resolve) => {
            open = () => resolve(decide.allow());
          })
        : decide.allow(),
    { maxConcurrent: 1, maxQueue: 20_000 },
  );
  const first = ask(rig, 'first');
  const others = Array.from({ length: 20_000 }, () => ask(rig));
  open();
  await turn();
  assert.equal(only(first).kind, 'allow');
  assert.ok(others.every(({ ended }) => ended[0]?.kind === 'allow'));
});

const breaker = { faults: 3, windowMs: 10_000, openMs: 2000 };

test('the breaker opens after so many time-outs or BackendUnavailable in its window, and then nobody is kept waiting', async () => {
  for (const fail of [
    never,
    () => {
      throw new BackendUnavailable('down');
    },
    // Another copy of the SDK has another class.
    () => Promise.reject(Object.assign(new Error('down'), { code: 'PCL_BACKEND_UNAVAILABLE' })),
  ] as Handler[]) {
    let calls = 0;
    const rig = await rigOf(
      (request, decide) => {
        calls += 1;
        return fail(request, decide);
      },
      { breaker, timeoutMs: 100 },
    );
    for (let i = 0; i < 3; i += 1) {
      const asked = ask(rig);
      await turn();
      rig.clock.advance(200);
      assert.equal(only(asked).kind, 'fault');
    }
    const refused = only(ask(rig));
    assert.ok(refused.kind === 'fault' && !refused.overload);
    assert.equal(calls, 3);
  }
});

test('after openMs one question tries the backend; its answer closes the breaker, its failure opens it again', async () => {
  let fails = true;
  let calls = 0;
  const rig = await rigOf(
    (_request, decide) => {
      calls += 1;
      if (fails) throw new BackendUnavailable('down');
      return new Promise((resolve) => setImmediate(() => resolve(decide.allow())));
    },
    { breaker },
  );
  for (let i = 0; i < 4; i += 1) ask(rig);
  assert.equal(calls, 3);
  rig.clock.advance(2000);
  ask(rig);
  ask(rig);
  assert.equal(calls, 4, 'the probe failed, so the second is not put');
  rig.clock.advance(2000);
  fails = false;
  const probe = ask(rig);
  assert.equal(only(ask(rig)).kind, 'fault', 'one probe at a time');
  await turn();
  await turn();
  assert.equal(only(probe).kind, 'allow');
  const next = ask(rig);
  await turn();
  await turn();
  assert.equal(only(next).kind, 'allow');
});

test('a probe that is cancelled lets another one through', async () => {
  let calls = 0;
  const rig = await rigOf(
    () => {
      calls += 1;
      if (calls <= 3) throw new BackendUnavailable('down');
      return never();
    },
    { breaker },
  );
  for (let i = 0; i < 3; i += 1) ask(rig);
  rig.clock.advance(2000);
  ask(rig).pending?.cancel();
  ask(rig);
  assert.equal(calls, 5);
});

test('a probe whose thread ended says nothing of the backend: the breaker stays open, and another one is let through', async () => {
  let calls = 0;
  const rig = await rigOf(
    () => {
      calls += 1;
      if (calls <= 3) throw new BackendUnavailable('down');
      if (calls === 4) throw new AskedFailure('not-ready', 'the thread has ended');
      return never();
    },
    { breaker },
  );
  for (let i = 0; i < 3; i += 1) ask(rig);
  rig.clock.advance(2000);
  assert.equal(only(ask(rig)).kind, 'fault');
  ask(rig);
  assert.equal(calls, 5);
  assert.equal(only(ask(rig)).kind, 'fault', 'that one is a probe again, and there is one at a time');
  assert.equal(calls, 5);
});

test('faults in answers never open the breaker: one poisoned name locks nobody else out', async () => {
  const rig = await rigOf(
    (request, decide) => {
      if (request.topic === 'poisoned') throw new Error('malformed row');
      return decide.allow();
    },
    { breaker },
  );
  for (let i = 0; i < 100; i += 1) assert.equal(only(ask(rig, 'poisoned')).kind, 'fault');
  assert.equal(only(ask(rig, 'fine')).kind, 'allow');
});

test('failures that are spread wider than the window do not open the breaker', async () => {
  const rig = await rigOf(
    (request, decide) => {
      if (request.topic === 'bad') throw new BackendUnavailable('down');
      return decide.allow();
    },
    { breaker },
  );
  for (let i = 0; i < 10; i += 1) {
    ask(rig, 'bad');
    rig.clock.advance(6000);
  }
  assert.equal(only(ask(rig, 'fine')).kind, 'allow');
});

test('faults are logged once in a burst and summed up each ten seconds, with plugin, hook and cause', async () => {
  const rig = await rigOf(() => {
    throw new Error('row 7 is malformed');
  });
  for (let i = 0; i < 50; i += 1) ask(rig);
  assert.equal(rig.lines.length, 1);
  assert.match(rig.lines[0] as string, /PCL_PLUGIN_FAULT plugin=p hook=authorize kind=threw cause="row 7 is malformed"/);
  rig.clock.advance(10_100);
  assert.equal(rig.lines.length, 2);
  assert.match(rig.lines[1] as string, /times=49/);
  rig.clock.advance(30_000);
  assert.equal(rig.lines.length, 2, 'nothing more happened');
  ask(rig);
  assert.equal(rig.lines.length, 3);
  assert.equal(rig.stats.pluginFaults, 51);
});

test('a password that a driver quotes in its error does not reach the log', async () => {
  const p = plugin(
    'p',
    (hooks) =>
      hooks.authenticate.tap(({ credentials }) => {
        throw new Error(`no row for ${Buffer.from(credentials.expose() as Uint8Array).toString()}`);
      }),
    { capabilities: ['credentials'] },
  );
  const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  const ended: Outcome[] = [];
  const options = { ...rig.options(), password: { username: 'u', password: Buffer.from('hunter22') } };
  rig.host.chain('default').ask('authenticate', CONNECT, options, (outcome) => ended.push(outcome));
  assert.ok(ended[0]?.kind === 'fault' && ended[0].detail === 'no row for [password]');
  assert.doesNotMatch(rig.lines.join(), /hunter22/);
});

test('nor does a password that it encodes, nor one that an authentication method carries in its data', async () => {
  const secret = 'hunter/22 "x"';
  const write = (bytes: Uint8Array): string => {
    const buffer = Buffer.from(bytes);
    const forms = [buffer.toString('base64'), buffer.toString('hex'), encodeURIComponent(buffer.toString()), JSON.stringify(buffer.toString())];
    return [buffer.toString(), ...forms].join(' | ');
  };
  const p = plugin(
    'p',
    (hooks) => {
      hooks.authenticate.tap(({ credentials }) => {
        throw new Error(write(credentials.expose() ?? new Uint8Array()));
      });
      hooks.authenticateEnhanced.tap('PLAIN', ({ data }) => {
        throw new Error(`${write(Buffer.from(secret))} in ${write(data ?? new Uint8Array())}`);
      });
    },
    { capabilities: ['credentials'] },
  );
  const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  const ended: Outcome[] = [];
  const options = { ...rig.options(), password: { username: 'u', password: Buffer.from(secret) } };
  rig.host.chain('default').ask('authenticate', CONNECT, options, (outcome) => ended.push(outcome));
  const data = Buffer.from(`\0user\0${secret}`);
  const request = { ...CONNECT, method: 'PLAIN', data, step: 1, reauthentication: false, exchange: {}, username: null };
  rig.host.chain('default').askEnhanced('PLAIN', request, rig.options(), (outcome) => ended.push(outcome));
  assert.equal(ended.length, 2);
  const text = [...rig.lines, ...ended.map((outcome) => (outcome.kind === 'fault' ? outcome.detail : 'no fault'))].join('\n');
  assert.match(text, /\[password\]/);
  assert.doesNotMatch(text, /hunter|aHVudGVy|68756e746572|no fault/i);
});

test('enhanced authentication keeps the object of an exchange over its steps', async () => {
  const seen: object[] = [];
  const p = plugin('p', (hooks) =>
    hooks.authenticateEnhanced.tap('M', ({ exchange, data, step }, decide) => {
      seen.push(exchange);
      assert.ok(Object.isFrozen(exchange));
      return step === 1
        ? decide.continue(data as Uint8Array)
        : decide.allow({ identity: { username: 'u' }, data: Uint8Array.of(9), leaseSeconds: 5 });
    }),
  );
  const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
  const exchange = {};
  const ended: Outcome[] = [];
  for (const step of [1, 2]) {
    const request = { ...CONNECT, method: 'M', data: Buffer.from([step]), step, exchange, username: null };
    rig.host.chain('default').askEnhanced('M', request, rig.options(), (outcome) => ended.push(outcome));
  }
  assert.deepEqual(seen, [exchange, exchange]);
  assert.equal(seen[0], seen[1]);
  assert.deepEqual(ended[0], { kind: 'continue', plugin: 'p', data: Buffer.from([1]) });
  const grant = { identity: { username: 'u' }, leaseSeconds: 5 };
  assert.deepEqual(ended[1], { kind: 'allow', plugin: 'p', grant, data: Buffer.from([9]), leaseSeconds: 5 });
});

test('whoever listens for the end of a question that is given up hears of it once, at its deadline and when it is cancelled, and never of an answer', async () => {
  for (const [how, expected] of [
    ['deadline', 1],
    ['cancelled', 1],
    ['answered', 0],
  ] as const) {
    let heard = 0;
    const rig = await rigOf(
      (request, decide) => {
        whenAbandoned(request, () => {
          heard += 1;
        });
        return how === 'answered' ? decide.allow() : never();
      },
      { timeoutMs: 1000 },
    );
    const asked = ask(rig);
    assert.equal(heard, 0);
    if (how === 'cancelled') asked.pending?.cancel();
    rig.clock.advance(3000);
    assert.equal(heard, expected, how);
  }
});
