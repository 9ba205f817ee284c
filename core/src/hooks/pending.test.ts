import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokerHooks } from '@portcullis/sdk';
import { CONNECT, chain, IDENTIFIED, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';
import type { Pending } from './specs.js';

type Put = (rig: Rig, done: (outcome: unknown) => void) => Pending | null;
type Tapped = { tap(...given: unknown[]): void };
type Verbs = Record<'allow' | 'pass' | 'skip' | 'deny' | 'nothing', (given?: unknown) => unknown>;

/** Every question that may take its time: how it is put, and how it is answered. */
const QUESTIONS: readonly (readonly [hook: keyof BrokerHooks, put: Put, answer: (verbs: Verbs) => unknown])[] = [
  [
    'authenticate',
    (rig, done) => rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), done),
    (verbs) => verbs.allow({ identity: { username: 'u' } }),
  ],
  ['admitClient', (rig, done) => rig.host.chain('default').ask('admitClient', CONNECT, rig.options(), done), (verbs) => verbs.pass()],
  ['authorize', (rig, done) => rig.host.chain('default').ask('authorize', IDENTIFIED, rig.options(), done), (verbs) => verbs.allow()],
  ['authorize', (rig, done) => rig.host.chain('default').askPlugin('p', 'authorize', IDENTIFIED, rig.options(), done), (verbs) => verbs.skip()],
  ['authenticateEnhanced', (rig, done) => rig.host.chain('default').askEnhanced('M', CONNECT, rig.options(), done), (verbs) => verbs.deny('banned')],
  [
    'loadPolicy',
    (rig, done) => rig.host.chain('default').loadPolicy({ ...IDENTIFIED, tls: null, reason: 'connect' }, new Map(), rig.options(), done),
    (verbs) => verbs.nothing(),
  ],
  ['resolveTenant', (rig, done) => rig.host.global.firstGiven('resolveTenant', CONNECT, rig.options(), done), (verbs) => verbs.nothing()],
];

const LATE = ['at once', 'later', 'never', 'is not asked'] as const;

for (const [hook, put, answer] of QUESTIONS) {
  test(`a question of ${hook} gives something to cancel exactly as long as it is open, and is not answered after that`, async () => {
    for (const first of LATE) {
      for (const second of LATE) {
        const answers: (() => void)[] = [];
        const make = (name: string, when: (typeof LATE)[number]) =>
          plugin(
            name,
            (hooks) => {
              const handler = (_request: object, verbs: Verbs) => {
                if (when === 'at once') return answer(verbs);
                return new Promise((resolve) => {
                  if (when === 'later') answers.push(() => resolve(answer(verbs)));
                });
              };
              if (when === 'is not asked') hooks.sessionOpened.tap(() => {});
              else if (hook === 'authenticateEnhanced') hooks.authenticateEnhanced.tap(name === 'p' ? 'M' : 'N', handler as never);
              else (hooks[hook] as unknown as Tapped).tap(handler);
            },
            { spec: { timeoutMs: 60_000 } },
          );
        const both = [make('p', first), make('q', second)];
        const names = (taps: boolean): string[] => (taps ? ['p', 'q'].filter((_, i) => [first, second][i] !== 'is not asked') : []);
        const spec = chain({
          guards: names(hook === 'admitClient'),
          authenticate: names(hook === 'authenticate' || hook === 'authenticateEnhanced'),
          authorize: names(hook === 'authorize' || hook === 'loadPolicy'),
        });
        for (const cancelled of [false, true]) {
          const rig = await preparedRig(both, [spec]);
          const ended: unknown[] = [];
          const pending = put(rig, (outcome) => ended.push(outcome));
          const context = `${first}, ${second}, ${cancelled}`;
          assert.equal(pending === null, ended.length === 1, context);
          if (cancelled) pending?.cancel();
          for (let i = 0; i < 3; i += 1) {
            for (const settle of answers.splice(0)) settle();
            await turn();
          }
          const never = first === 'never' || second === 'never';
          if (cancelled && pending !== null) assert.equal(ended.length, 0, context);
          else if (!never) assert.equal(ended.length, 1, context);
          assert.ok(ended.length <= 1, context);
          const before = ended.length;
          pending?.cancel();
          await rig.host.dispose();
          assert.equal(ended.length, before, context);
        }
      }
    }
  });
}
