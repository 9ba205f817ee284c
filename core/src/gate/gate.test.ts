import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Logger } from '../log.js';
import { Gate } from './gate.js';
import { CONNECTION, clientOf, DENY, FAULT, gateRig, messageOf, PASS, rules, SKIP, standingOf } from './gate.test.support.js';
import { TopicTable } from './topic-table.js';

test('A draft is approved only when the rules allow its topic and QoS.', () => {
  const { gate } = gateRig();
  const topics = new TopicTable(16);
  const [rule] = rules('publish:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, maxQos: 0 }]);
  const approve = (topic: string, qos: 0 | 1): boolean => {
    gate.draft.reset();
    gate.draft.topic = topics.intern(topic);
    gate.draft.qos = qos;
    return gate.approve(client) !== null;
  };
  assert.deepEqual([approve('a', 0), approve('a', 1), approve('b', 0), approve('$SYS/a', 0)], [true, false, false, false]);
});

test('A draft, of which all messages are without RETAIN, is approved also where retained ones are not allowed.', () => {
  const { gate } = gateRig();
  const [rule] = rules('publish:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, retain: false }]);
  gate.draft.reset();
  gate.draft.topic = new TopicTable(16).intern('a');
  assert.notEqual(gate.approve(client), null);
});

test('One message is approved by the rules for its QoS and RETAIN.', () => {
  const { gate } = gateRig();
  const topics = new TopicTable(16);
  const [rule] = rules('publish:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, retain: false }]);
  const approve = (topic: string, retain: boolean) => gate.approveByRules(client, topics.intern(topic), messageOf(topic, { retain }));
  assert.equal(approve('a', false)?.retain, false);
  assert.deepEqual([approve('a', true), approve('b', false)], [null, null]);
  assert.equal(gate.approveByRules(clientOf(rules('+a')), topics.intern('a'), messageOf('a', { retain: true }))?.retain, true);
});

test('The run of one message belongs to the tenant whose topics it was made with, and each is a run of its own.', () => {
  const { gate } = gateRig();
  const topics = new TopicTable(16);
  const approved = gate.approvePluginMessage(messageOf('a', { qos: 1 }));
  const run = gate.run(approved, topics, null);
  const other = gate.run(gate.approvePluginMessage(messageOf('b')), topics, null);
  assert.deepEqual([run.count, run.entry, run.qos, run.copy(0)], [1, topics.intern('a'), 1, approved.message]);
  assert.deepEqual([other.entry.topic, run.entry.topic], ['b', 'a']);
});

test('A QoS 2 message at its PUBREL, or a will, is judged without guards and rewriting, and never for a topic of the broker.', () => {
  const standing = standingOf();
  standing.hooks.tapped.add('guardPublish').add('code authorize');
  standing.hooks.script.set('code authorize', SKIP);
  const { gate } = gateRig({ standing });
  const client = clientOf(rules('+a', '+$SYS/#'), standing);
  const outcome = (topic: string): string => {
    let said = '';
    gate.authorizeMessage(client, messageOf(topic), true, 0, (judgement) => {
      said = judgement.outcome;
    });
    return said;
  };
  assert.deepEqual([outcome('a'), outcome('b'), outcome('$SYS/x')], ['allow', 'deny', 'deny']);
  assert.ok(standing.hooks.asked.every(({ hook }) => hook === 'authorize'));
});

test('A socket stays only if every guard passes, and none stays before a generation is in force.', () => {
  const { gate, standing } = gateRig();
  assert.equal(gate.acceptConnection(CONNECTION), true);
  standing.global.tapped.add('acceptConnection');
  for (const [outcome, expected] of [
    [PASS, true],
    [DENY, false],
    [FAULT, false],
    [SKIP, false],
  ] as const) {
    standing.global.script.set('acceptConnection', outcome);
    assert.equal(gate.acceptConnection(CONNECTION), expected);
  }
  const { wheel, limits, sessionRules } = gate;
  const { stats, lines } = gateRig();
  const early = new Gate({
    wheel,
    limits,
    sessionRules,
    stats,
    log: loggerOf(lines),
    properties: { decode: () => ({}), encode: () => Buffer.alloc(0) },
  });
  assert.equal(early.acceptConnection(CONNECTION), false);
  assert.equal(early.upgradeWebSocket(UPGRADE), 503);
  assert.equal(
    early.admit('default', {} as never, () => {}),
    null,
  );
});

const UPGRADE = { connection: CONNECTION, origin: null, path: '/', protocols: ['mqtt'], host: null, userAgent: null };

function loggerOf(lines: string[]): Logger {
  return new Logger((line) => lines.push(line));
}

test('An upgrade is answered 101, 403 for a denial and 503 for anything else.', () => {
  const { gate, standing } = gateRig();
  assert.equal(gate.upgradeWebSocket(UPGRADE), 101);
  standing.global.tapped.add('upgradeWebSocket');
  for (const [outcome, status] of [
    [PASS, 101],
    [DENY, 403],
    [FAULT, 503],
    [SKIP, 503],
  ] as const) {
    standing.global.script.set('upgradeWebSocket', outcome);
    assert.equal(gate.upgradeWebSocket(UPGRADE), status);
  }
});

test('Denied publishes are counted one by one, and told with the rule that denied them.', () => {
  const { gate, stats, standing } = gateRig();
  const client = clientOf(rules('subscribe,receive:+a', 'publish:-a'), standing);
  gate.publishDenied(client, 'a', 0, false, 7);
  assert.deepEqual([stats.publishesDenied, standing.global.told.length], [7, 0]);
  standing.global.tapped.add('messageDropped');
  gate.publishDenied(client, 'a', 0, false, 3);
  assert.deepEqual(
    [...standing.global.told],
    [{ hook: 'messageDropped', news: { clientId: null, tenant: null, topic: 'a', reason: 'not-authorized', count: 3 } }],
  );
  standing.global.tapped.delete('messageDropped');
  standing.global.told.length = 0;
  standing.global.tapped.add('decisionMade');
  gate.publishDenied(client, 'a', 0, false, 1);
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.outcome, news.rule, news.plugin, news.topic]),
    [['deny', 'publish:-a', 'rules', 'a']],
  );
});

test('A new generation is in force whole: its chains, its listeners to news, its session rules.', () => {
  const { gate, standing } = gateRig();
  assert.deepEqual([gate.tellsDeliveries, gate.tellsPublishes], [false, false]);
  const next = standingOf({ name: 'other' }, { generation: 2 });
  next.global.tapped.add('messageDelivered').add('messagePublished');
  gate.stand(new Map([['other', next]]), next.global, { ...gate.sessionRules, perPrincipal: 3 });
  assert.deepEqual([gate.tellsDeliveries, gate.tellsPublishes, gate.sessionRules.perPrincipal], [true, true, 3]);
  assert.deepEqual([gate.standing('default'), gate.standing('other')], [undefined, next]);
  gate.tell('brokerReady', {});
  assert.deepEqual([next.global.told.length, standing.global.told.length], [1, 0]);
});

test('A published message is told of to those who listen, and to nobody else.', () => {
  for (const listens of [false, true]) {
    const standing = standingOf();
    if (listens) standing.global.tapped.add('messagePublished');
    const { gate } = gateRig({ standing });
    const message = messageOf('a', { qos: 1, retain: true });
    gate.tellPublished(message, 'acme');
    const { payload } = message;
    const news = { publisher: 'c1', tenant: 'acme', topic: 'a', qos: 1, retain: true, payloadBytes: 7, payload };
    assert.deepEqual(standing.global.told, listens ? [{ hook: 'messagePublished', news }] : []);
  }
});
