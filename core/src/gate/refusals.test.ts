import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultOutcome, Outcome } from '../hooks/index.js';
import type { DeliveryReason } from './delivery-gate.js';
import { ALLOW, CHAIN, clientOf, FAULT, type GateRig, gateRig, INFO, messageOf, PASS, rules, SKIP, standingOf } from './gate.test.support.js';
import type { PublishVerdict } from './publish-gate.js';
import type { SubscribeVerdict } from './subscribe-gate.js';
import { TopicTable } from './topic-table.js';

const REFUSED: Outcome = { kind: 'deny', plugin: 'code', reason: 'quota' };

/** Who answers what to which hook, and who is named for it: hook, plugin, what is wrong, and whether it is a fault. */
interface Case {
  readonly hook: string;
  readonly answer: Outcome | FaultOutcome;
  readonly outcome: 'deny' | 'fault';
  readonly plugin: string | null;
  readonly detail: string;
}

/** The three ways in which a hook may refuse: it says so, it breaks, it says what it cannot mean. */
function waysOf(hook: string, wrong: readonly Outcome[], by: 'an authority' | 'a guard'): Case[] {
  return [
    { hook, answer: REFUSED, outcome: 'deny', plugin: 'code', detail: '' },
    { hook, answer: FAULT, outcome: 'fault', plugin: 'code', detail: 'it broke' },
    ...wrong.map((answer): Case => {
      const plugin = by === 'an authority' ? 'code' : null;
      return { hook, answer, outcome: 'fault', plugin, detail: `${by} answered ${answer.kind}` };
    }),
  ];
}

function rigOf({ hook, answer }: Case, own: readonly string[] = ['+a/#']): { rig: GateRig; client: ReturnType<typeof clientOf> } {
  const standing = standingOf();
  if (hook === 'rewritePublish') {
    standing.global.tapped.add(hook);
    standing.global.script.set(hook, answer);
  } else {
    const name = hook === 'authorize' ? 'code authorize' : hook;
    standing.hooks.tapped.add(name);
    standing.hooks.script.set(name, answer);
  }
  standing.global.tapped.add('decisionMade').add('messageDropped');
  return { rig: gateRig({ standing }), client: clientOf(rules(...own), standing) };
}

/** What was told: of the decision its parts, of a message that reaches nobody why. */
function told({ standing }: GateRig): unknown[] {
  return standing.global.told.map(({ hook, news }) =>
    hook === 'decisionMade'
      ? [news.outcome, news.hook, news.plugin, news.action, news.topic, news.rule, news.reasonCode, news.username]
      : [hook, news.topic, news.reason, news.count, news.clientId],
  );
}

const line = ({ lines }: GateRig): string => lines.map((each) => each.slice(each.indexOf(' ') + 1)).join('\n');

const PUBLISHES: readonly Case[] = [
  ...waysOf('authorize', [PASS], 'an authority'),
  ...waysOf('guardPublish', [ALLOW, SKIP], 'a guard'),
  // A denial of `guardRetain` refuses no message, and `rewritePublish` has none.
  ...waysOf('guardRetain', [ALLOW, SKIP], 'a guard').slice(1),
  { hook: 'rewritePublish', answer: FAULT, outcome: 'fault', plugin: 'code', detail: 'it broke' },
];

test('Whatever refuses a publish is named in the verdict, counted once, told once and logged once.', () => {
  for (const each of PUBLISHES) {
    for (const qos of [0, 1] as const) {
      for (const will of [false, true]) {
        const { rig, client } = rigOf(each);
        const verdicts: PublishVerdict[] = [];
        rig.gate.judgePublish(client, messageOf('a/b', { qos, retain: true }), will, (verdict) => verdicts.push(verdict));
        const { hook, outcome, plugin, detail } = each;
        const context = `${hook} ${each.answer.kind} ${qos} ${will}`;
        const denied = outcome === 'deny';
        const expected = denied ? { outcome, hook, reason: 'quota', plugin, rule: null } : { outcome, hook, plugin, detail };
        assert.deepEqual(verdicts, [expected], context);
        assert.deepEqual([rig.stats.publishesDenied, rig.stats.publishesFaulted], denied ? [1, 0] : [0, 1], context);
        const code = denied ? 0x97 : 0x83;
        // Who still has the message, or never sent it, has lost none.
        const reason = denied ? (hook === 'authorize' ? 'not-authorized' : 'guard') : 'fault';
        const dropped = !will && (denied || qos === 0);
        assert.deepEqual(
          told(rig),
          [[outcome, hook, plugin, 'publish', 'a/b', null, code, 'ann'], ...(dropped ? [['messageDropped', 'a/b', reason, 1, null]] : [])],
          context,
        );
        const text = line(rig);
        assert.ok(text.startsWith(denied ? 'info  publish denied ' : 'warn  publish not judged: unavailable '), `${context}: ${text}`);
        for (const part of [` hook=${hook} `, ` topic=a/b`, ` code=0x${code.toString(16)}`]) assert.ok(text.includes(part), `${context}: ${text}`);
        assert.equal(/ plugin=(\S+)/.exec(text)?.[1], plugin ?? undefined, context);
        if (detail !== '') assert.ok(text.endsWith(`detail="${detail}"`), `${context}: ${text}`);
      }
    }
  }
});

