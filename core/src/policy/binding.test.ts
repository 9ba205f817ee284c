import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer, CompiledRules, PolicyEngine } from './index.js';
import { bound, mayPublish, NOBODY, rule, rules } from './policy.test.support.js';

test('without a matching rule the answer is none, whatever kinds of rules there are', () => {
  for (const own of [[], rules('+%u/#'), rules('-secret/#'), rules('+b/%c'), rules('-#')]) {
    const client = bound(own, { username: null, clientId: '' });
    assert.notEqual(client.check('publish', 'a', 0, false, -1), Answer.ALLOW);
  }
  assert.equal(bound([]).check('receive', 'a', 0, false, -1), Answer.NONE);
  assert.equal(bound([]).lastRule, null);
});

test('an allow permits its actions only, and says which rule it was', () => {
  const client = bound([rule('+a/+', { actions: ['publish'], from: 'acl:3' }), rule('+a/#', { actions: ['receive'], from: 'acl:4' })]);
  assert.equal(client.check('publish', 'a/b', 2, true, -1), Answer.ALLOW);
  assert.deepEqual(client.lastRule, { plugin: 'own', from: 'acl:3', effect: 'allow' });
  assert.equal(client.check('receive', 'a', 0, false, -1), Answer.ALLOW);
  assert.deepEqual(client.lastRule, { plugin: 'own', from: 'acl:4', effect: 'allow' });
  assert.equal(client.check('subscribe', 'a/b', 0, false, -1), Answer.NONE);
  assert.equal(client.lastRule, null);
  assert.equal(client.check('publish', 'a', 0, false, -1), Answer.NONE);
});

test('a deny wins over every allow, in every order, and with first-match the earlier rule wins', () => {
  for (const own of [rules('+a/#', '-a/b'), rules('-a/b', '+a/#')]) assert.equal(bound(own).check('publish', 'a/b', 0, false, -1), Answer.DENY);
  assert.equal(bound(rules('+a/#', '-a/b'), {}, 'first-match').check('publish', 'a/b', 0, false, -1), Answer.ALLOW);
  assert.equal(bound(rules('-a/b', '+a/#'), {}, 'first-match').check('publish', 'a/b', 0, false, -1), Answer.DENY);
});

test('beyond its limits an allow denies a publish, unless another allow is wider', () => {
  const narrow = rule('+a/#', { maxQos: 1, retain: false, from: 'narrow' });
  const client = bound([narrow]);
  assert.equal(client.check('publish', 'a', 1, false, -1), Answer.ALLOW);
  for (const [qos, retain] of [
    [2, false],
    [0, true],
  ] as const) {
    assert.equal(client.check('publish', 'a', qos, retain, -1), Answer.DENY);
    assert.deepEqual(client.lastRule, { plugin: 'own', from: 'narrow', effect: 'allow' });
  }
  assert.equal(bound([narrow, rule('+a')]).check('publish', 'a', 2, true, -1), Answer.ALLOW);
  assert.equal(bound([narrow, rule('+a')], {}, 'first-match').check('publish', 'a', 2, true, -1), Answer.DENY);
  assert.equal(bound([rule('+a', { maxQos: 0 }), rule('+a', { maxQos: 1 })]).check('publish', 'a', 1, false, -1), Answer.ALLOW);
  assert.equal(client.check('receive', 'a', 2, true, -1), Answer.ALLOW, 'a copy is not refused for its QoS');
  assert.equal(client.check('subscribe', 'a', 2, true, -1), Answer.ALLOW, 'a subscription gets the lower QoS instead');
});

test('a wildcard spares $ topics in an allow, and in a deny does not', () => {
  for (const topic of ['$SYS/x', '$', '$share/g/x', '$CONTROL/dynamic']) {
    assert.equal(bound(rules('+#', '++/#', '++', '++/+')).check('publish', topic, 0, false, -1), Answer.NONE, topic);
    assert.equal(bound(rules('-#')).check('publish', topic, 0, false, -1), Answer.DENY, topic);
    assert.equal(bound(rules('-+/#')).check('publish', topic, 0, false, -1), Answer.DENY, topic);
    if (!topic.startsWith('$share/')) assert.equal(mayPublish(bound(rules('+#', `+${topic}`)), topic), true);
  }
});

