import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '@portcullis/sdk';
import { CONNECT, chain, IDENTIFIED, plugin, preparedRig } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';

type Verbs = Readonly<Record<'pass' | 'allow' | 'deny' | 'skip', (argument?: unknown) => Decision>>;
type Letter = 'pass' | 'allow' | 'deny' | 'skip' | 'fault';
type Hook = 'admitClient' | 'admitIdentity' | 'guardSubscribe' | 'authenticate' | 'authorize';

/** Every list of this many plugins, in every order. */
function ordersOf(count: number, from: readonly number[] = []): number[][] {
  if (from.length === count) return [[...from]];
  return [0, 1, 2, 3].flatMap((next) => (from.includes(next) ? [] : ordersOf(count, [...from, next])));
}

function listsOf(length: number, letters: readonly Letter[]): Letter[][] {
  if (length === 0) return [[]];
  return listsOf(length - 1, letters).flatMap((head) => letters.map((letter) => [...head, letter]));
}

/** Four plugins, chains of them in every order, and one question at a time; what each says is set before. */
async function makeJudge(hook: Hook) {
  const script: Letter[] = [];
  const plugins = [0, 1, 2, 3].map((i) =>
    plugin(`p${i}`, (hooks) => {
      const handler = (_request: object, verbs: Verbs): Decision => {
        const letter = script[i] ?? 'fault';
        if (letter === 'fault') throw new Error('fault');
        if (letter === 'allow') return verbs.allow(hook === 'authenticate' ? { identity: { username: 'u' } } : undefined);
        return verbs[letter](letter === 'deny' ? 'banned' : undefined);
      };
      (hooks[hook] as unknown as { tap(given: typeof handler): void }).tap(handler);
    }),
  );
  const list = hook === 'authenticate' || hook === 'authorize' ? hook : 'guards';
  const orders = [1, 2, 3, 4].flatMap((count) => ordersOf(count));
  const { host, options } = await preparedRig(
    plugins,
    orders.map((order) => chain({ name: order.join(''), [list]: order.map((i) => `p${i}`) })),
  );
  return (order: readonly number[], letters: readonly Letter[]): Outcome => {
    letters.forEach((letter, i) => {
      script[i] = letter;
    });
    const ended: Outcome[] = [];
    host.chain(order.join('')).ask(hook, hook === 'authenticate' ? CONNECT : IDENTIFIED, options(), (outcome) => ended.push(outcome));
    assert.equal(ended.length, 1);
    return ended[0] as Outcome;
  };
}

test('R4: up to four guards in every order let pass if each of them does, and nothing that one says makes up for another', async () => {
  let cases = 0;
  for (const hook of ['admitClient', 'admitIdentity', 'guardSubscribe'] as const) {
    const judge = await makeJudge(hook);
    for (let length = 1; length <= 4; length += 1) {
      for (const letters of listsOf(length, ['pass', 'deny', 'fault'])) {
        const passes = letters.every((letter) => letter === 'pass');
        for (const order of ordersOf(length).filter((given) => Math.max(...given) < length)) {
          const { kind } = judge(order, letters);
          assert.equal(kind, passes ? 'pass' : letters[order.find((i) => letters[i] !== 'pass') ?? 0], `${hook} ${order} ${letters}`);
          cases += 1;
        }
      }
    }
  }
  assert.equal(cases, 3 * (3 * 1 + 9 * 2 + 27 * 6 + 81 * 24));
});

test('R4: a guard has no word by which it could allow, and an authority none by which it could pass', async () => {
  for (const hook of ['admitClient', 'admitIdentity', 'guardSubscribe'] as const) {
    const judge = await makeJudge(hook);
    // The verbs of another role are not there: calling one is a throw like any other.
    for (const letter of ['allow', 'skip'] as const) assert.equal(judge([0], [letter]).kind, 'fault', `${hook} ${letter}`);
  }
  for (const hook of ['authenticate', 'authorize'] as const) assert.equal((await makeJudge(hook))([0], ['pass']).kind, 'fault', hook);
});

test('R6: no answer is remembered: whatever was said before, the next question is put and ends by what is said then', async () => {
  for (const hook of ['authenticate', 'authorize', 'admitClient'] as const) {
    const judge = await makeJudge(hook);
    const letters: readonly Letter[] = hook === 'admitClient' ? ['pass', 'deny', 'fault'] : ['allow', 'deny', 'skip', 'fault'];
    for (const before of letters) {
      for (const after of letters) {
        judge([0], [before]);
        const { kind } = judge([0], [after]);
        // A chain in which everybody skips denies.
        assert.equal(kind, hook === 'authenticate' && after === 'skip' ? 'deny' : after, `${hook}: ${before}, then ${after}`);
      }
    }
  }
});
