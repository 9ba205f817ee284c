import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompiledRules } from '../policy/index.js';
import { Check } from './client.js';
import { ALLOW, clientOf, DENY, FAULT, type FakeStanding, gateRig, PASS, rules, SKIP, standingOf } from './gate.test.support.js';
import type { GateChain } from './options.js';
import { deliveryChecks, type SubscribeVerdict } from './subscribe-gate.js';

function scene(own: readonly string[], chain: Partial<GateChain> = {}, tap: (standing: FakeStanding) => void = () => {}) {
  const standing = standingOf(chain);
  tap(standing);
  const rig = gateRig({ standing });
  const client = clientOf(rules(...own), standing);
  const verdicts: SubscribeVerdict[] = [];
  const judge = (filter: string, qos: 0 | 1 | 2 = 2, shareName: string | null = null) => {
    const pending = rig.gate.judgeSubscribe(client, { filter, qos, shareName }, (verdict) => verdicts.push(verdict));
    return { pending, verdict: verdicts.at(-1) };
  };
  /** What each copy of a granted filter must pass. */
  const checks = (filter: string) => deliveryChecks(client, filter, granted(judge(filter).verdict).byCode);
  return { ...rig, standing, client, verdicts, judge, checks };
}

function granted(verdict: SubscribeVerdict | undefined): SubscribeVerdict & { outcome: 'grant' } {
  assert.equal(verdict?.outcome, 'grant');
  return verdict as SubscribeVerdict & { outcome: 'grant' };
}

test('A filter that allows cover is granted and proven; one that no allow touches is refused.', () => {
  const { judge, checks } = scene(['+a/#']);
  assert.deepEqual(granted(judge('a/b').verdict), {
    outcome: 'grant',
    qos: 2,
    partial: false,
    byCode: false,
    plugin: 'rules',
    rule: '+a/#',
  });
  assert.equal(checks('a/#'), Check.PROVEN);
  assert.equal(judge('b').verdict?.outcome, 'deny');
});

test('A filter that is partly allowed is granted, and every copy of it is checked.', () => {
  const { judge, checks, lines } = scene(['+a/b']);
  const verdict = granted(judge('a/+').verdict);
  assert.equal(verdict.partial, true);
  assert.equal(checks('a/+'), Check.RECEIVE | Check.SUBSCRIBE_ALLOW);
  assert.ok(lines.some((line) => line.includes('partly allowed')));
});

test('A deny within the filter leaves it partly allowed, and one that covers it refuses it.', () => {
  const { judge, checks } = scene(['+a/#', '-a/secret']);
  assert.equal(checks('a/#'), Check.RECEIVE | Check.SUBSCRIBE_ALLOW);
  assert.equal(judge('a/secret').verdict?.outcome, 'deny');
  assert.equal(checks('a/open'), Check.PROVEN);
});

test('With partialSubscribe "reject" a partly allowed filter is refused.', () => {
  const { judge } = scene(['+a/b', '+c/#', '-c/d'], { partialSubscribe: 'reject' });
  assert.equal(judge('a/+').verdict?.outcome, 'deny');
  assert.equal(judge('c/#').verdict?.outcome, 'deny');
  assert.equal(granted(judge('a/b').verdict).partial, false);
});

test('What may be subscribed but not received is granted, and every copy is checked for the right to receive.', () => {
  const { checks } = scene(['subscribe:+a/#', 'receive:+a/b']);
  assert.equal(checks('a/#'), Check.RECEIVE);
  assert.equal(checks('a/b'), Check.PROVEN);
});

test('A receive right without a subscribe right is no reason to grant.', () => {
  assert.equal(scene(['receive:+a/#']).judge('a/b').verdict?.outcome, 'deny');
});