test('a value that is not exactly one level of text matches nothing, in an allow as in a deny', () => {
  const own = rules('+home/%u/#', '+pre-%u', '-ban/%u');
  for (const username of ['+', '#', 'a/b', '/', '', 'a+', '#a', 'a\0', '\0', null]) {
    const client = bound(own, { username });
    for (const topic of ['home/a', 'home/a/b', 'home', 'home/', 'home//x', `home/${username}`, 'pre-', 'pre-a', `pre-${username}`]) {
      assert.equal(client.check('publish', topic, 0, false, -1), Answer.NONE, `${username} ${topic}`);
    }
    assert.equal(client.subscribe('home/+/#', -1).coverage, 'none');
    assert.equal(client.subscribe('home/#', -1).coverage, 'none');
    assert.equal(client.proven('home/+/#'), false);
    assert.equal(client.check('publish', 'ban/a', 0, false, -1), Answer.NONE);
  }
});

test('a value is never read for variables again', () => {
  const client = bound(rules('+a/%c', '+b/%u'), { clientId: '%u', username: '%%' });
  assert.equal(mayPublish(client, 'a/%u'), true);
  assert.equal(mayPublish(client, 'a/%%'), false);
  assert.equal(mayPublish(client, 'a/%'), false);
  assert.equal(mayPublish(client, 'b/%%'), true);
  assert.equal(mayPublish(client, 'b/%'), false);
  assert.equal(mayPublish(bound(rules('+%%u/%%'), { username: 'x' }), '%u/%'), true);
});

test('a user named $SYS does not own the topics of the broker, unless the rule says so itself', () => {
  const user = { username: '$SYS', clientId: 'SYS' };
  assert.equal(mayPublish(bound(rules('+%u/#'), user), '$SYS/x'), false);
  assert.equal(bound(rules('+%u/#'), user).subscribe('$SYS/#', -1).coverage, 'none');
  assert.equal(mayPublish(bound(rules('+$%c/#'), user), '$SYS/x'), true);
  assert.equal(mayPublish(bound(rules('+a/%u'), user), 'a/$SYS'), true);
  assert.equal(bound(rules('-%u/#'), user).check('publish', '$SYS/x', 0, false, -1), Answer.DENY);
});

test('affixes are literal, and the same value may not be cut in another way', () => {
  const client = bound(rules('+dev-%c/x', '+%u-log'), { clientId: 'a-b', username: 'x' });
  assert.equal(mayPublish(client, 'dev-a-b/x'), true);
  for (const topic of ['dev-a/x', 'dev-/x', 'dev-a-b', 'a-b/x', 'dev-a-b-/x', '-log', 'xx-log', 'x-lo'])
    assert.equal(mayPublish(client, topic), false, topic);
  assert.equal(mayPublish(client, 'x-log'), true);
});

test('each variable stands for its own value, and attributes for text, numbers and truth values', () => {
  const client = bound(rules('+%u/%c/%{tenant}/%{cn}', '+n/%{attr.n}', '+t/%{attr.t}', '+s/%{attr.s}', '+x/%{attr.x}'), {
    username: 'user',
    clientId: 'client',
    tenant: 'tenant',
    commonName: 'common',
    attributes: { n: 7, t: true, s: 'text', x: Number.NaN },
  });
  for (const topic of ['user/client/tenant/common', 'n/7', 't/true', 's/text']) assert.equal(mayPublish(client, topic), true, topic);
  for (const topic of ['x/NaN', 'n/07', 't/1', 'user/client/tenant/tenant']) assert.equal(mayPublish(client, topic), false, topic);
});

test('an attribute that was only inherited is none', () => {
  const attributes: Record<string, string> = Object.create({ k: 'v' });
  assert.equal(mayPublish(bound(rules('+a/%{attr.k}'), { attributes }), 'a/v'), false);
  assert.equal(mayPublish(bound(rules('+a/%{attr.k}'), { attributes: { k: 'v' } }), 'a/v'), true);
});

