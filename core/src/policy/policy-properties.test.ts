import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule, RuleAction } from '@portcullis/sdk';
import fc from 'fast-check';
import { type Binding, CompiledRules, PolicyEngine, type Variables } from './index.js';
import { ReferencePolicy } from './reference.test.support.js';

const LEVELS = ['a', '', '$x', '+', '%u', '%c', '%{attr.k}', 'dev-%c', '%u', '%{tenant}', '%{attr.__proto__}'] as const;
// Everything that a level of a rule can stand for is among the names of topics, and one name that it cannot.
const NAMES = ['a', '', '$x', 'dev-a', 'dev-$x', 'dev-%u', '%u', 'fresh'];
const VALUES = ['a', 'a', '$x', '%u', '', '+', '#', 'a/a', 'a\0'];
const ACTIONS: readonly RuleAction[] = ['publish', 'subscribe', 'receive'];

const TOPICS: string[] = ((): string[] => {
  const one = [...NAMES, '$fresh'];
  const two = one.flatMap((first) => NAMES.map((name) => `${first}/${name}`));
  const three = two.flatMap((first) => ['a', '', 'fresh'].map((name) => `${first}/${name}`));
  return [...one, ...two, ...three].filter((topic) => topic !== '');
})();

/** A third level beyond those of a rule is as good as any further one. */
const pattern = fc
  .tuple(fc.array(fc.constantFrom(...LEVELS), { minLength: 1, maxLength: 2 }), fc.nat({ max: 3 }))
  .map(([levels, dice]) => (dice === 0 ? '#' : [...levels, ...(dice === 1 ? ['#'] : [])].join('/')))
  .filter((text) => text !== '');

const someRule: fc.Arbitrary<Rule> = fc
  .record({
    effect: fc.constantFrom('allow', 'allow', 'deny'),
    actions: fc.subarray([...ACTIONS], { minLength: 1 }),
    pattern,
    maxQos: fc.constantFrom(0, 1, 2, 2),
    retain: fc.boolean(),
    from: fc.constant('random'),
  })
  .map(({ maxQos, retain, ...rule }) => ({
    ...rule,
    effect: rule.effect as 'allow' | 'deny',
    ...(rule.effect === 'allow' && rule.actions.some((action) => action !== 'receive') ? { maxQos: maxQos as 0 | 1 | 2 } : {}),
    ...(rule.effect === 'allow' && rule.actions.includes('publish') ? { retain } : {}),
  }));

const value = fc.constantFrom(...VALUES);
const someone: fc.Arbitrary<Variables> = fc.record({
  username: fc.option(value),
  clientId: value,
  tenant: fc.option(value),
  commonName: fc.constant(null),
  attributes: fc.option(fc.constantFrom(...VALUES).map((k) => ({ k }))),
});

const filter = fc
  .tuple(fc.array(fc.constantFrom('a', '', '$x', 'dev-a', '+', '+', '%u'), { minLength: 1, maxLength: 2 }), fc.nat({ max: 3 }))
  .map(([levels, dice]) => (dice === 0 ? '#' : [...levels, ...(dice === 1 ? ['#'] : [])].join('/')))
  .filter((text) => text !== '');

/** The same rules spread over two plugins, templates and own rules, in the same order. */
function spread(all: readonly Rule[], cuts: readonly number[], variables: Variables, combine: 'deny-overrides' | 'first-match'): Binding {
  const [first, second, third] = [...cuts].sort((a, b) => a - b).map((cut) => Math.min(cut, all.length)) as [number, number, number];
  const engine = new PolicyEngine();
  engine.setTemplate('one', 'first', all.slice(0, first));
  engine.setTemplate('one', 'second', all.slice(first, second));
  engine.setTemplate('two', 'third', all.slice(second, third));
  return engine.bind({
    combine,
    variables,
    sources: [
      { plugin: 'one', templates: ['first', 'second'], rules: null },
      { plugin: 'two', templates: ['third'], rules: CompiledRules.compile(all.slice(third)) },
    ],
  });
}

