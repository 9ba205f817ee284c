import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../hooks/index.js';
import { Check } from './client.js';
import { type ExplainedQuestion, Explainer, type GateExplanation } from './explainer.js';
import {
  ALLOW,
  clientOf,
  connectRequest,
  DENY,
  FAULT,
  type FakeStanding,
  gateRig,
  identified,
  OVERLOAD,
  PASS,
  rules,
  SKIP,
  standingOf,
} from './gate.test.support.js';

const PUBLISH: ExplainedQuestion = { action: 'publish', topic: 'a/b', shareName: null, qos: 0, retain: false };
const CONNECT: ExplainedQuestion = { ...PUBLISH, action: 'connect', topic: '' };
const ASSUMED = { outcome: identified('ann'), from: 'users.txt', plugins: [] };

async function explain(standing: FakeStanding, question: ExplainedQuestion, given: Parameters<typeof connectRequest>[0] = {}) {
  const { gate } = gateRig({ standing });
  const request = connectRequest({ password: null, ...given });
  return await new Explainer(gate).afterConnect(standing, request, ASSUMED, question, () => null);
}

/** What is written down of one stage: how it ended, and what each plugin said. */
function stage({ stages }: GateExplanation, name: string): unknown[] {
  const found = stages.find((each) => each.stage === name);
  assert.ok(found, `${name} was not asked`);
  return [found.outcome, found.detail, ...found.plugins.map(({ plugin, outcome, detail }) => [plugin, outcome, detail].join(' ').trim())];
}

function standingWith(own: string[], chain: Parameters<typeof standingOf>[0] = {}): FakeStanding {
  const standing = standingOf(chain);
  standing.hooks.script.set('loadPolicy', [{ plugin: 'rules', grant: { version: 1, rules: rules(...own) } }]);
  return standing;
}

test('An explanation of a CONNECT says where the identity was taken from, and with a plugin that refuses at the door nothing else is asked.', async () => {
  const standing = standingWith([]);
  const let_in = await explain(standing, CONNECT);
  assert.deepEqual(stage(let_in, 'authenticate'), ['allow', 'users.txt']);
  assert.deepEqual([let_in.outcome, let_in.reached, let_in.decision.reasonCode, let_in.codes['5.0']], ['allow', true, 0, 'CONNACK 0x00']);
  let_in.release();
  for (const [outcome, expected] of [
    [DENY, 'deny'],
    [FAULT, 'fault'],
    [SKIP, 'deny'],
  ] as const) {
    const shut = standingWith([]);
    shut.global.tapped.add('acceptConnection');
    shut.global.script.set('acceptConnection', outcome);
    for (const question of [CONNECT, PUBLISH]) {
      const closed = await explain(shut, question);
      assert.deepEqual([closed.outcome, closed.decision.outcome, closed.decision.hook], [expected, expected, 'acceptConnection']);
      assert.deepEqual([closed.stages.length, closed.client, closed.reached], [1, null, question === CONNECT]);
      assert.deepEqual(Object.values(closed.codes), ['closed', 'closed', 'closed']);
      closed.release();
    }
    assert.equal(shut.hooks.asked.length, 0);
  }
});

test('A session that would be refused is the end of an explanation, with the code of that.', async () => {
  const standing = standingWith(['+a/#']);
  const { gate } = gateRig({ standing });
  const explainer = new Explainer(gate);
  for (const question of [CONNECT, PUBLISH]) {
    const request = connectRequest({ password: null });
    const refused = await explainer.afterConnect(standing, request, ASSUMED, question, () => ({ reasonCode: 0x97, detail: 'too many sessions' }));
    assert.deepEqual(stage(refused, 'session'), ['deny', 'too many sessions']);
    const { hook, outcome, reasonCode } = refused.decision;
    assert.deepEqual([hook, outcome, reasonCode, refused.outcome], ['session', 'deny', 0x97, 'deny']);
    assert.deepEqual([refused.codes['5.0'], refused.codes['3.1.1']], ['CONNACK 0x97, then closed', 'CONNACK 3, then closed']);
    assert.equal(refused.reached, question === CONNECT);
    refused.release();
  }
});

test('Rules are shown as they judge the action that was asked about, where they tell one from another.', async () => {
  for (const [action, outcome] of [
    ['publish', 'allow'],
    ['receive', 'deny'],
    ['subscribe', 'none'],
  ] as const) {
    const explanation = await explain(standingWith(['publish:+a/b', 'receive:-a/b']), { ...PUBLISH, action });
    assert.deepEqual(explanation.stages.find(({ stage: name }) => name === 'rules')?.outcome, outcome, action);
    explanation.release();
  }
});

