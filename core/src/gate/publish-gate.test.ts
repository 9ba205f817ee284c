import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ALLOW,
  clientOf,
  DENY,
  FAULT,
  type FakeStanding,
  gateRig,
  JSON_PROPERTIES,
  messageOf,
  PASS,
  rules,
  SKIP,
  standingOf,
} from './gate.test.support.js';
import type { Message, MessageFields } from './message.js';
import type { PublishVerdict } from './publish-gate.js';

function scene(own: readonly string[], tap: (standing: FakeStanding) => void = () => {}) {
  const standing = standingOf();
  tap(standing);
  const rig = gateRig({ standing, limits: { maxPacketBytes: 1000, maxTopicLevels: 4 } });
  const client = clientOf(rules(...own), standing);
  const verdicts: PublishVerdict[] = [];
  const judge = (topic: string, fields: Partial<MessageFields> = {}, will = false) => {
    const pending = rig.gate.judgePublish(client, messageOf(topic, fields), will, (verdict) => verdicts.push(verdict));
    return { pending, verdict: verdicts.at(-1) };
  };
  return { ...rig, standing, client, verdicts, judge };
}

function routed(verdict: PublishVerdict | undefined): { message: Message; retain: boolean } {
  assert.equal(verdict?.outcome, 'route');
  return (verdict as PublishVerdict & { outcome: 'route' }).approved;
}

test('A message that the rules allow is routed as it is; one that they do not is denied.', () => {
  const { judge } = scene(['+a']);
  assert.equal(routed(judge('a').verdict).message.topic, 'a');
  assert.equal(judge('b').verdict?.outcome, 'deny');
});

test('A topic of the broker is denied although the rules allow it and code would.', () => {
  const { judge, standing } = scene(['+$SYS/#'], ({ hooks }) => {
    hooks.tapped.add('code authorize');
    hooks.script.set('code authorize', ALLOW);
  });
  assert.equal(judge('$SYS/x').verdict?.outcome, 'deny');
  assert.equal(standing.hooks.asked.length, 0);
});

test('The rules see QoS and RETAIN of the message, and code sees the client, the topic and whether it is a will.', () => {
  const { judge, standing } = scene(['+a'], ({ hooks }) => {
    hooks.tapped.add('code authorize');
    hooks.script.set('code authorize', SKIP);
  });
  judge('a', { qos: 2, retain: true }, true);
  assert.deepEqual(
    ['action', 'topic', 'qos', 'retain', 'will', 'shareName'].map((name) => standing.hooks.asked[0]?.request[name]),
    ['publish', 'a', 2, true, true, null],
  );
});

test('A rule with limits denies a publish beyond them.', () => {
  const standing = standingOf();
  const { gate } = gateRig({ standing });
  const [rule] = rules('publish:+a');
  const client = clientOf(rule === undefined ? [] : [{ ...rule, maxQos: 1, retain: false }], standing);
  const outcomes = [messageOf('a', { qos: 1 }), messageOf('a', { qos: 2 }), messageOf('a', { retain: true })].map((message) => {
    let outcome = '';
    gate.judgePublish(client, message, false, (verdict) => {
      outcome = verdict.outcome;
    });
    return outcome;
  });
  assert.deepEqual(outcomes, ['route', 'deny', 'deny']);
});

test('A guard refuses what the rules allow; its fault is a fault, and whatever else it answers is one too.', () => {
  for (const [outcome, expected] of [
    [PASS, 'route'],
    [DENY, 'deny'],
    [FAULT, 'fault'],
    [ALLOW, 'fault'],
    [SKIP, 'fault'],
  ] as const) {
    const { judge } = scene(['+a'], ({ hooks }) => {
      hooks.tapped.add('guardPublish');
      hooks.script.set('guardPublish', outcome);
    });
    assert.equal(judge('a').verdict?.outcome, expected);
  }
});

test('A guard is not asked about a message that the rules do not allow.', () => {
  const { judge, standing } = scene([], ({ hooks }) => {
    hooks.tapped.add('guardPublish');
    hooks.script.set('guardPublish', PASS);
  });
  assert.equal(judge('a').verdict?.outcome, 'deny');
  assert.equal(standing.hooks.asked.length, 0);
});

test('What a guard does to the payload that it is shown does not change the message.', () => {
  const { judge, standing } = scene(['+a'], ({ hooks }) => {
    hooks.tapped.add('guardPublish');
    hooks.script.set('guardPublish', PASS);
  });
  const { verdict } = judge('a');
  (standing.hooks.asked[0]?.request.message as { payload: Buffer } | undefined)?.payload.fill(0);
  assert.equal(routed(verdict).message.payload.toString(), 'payload');
});

