import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer } from '../policy/index.js';
import { foldAuthorize, type Judgement } from './fold.js';
import { ALLOW, clientOf, DENY, SKIP, standingOf } from './gate.test.support.js';

function question(answer: () => 0 | 1 | 2) {
  return { action: 'publish', request: {}, rules: answer } as const;
}

test('What rules allowed is not allowed any more when they have changed before code has answered.', () => {
  const standing = standingOf({ authorize: ['code'] });
  standing.hooks.tapped.add('code authorize');
  const client = clientOf([], standing);
  let byRules: 0 | 1 | 2 = Answer.ALLOW;
  const judged: Judgement[] = [];
  foldAuthorize(
    client,
    question(() => byRules),
    1000,
    (judgement) => judged.push(judgement),
  );
  byRules = Answer.DENY;
  client.stand(standing, clientOf([], standing).binding, client.sources);
  standing.hooks.asked[0]?.answer(SKIP);
  assert.equal(judged.length, 0);
  standing.hooks.asked[1]?.answer(SKIP);
  assert.equal(judged[0]?.outcome, 'deny');
});

test('Code of a generation that came while a question was out is asked, too.', () => {
  const standing = standingOf({ authorize: ['old'] });
  standing.hooks.tapped.add('old authorize');
  const client = clientOf([], standing);
  const next = standingOf({ authorize: ['new'] });
  next.hooks.tapped.add('new authorize');
  next.hooks.script.set('new authorize', DENY);
  const judged: Judgement[] = [];
  foldAuthorize(
    client,
    question(() => Answer.ALLOW),
    1000,
    (judgement) => judged.push(judgement),
  );
  client.stand(next, clientOf([], next).binding, client.sources);
  standing.hooks.asked[0]?.answer(ALLOW);
  assert.deepEqual([judged[0]?.outcome, judged[0]?.plugin], ['deny', 'new']);
});

test('Rights that never hold still are a fault in the end.', () => {
  const standing = standingOf({ authorize: ['code'] });
  standing.hooks.tapped.add('code authorize');
  const client = clientOf([], standing);
  const judged: Judgement[] = [];
  foldAuthorize(
    client,
    question(() => Answer.ALLOW),
    1000,
    (judgement) => judged.push(judgement),
  );
  for (let i = 0; i < 10; i += 1) {
    client.stand(standing, clientOf([], standing).binding, client.sources);
    standing.hooks.asked[i]?.answer(ALLOW);
  }
  assert.deepEqual([judged.length, judged[0]?.outcome, judged[0]?.reason, judged[0]?.byCode], [1, 'fault', 'busy', false]);
});