test('The granted QoS is that of the rules, if it is lower than the one asked for.', () => {
  const standing = standingOf();
  const { gate } = gateRig({ standing });
  const [rule] = rules('+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, maxQos: 1 }], standing);
  const qos = [0, 1, 2].map((asked) => {
    let grantedQos = -1;
    gate.judgeSubscribe(client, { filter: 'a', qos: asked as 0 | 1 | 2, shareName: null }, (verdict) => {
      grantedQos = granted(verdict).qos;
    });
    return grantedQos;
  });
  assert.deepEqual(qos, [0, 1, 1]);
});

test('Code that allows what the rules are silent about makes every copy pass the receive rules and no subscribe deny.', () => {
  const { judge, checks } = scene(['-x/secret', 'receive:+x/#'], {}, ({ hooks }) => {
    hooks.tapped.add('code authorize');
    hooks.script.set('code authorize', ALLOW);
  });
  const verdict = granted(judge('x/#').verdict);
  assert.deepEqual([verdict.byCode, verdict.partial], [true, false]);
  assert.equal(checks('x/#'), Check.RECEIVE | Check.SUBSCRIBE_NOT_DENY);
});

test('Code denies or faults what the rules allow.', () => {
  for (const [outcome, expected] of [
    [DENY, 'deny'],
    [FAULT, 'fault'],
    [SKIP, 'grant'],
  ] as const) {
    const { judge, standing } = scene(['+a'], {}, ({ hooks }) => {
      hooks.tapped.add('code authorize');
      hooks.script.set('code authorize', outcome);
    });
    assert.equal(judge('a', 1, 'group').verdict?.outcome, expected);
    assert.deepEqual(
      ['action', 'topic', 'qos', 'shareName'].map((name) => standing.hooks.asked[0]?.request[name]),
      ['subscribe', 'a', 1, 'group'],
    );
  }
});

test('Nothing is proven while somebody taps authorize or guardDelivery.', () => {
  for (const tap of ['code authorize', 'guardDelivery']) {
    const { checks } = scene(['+a'], {}, ({ hooks }) => {
      hooks.tapped.add(tap);
      hooks.script.set('code authorize', SKIP);
    });
    assert.equal(checks('a') & Check.RECEIVE, Check.RECEIVE);
  }
});

test('A guard lowers the QoS, never raises it, refuses, or faults.', () => {
  for (const [outcome, expected] of [
    [PASS, 1],
    [{ kind: 'pass', maxQos: 0 }, 0],
    [DENY, 'deny'],
    [FAULT, 'fault'],
    [ALLOW, 'fault'],
    [SKIP, 'fault'],
  ] as const) {
    const { judge } = scene(['+a'], {}, ({ hooks }) => {
      hooks.tapped.add('guardSubscribe');
      hooks.script.set('guardSubscribe', outcome);
    });
    const { verdict } = judge('a', 1);
    if (typeof expected === 'number') assert.equal(granted(verdict).qos, expected);
    else assert.equal(verdict?.outcome, expected);
  }
});

test('A guard is asked only about a filter that would be granted, with the QoS that it would get.', () => {
  const { judge, standing } = scene(['+a'], {}, ({ hooks }) => {
    hooks.tapped.add('guardSubscribe');
    hooks.script.set('guardSubscribe', PASS);
  });
  judge('b');
  assert.equal(standing.hooks.asked.length, 0);
  judge('a', 1);
  assert.equal(standing.hooks.asked[0]?.request.qos, 1);
});

test('The first verdict comes once, later, and not at all after it was cancelled, whoever is being asked.', () => {
  const tap = ({ hooks }: FakeStanding): void => {
    hooks.tapped.add('code authorize');
    hooks.tapped.add('guardSubscribe');
  };
  const whole = scene(['+a'], {}, tap);
  whole.judge('a');
  whole.standing.hooks.asked[0]?.answer(SKIP);
  assert.equal(whole.verdicts.length, 0);
  whole.standing.hooks.asked[1]?.answer(PASS);
  assert.equal(granted(whole.verdicts[0]).qos, 2);

  const early = scene(['+a'], {}, tap);
  early.judge('a').pending?.cancel();
  assert.equal(early.standing.hooks.asked[0]?.cancelled, true);

  const late = scene(['+a'], {}, tap);
  const { pending } = late.judge('a');
  late.standing.hooks.asked[0]?.answer(SKIP);
  pending?.cancel();
  assert.equal(late.standing.hooks.asked[1]?.cancelled, true);
  // A host that answers although it was told not to.
  for (const question of [...early.standing.hooks.asked, ...late.standing.hooks.asked]) {
    question.cancelled = false;
    question.answer(PASS);
  }
  assert.deepEqual([early.verdicts.length, late.verdicts.length], [0, 0]);
});

test('Under first-match a source that says nothing about a filter does not lower what another grants.', () => {
  const standing = standingOf({ combine: 'first-match', authorize: ['rules', 'more'] });
  const { gate } = gateRig({ standing });
  const client = clientOf(rules('+other'), standing);
  const variables = { username: 'ann', clientId: 'c1', tenant: null, commonName: null, attributes: null };
  const [allow] = rules('+a');
  const grants = [rules('+other'), allow === undefined ? [] : [{ ...allow, maxQos: 1 as const }]];
  const sources = grants.map((own, i) => ({ plugin: i === 0 ? 'rules' : 'more', templates: [], rules: CompiledRules.compile(own) }));
  for (const order of [sources, [...sources].reverse()]) {
    const names = order.map(({ plugin }) => plugin);
    client.stand(
      { ...standing, chain: { ...standing.chain, authorize: names } },
      standing.engine.bind({ combine: 'first-match', variables, sources: order }),
      names,
    );
    let qos = -1;
    gate.judgeSubscribe(client, { filter: 'a', qos: 2, shareName: null }, (verdict) => {
      qos = granted(verdict).qos;
    });
    assert.equal(qos, 1);
  }
});

test('Under first-match a deny of an earlier plugin stands against an allow of a later one.', () => {
  const standing = standingOf({ combine: 'first-match', authorize: ['code', 'rules'] });
  standing.hooks.tapped.add('code authorize');
  standing.hooks.script.set('code authorize', DENY);
  const { gate } = gateRig({ standing });
  let outcome = '';
  gate.judgeSubscribe(clientOf(rules('+a'), standing), { filter: 'a', qos: 0, shareName: null }, (verdict) => {
    outcome = verdict.outcome;
  });
  assert.equal(outcome, 'deny');
});

test('Each verdict about a filter is counted and told, and only a partial grant is logged as one.', () => {
  const { judge, stats, standing, lines } = scene(['+a', '+b/c'], {}, ({ hooks, global }) => {
    global.tapped.add('decisionMade');
    hooks.tapped.add('code authorize');
    hooks.script.set('code authorize', SKIP);
  });
  judge('a');
  judge('refused');
  standing.hooks.script.set('code authorize', FAULT);
  judge('a');
  assert.deepEqual([stats.subscribesDenied, stats.subscribesFaulted], [1, 1]);
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.outcome, news.topic, news.reasonCode]),
    [
      ['allow', 'a', 0],
      ['deny', 'refused', 0x87],
      ['fault', 'a', 0x80],
    ],
  );
  const partial = (): number => lines.filter((line) => line.includes('partly allowed')).length;
  assert.equal(partial(), 0);
  standing.hooks.script.set('code authorize', SKIP);
  judge('b/+');
  assert.equal(partial(), 1);
});