test('names from Object.prototype are names like others', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const own = names.flatMap((name) => rules(`+a/${name}`, `+b/%{attr.${name}}`));
  const client = bound(own, { attributes: {} });
  for (const name of names) {
    assert.equal(mayPublish(client, `a/${name}`), true);
    for (const topic of [name, `b/${name}`, 'b/function Object() { [native code] }', 'b/[object Object]'])
      assert.equal(mayPublish(client, topic), false, topic);
    const hostile = Object.fromEntries([[name, 'v']]);
    assert.equal(mayPublish(bound(own, { attributes: hostile }), 'b/v'), true);
    assert.equal(mayPublish(bound(rules('+%u/x'), { username: name }), `${name}/x`), true);
  }
});

test('sources are folded together, or asked one by one', () => {
  const engine = new PolicyEngine();
  engine.setTemplate('one', 'wide', rules('+a/#'));
  engine.setTemplate('two', 'ban', rules('-a/b'));
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const client = engine.bind({
      combine,
      variables: NOBODY,
      sources: [
        { plugin: 'one', templates: ['wide'], rules: null },
        { plugin: 'empty', templates: [], rules: null },
        { plugin: 'two', templates: ['ban'], rules: CompiledRules.compile(rules('+c')) },
      ],
    });
    assert.equal(client.sourceCount, 3);
    assert.equal(client.check('publish', 'a/b', 0, false, -1), combine === 'first-match' ? Answer.ALLOW : Answer.DENY);
    assert.equal(client.check('publish', 'a/b', 0, false, 0), Answer.ALLOW);
    assert.equal(client.check('publish', 'a/b', 0, false, 1), Answer.NONE);
    assert.equal(client.check('publish', 'a/b', 0, false, 2), Answer.DENY);
    assert.deepEqual(client.lastRule, { plugin: 'two', from: 'test -a/b', effect: 'deny' });
    assert.equal(client.check('publish', 'c', 0, false, 2), Answer.ALLOW);
    assert.equal(client.check('publish', 'c', 0, false, 0), Answer.NONE);
    assert.equal(client.check('publish', 'a/b', 0, false, 3), Answer.NONE);
    assert.equal(client.subscribe('a/b', 0).coverage, 'all');
    assert.equal(client.subscribe('a/b', 1).coverage, 'none');
    assert.equal(client.subscribe('a/b', 2).coverage, 'denied');
  }
});

test('a hostile set of rules and topics of tens of thousands of levels are answered at once', () => {
  const patterns: string[] = [];
  for (let bits = 0; bits < 4096; bits++) patterns.push(`+${Array.from({ length: 12 }, (_, i) => ((bits >> i) & 1 ? '+' : 'a')).join('/')}/b`);
  const deep = ['+', '-'].flatMap((sign) => [`${sign}${'+/'.repeat(32_000)}x`, `${sign}${'/'.repeat(65_000)}x`, `${sign}${'a/'.repeat(32_000)}#`]);
  const client = bound(rules(...patterns, ...deep));
  const started = process.cpuUsage().user;
  for (let i = 0; i < 20; i++) assert.equal(mayPublish(client, 'a/'.repeat(13)), false);
  assert.equal(client.check('publish', `${'/'.repeat(65_000)}x`, 0, false, -1), Answer.DENY);
  assert.equal(client.check('publish', '/'.repeat(65_535), 0, false, -1), Answer.NONE);
  assert.equal(mayPublish(client, `${'a/'.repeat(12)}b`), true);
  assert.equal(client.subscribe(`${'+/'.repeat(12)}b`, -1).coverage, 'all');
  assert.equal(client.subscribe('#', -1).coverage, 'partial');
  assert.equal(client.subscribe(`${'+/'.repeat(32_000)}+`, -1).coverage, 'partial');
  assert.ok(process.cpuUsage().user - started < 3_000_000);
});

test('text that is no topic, and filters that are none, are never allowed a subscription and never throw', () => {
  const client = bound(rules('+#', '+$SYS/#'));
  for (const filter of ['', 'a+', '#/a', '##', 'a/#/b', '\0', '\ud800', '$share/g/a', '$share/', '$share//x', '$share/+/x']) {
    assert.equal(client.subscribe(filter, -1).coverage, 'none', filter);
    assert.equal(client.proven(filter), false, filter);
  }
  for (const topic of ['', '$', '$$', '/', '\0', '\ud800', '+', '#']) assert.ok([0, 1, 2].includes(client.check('publish', topic, 0, false, -1)));
});
