import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Rule } from '@portcullis/sdk';
import fc from 'fast-check';
import type { GateClient } from './client.js';
import { Check } from './client.js';
import { type ExplainedQuestion, Explainer, type GateExplanation } from './explainer.js';
import {
  ALLOW,
  clientOf,
  connectRequest,
  DENY,
  FAULT,
  type FakeStanding,
  type GateRig,
  gateRig,
  identified,
  messageOf,
  rules,
  SKIP,
  standingOf,
} from './gate.test.support.js';
import { TopicTable } from './topic-table.js';
import type { AssumedAnswer } from './traced-hooks.js';

const PUBLISH: ExplainedQuestion = { action: 'publish', topic: 'a/b', shareName: null, qos: 0, retain: false };
const NO_REFUSAL = () => null;
const TOPICS = new TopicTable(4096);

function assumed(username: string): AssumedAnswer {
  return { outcome: identified(username), from: 'test', plugins: [] };
}

function shape({ stages }: GateExplanation): string[] {
  return stages.map(({ stage, outcome, how }) => `${stage} ${outcome}${how === 'assumed' ? ' (assumed)' : ''}`);
}

describe('an explanation', () => {
  test('goes through the stages of a CONNECT and of the action in their order', async () => {
    const rig = gateRig();
    rig.standing.hooks.tapped.add('code authorize').add('guardPublish').add('guardRetain');
    rig.standing.hooks.script.set('code authorize', ALLOW).set('guardPublish', { kind: 'pass', maxQos: 2 }).set('guardRetain', DENY);
    rig.standing.global.tapped.add('normalizeConnect').add('rewritePublish').add('acceptConnection');
    rig.standing.hooks.script.set('loadPolicy', [{ plugin: 'rules', grant: { version: 1, rules: rules('+a/#') } }]);
    const explanation = await new Explainer(rig.gate).afterConnect(
      rig.standing,
      connectRequest({ password: null }),
      assumed('ann'),
      { ...PUBLISH, retain: true },
      NO_REFUSAL,
    );
    assert.deepEqual(shape(explanation), [
      'acceptConnection pass',
      'resolveTenant nothing',
      'normalizeConnect nothing',
      'admitClient pass',
      'authenticate allow (assumed)',
      'admitIdentity pass',
      'loadPolicy given',
      'session allow',
      'rules allow',
      'authorize allow',
      'guardPublish pass',
      'rewritePublish nothing',
      'guardRetain deny',
    ]);
    assert.deepEqual([explanation.outcome, explanation.decision.rule, explanation.reached], ['allow', '+a/#', true]);
    explanation.release();
  });

  test('ends where the CONNECT would be refused, with the codes of that', async () => {
    const rig = gateRig();
    rig.standing.hooks.script.set('admitClient', DENY);
    const explanation = await new Explainer(rig.gate).afterConnect(
      rig.standing,
      connectRequest({ password: null }),
      assumed('ann'),
      PUBLISH,
      NO_REFUSAL,
    );
    assert.deepEqual(shape(explanation), ['resolveTenant nothing', 'admitClient deny']);
    assert.deepEqual([explanation.outcome, explanation.reached, explanation.client], ['deny', false, null]);
    assert.equal(explanation.codes['5.0'], 'CONNACK 0x8a, then closed');
    assert.equal(explanation.codes['3.1.1'], 'CONNACK 5, then closed');
  });

  test('says that there would be no session', async () => {
    const rig = gateRig();
    const refusal = { reasonCode: 0x85, detail: 'of another user' };
    const explanation = await new Explainer(rig.gate).afterConnect(
      rig.standing,
      connectRequest({ password: null }),
      assumed('ann'),
      PUBLISH,
      () => refusal,
    );
    assert.equal(shape(explanation).at(-1), 'session deny');
    assert.equal(explanation.decision.detail, 'of another user');
    assert.equal(explanation.codes['3.1'], 'CONNACK 2, then closed');
    explanation.release();
  });

  test('counts, logs and tells nothing', async () => {
    const rig = gateRig();
    rig.standing.global.tapped.add('decisionMade').add('messageDropped');
    const before = JSON.stringify(rig.stats);
    const explainer = new Explainer(rig.gate);
    for (const answer of [identified('ann'), DENY, FAULT]) {
      const given: AssumedAnswer = { outcome: answer, from: '', plugins: [] };
      for (const action of ['publish', 'subscribe', 'receive'] as const) {
        (await explainer.afterConnect(rig.standing, connectRequest({ password: null }), given, { ...PUBLISH, action }, NO_REFUSAL)).release();
      }
    }
    assert.equal(JSON.stringify(rig.stats), before);
    assert.deepEqual([rig.lines, rig.standing.global.told, rig.gate.admissions.size], [[], [], 0]);
  });

  test('with a password is an attempt to log in, and is counted, logged and told as one', async () => {
    const rig = gateRig();
    rig.standing.global.tapped.add('decisionMade');
    rig.standing.hooks.script.set('authenticate', { kind: 'deny', plugin: 'users', reason: 'bad-credentials' });
    const explanation = await new Explainer(rig.gate).afterConnect(rig.standing, connectRequest(), null, PUBLISH, NO_REFUSAL);
    assert.equal(explanation.outcome, 'deny');
    assert.equal(rig.stats.connectsRefused, 1);
    assert.equal(rig.standing.global.told.length, 1);
    assert.equal(rig.lines.length, 1);
    assert.match(rig.lines[0] ?? '', /client refused .* detail="denied \(explain\)"/);
    assert.doesNotMatch(rig.lines[0] ?? '', /secret/);
  });

  test('leaves the rights of a session alone', async () => {
    const rig = gateRig();
    const client = clientOf(rules('+a/#'), rig.standing);
    const explainer = new Explainer(rig.gate);
    for (let i = 0; i < 2; i += 1) {
      const explanation = await explainer.ofSession(client, PUBLISH, Check.RECEIVE, '');
      assert.equal(explanation.outcome, 'allow');
      explanation.release();
    }
    assert.equal(client.mayPublish(TOPICS.intern('a/b'), 0, false), true);
  });

  test('is a fault when nobody could say, and never more than the gate would let through', async () => {
    const rig = gateRig();
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('code authorize', FAULT);
    const client = clientOf(rules('+a/#'), rig.standing);
    const explanation = await new Explainer(rig.gate).ofSession(client, { ...PUBLISH, qos: 1 }, Check.RECEIVE, '');
    assert.equal(explanation.outcome, 'fault');
    assert.equal(explanation.decision.detail, 'it broke');
    assert.equal(explanation.codes['5.0'], 'DISCONNECT 0x83 without an acknowledgement');
    assert.equal(explanation.codes['3.1.1'], 'closed without an acknowledgement');
  });
});