test('A retain guard that denies lets the message through without being retained; its fault is a fault of the publish.', () => {
  for (const [outcome, expected] of [
    [PASS, true],
    [DENY, false],
  ] as const) {
    const { judge } = scene(['+a'], ({ hooks }) => {
      hooks.tapped.add('guardRetain');
      hooks.script.set('guardRetain', outcome);
    });
    assert.equal(routed(judge('a', { retain: true }).verdict).retain, expected);
    assert.equal(routed(judge('a').verdict).retain, false);
  }
  for (const outcome of [FAULT, ALLOW, SKIP]) {
    const { judge } = scene(['+a'], ({ hooks }) => {
      hooks.tapped.add('guardRetain');
      hooks.script.set('guardRetain', outcome);
    });
    assert.equal(judge('a', { retain: true }).verdict?.outcome, 'fault');
    assert.equal(judge('a').verdict?.outcome, 'route');
  }
});

function rewriting(...patches: unknown[]) {
  return ({ global }: FakeStanding): void => {
    global.tapped.add('rewritePublish');
    global.script.set('rewritePublish', patches);
  };
}

test('A message that is rewritten to another topic is judged again, by the new topic.', () => {
  assert.equal(routed(scene(['+a', '+b'], rewriting({ topic: 'b' })).judge('a').verdict).message.topic, 'b');
  assert.equal(scene(['+a'], rewriting({ topic: 'b' })).judge('a').verdict?.outcome, 'deny');
  assert.equal(scene(['+a', '-b'], rewriting({ topic: 'b' })).judge('a').verdict?.outcome, 'deny');
  assert.equal(scene(['+b'], rewriting({ topic: 'b' })).judge('a').verdict?.outcome, 'deny');
});

test('Code is asked about the new topic too, and its denial or fault counts.', () => {
  for (const [outcome, expected] of [
    [ALLOW, 'route'],
    [DENY, 'deny'],
    [FAULT, 'fault'],
  ] as const) {
    const { judge, standing, verdicts } = scene(['+a', '+b'], (given) => {
      rewriting({ topic: 'b' })(given);
      given.hooks.tapped.add('code authorize');
    });
    judge('a');
    standing.hooks.asked[0]?.answer(SKIP);
    assert.equal(standing.hooks.asked[1]?.request.topic, 'b');
    assert.equal(verdicts.length, 0);
    standing.hooks.asked[1]?.answer(outcome);
    assert.equal(verdicts[0]?.outcome, expected);
    assert.equal(verdicts.length, 1);
  }
});

test('Both questions about a rewritten message can be cancelled, also when the first was answered at once.', () => {
  const { judge, standing, verdicts } = scene(['+a', '+b'], (given) => {
    rewriting({ topic: 'b' })(given);
    given.hooks.tapped.add('code authorize');
  });
  const first = judge('a').pending;
  standing.hooks.asked[0]?.answer(SKIP);
  first?.cancel();
  assert.equal(standing.hooks.asked[1]?.cancelled, true);
  // The first at once, the second later.
  const { script } = standing.hooks;
  const put = standing.hooks.put.bind(standing.hooks);
  standing.hooks.put = (hook, plugin, request, deadlineAt, done) => {
    if ((request as { topic?: string }).topic === 'a') script.set('code authorize', SKIP);
    else script.delete('code authorize');
    return put(hook, plugin, request, deadlineAt, done);
  };
  const second = judge('a').pending;
  assert.notEqual(second, null);
  second?.cancel();
  assert.equal(standing.hooks.asked.at(-1)?.cancelled, true);
  assert.equal(verdicts.length, 0);
});

test('A patch of payload and properties changes these and nothing else, and is copied.', () => {
  const payload = Buffer.from('new');
  const { judge, clock } = scene(['+a'], rewriting({ payload }, { properties: { contentType: 'text', messageExpirySeconds: 10 } }));
  const { message } = routed(judge('a', { qos: 1, retain: true, publisherClientId: 'who' }).verdict);
  payload.fill(0);
  assert.equal(message.payload.toString(), 'new');
  assert.deepEqual(message.properties === null ? null : JSON_PROPERTIES.decode(message.properties), { contentType: 'text' });
  assert.equal(message.expiresAt, clock.now() + 10_000);
  assert.deepEqual([message.topic, message.qos, message.retain, message.publisherClientId, message.publisher], ['a', 1, true, 'who', 'ann']);
});

test('A message that stays on its topic is not asked about twice.', () => {
  for (const patches of [[], [{ payload: Buffer.from('x') }], [{ topic: 'b' }, { topic: 'a' }]]) {
    const { judge, standing } = scene(['+a'], (given) => {
      rewriting(...patches)(given);
      given.hooks.tapped.add('code authorize');
      given.hooks.script.set('code authorize', SKIP);
    });
    assert.equal(judge('a').verdict?.outcome, 'route');
    assert.equal(standing.hooks.asked.length, 1);
  }
});