const setting = [fc.array(someRule, { maxLength: 8 }), fc.tuple(fc.nat(8), fc.nat(8), fc.nat(8)), someone] as const;

test('a check answers as the reference does, with both ways of combining', () => {
  const asked = fc.record({
    topic: fc.constantFrom(...TOPICS),
    action: fc.constantFrom(...ACTIONS),
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
  });
  fc.assert(
    fc.property(...setting, fc.array(asked, { minLength: 20, maxLength: 20 }), (all, cuts, variables, questions) => {
      const reference = new ReferencePolicy(all, variables);
      const overrides = spread(all, cuts, variables, 'deny-overrides');
      const first = spread(all, cuts, variables, 'first-match');
      for (const { topic, action, qos, retain } of questions) {
        assert.equal(overrides.check(action, topic, qos as 0 | 1 | 2, retain, -1), reference.denyOverrides(action, topic, qos, retain), topic);
        assert.equal(first.check(action, topic, qos as 0 | 1 | 2, retain, -1), reference.firstMatch(action, topic, qos, retain), topic);
      }
    }),
    { numRuns: 10_000 },
  );
});

/** What trying all topics of a filter says. */
function tried(all: readonly Rule[], variables: Variables, filterText: string, combine: 'deny-overrides' | 'first-match') {
  const reference = new ReferencePolicy(all, variables);
  const whole = new ReferencePolicy([{ effect: 'allow', actions: ['publish'], pattern: filterText.replaceAll('%', '%%'), from: '' }], variables);
  const topics = TOPICS.filter((topic) => whole.matching('publish', topic).length > 0);
  const answers = topics.map((topic) =>
    (combine === 'first-match' ? reference.firstMatch : reference.denyOverrides).call(reference, 'subscribe', topic, 0, false),
  );
  const touched = topics.flatMap((topic) => reference.matching('subscribe', topic));
  const receivable = topics.every((topic) => reference.denyOverrides('receive', topic, 0, false) === 1);
  return {
    all: answers.every((answer) => answer === 1),
    denied: answers.every((answer) => answer === 2),
    none: touched.every((rule) => rule.effect === 'deny'),
    deniesPart: touched.some((rule) => rule.effect === 'deny'),
    receivable,
  };
}

test('a filter is judged exactly when any deny refuses: trying all its topics says the same', () => {
  fc.assert(
    fc.property(...setting, fc.array(filter, { minLength: 4, maxLength: 4 }), (all, cuts, variables, filters) => {
      const binding = spread(all, cuts, variables, 'deny-overrides');
      for (const text of filters) {
        const expected = tried(all, variables, text, 'deny-overrides');
        const coverage = expected.denied ? 'denied' : expected.none ? 'none' : expected.all ? 'all' : 'partial';
        const answer = binding.subscribe(text, -1);
        assert.equal(answer.coverage, coverage, text);
        assert.equal(answer.deniesPart, expected.deniesPart, text);
        assert.equal(binding.proven(text), expected.receivable, text);
      }
    }),
    { numRuns: 3000 },
  );
});

test('when the first match decides, nothing is said of a filter that trying all its topics contradicts', () => {
  const counts = { all: 0, denied: 0, none: 0, partial: 0 };
  fc.assert(
    fc.property(...setting, fc.array(filter, { minLength: 4, maxLength: 4 }), (all, cuts, variables, filters) => {
      const binding = spread(all, cuts, variables, 'first-match');
      for (const text of filters) {
        const expected = tried(all, variables, text, 'first-match');
        const { coverage, deniesPart } = binding.subscribe(text, -1);
        counts[coverage] += 1;
        if (coverage !== 'partial') assert.equal(expected[coverage], true, `${coverage} ${text}`);
        if (coverage === 'none') assert.equal(deniesPart, expected.deniesPart);
        if (binding.proven(text)) assert.equal(expected.receivable, true, text);
      }
    }),
    { numRuns: 3000 },
  );
  for (const [coverage, count] of Object.entries(counts)) assert.ok(count > 0, `never ${coverage}`);
});
