import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import { Answer } from '../policy/index.js';
import { type FoldQuestion, foldAuthorize, type Judgement } from './fold.js';
import { ALLOW, clientOf, DENY, FAULT, type FakeStanding, rules, SKIP, standingOf } from './gate.test.support.js';

type Word = 'allow' | 'deny' | 'skip' | 'fault';
const OUTCOMES: Record<Word, Outcome> = { allow: ALLOW, deny: DENY, skip: SKIP, fault: FAULT };
const WORDS: readonly Word[] = ['allow', 'deny', 'skip', 'fault'];
const RULES = [Answer.NONE, Answer.ALLOW, Answer.DENY] as const;

function sequences(length: number): Word[][] {
  if (length === 0) return [[]];
  return sequences(length - 1).flatMap((before) => WORDS.map((word) => [...before, word]));
}

/** Rule R8 in its own words. `byRule[i]` is what the rules of plugin i say. */
function expected(combine: string, byRule: readonly number[], code: readonly (Word | null)[]): 'allow' | 'deny' | 'fault' {
  if (combine === 'first-match') {
    for (const [i, rule] of byRule.entries()) {
      if (rule !== Answer.NONE) return rule === Answer.ALLOW ? 'allow' : 'deny';
      const said = code[i] ?? 'skip';
      if (said !== 'skip') return said;
    }
    return 'deny';
  }
  if (code.includes('fault')) return 'fault';
  if (byRule.includes(Answer.DENY) || code.includes('deny')) return 'deny';
  return byRule.includes(Answer.ALLOW) || code.includes('allow') ? 'allow' : 'deny';
}

/** Plugins p0, p1, …, each with the rules and code told; `sources` says which of them gave rules at all. */
function scene(combine: 'deny-overrides' | 'first-match', byRule: readonly number[], code: readonly (Word | null)[], sync: readonly boolean[]) {
  const names = byRule.map((_, i) => `p${i}`);
  const standing = standingOf({ combine, authorize: names });
  for (const [i, word] of code.entries()) {
    if (word === null) continue;
    standing.hooks.tapped.add(`p${i} authorize`);
    if (sync[i] === true) standing.hooks.script.set(`p${i} authorize`, OUTCOMES[word]);
  }
  const sources = names.filter((_, i) => byRule[i] !== Answer.NONE);
  const client = clientOf([], standing, { sources });
  const all = byRule.includes(Answer.DENY) ? Answer.DENY : byRule.includes(Answer.ALLOW) ? Answer.ALLOW : Answer.NONE;
  const question: FoldQuestion = {
    action: 'publish',
    request: {},
    rules: (source) => (source === -1 ? all : ((byRule[names.indexOf(sources[source] ?? '')] ?? Answer.NONE) as 0 | 1 | 2)),
  };
  return { standing, client, question };
}

function answerAll(standing: FakeStanding, code: readonly (Word | null)[]): void {
  for (let i = 0; i < standing.hooks.asked.length; i += 1) {
    const asked = standing.hooks.asked[i];
    const word = code[Number(asked?.plugin?.slice(1))];
    if (asked !== undefined && word !== null && word !== undefined && !standing.hooks.script.has(`${asked.plugin} authorize`)) {
      asked.answer(OUTCOMES[word]);
    }
  }
}

test('R8: every combination of rules and up to three plugins with code ends as the rule says, at once or later.', () => {
  let cases = 0;
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    for (let plugins = 0; plugins <= 3; plugins += 1) {
      for (const code of sequences(plugins)) {
        for (let pick = 0; pick < 3 ** plugins; pick += 1) {
          const byRule = code.map((_, i) => RULES[Math.floor(pick / 3 ** i) % 3] as number);
          for (let timing = 0; timing < 2 ** plugins; timing += 1) {
            const sync = code.map((_, i) => ((timing >> i) & 1) === 1);
            const { standing, client, question } = scene(combine, byRule, code, sync);
            const ended: Judgement[] = [];
            const pending = foldAuthorize(client, question, 99, (judgement) => ended.push(judgement));
            assert.equal(pending === null, ended.length === 1);
            answerAll(standing, code);
            assert.equal(ended.length, 1);
            assert.equal(ended[0]?.outcome, expected(combine, byRule, code), `${combine} ${byRule} ${code} ${sync}`);
            cases += 1;
          }
        }
      }
    }
  }
  assert.equal(cases, 2 * (1 + 24 + 576 + 13_824));
});

test('Rules of one plugin and code of the next fold in the order of the chain under first-match.', () => {
  const byRule = [Answer.NONE, Answer.ALLOW];
  const first = scene('first-match', byRule, ['deny', null], [true]);
  let outcome = '';
  foldAuthorize(first.client, first.question, 0, (judgement) => {
    outcome = judgement.outcome;
  });
  assert.equal(outcome, 'deny');
  const second = scene('first-match', [...byRule].reverse(), [null, 'deny'], [true, true]);
  foldAuthorize(second.client, second.question, 0, (judgement) => {
    outcome = judgement.outcome;
  });
  assert.equal(outcome, 'allow');
  assert.equal(second.standing.hooks.asked.length, 0);
});

