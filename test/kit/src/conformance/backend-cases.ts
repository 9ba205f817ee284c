import type { FaultMode } from '../fault-mode.js';
import { type FaultProxy, faultProxy } from '../fault-proxy.js';
import type { TestBroker } from '../test-broker.js';
import { CANARY, describeCredentials, wrongPasswords } from './hostile.js';
import type { BackendUnderTest, ConformanceCase, TestCredentials } from './options.js';
import { may, rightsChain } from './rights-cases.js';
import { login, type Trial } from './trial.js';

/** In the machine's time: a plugin's driver has timers of its own. */
const TIMEOUT_MS = 300;
const BREAKER = { faults: 10, windowMs: 10_000, openMs: 200 };
const HEALS_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;
/** From before the first byte of an answer to somewhere in the middle of a row. */
const CUTS = [0, 1, 5, 20, 60];

const MODES: readonly FaultMode[] = [
  { kind: 'refuse' },
  { kind: 'blackhole' },
  { kind: 'slow', bytesPerMs: 0.02 },
  ...CUTS.map((afterBytes): FaultMode => ({ kind: 'reset', afterBytes })),
  ...CUTS.map((afterBytes): FaultMode => ({ kind: 'truncate', afterBytes })),
  { kind: 'garbage' },
];

/** What must hold while the backend fails in every way that networks and crashes have: no allow that would not be there without the fault. */
export function backendCases(trial: Trial, backend: BackendUnderTest): ConformanceCase[] {
  const whole = { kind: 'pass' } as const;
  return [
    { title: 'is right while its backend is well', run: () => withBackend(trial, backend, whole, async (broker) => healthy(trial, broker)) },
    ...MODES.map(
      (mode): ConformanceCase => ({
        title: `lets nobody in and gives no right because its backend ${describe(mode)}, and heals`,
        run: () =>
          withBackend(trial, backend, whole, async (broker, proxy) => {
            await healthy(trial, broker);
            await proxy.set(mode);
            await neverWider(trial, broker);
            // Connections that were made before the fault and after it are different ones.
            proxy.resetAll();
            await neverWider(trial, broker);
            await heal(trial, backend, broker, proxy);
          }),
      }),
    ),
    {
      title: 'starts while its backend is down: nobody is let in until it is there',
      run: () =>
        withBackend(trial, backend, { kind: 'refuse' }, async (broker, proxy) => {
          await neverWider(trial, broker);
          await heal(trial, backend, broker, proxy);
        }),
    },
    {
      title: 'ends in time while its backend is silent',
      run: () =>
        withBackend(trial, backend, whole, async (broker, proxy) => {
          await healthy(trial, broker);
          await proxy.set('blackhole');
          const client = await broker.client({ protocol: '5.0' });
          client.sendConnect({ username: 'stranger', password: CANARY });
          await broker.stop();
        }),
    },
  ];
}

function describe(mode: FaultMode): string {
  switch (mode.kind) {
    case 'refuse':
      return 'refuses connections';
    case 'blackhole':
      return 'is silent';
    case 'slow':
      return 'trickles';
    case 'garbage':
      return 'talks garbage';
    default:
      return `is cut off (${mode.kind} after ${'afterBytes' in mode ? mode.afterBytes : 0} bytes of an answer)`;
  }
}

async function withBackend(
  trial: Trial,
  backend: BackendUnderTest,
  mode: FaultMode,
  run: (broker: TestBroker, proxy: FaultProxy) => Promise<void>,
): Promise<void> {
  const proxy = await faultProxy({ target: backend.target, mode });
  const { entries } = trial.options;
  const plugin = { timeoutMs: TIMEOUT_MS, breaker: BREAKER, ...entries?.plugin };
  const standIn = trial.abilities.authenticates ? {} : { chain: rightsChain(trial) };
  try {
    await trial.with(
      (broker) => run(broker, proxy),
      { config: backend.config({ host: proxy.host, port: proxy.port }), entries: { ...entries, plugin }, clock: 'system', ...standIn },
      { mayFault: true },
    );
  } finally {
    await proxy.close();
  }
}

function invalidOf({ options }: Trial): TestCredentials[] {
  const { validCredentials = [], invalidCredentials = [] } = options;
  const known = validCredentials.flatMap((valid) => wrongPasswords(valid).slice(0, 2)).filter(({ username }) => username !== undefined);
  return [...invalidCredentials, ...known, { username: 'stranger', password: CANARY }, { username: "' OR '1'='1", password: CANARY }];
}

/** Everything is as it is without a fault. Throws when not. */
async function healthy(trial: Trial, broker: TestBroker): Promise<void> {
  const problem = await firstDifference(trial, broker);
  if (problem !== null) throw new Error(problem);
}

async function firstDifference(trial: Trial, broker: TestBroker): Promise<string | null> {
  if (trial.abilities.authenticates) {
    for (const valid of trial.options.validCredentials ?? [])
      if ((await login(broker, '5.0', valid)) !== 0) return `${describeCredentials(valid)} is refused`;
  } else {
    for (const right of trial.options.rights ?? [])
      if ((await may(broker, right, right)) !== right.allowed) return `the right to ${right.action} ${JSON.stringify(right.topic)} is wrong`;
  }
  return neverWider(trial, broker).then(
    () => null,
    (error: Error) => error.message,
  );
}

/** Whatever is refused without a fault is refused with it. */
async function neverWider(trial: Trial, broker: TestBroker): Promise<void> {
  if (trial.abilities.authenticates) {
    const valid = trial.options.validCredentials ?? [];
    const invalid = invalidOf(trial);
    // Those who may come in are asked about too: their answers are the ones that could be given to somebody else.
    const tries = [...invalid, ...valid.slice(0, 2), ...invalid];
    const codes = await Promise.all(tries.map((credentials, index) => login(broker, index % 2 === 0 ? '5.0' : '3.1.1', credentials)));
    for (const [index, credentials] of tries.entries()) {
      const expected = index >= invalid.length && index < tries.length - invalid.length;
      if (codes[index] === 0 && !expected) throw new Error(`${describeCredentials(credentials)} was let in`);
    }
    return;
  }
  const denied = (trial.options.rights ?? []).filter(({ allowed }) => !allowed);
  const given = await Promise.all(denied.map((right) => may(broker, right, right).catch(() => false)));
  const wrong = denied.find((_right, index) => given[index]);
  if (wrong !== undefined) throw new Error(`the right to ${wrong.action} ${JSON.stringify(wrong.topic)} was given`);
}

async function heal(trial: Trial, { healsWithinMs = HEALS_WITHIN_MS }: BackendUnderTest, broker: TestBroker, proxy: FaultProxy): Promise<void> {
  await proxy.set('pass');
  const end = performance.now() + healsWithinMs;
  for (;;) {
    const problem = await firstDifference(trial, broker);
    if (problem === null) return;
    if (performance.now() > end) throw new Error(`${healsWithinMs} ms after its backend was well again, ${problem}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
