import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type Decision } from '@portcullis/sdk';
import fc from 'fast-check';
import {
  type End,
  expectedOf,
  LAST_MS,
  type ModelPlugin,
  type ModelVisit,
  type Said,
  type Schedule,
  STEP_MS,
  saidBy,
} from './chain-model.test.support.js';
import { CLIENT, CONNECT, chain, IDENTIFIED, type Plugin, plugin, preparedRig } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';
import type { Pending } from './specs.js';

type Verbs = Readonly<Record<'allow' | 'deny' | 'skip', (argument?: unknown) => Decision>>;

/** An answer that is on its way. */
interface Later {
  readonly at: number;
  readonly visit: number;
  settle(): void;
}

/** The same schedule on the real host. Everything happens within one turn of the event loop: answers are thenables that the test settles. */
class Stage {
  readonly ends: (End | null)[];
  readonly asked: string[] = [];
  readonly #schedule: Schedule;
  readonly #later: Later[] = [];
  /** Questions that a plugin works on at the moment, as it would see it. */
  readonly #open: Set<number>[];
  readonly #kept: Decision[] = [];
  now = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.ends = schedule.visits.map(() => null);
    this.#open = schedule.plugins.map(() => new Set());
  }

  plugins(): Plugin[] {
    const hook = this.#schedule.fold === 'authenticate' ? 'authenticate' : 'authorize';
    return this.#schedule.plugins.map(({ failsOver, ...spec }, place) =>
      plugin(
        `p${place}`,
        (hooks) => {
          type Handler = (request: { client: { id: string }; signal: AbortSignal }, verbs: Verbs) => Decision;
          (hooks[hook] as unknown as { tap(handler: Handler): void }).tap((request, verbs) => this.#handle(place, request, verbs) as Decision);
        },
        failsOver ? { decides: { authenticate: ['allow', 'skip'] }, spec: { ...spec, onFault: 'skip' } } : { spec },
      ),
    );
  }

  #handle(place: number, request: { client: { id: string }; signal: AbortSignal }, verbs: Verbs): unknown {
    const visit = Number(request.client.id);
    const { letter, afterMs } = saidBy(this.#schedule.visits, visit, place);
    this.asked.push(`${visit} ${place}`);
    const open = this.#open[place] as Set<number>;
    if (afterMs === 0) return this.#say(letter, verbs);
    open.add(visit);
    assert.ok(open.size <= (this.#schedule.plugins[place] as ModelPlugin).maxConcurrent);
    request.signal.addEventListener('abort', () => open.delete(visit));
    return {
      // biome-ignore lint/suspicious/noThenProperty: plugins may answer with any promise, and this one is settled when the schedule says so.
      then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
        this.#later.push({
          at: this.now + afterMs,
          visit,
          settle: () => {
            open.delete(visit);
            try {
              resolve(this.#say(letter, verbs));
            } catch (error) {
              reject(error);
            }
            // Whatever is said after the first settlement is only counted.
            resolve(verbs.allow({ identity: { username: 'second' } }));
          },
        });
      },
    };
  }

  #say(letter: Said['letter'], verbs: Verbs): Decision {
    const allowed = this.#schedule.fold === 'authenticate' ? verbs.allow({ identity: { username: 'u' } }) : verbs.allow();
    const other = this.#kept.at(-1);
    this.#kept.push(allowed);
    if (letter === 'allow') return allowed;
    if (letter === 'deny') return verbs.deny('banned');
    if (letter === 'skip') return verbs.skip();
    if (letter === 'down') throw new BackendUnavailable('down');
    // The first has none to pass off as its own, and throws instead.
    if (letter === 'foreign' && other !== undefined) return other;
    throw new Error('fault');
  }

  settleDue(): number {
    const due = this.#later.filter(({ at }) => at === this.now);
    for (const { settle } of due) settle();
    return due.length;
  }
}

function endOf(outcome: Outcome): End {
  if (outcome.kind === 'fault') return outcome.overload ? 'overload' : 'fault';
  assert.ok(outcome.kind === 'allow' || outcome.kind === 'deny' || outcome.kind === 'skip', outcome.kind);
  return outcome.kind;
}