test('Whatever refuses a subscription is named in the verdict, counted once, told once and logged once.', () => {
  for (const each of [...waysOf('authorize', [PASS], 'an authority'), ...waysOf('guardSubscribe', [ALLOW, SKIP], 'a guard')]) {
    const { rig, client } = rigOf(each);
    const verdicts: SubscribeVerdict[] = [];
    rig.gate.judgeSubscribe(client, { filter: 'a/#', shareName: null, qos: 1 }, (verdict) => verdicts.push(verdict));
    const { hook, outcome, plugin, detail } = each;
    const context = `${hook} ${each.answer.kind}`;
    const denied = outcome === 'deny';
    assert.deepEqual(verdicts, [denied ? { outcome, hook, reason: 'quota', plugin, rule: null } : { outcome, hook, plugin, detail }], context);
    assert.deepEqual([rig.stats.subscribesDenied, rig.stats.subscribesFaulted], denied ? [1, 0] : [0, 1], context);
    const code = denied ? 0x97 : 0x80;
    assert.deepEqual(told(rig), [[outcome, hook, plugin, 'subscribe', 'a/#', null, code, 'ann']], context);
    const text = line(rig);
    assert.ok(text.startsWith(denied ? 'info  subscription denied ' : 'warn  subscription not judged: unavailable '), `${context}: ${text}`);
    assert.ok(text.includes(` hook=${hook} `) && text.includes(` code=0x${code.toString(16)}`), `${context}: ${text}`);
    assert.equal(/ plugin=(\S+)/.exec(text)?.[1], plugin ?? undefined, context);
    if (detail !== '') assert.ok(text.endsWith(`detail="${detail}"`), `${context}: ${text}`);
  }
});

test('Whatever refuses a copy is named, and the copy is not delivered.', () => {
  for (const each of [...waysOf('authorize', [PASS], 'an authority'), ...waysOf('guardDelivery', [ALLOW, SKIP], 'a guard')]) {
    const { rig, client } = rigOf(each);
    const ended: [string, DeliveryReason | null][] = [];
    const copy = { message: messageOf('a/b'), entry: new TopicTable(4).intern('a/b'), checks: 1, qos: 0, retain: false } as const;
    rig.gate.judgeDelivery(client, copy, (verdict, why) => ended.push([verdict, why]));
    const { hook, outcome, plugin, detail } = each;
    const context = `${hook} ${each.answer.kind}`;
    const [verdict, why] = ended[0] ?? [];
    assert.equal(ended.length, 1, context);
    assert.equal(verdict, outcome === 'fault' ? 'fault' : hook === 'authorize' ? 'not-authorized' : 'guard', context);
    const said = outcome === 'deny' && hook === 'authorize' ? 'denied by code' : detail;
    assert.deepEqual([why?.hook ?? 'authorize', why?.plugin, why?.rule, why?.detail], [hook, plugin, null, said], context);
    const text = line(rig);
    assert.ok(text.startsWith(outcome === 'deny' ? 'debug receive denied ' : 'warn  receive not judged: unavailable '), `${context}: ${text}`);
    assert.ok(text.includes(` hook=${hook} `) && text.includes(' topic=a/b'), `${context}: ${text}`);
    assert.equal(/ plugin=(\S+)/.exec(text)?.[1], plugin ?? undefined, context);
  }
});

test('Publishes that the rules alone refuse are told as such a decision, once for all of them, with the rule.', () => {
  for (const [own, rule] of [
    [['-a/b', '+a/#'], '-a/b'],
    [[], null],
  ] as const) {
    const { rig, client } = rigOf({ hook: 'authorize', answer: SKIP, outcome: 'deny', plugin: null, detail: '' }, own);
    rig.gate.publishDenied(client, 'a/b', 1, true, 3);
    assert.deepEqual(told(rig), [
      ['messageDropped', 'a/b', 'not-authorized', 3, null],
      ['deny', 'authorize', rule === null ? null : 'rules', 'publish', 'a/b', rule, 0x87, 'ann'],
    ]);
    assert.deepEqual([rig.stats.publishesDenied, rig.lines.length], [3, 1]);
  }
});