test('Each stage says who answered what: the reason of a denial, what is wrong in a fault, how far a guard lets pass.', async () => {
  const cases: [Outcome, string, string][] = [
    [DENY, 'deny', 'banned'],
    [{ kind: 'deny', plugin: 'code', reason: 0x97 }, 'deny', '0x97'],
    [FAULT, 'fault', 'it broke'],
    [OVERLOAD, 'fault', 'no room'],
    [ALLOW, 'allow', ''],
    [SKIP, 'skip', ''],
  ];
  for (const [outcome, kind, detail] of cases) {
    const standing = standingWith(['+a/#']);
    standing.hooks.tapped.add('code authorize');
    standing.hooks.script.set('code authorize', outcome);
    const explanation = await explain(standing, PUBLISH);
    assert.deepEqual(stage(explanation, 'authorize'), [kind, detail, ['code', kind, detail].join(' ').trim()]);
    explanation.release();
  }
  for (const maxQos of [0, 1, 2] as const) {
    const standing = standingWith(['+a/#']);
    standing.hooks.tapped.add('guardSubscribe');
    standing.hooks.script.set('guardSubscribe', { kind: 'pass', maxQos });
    const explanation = await explain(standing, { ...PUBLISH, action: 'subscribe', qos: 2 });
    assert.deepEqual(stage(explanation, 'guardSubscribe'), ['pass', maxQos === 2 ? '' : `at most QoS ${maxQos}`]);
    assert.equal(explanation.codes['5.0'], `SUBACK 0x0${maxQos}`);
    explanation.release();
  }
});

test('Of guards that answer at once, those before the one that refuses are named as having let pass, and those behind it not at all.', async () => {
  const guards = ['first', 'code', 'last'];
  const cases: [Outcome, string[]][] = [
    [PASS, ['first pass', 'code pass', 'last pass']],
    [DENY, ['first pass', 'code deny banned']],
    [{ kind: 'deny', plugin: 'first', reason: 'rate' }, ['first deny rate']],
    [FAULT, ['first pass', 'code fault it broke']],
    [{ kind: 'fault', plugin: null, overload: false, final: false, detail: 'nobody in particular' } as Outcome, []],
    [SKIP, []],
  ];
  for (const [outcome, plugins] of cases) {
    const standing = standingWith(['+a/#'], { guards });
    for (const name of guards) standing.hooks.tapped.add(`${name} guardPublish`);
    standing.hooks.script.set('guardPublish', outcome);
    const explanation = await explain(standing, PUBLISH);
    assert.deepEqual(stage(explanation, 'guardPublish').slice(2), plugins, outcome.kind);
    explanation.release();
  }
});

test('Sources are written down by whether they gave anything, and what was patched by whom.', async () => {
  const standing = standingWith(['+a/#']);
  standing.global.script.set('resolveTenant', { kind: 'given', plugin: 'tenants', value: { name: 'acme' } });
  standing.global.script.set('normalizeConnect', [{ keepAliveSeconds: 10 }, { keepAliveSeconds: 20 }]);
  standing.global.tapped.add('normalizeConnect').add('rewritePublish');
  const given = await explain(standing, PUBLISH);
  assert.deepEqual(stage(given, 'resolveTenant'), ['given', '']);
  assert.deepEqual(stage(given, 'normalizeConnect'), ['given', 'patcher, patcher']);
  assert.deepEqual(stage(given, 'rewritePublish'), ['nothing', '']);
  assert.deepEqual(stage(given, 'loadPolicy'), ['given', '']);
  assert.deepEqual([given.client?.tenant, given.client?.info.keepAliveSeconds], ['acme', 20]);
  given.release();

  standing.hooks.script.set('loadPolicy', [{ plugin: 'rules', grant: null }]);
  standing.global.script.set('resolveTenant', { kind: 'nothing' });
  standing.global.script.set('normalizeConnect', []);
  const nothing = await explain(standing, PUBLISH);
  for (const name of ['resolveTenant', 'normalizeConnect', 'loadPolicy']) assert.deepEqual(stage(nothing, name), ['nothing', ''], name);
  assert.deepEqual([nothing.outcome, nothing.decision.plugin, nothing.decision.rule], ['deny', null, null]);
  nothing.release();

  for (const hook of ['resolveTenant', 'normalizeConnect'] as const) {
    const broken = standingWith(['+a/#']);
    broken.global.tapped.add('normalizeConnect');
    broken.global.script.set(hook, FAULT);
    const fault = await explain(broken, PUBLISH);
    assert.deepEqual(stage(fault, hook), ['fault', 'it broke'], hook);
    assert.deepEqual([fault.outcome, fault.reached, fault.client, fault.codes['5.0']], ['fault', false, null, 'CONNACK 0x88, then closed']);
  }
  standing.hooks.script.set('loadPolicy', FAULT);
  assert.deepEqual(stage(await explain(standing, PUBLISH), 'loadPolicy'), ['fault', 'it broke']);
});