const level = fc.constantFrom('a', 'b', 'c');
const pattern = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '+', '%u', '%c', '%{attr.k}', 'x-%u'), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'));
const aRule = fc.record({
  effect: fc.constantFrom('allow', 'allow', 'deny'),
  actions: fc.constantFrom(['publish'], ['subscribe'], ['receive'], ['publish', 'subscribe', 'receive'], ['subscribe', 'receive']),
  pattern,
  limited: fc.boolean(),
});
const question = fc.record({
  action: fc.constantFrom('publish', 'subscribe', 'receive'),
  levels: fc.array(level, { minLength: 1, maxLength: 3 }),
  wild: fc.constantFrom('none', 'plus', 'hash'),
  internal: fc.integer({ max: 30, min: 0 }),
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
});
const world = fc.record({
  combine: fc.constantFrom('deny-overrides', 'first-match'),
  partialSubscribe: fc.constantFrom('filter', 'reject'),
  username: fc.constantFrom('a', 'b', 'c/d'),
  groups: fc.subarray(['red', 'blue']),
  k: fc.constantFrom('a', 'b'),
  own: fc.array(aRule, { maxLength: 4 }),
  red: fc.array(aRule, { maxLength: 3 }),
  blue: fc.array(aRule, { maxLength: 3 }),
  code: fc.constantFrom(null, null, ALLOW, DENY, SKIP, FAULT),
  guard: fc.constantFrom(null, null, null, { kind: 'pass', maxQos: 1 }, { kind: 'deny', plugin: 'guard', reason: 'quota' }),
  questions: fc.array(question, { minLength: 20, maxLength: 20 }),
});
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;
type Asked = World['questions'][number];

function written(given: readonly (typeof aRule extends fc.Arbitrary<infer R> ? R : never)[], source: string): Rule[] {
  return given.map(({ effect, actions, pattern: text, limited }, i) => {
    const from = `${source}:${i + 1}`;
    const publishes = effect === 'allow' && (actions as readonly string[]).includes('publish');
    return { effect, actions, pattern: text, from, ...(limited && publishes ? { maxQos: 1, retain: false } : {}) } as Rule;
  });
}

function rigOf(given: World): { rig: GateRig; standing: FakeStanding } {
  const { combine, partialSubscribe, groups, own, red, blue, code, guard } = given;
  const standing = standingOf({ combine, partialSubscribe } as Parameters<typeof standingOf>[0]);
  standing.engine.setTemplate('rules', 'red', written(red, 'red'));
  standing.engine.setTemplate('rules', 'blue', written(blue, 'blue'));
  const { hooks, global } = standing;
  hooks.script.set('loadPolicy', [
    { plugin: 'rules', grant: { version: 1, templates: groups, rules: written(own, 'own') } },
    { plugin: 'code', grant: code === null ? null : { version: 1, rules: written(own.slice(0, 1), 'code') } },
  ]);
  const identity = { username: given.username, groups, attributes: { k: given.k } };
  hooks.script.set('authenticate', { kind: 'allow', plugin: 'users', grant: { identity }, data: null, leaseSeconds: null });
  if (code !== null) hooks.tapped.add('code authorize');
  if (code !== null) hooks.script.set('code authorize', code);
  if (guard !== null) {
    for (const hook of ['guardPublish', 'guardSubscribe', 'guardDelivery']) hooks.tapped.add(hook);
    for (const hook of ['guardPublish', 'guardSubscribe', 'guardDelivery']) hooks.script.set(hook, guard);
  }
  global.tapped.add('decisionMade');
  return { rig: gateRig({ standing }), standing };
}

