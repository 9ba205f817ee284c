import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { ClientInfo } from '@portcullis/sdk';
import { WINDOW_MS } from './decision-log.js';
import { ALLOW, CONNECTION, clientOf, FAULT, type GateRig, gateRig, INFO, messageOf, rules } from './gate.test.support.js';
import { TopicTable } from './topic-table.js';

const TOPICS = new TopicTable(64);

/** Without the time, which stands first. */
function lines(rig: GateRig): string[] {
  return rig.lines.map((line) => line.slice(line.indexOf(' ') + 1));
}

function refuse(rig: GateRig, address: string, info: Partial<ClientInfo> = {}, outcome: 'deny' | 'fault' = 'deny'): void {
  const from = { ...INFO, ...info, connection: { ...CONNECTION, address } };
  rig.gate.connectDecided('authenticate', 'users', outcome, outcome === 'deny' ? 0x86 : 0x88, from, 'ann', 'denied');
}

describe('decisions in the log', () => {
  let rig: GateRig;

  beforeEach(() => {
    rig = gateRig();
  });

  test('say of a refused CONNECT who, from where, by whom and with which code of its version', () => {
    refuse(rig, '10.0.0.1');
    refuse(rig, '10.0.0.2', { protocol: '3.1.1' }, 'fault');
    assert.deepEqual(lines(rig), [
      'info  client refused client=c1 username=ann address=10.0.0.1 plugin=users hook=authenticate code=0x86 detail=denied',
      'warn  client refused: unavailable client=c1 username=ann address=10.0.0.2 plugin=users hook=authenticate code=0x88 sent="CONNACK 3, then closed" detail=denied',
    ]);
  });

  test('say of a denied publish which rule, with its place', () => {
    const client = clientOf(rules('-a/b', '+a/#'), rig.standing);
    rig.gate.publishDenied(client, 'a/b', 1, false, 1);
    assert.deepEqual(lines(rig), [
      'info  publish denied client=c1 username=ann address=127.0.0.1 protocol=5.0 hook=authorize topic=a/b plugin=rules rule=-a/b qos=1 retain=false code=0x87',
    ]);
  });

  test('say which guard did not let a socket in', () => {
    rig.standing.global.tapped.add('acceptConnection').add('upgradeWebSocket');
    rig.standing.global.script.set('acceptConnection', { kind: 'deny', plugin: 'fence', reason: 'banned' }).set('upgradeWebSocket', FAULT);
    assert.equal(rig.gate.acceptConnection(CONNECTION), false);
    const upgrade = { connection: CONNECTION, origin: null, path: '/mqtt', protocols: [], host: null, userAgent: null };
    assert.equal(rig.gate.upgradeWebSocket(upgrade), 503);
    assert.deepEqual(lines(rig), [
      'info  socket refused address=127.0.0.1 listener=local plugin=fence hook=acceptConnection',
      'warn  socket refused: unavailable address=127.0.0.1 listener=local plugin=code hook=upgradeWebSocket detail="it broke"',
    ]);
  });

  test('say what a plugin did instead of an answer', () => {
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('code authorize', FAULT);
    const client = clientOf(rules('+#'), rig.standing);
    rig.gate.judgePublish(client, messageOf('x', { qos: 1 }), false, () => {});
    rig.gate.judgeSubscribe(client, { filter: 'x/#', shareName: null, qos: 0 }, () => {});
    const entry = TOPICS.intern('x');
    rig.gate.judgeDelivery(client, { message: messageOf('x'), entry, checks: 1, qos: 0, retain: false }, () => {});
    assert.deepEqual(
      lines(rig).map((line) => line.replace(/client=c1 username=ann address=127.0.0.1 protocol=5.0 /, '')),
      [
        'warn  publish not judged: unavailable hook=authorize topic=x plugin=code code=0x83 detail="it broke"',
        'warn  subscription not judged: unavailable hook=authorize topic="x/#" plugin=code code=0x80 detail="it broke"',
        'warn  receive not judged: unavailable hook=authorize topic=x plugin=code detail="it broke"',
      ],
    );
  });

  test('say that a copy was refused only to those who want every detail, with the rule', () => {
    const client = clientOf(rules('receive:-a/secret', '+a/#'), rig.standing);
    rig.gate.deliveryRefused(client, 'a/secret', 'not-authorized', null, 3);
    assert.match(lines(rig)[0] ?? '', /^debug receive denied .* topic=a\/secret plugin=rules rule=receive:-a\/secret$/);
  });

  test('write the first of a kind at once and sum up the others, for as long as they come', () => {
    for (let i = 0; i < 5; i += 1) refuse(rig, '10.0.0.1');
    assert.equal(rig.lines.length, 1);
    rig.clock.advance(WINDOW_MS);
    assert.deepEqual(lines(rig).slice(1), ['info  client refused (last 10 s) address=10.0.0.1 times=4']);
    refuse(rig, '10.0.0.1');
    assert.equal(rig.lines.length, 2);
    rig.clock.advance(WINDOW_MS);
    assert.equal(lines(rig)[2], 'info  client refused (last 10 s) address=10.0.0.1 times=1');
    rig.clock.advance(2 * WINDOW_MS);
    assert.equal(rig.lines.length, 3);
    refuse(rig, '10.0.0.1');
    assert.equal(rig.lines.length, 4);
  });

  test('sum up once in each ten seconds, however many kinds there are', () => {
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) for (let i = 0; i < 2; i += 1) refuse(rig, address);
    assert.equal(rig.lines.length, 3);
    rig.clock.advance(WINDOW_MS / 2);
    for (const address of ['10.0.0.4', '10.0.0.5']) refuse(rig, address);
    rig.clock.advance(WINDOW_MS / 2);
    assert.equal(rig.lines.length, 8);
    // What has begun in the middle of the ten seconds belongs to the next ones.
    refuse(rig, '10.0.0.1');
    rig.clock.advance(WINDOW_MS / 2);
    assert.equal(rig.lines.length, 8);
    rig.clock.advance(WINDOW_MS / 2);
    assert.equal(rig.lines.length, 9);
  });

  test('keep clients, addresses and kinds apart', () => {
    const one = clientOf(rules(), rig.standing);
    const other = clientOf(rules(), rig.standing);
    for (const client of [one, other, one, other]) rig.gate.publishDenied(client, 'x', 0, false, 10);
    for (const client of [one, other]) rig.gate.judgeSubscribe(client, { filter: 'x', shareName: null, qos: 0 }, () => {});
    refuse(rig, '10.0.0.1');
    refuse(rig, '10.0.0.2');
    assert.equal(rig.lines.length, 6);
    rig.clock.advance(WINDOW_MS);
    // All but the one message of each that has a line.
    assert.deepEqual(lines(rig).slice(6), [
      'info  publish denied (last 10 s) client=c1 username=ann times=19',
      'info  publish denied (last 10 s) client=c1 username=ann times=19',
    ]);
  });

  test('are bounded in lines: what comes beyond is summed up in one', () => {
    rig = gateRig({ limits: { decisionLogLines: 3 } });
    for (let i = 0; i < 10; i += 1) refuse(rig, `10.0.0.${i}`);
    assert.equal(rig.lines.length, 3);
    rig.clock.advance(WINDOW_MS);
    assert.deepEqual(lines(rig).slice(3), ['warn  more was refused than is logged one by one (last 10 s) times=7']);
    rig.clock.advance(3 * WINDOW_MS);
    assert.equal(rig.lines.length, 4, 'what was summed up is not told again');
  });

  test('are bounded in what they tell apart', () => {
    rig = gateRig({ limits: { decisionLogSources: 2 } });
    for (let i = 0; i < 10; i += 1) refuse(rig, `10.0.0.${i}`);
    assert.equal(rig.lines.length, 2);
    rig.clock.advance(WINDOW_MS);
    assert.deepEqual(lines(rig).slice(2), ['warn  more was refused than is logged one by one (last 10 s) times=8']);
    refuse(rig, '10.0.0.9');
    assert.equal(rig.lines.length, 4);
  });

  test('are bounded in lines also where bursts go on: what finds no line is part of the one sum', () => {
    rig = gateRig({ limits: { decisionLogLines: 3 } });
    for (let i = 0; i < 3; i += 1) for (let n = 0; n <= i + 1; n += 1) refuse(rig, `10.0.0.${i}`);
    assert.equal(rig.lines.length, 3);
    rig.gate.decisions.takes('info', '10.0.0.9', 'of another kind');
    rig.clock.advance(WINDOW_MS);
    assert.deepEqual(lines(rig).slice(3), [
      'info  client refused (last 10 s) address=10.0.0.0 times=1',
      'info  client refused (last 10 s) address=10.0.0.1 times=2',
      'info  client refused (last 10 s) address=10.0.0.2 times=3',
      'warn  more was refused than is logged one by one (last 10 s) times=1',
    ]);
    // Three bursts stand from before, and two more begin, where there are lines for three in all.
    rig = gateRig({ limits: { decisionLogLines: 3, decisionLogSources: 10 } });
    for (const round of [0, 1]) {
      for (let i = 0; i < 5; i += 1) {
        refuse(rig, `10.0.${round}.${i}`);
        refuse(rig, `10.0.${round}.${i}`);
      }
      rig.clock.advance(WINDOW_MS);
    }
    const sums = lines(rig).filter((line) => / times=/.test(line));
    const counted = sums.map((line) => Number(/times=(\d+)/.exec(line)?.[1]));
    const first = lines(rig).length - sums.length;
    assert.equal(first + counted.reduce((sum, times) => sum + times, 0), 20, 'no refusal is lost, and none is told twice');
  });

  test('cannot be written into by what comes from the wire', () => {
    const evil = 'x\n2026-01-01T00:00:00.000Z error everything is lost\u001b[2J';
    refuse(rig, '10.0.0.1', { id: evil });
    rig.gate.publishDenied(clientOf(rules(), rig.standing), `${evil}/${'y'.repeat(10_000)}`, 0, false, 1);
    for (const line of rig.lines) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f]/);
      assert.ok(line.length < 1000, String(line.length));
    }
  });

  test('name of what is allowed every so-many-th, and nothing unless they are told to', () => {
    const client = clientOf(rules('+a/#'), rig.standing);
    const publish = () => rig.gate.approveByRules(client, TOPICS.intern('a/b'), messageOf('a/b'));
    for (let i = 0; i < 100; i += 1) publish();
    assert.equal(rig.lines.length, 0);
    rig.gate.decisions.allowedEvery = 10;
    for (let i = 0; i < 100; i += 1) publish();
    assert.equal(rig.lines.length, 10);
    assert.match(lines(rig)[0] ?? '', /^info {2}publish allowed .* topic=a\/b plugin=rules rule="\+a\/#" code=0x00$/);
  });

  test('are sampled for logins, subscriptions, runs and code, too', () => {
    rig.gate.decisions.allowedEvery = 1;
    rig.gate.connectDecided('authenticate', 'users', 'allow', 0, INFO, 'ann', 'allowed');
    const client = clientOf(rules('+a/#'), rig.standing);
    rig.gate.judgeSubscribe(client, { filter: 'a/#', shareName: null, qos: 0 }, () => {});
    rig.gate.draft.topic = TOPICS.intern('a/b');
    rig.gate.draft.qos = 0;
    rig.gate.approve(client);
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('code authorize', ALLOW);
    rig.gate.judgePublish(client, messageOf('z'), false, () => {});
    assert.deepEqual(
      lines(rig).map((line) => / (?:client accepted|\w+ allowed) /.exec(line)?.[0].trim()),
      ['client accepted', 'subscription allowed', 'publish allowed', 'publish allowed'],
    );
  });

  test('tell of connections that break off once for each source and code, and sum the others up', () => {
    for (let i = 0; i < 1000; i += 1) rig.gate.decisions.ended(null, '10.0.0.1', 'PCL_PROTOCOL_ERROR', 'the first packet is no CONNECT');
    rig.gate.decisions.ended(null, '10.0.0.1', 'PCL_MALFORMED', 'the remaining length is malformed');
    rig.gate.decisions.ended(null, '10.0.0.2', 'PCL_PROTOCOL_ERROR', 'the first packet is no CONNECT');
    const one = clientOf(rules('+#'), rig.standing);
    rig.gate.decisions.ended(one, '10.0.0.1', 'PCL_PROTOCOL_ERROR', 'a second CONNECT');
    assert.deepEqual(lines(rig), [
      'info  connection ended address=10.0.0.1 code=PCL_PROTOCOL_ERROR detail="the first packet is no CONNECT"',
      'info  connection ended address=10.0.0.1 code=PCL_MALFORMED detail="the remaining length is malformed"',
      'info  connection ended address=10.0.0.2 code=PCL_PROTOCOL_ERROR detail="the first packet is no CONNECT"',
      'info  connection ended client=c1 address=10.0.0.1 code=PCL_PROTOCOL_ERROR detail="a second CONNECT"',
    ]);
    rig.clock.advance(WINDOW_MS + 100);
    assert.deepEqual(lines(rig).slice(4), ['info  connection ended: PCL_PROTOCOL_ERROR (last 10 s) address=10.0.0.1 times=999']);
  });
});