test('A copy that the rules alone refuse is logged with the rule that did, also when it is one about subscribing.', () => {
  for (const [own, rule] of [
    [['receive:-a/b', '+a/#'], 'receive:-a/b'],
    [['receive:+a/#', 'subscribe:-a/b'], 'subscribe:-a/b'],
    [['publish:+a/#'], undefined],
  ] as const) {
    const rig = gateRig();
    const client = clientOf(rules(...own), rig.standing);
    rig.gate.deliveryRefused(client, 'a/b', 'not-authorized', null, 1);
    assert.equal(/ rule=(\S+)/.exec(line(rig))?.[1], rule, own.join());
  }
});

test('What is allowed is told with the rule or the plugin that allowed it, and neither counted as refused nor logged.', () => {
  for (const [own, answer, by] of [
    [['+a/#'], SKIP, ['rules', '+a/#']],
    [[], ALLOW, ['code', null]],
  ] as const) {
    const { rig, client } = rigOf({ hook: 'authorize', answer, outcome: 'deny', plugin: null, detail: '' }, own);
    rig.gate.judgePublish(client, messageOf('a/b', { qos: 1 }), false, () => {});
    rig.gate.judgeSubscribe(client, { filter: 'a/b', shareName: null, qos: 1 }, () => {});
    const entry = new TopicTable(4).intern('a/b');
    rig.gate.judgeDelivery(client, { message: messageOf('a/b'), entry, checks: 1, qos: 0, retain: false }, () => {});
    assert.deepEqual(told(rig), [
      ['allow', 'authorize', by[0], 'publish', 'a/b', by[1], 0, 'ann'],
      ['allow', 'authorize', by[0], 'subscribe', 'a/b', by[1], 0, 'ann'],
    ]);
    const { publishesDenied, publishesFaulted, subscribesDenied, subscribesFaulted } = rig.stats;
    assert.deepEqual([publishesDenied, publishesFaulted, subscribesDenied, subscribesFaulted, rig.lines.length], [0, 0, 0, 0, 0]);
  }
});

test('Each CONNECT is counted and told once as accepted or refused, and refusals are logged with what the client is sent.', () => {
  const sent = { allow: ['0x00', 'CONNACK 0'], deny: ['0x86', 'CONNACK 4, then closed'], fault: ['0x88', 'CONNACK 3, then closed'] } as const;
  for (const outcome of ['allow', 'deny', 'fault'] as const) {
    for (const protocol of ['3.1', '3.1.1', '5.0'] as const) {
      for (const plugin of ['users', null]) {
        const { rig } = rigOf({ hook: 'authorize', answer: SKIP, outcome: 'deny', plugin: null, detail: '' });
        rig.gate.decisions.allowedEvery = 1;
        const [code, words] = sent[outcome];
        rig.gate.connectDecided('authenticate', plugin, outcome, Number(code), { ...INFO, protocol }, 'ann', 'why');
        const { connectsAccepted, connectsRefused } = rig.stats;
        assert.deepEqual([connectsAccepted, connectsRefused], outcome === 'allow' ? [1, 0] : [0, 1]);
        assert.deepEqual(told(rig), [[outcome, 'authenticate', plugin, 'connect', null, null, Number(code), 'ann']]);
        const said = { allow: 'info  client accepted', deny: 'info  client refused', fault: 'warn  client refused: unavailable' }[outcome];
        const by = plugin === null ? '' : ' plugin=users';
        const shown = protocol === '5.0' ? '' : ` sent=${words.includes(' ') ? JSON.stringify(words) : words}`;
        const who = 'client=c1 username=ann address=127.0.0.1';
        assert.equal(line(rig), `${said} ${who}${by} hook=authenticate code=${code}${shown} detail=why`);
      }
    }
  }
});

test('A question has as long as its chain says, from the moment that it is put.', () => {
  const standing = standingOf({ ...CHAIN, deadlineMs: 1234 });
  standing.hooks.tapped.add('code authorize');
  const rig = gateRig({ standing });
  rig.clock.advance(777);
  const client = clientOf(rules('+a/#'), standing);
  rig.gate.judgePublish(client, messageOf('a/b'), false, () => {});
  rig.gate.judgeSubscribe(client, { filter: 'a/b', shareName: null, qos: 1 }, () => {});
  const entry = new TopicTable(4).intern('a/b');
  rig.gate.judgeDelivery(client, { message: messageOf('a/b'), entry, checks: 1, qos: 0, retain: false }, () => {});
  assert.deepEqual(
    standing.hooks.asked.map(({ request, deadlineAt }) => [request.action, deadlineAt - rig.clock.now()]),
    [
      ['publish', 1234],
      ['subscribe', 1234],
      ['receive', 1234],
    ],
  );
});