test('The expiry of a message survives a patch that says nothing about properties, and ends with one that leaves it out.', () => {
  const kept = scene(['+a'], rewriting({ payload: Buffer.from('x') }));
  assert.equal(routed(kept.judge('a', { expiresAt: kept.clock.now() + 5000 }).verdict).message.expiresAt, kept.clock.now() + 5000);
  const gone = scene(['+a'], rewriting({ properties: {} }));
  const { message } = routed(gone.judge('a', { expiresAt: gone.clock.now() + 5000 }).verdict);
  assert.deepEqual([message.expiresAt, message.properties], [0, null]);
});

test('A patch that no client could have sent is a fault of the publish.', () => {
  const bad: [string, object][] = [
    ['wildcard', { topic: 'a/+' }],
    ['empty topic', { topic: '' }],
    ['topic of the broker', { topic: '$SYS/a' }],
    ['U+0000', { topic: 'a\u0000' }],
    ['no text', { topic: 7 }],
    ['too deep', { topic: '1/2/3/4/5' }],
    ['payload is text', { payload: 'text' }],
    ['payload too large', { payload: Buffer.alloc(1001) }],
    ['properties null', { properties: null }],
    ['a property of the wrong type', { properties: { contentType: 7 } }],
    ['properties too large', { properties: { contentType: 'x'.repeat(1001) } }],
    ['expiry negative', { properties: { messageExpirySeconds: -1 } }],
    ['expiry broken', { properties: { messageExpirySeconds: 1.5 } }],
    ['expiry too great', { properties: { messageExpirySeconds: 0x1_0000_0000 } }],
    ['expiry no number', { properties: { messageExpirySeconds: '1' } }],
  ];
  for (const [name, patch] of bad) assert.equal(scene(['+#'], rewriting(patch)).judge('a').verdict?.outcome, 'fault', name);
  for (const patch of [{ topic: '1/2/3/4' }, { payload: Buffer.alloc(1000) }, { properties: { messageExpirySeconds: 0 } }]) {
    assert.equal(scene(['+#'], rewriting(patch)).judge('a').verdict?.outcome, 'route');
  }
});

test('A fault while rewriting is a fault of the publish.', () => {
  const { judge } = scene(['+a'], ({ global }) => {
    global.tapped.add('rewritePublish');
    global.script.set('rewritePublish', FAULT);
  });
  assert.equal(judge('a').verdict?.outcome, 'fault');
});

test('The retain guard sees the message after rewriting.', () => {
  const { judge, standing } = scene(['+a', '+b'], (given) => {
    rewriting({ topic: 'b' })(given);
    given.hooks.tapped.add('guardRetain');
    given.hooks.script.set('guardRetain', PASS);
  });
  judge('a', { retain: true });
  assert.equal((standing.hooks.asked[0]?.request.message as { topic: string } | undefined)?.topic, 'b');
});

test('A fault is counted as a fault and told as one.', () => {
  const { judge, stats, standing } = scene(['+a'], ({ hooks, global }) => {
    global.tapped.add('decisionMade');
    hooks.tapped.add('code authorize');
    hooks.script.set('code authorize', FAULT);
  });
  judge('a');
  assert.deepEqual([stats.publishesDenied, stats.publishesFaulted], [0, 1]);
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.outcome, news.plugin, news.reasonCode]),
    [['fault', 'code', 0x83]],
  );
});

test('Each verdict is counted, and told with its rule to those who listen.', () => {
  const { judge, stats, standing } = scene(['+a', '-b'], ({ global }) => {
    global.tapped.add('decisionMade');
  });
  judge('a');
  judge('b');
  assert.deepEqual([stats.publishesDenied, stats.publishesFaulted], [1, 0]);
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.outcome, news.topic, news.rule, news.plugin]),
    [
      ['allow', 'a', '+a', 'rules'],
      ['deny', 'b', '-b', 'rules'],
    ],
  );
});

test('What is lost to a publisher is told as dropped; what it keeps, and a will, are not.', () => {
  const lost = (outcome: typeof DENY, hook: string, qos: 0 | 1, will = false): unknown[] => {
    const { judge, standing } = scene(['+a'], ({ hooks, global }) => {
      global.tapped.add('messageDropped');
      hooks.tapped.add(hook);
      hooks.script.set(hook, outcome);
    });
    judge('a', { qos }, will);
    return standing.global.told.map(({ news }) => [news.reason, news.topic, news.count]);
  };
  assert.deepEqual(lost(DENY, 'code authorize', 1), [['not-authorized', 'a', 1]]);
  assert.deepEqual(lost(DENY, 'guardPublish', 0), [['guard', 'a', 1]]);
  assert.deepEqual(lost(FAULT, 'code authorize', 0), [['fault', 'a', 1]]);
  assert.deepEqual(lost(FAULT, 'code authorize', 1), []);
  assert.deepEqual([lost(DENY, 'code authorize', 0, true), lost(FAULT, 'code authorize', 0, true)], [[], []]);
});