function questionOf({ action, levels, wild, internal, qos, retain }: Asked): ExplainedQuestion {
  const parts = [...(internal === 0 ? ['$SYS'] : []), ...levels];
  if (action === 'subscribe' && wild === 'plus') parts[parts.length - 1] = '+';
  if (action === 'subscribe' && wild === 'hash') parts.push('#');
  return { action: action as ExplainedQuestion['action'], topic: parts.join('/'), shareName: null, qos: qos as 0 | 1 | 2, retain };
}

/** How the live gate answers: outcome, who, which rule, which code. */
function live(rig: GateRig, client: GateClient, { action, topic, qos, retain }: ExplainedQuestion): unknown[] {
  const { told } = rig.standing.global;
  told.length = 0;
  const last = (): unknown[] => {
    const { outcome, hook, plugin, rule } = told.filter(({ hook: name }) => name === 'decisionMade').at(-1)?.news ?? {};
    return [outcome, hook, plugin, rule];
  };
  if (action === 'publish') {
    const message = messageOf(topic, { qos, retain });
    rig.gate.judgePublish(client, message, false, () => {});
    const judged = last();
    if (!rig.standing.hooks.has('authorize') && !rig.standing.hooks.has('guardPublish')) {
      // The way of clients whose publishes need rules only: a remembered answer, and the rule looked up for the news.
      const approved = rig.gate.approveByRules(client, TOPICS.intern(topic), message);
      assert.equal(approved === null ? 'deny' : 'allow', judged[0]);
      if (approved === null && !topic.startsWith('$SYS')) {
        rig.gate.publishDenied(client, topic, qos, retain, 1);
        assert.deepEqual(last(), judged);
      }
    }
    return judged;
  }
  if (action === 'subscribe') {
    rig.gate.judgeSubscribe(client, { filter: topic, shareName: null, qos }, () => {});
    return last();
  }
  const entry = TOPICS.intern(topic);
  if (!client.receiveAsks) {
    const outcome = client.mayReceive(entry, Check.RECEIVE) ? 'allow' : 'deny';
    client.rules('receive', topic, 0, false);
    const { plugin = null, from = null } = client.binding.lastRule ?? {};
    return [outcome, 'authorize', plugin, from];
  }
  let answer: unknown[] = [];
  rig.gate.judgeDelivery(client, { message: messageOf(topic, { qos, retain }), entry, checks: Check.RECEIVE, qos, retain }, (verdict, why) => {
    const outcome = verdict === 'deliver' ? 'allow' : verdict === 'fault' ? 'fault' : 'deny';
    client.rules('receive', topic, 0, false);
    const { plugin = null, from = null } = client.binding.lastRule ?? {};
    answer = [outcome, why?.hook ?? 'authorize', why === null ? plugin : why.plugin, why === null ? from : why.rule];
  });
  return answer;
}

function told({ outcome, decision }: GateExplanation): unknown[] {
  return [outcome, decision.hook, decision.plugin, decision.rule];
}

test('ten thousand random questions: explain gives the verdict of the live gate, by the same rule, with a session and without', async () => {
  let questions = 0;
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(world, async (given) => {
      const { rig, standing } = rigOf(given);
      const request = connectRequest({ clientId: 'b', username: given.username, password: null });
      let client: GateClient | null = null;
      rig.gate
        .admit('default', request, (result) => {
          if (result.kind === 'accepted') client = result.client;
        })
        ?.start();
      assert.ok(client !== null);
      const connected: GateClient = client;
      const explainer = new Explainer(rig.gate);
      const authenticated = { outcome: standing.hooks.script.get('authenticate'), from: '', plugins: [] } as AssumedAnswer;
      for (const asked of given.questions) {
        const one = questionOf(asked);
        const answer = live(rig, connected, one);
        const ofSession = await explainer.ofSession(connected, one, Check.RECEIVE, '');
        assert.deepEqual(told(ofSession), answer, JSON.stringify(one));
        const afterConnect = await explainer.afterConnect(standing, request, authenticated, one, NO_REFUSAL);
        assert.deepEqual(told(afterConnect), answer, JSON.stringify(one));
        afterConnect.release();
        questions += 1;
        const key = `${one.action} ${String(answer[0])}`;
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(questions >= 10_000, String(questions));
  // Each way of ending was among them, and often.
  for (const action of ['publish', 'subscribe', 'receive']) {
    for (const outcome of ['allow', 'deny', 'fault']) assert.ok((outcomes.get(`${action} ${outcome}`) ?? 0) > 100, `${action} ${outcome}`);
  }
});
