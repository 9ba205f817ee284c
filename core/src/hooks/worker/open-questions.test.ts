import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLimits } from '../../limits.js';
import { AskedFailure } from '../judge-answer.js';
import { RequestView } from '../question.js';
import type { ToThread, WireAnswer } from './messages.js';
import { OpenQuestions } from './open-questions.js';

interface Put {
  readonly answered: Promise<unknown>;
  readonly giveUp: () => void;
  readonly said: unknown[];
}

function rig() {
  const sent: ToThread[] = [];
  const stats = { secondAnswers: 0, foreignAnswers: 0 };
  const { workerGivenUp } = makeLimits({ workerGivenUp: 2 });
  let gaveUp = 0;
  const questions = new OpenQuestions({
    ask: (message) => sent.push(message),
    send: (message) => sent.push(message),
    ignored: (which) => {
      stats[which] += 1;
    },
    maxGivenUp: workerGivenUp,
    gaveUp: () => {
      gaveUp += 1;
    },
  });
  const put = (more: object = {}): Put => {
    let giveUp: () => void = () => {};
    const signal = (): AbortSignal => assert.fail('a signal was made that nobody looks at');
    const said: unknown[] = [];
    const verb = (name: string) => (argument: unknown) => {
      said.push([name, argument]);
      return name;
    };
    const question = {
      signal,
      whenAbandoned: (callback: () => void) => {
        giveUp = callback;
      },
    };
    const view = Object.assign(new RequestView(question), { client: { id: 'c' }, ...more });
    const answered = questions.ask('authenticate', null, view, { allow: verb('allow'), deny: verb('deny'), skip: verb('skip') });
    answered.catch(() => {});
    return { answered, giveUp, said };
  };
  const answer = (id: number, given: unknown) => questions.settle({ t: 'answer', id, answer: given as WireAnswer });
  return { questions, sent, stats, put, answer, gaveUps: () => gaveUp };
}

const ALLOW = { kind: 'allow', grant: { identity: { username: 'u' } }, data: null, leaseSeconds: null };

test('an answer is said with the verbs of its own question, whatever the order', async () => {
  const { put, answer } = rig();
  const [first, second] = [put(), put()];
  answer(2, { kind: 'deny', reason: 'banned' });
  answer(1, ALLOW);
  assert.equal(await second.answered, 'deny');
  assert.equal(await first.answered, 'allow');
  assert.deepEqual(second.said, [['deny', 'banned']]);
  assert.deepEqual(first.said, [['allow', { identity: { username: 'u' } }]]);
});

test('the second answer to a question is counted and not said; an answer to one that was never put is not taken', async () => {
  const { put, answer, stats } = rig();
  const { answered, said } = put();
  answer(1, { kind: 'skip' });
  answer(1, ALLOW);
  assert.equal(await answered, 'skip');
  assert.deepEqual(said, [['skip', undefined]]);
  assert.equal(stats.secondAnswers, 1);
  assert.throws(() => answer(2, ALLOW), /never put/);
});

test('what cannot be said on the hook is a failure', async () => {
  const { put, answer } = rig();
  const { answered } = put();
  answer(1, { kind: 'given', value: { name: 'tenant' } });
  await assert.rejects(answered, (error) => error instanceof AskedFailure && error.kind === 'malformed');
});

test('neither a password nor a signal crosses', () => {
  const { put, sent } = rig();
  const credentials = { username: 'u', hasPassword: true, password: 'secret', verify: () => {} };
  put({ credentials });
  assert.deepEqual(sent, [
    {
      t: 'ask',
      id: 1,
      hook: 'authenticate',
      method: null,
      exchange: 0,
      request: { client: { id: 'c' } },
      credentials: { username: 'u', hasPassword: true },
    },
  ]);
  assert.doesNotThrow(() => structuredClone(sent));
});

test('questions given up are remembered up to workerGivenUp: a late answer is told from a second one', async () => {
  const { put, answer, stats, sent, gaveUps } = rig();
  const given = [put(), put(), put()];
  for (const { giveUp } of given) giveUp();
  assert.equal(gaveUps(), 3);
  assert.deepEqual(
    sent.filter(({ t }) => t === 'abort'),
    [1, 2, 3].map((id) => ({ t: 'abort', id })),
  );
  answer(3, ALLOW);
  assert.equal(await given[2]?.answered, 'allow');
  assert.equal(stats.secondAnswers, 0);
  answer(1, ALLOW);
  assert.equal(stats.secondAnswers, 1);
  assert.deepEqual(given[0]?.said, []);
});

test('the end of the thread fails what is open and all that comes after', async () => {
  const { put, questions } = rig();
  const { answered } = put();
  questions.end('gone');
  await assert.rejects(answered, (error) => error instanceof AskedFailure && error.kind === 'not-ready' && error.message === 'gone');
  assert.throws(() => put(), /gone/);
});

test('a step of an exchange that began before the thread did is a failure', () => {
  const { put, sent } = rig();
  const exchange = {};
  assert.throws(() => put({ exchange, step: 2 }), /before the thread/);
  put({ exchange, step: 1 });
  put({ exchange, step: 2 });
  assert.deepEqual(
    sent.map((message) => (message as { exchange?: number }).exchange),
    [1, 1],
  );
});
