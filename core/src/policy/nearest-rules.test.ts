import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RuleComparison } from './index.js';
import { type AskedRight, type Binding, compareRule } from './index.js';
import { bound, NOBODY, rule } from './policy.test.support.js';
import type { Variables } from './variables.js';

const ASKED: AskedRight = { action: 'publish', topic: 'site/a/temp', qos: 0, retain: false };

function compared(
  text: string,
  asked: Partial<AskedRight> = {},
  variables: Partial<Variables> = {},
  more: Parameters<typeof rule>[1] = {},
): RuleComparison {
  const [listed] = [...bound([rule(text, more)]).listed()];
  assert.ok(listed !== undefined);
  return compareRule(listed.entry, { ...ASKED, ...asked }, { ...NOBODY, ...variables });
}

test('a rule that matches says nothing', () => {
  assert.deepEqual(compared('+site/+/temp'), { matches: true, distance: 0, why: [] });
  assert.deepEqual(compared('+site/#', { action: 'subscribe', topic: '+/a/#' }), { matches: true, distance: 0, why: [] });
});

test('a rule says which level differs, and what a variable stands for', () => {
  assert.deepEqual(compared('+site/b/temp').why, ['level 2 is "b", not "a"']);
  assert.deepEqual(compared('+site/%u/temp', {}, { username: 'bob' }).why, ['level 2 is %u, here "bob", not "a"']);
  assert.deepEqual(compared('+site/x-%{attr.zone}/temp').why, ['level 2 is %{attr.zone}, which has no value here']);
  for (const name of ['%u', '%c', '%{tenant}', '%{cn}', '%{attr.zone}']) {
    const values = { username: 'x', clientId: 'x', tenant: 'x', commonName: 'x', attributes: { zone: 'x' } };
    assert.deepEqual(compared(`+site/${name}/temp`, {}, values).why, [`level 2 is ${name}, here "x", not "a"`]);
  }
  assert.deepEqual(compared('+site/%c/temp', {}, { clientId: 'a/b' }).why, [
    'level 2 is %c, whose value "a/b" is no single level and so matches nothing',
  ]);
  assert.deepEqual(compared('+%u/#', { topic: '$SYS/x' }, { username: '$SYS' }).why, [
    'begins with a wildcard, which takes no topic that begins with $',
    'level 1 is %u, whose value begins with $ and so matches nothing',
  ]);
});

test('a rule says that its levels are too few or too many, and counts them all', () => {
  assert.deepEqual(compared('+site'), { matches: false, distance: 2, why: ['has 1 level, the topic 3'] });
  assert.deepEqual(compared('+site/a/temp/now/#'), { matches: false, distance: 1, why: ['has at least 4 levels, the topic 3'] });
  assert.deepEqual(compared('+site/a', { action: 'subscribe', topic: 'site/a/b/#' }).why, ['has 2 levels, the filter at least 3']);
});

test('a rule that a filter would meet in the empty topic only says so, unless there is more that parts them', () => {
  for (const [text, filter] of [
    ['+/#', '+'],
    ['++', '/#'],
  ] as const) {
    const asked = { action: 'subscribe', topic: filter } as const;
    assert.deepEqual(compared(text, asked), { matches: false, distance: 1, why: ['would meet the filter in the empty topic only'] });
    const others = compared(text, asked, {}, { actions: ['publish'] });
    assert.deepEqual(others, { matches: false, distance: 1, why: ['is for publish, not subscribe'] });
  }
  for (const [text, filter] of [
    ['++/#', '+'],
    ['+/+', '/#'],
    ['+a/#', '+'],
    ['++', '#'],
  ] as const) {
    assert.equal(compared(text, { action: 'subscribe', topic: filter }).matches, true, `${text} ${filter}`);
  }
});

test('a rule for another action says for which it is', () => {
  assert.deepEqual(compared('+site/#', {}, {}, { actions: ['subscribe', 'receive'] }).why, ['is for subscribe and receive, not publish']);
});

test('a rule that matches says which of its limits the publish exceeds', () => {
  assert.deepEqual(compared('+site/#', { qos: 2, retain: true }, {}, { maxQos: 1, retain: false }), {
    matches: true,
    distance: 0,
    why: ['allows at most QoS 1', 'does not allow retained messages'],
  });
  assert.deepEqual(compared('+site/#', { action: 'subscribe', topic: 'site/#', qos: 2 }, {}, { maxQos: 1 }).why, []);
});

test('long levels are cut', () => {
  assert.equal(compared(`+${'x'.repeat(1000)}`, { topic: 'y' }).why[0], `level 1 is "${'x'.repeat(60)}…", not "y"`);
});

const level = fc.constantFrom('a', 'b', '', '$a', '%u', '%c', 'x-%u', '%{attr.k}', '+');
const pattern = fc
  .tuple(fc.array(level, { maxLength: 3 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
  .filter((text) => text !== '');
const value = fc.constantFrom('a', 'b', '$a', 'a/b', '', '+');
const valueOrNone = fc.constantFrom('a', 'b', '$a', 'a/b', '', '+', null);
const asked = fc.array(fc.constantFrom('a', 'b', '', '$a', 'x-a', '+'), { minLength: 1, maxLength: 4 });

test('what a rule says of itself is what the engine answers for it, for topics and filters', () => {
  fc.assert(
    fc.property(pattern, fc.boolean(), asked, fc.boolean(), valueOrNone, value, (text, denies, levels, open, username, clientId) => {
      const variables = { username, clientId, attributes: { k: 'b' } };
      const binding = bound([rule((denies ? '-' : '+') + text)], variables);
      const [listed] = [...binding.listed()];
      assert.ok(listed !== undefined);
      const matches = (question: Partial<AskedRight>) => compareRule(listed.entry, { ...ASKED, ...question }, { ...NOBODY, ...variables }).matches;
      const filter = [...levels, ...(open ? ['#'] : [])].join('/');
      if (filter !== '') assert.equal(matches({ action: 'subscribe', topic: filter }), touches(binding, filter), `filter ${filter}`);
      const topic = levels.map((part) => (part === '+' ? 'p' : part)).join('/');
      if (topic !== '') assert.equal(matches({ topic }), binding.check('publish', topic, 0, false, -1) !== 0, `topic ${topic}`);
    }),
    { numRuns: 20_000 },
  );
});

function touches(binding: Binding, filter: string): boolean {
  const { coverage, deniesPart } = binding.subscribe(filter, -1);
  return coverage !== 'none' || deniesPart;
}