async function play(schedule: Schedule) {
  const stage = new Stage(schedule);
  const names = schedule.plugins.map((_, place) => `p${place}`);
  const combine = schedule.fold === 'authenticate' ? 'deny-overrides' : schedule.fold;
  const spec = chain(schedule.fold === 'authenticate' ? { authenticate: names } : { authorize: names, combine });
  const rig = await preparedRig(stage.plugins(), [spec]);
  const hook = schedule.fold === 'authenticate' ? 'authenticate' : 'authorize';
  const pending: (Pending | null)[] = schedule.visits.map(() => null);
  const left = new Set<number>();
  let settled = 0;
  for (; stage.now <= LAST_MS; stage.now += STEP_MS) {
    if (stage.now > 0) rig.clock.advance(STEP_MS);
    settled += stage.settleDue();
    for (const [visit, { leavesAt }] of schedule.visits.entries()) {
      if (leavesAt !== stage.now || stage.ends[visit] !== null) continue;
      left.add(visit);
      pending[visit]?.cancel();
    }
    for (const [visit, { at }] of schedule.visits.entries()) {
      if (at !== stage.now) continue;
      const request = { ...(hook === 'authenticate' ? CONNECT : IDENTIFIED), client: { ...CLIENT, id: String(visit) } };
      pending[visit] = rig.host.chain('default').ask(hook, request, rig.options(schedule.deadlineMs), (outcome) => {
        assert.equal(stage.ends[visit], null, 'a question ends once');
        assert.ok(!left.has(visit), 'who has left is told nothing');
        stage.ends[visit] = endOf(outcome);
      });
    }
  }
  const { lateAnswers, secondAnswers, invariantsBroken } = rig.stats;
  assert.equal(invariantsBroken, 0);
  assert.equal(secondAnswers, settled);
  return { ends: stage.ends, asked: stage.asked, late: lateAnswers };
}

const steps = (from: number, to: number): fc.Arbitrary<number> => fc.integer({ min: from, max: to }).map((count) => count * STEP_MS);
// Around the time-outs below: well before, at, just after, never.
const delay = fc.oneof(fc.constant(0), steps(1, 12), steps(10, 30), steps(30, 70), fc.constant(Number.POSITIVE_INFINITY));
const letter = fc.constantFrom<Said['letter']>('allow', 'deny', 'skip', 'skip', 'skip', 'fault', 'down', 'down', 'foreign');

const schedules: fc.Arbitrary<Schedule> = fc
  .tuple(fc.constantFrom<Schedule['fold']>('authenticate', 'authenticate', 'deny-overrides', 'first-match'), fc.integer({ min: 1, max: 5 }))
  .chain(([fold, length]) =>
    fc.record({
      fold: fc.constant(fold),
      deadlineMs: steps(10, 60),
      plugins: fc.array(
        fc.record({
          timeoutMs: steps(5, 40),
          maxConcurrent: fc.integer({ min: 1, max: 3 }),
          maxQueue: fc.integer({ min: 0, max: 3 }),
          breaker: fc.record({ faults: fc.integer({ min: 1, max: 3 }), windowMs: steps(0, 60), openMs: steps(1, 60) }),
          failsOver: fold === 'authenticate' ? fc.boolean() : fc.constant(false),
        }),
        { minLength: length, maxLength: length },
      ),
      visits: fc.array(
        fc
          .record({
            at: steps(0, 80),
            stays: fc.oneof({ weight: 3, arbitrary: fc.constant(Number.POSITIVE_INFINITY) }, { weight: 1, arbitrary: steps(1, 60) }),
            says: fc.array(fc.record({ letter, afterMs: delay }), { minLength: length, maxLength: length }),
          })
          .map(({ at, stays, says }): ModelVisit => ({ at, leavesAt: at + stays, says })),
        { minLength: 1, maxLength: 10 },
      ),
    }),
  );

test('random schedules of answers, deadlines, queues, breakers and clients that leave end as the model of a page says', async () => {
  const seen = new Map<string, number>();
  let late = 0;
  await fc.assert(
    fc.asyncProperty(schedules, async (schedule) => {
      const expected = expectedOf(schedule);
      assert.deepEqual(await play(schedule), expected);
      late += expected.late;
      for (const end of expected.ends) seen.set(String(end), (seen.get(String(end)) ?? 0) + 1);
    }),
    { numRuns: 1500 },
  );
  // Schedules in which hardly anything went wrong would prove little. Null is a client that left before the end.
  for (const end of ['allow', 'deny', 'skip', 'fault', 'overload', 'null']) assert.ok((seen.get(end) ?? 0) > 50, JSON.stringify([...seen]));
  assert.ok(late > 200, String(late));
});