test('Under deny-overrides everybody is asked even after a denial, since a fault outweighs it.', () => {
  const { standing, client, question } = scene(
    'deny-overrides',
    [Answer.DENY, Answer.NONE, Answer.NONE],
    ['deny', 'allow', 'fault'],
    [true, true, true],
  );
  let outcome = '';
  foldAuthorize(client, question, 0, (judgement) => {
    outcome = judgement.outcome;
  });
  assert.equal(outcome, 'fault');
  assert.deepEqual(
    standing.hooks.asked.map(({ plugin }) => plugin),
    ['p0', 'p1', 'p2'],
  );
});

test('After a fault nobody else is asked.', () => {
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const { standing, client, question } = scene(combine, [Answer.NONE, Answer.NONE], ['fault', 'allow'], [true, true]);
    foldAuthorize(client, question, 0, () => {});
    assert.equal(standing.hooks.asked.length, 1);
  }
});

test('The next plugin is asked only when the one before has answered.', () => {
  const { standing, client, question } = scene('deny-overrides', [Answer.NONE, Answer.NONE], ['allow', 'allow'], [false, false]);
  foldAuthorize(client, question, 0, () => {});
  assert.equal(standing.hooks.asked.length, 1);
  standing.hooks.asked[0]?.answer(ALLOW);
  assert.equal(standing.hooks.asked.length, 2);
});

test('A cancelled question ends nowhere, asks nobody further, and the open answer is cancelled too.', () => {
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const { standing, client, question } = scene(combine, [Answer.NONE, Answer.NONE], ['skip', 'allow'], [false, false]);
    let ended = 0;
    const pending = foldAuthorize(client, question, 0, () => {
      ended += 1;
    });
    pending?.cancel();
    assert.equal(standing.hooks.asked[0]?.cancelled, true);
    (standing.hooks.asked[0] as { cancelled: boolean }).cancelled = false;
    // A host that answers although it was told not to.
    standing.hooks.asked[0]?.answer(SKIP);
    assert.equal(ended, 0);
    assert.equal(standing.hooks.asked.length, 1);
  }
});

test('Rights that change while code is asked make the whole question be put anew, and are not waited for for ever.', () => {
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const standing = standingOf({ combine, authorize: ['code', 'rules'] });
    standing.hooks.tapped.add('code authorize');
    const client = clientOf(rules('+a'), standing);
    const ended: Judgement[] = [];
    const question: FoldQuestion = {
      action: 'publish',
      request: {},
      rules: (source) => client.binding.check('publish', 'a', 0, false, source === 1 ? 0 : source),
    };
    const change = (...own: string[]): void => client.stand(standing, clientOf(rules(...own), standing).binding, ['rules']);
    foldAuthorize(client, question, 0, (judgement) => ended.push(judgement));
    change('-a');
    standing.hooks.asked[0]?.answer(SKIP);
    if (ended.length === 0) standing.hooks.asked[1]?.answer(SKIP);
    assert.deepEqual([ended.length, ended[0]?.outcome], [1, 'deny'], combine);

    ended.length = 0;
    standing.hooks.asked.length = 0;
    change('+a');
    foldAuthorize(client, question, 0, (judgement) => ended.push(judgement));
    for (let i = 0; i < 20 && ended.length === 0; i += 1) {
      change('+a', `+${i}`);
      standing.hooks.asked[i]?.answer(SKIP);
    }
    assert.equal(ended[0]?.outcome, 'fault', combine);
  }
});

test('An outcome that no authority can give is a fault.', () => {
  for (const kind of ['pass', 'continue', 'given'] as const) {
    const { standing, client, question } = scene('deny-overrides', [Answer.ALLOW], ['allow'], [true]);
    standing.hooks.script.set('p0 authorize', { kind, plugin: 'p0', maxQos: 2, data: Buffer.alloc(0) });
    let outcome = '';
    foldAuthorize(client, question, 0, (judgement) => {
      outcome = judgement.outcome;
    });
    assert.equal(outcome, 'fault', kind);
  }
});

test('The judgement says who decided: the rule with its origin, or the plugin with its reason.', () => {
  const standing = standingOf({ authorize: ['rules', 'code'] });
  standing.hooks.tapped.add('code authorize');
  const client = clientOf(rules('+a', '-b'), standing);
  const judge = (topic: string, outcome: Outcome): Judgement => {
    standing.hooks.script.set('code authorize', outcome);
    const ended: Judgement[] = [];
    const question: FoldQuestion = { action: 'publish', request: {}, rules: (source) => client.binding.check('publish', topic, 0, false, source) };
    foldAuthorize(client, question, 0, (judgement) => ended.push(judgement));
    return ended[0] as Judgement;
  };
  assert.deepEqual(pick(judge('a', SKIP)), { outcome: 'allow', plugin: 'rules', rule: '+a', byCode: false, reason: 'not-authorized' });
  assert.deepEqual(pick(judge('b', SKIP)), { outcome: 'deny', plugin: 'rules', rule: '-b', byCode: false, reason: 'not-authorized' });
  assert.deepEqual(pick(judge('a', DENY)), { outcome: 'deny', plugin: 'code', rule: null, byCode: true, reason: 'banned' });
  assert.deepEqual(pick(judge('c', ALLOW)), { outcome: 'allow', plugin: 'code', rule: null, byCode: true, reason: 'not-authorized' });
  assert.equal(judge('a', ALLOW).byCode, true);
  assert.deepEqual(pick(judge('c', SKIP)), { outcome: 'deny', plugin: null, rule: null, byCode: false, reason: 'not-authorized' });
});

function pick({ outcome, plugin, rule, byCode, reason }: Judgement) {
  return { outcome, plugin, rule, byCode, reason };
}