test('An explanation names what would be granted in part, and what would be routed and not retained, and says so of nothing else.', async () => {
  const detail = async (own: string[], question: Partial<ExplainedQuestion>, guardRetain: Outcome = PASS): Promise<string> => {
    const standing = standingWith(own);
    standing.hooks.tapped.add('guardRetain');
    standing.hooks.script.set('guardRetain', guardRetain);
    const explanation = await explain(standing, { ...PUBLISH, ...question });
    explanation.release();
    return [explanation.outcome, explanation.decision.detail].join(' ').trim();
  };
  const subscribe = { action: 'subscribe', topic: 'a/#' } as const;
  assert.equal(await detail(['+a/#'], subscribe), 'allow');
  assert.equal(await detail(['+a/b'], subscribe), 'allow in part, so each copy is checked');
  assert.equal(await detail(['+a/#', '-a/b'], subscribe), 'allow in part, so each copy is checked');
  assert.equal(await detail(['+b/#'], subscribe), 'deny');
  assert.equal(await detail(['+a/#'], { retain: true }), 'allow');
  assert.equal(await detail(['+a/#'], { retain: true }, DENY), 'allow but it is not retained, since a guard refused that');
  assert.equal(await detail(['+a/#'], { retain: false }, DENY), 'allow');
  assert.equal(await detail(['+b/#'], { retain: true }, DENY), 'deny');
});

test('A copy is explained by what its subscription has checked: with a proven one nobody is asked, with others the rule is named.', async () => {
  const receive = { ...PUBLISH, action: 'receive' } as const;
  const explained = async (own: string[], checks: number, guard: Outcome | null = null): Promise<unknown[]> => {
    const standing = standingWith(own);
    if (guard !== null) standing.hooks.tapped.add('guardDelivery');
    if (guard !== null) standing.hooks.script.set('guardDelivery', guard);
    const { gate } = gateRig({ standing });
    const client = clientOf(rules(...own), standing);
    const { outcome, decision, stages } = await new Explainer(gate).ofSession(client, receive, checks, 'subscribed to a/#');
    assert.deepEqual([stages[0]?.stage, stages[0]?.how, stages[0]?.detail], ['session', 'assumed', 'subscribed to a/#']);
    return [outcome, decision.hook, decision.reasonCode, decision.plugin, decision.rule, decision.detail];
  };
  assert.deepEqual(await explained(['+a/#'], Check.RECEIVE), ['allow', 'authorize', 0, 'rules', '+a/#', '']);
  assert.deepEqual(await explained(['-a/b', '+a/#'], Check.RECEIVE), ['deny', 'authorize', 0x87, 'rules', '-a/b', '']);
  assert.deepEqual(await explained(['+b'], Check.RECEIVE), ['deny', 'authorize', 0x87, null, null, 'nothing allows it']);
  assert.equal((await explained(['receive:+a/#'], Check.RECEIVE | Check.SUBSCRIBE_ALLOW))[0], 'deny');
  assert.equal(
    (await explained(['receive:+a/#'], Check.RECEIVE | Check.SUBSCRIBE_NOT_DENY))[0],
    'deny',
    'without code the rules of the filter count',
  );
  assert.equal((await explained(['receive,subscribe:+a/#'], Check.RECEIVE | Check.SUBSCRIBE_ALLOW))[0], 'allow');
  assert.deepEqual(await explained(['+a/#'], Check.RECEIVE, DENY), ['deny', 'guardDelivery', 0x87, 'code', null, '']);
  assert.deepEqual(await explained(['+a/#'], Check.RECEIVE, FAULT), ['fault', 'guardDelivery', 0x83, 'code', null, 'it broke']);
  assert.equal((await explained(['+a/#'], Check.RECEIVE, PASS))[0], 'allow');
});

test('What the rules of each source say stands beside what they say together.', async () => {
  const standing = standingOf();
  standing.hooks.script.set('loadPolicy', [
    { plugin: 'rules', grant: { version: 1, rules: rules('+a/#') } },
    { plugin: 'code', grant: { version: 1, rules: rules('-a/b') } },
    { plugin: 'more', grant: { version: 1, rules: rules('+c') } },
  ]);
  for (const action of ['publish', 'subscribe', 'receive'] as const) {
    const explanation = await explain(standing, { ...PUBLISH, action });
    assert.deepEqual(stage(explanation, 'rules'), ['deny', '', 'rules allow +a/#', 'code deny -a/b', 'more none'], action);
    assert.equal(explanation.outcome, 'deny');
    explanation.release();
  }
});

test('How long each stage took is told, from its beginning.', async () => {
  const standing = standingWith(['+a/#']);
  standing.hooks.tapped.add('code authorize');
  const { gate, clock } = gateRig({ standing });
  const explaining = new Explainer(gate).afterConnect(standing, connectRequest({ password: null }), ASSUMED, PUBLISH, () => null);
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  clock.advance(12.346);
  standing.hooks.asked.find(({ hook }) => hook === 'authorize')?.answer(ALLOW);
  const { stages, release } = await explaining;
  const asked = stages.find((each) => each.stage === 'authorize');
  assert.deepEqual([asked?.milliseconds, asked?.plugins[0]?.milliseconds, asked?.how], [12.35, 12.35, 'asked']);
  assert.equal(stages.find((each) => each.stage === 'admitClient')?.milliseconds, 0);
  release();
});
