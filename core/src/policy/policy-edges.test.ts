import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer, CompiledRules, PolicyEngine, PolicyError } from './index.js';
import { bound, NOBODY, rule, rules } from './policy.test.support.js';

test('a rule grants its higher QoS to a filter only if it takes all of the filter by itself', () => {
  const cases: [string, [string, 0 | 1 | 2][], 0 | 1 | 2][] = [
    // The topic `a` is only a part of `a/#`.
    [
      'a/#',
      [
        ['+a', 2],
        ['+a/#', 0],
      ],
      0,
    ],
    [
      'a/#',
      [
        ['+a/b', 0],
        ['+a/#', 2],
      ],
      2,
    ],
    [
      '#',
      [
        ['+x/#', 0],
        ['++/#', 2],
      ],
      2,
    ],
    [
      '#',
      [
        ['+x', 0],
        ['+#', 1],
      ],
      1,
    ],
    [
      'a',
      [
        ['+a', 1],
        ['++', 2],
      ],
      2,
    ],
    [
      '+',
      [
        ['+a', 2],
        ['++', 0],
      ],
      0,
    ],
    [
      'a/+',
      [
        ['+a/#', 2],
        ['+a/b', 0],
      ],
      2,
    ],
  ];
  for (const [filter, given, maxQos] of cases) {
    const binding = bound(given.map(([text, limit]) => rule(text, { maxQos: limit })));
    assert.deepEqual([binding.subscribe(filter, -1).coverage, binding.subscribe(filter, -1).maxQos], ['all', maxQos], filter);
  }
});

test('a template that was removed says nothing, whichever way rules are combined', () => {
  for (const combine of ['deny-overrides', 'first-match'] as const) {
    const engine = new PolicyEngine();
    engine.setTemplate('p', 'gone', rules('-a', '+b'));
    engine.setTemplate('p', 'stays', rules('+a'));
    const binding = engine.bind({ combine, variables: NOBODY, sources: [{ plugin: 'p', templates: ['gone', 'stays'], rules: null }] });
    assert.equal(binding.check('publish', 'a', 0, false, -1), Answer.DENY);
    engine.removeTemplate('p', 'gone');
    assert.deepEqual(
      ['a', 'b'].map((topic) => binding.check('publish', topic, 0, false, -1)),
      [Answer.ALLOW, Answer.NONE],
      combine,
    );
    assert.equal(binding.subscribe('a', -1).coverage, 'all');
    assert.equal(engine.hasTemplate('p', 'gone'), false);
  }
});

test('a pattern that is wrong is shown in its error, but not all of a long one', () => {
  const refused = (pattern: string): string => {
    try {
      CompiledRules.compile([rule(`+${pattern}`, { from: 'rules:1' })]);
    } catch (error) {
      assert.ok(error instanceof PolicyError);
      return error.message;
    }
    return '';
  };
  assert.match(refused('a/%'), /"a\/%"/);
  assert.match(refused(`${'x'.repeat(198)}/%`), /x{198}\/%"/);
  assert.match(refused(`${'x'.repeat(199)}/%`), /x{199}\/…"/);
  assert.ok(refused(`${'x'.repeat(50_000)}/%`).length < 1000);
  for (const pattern of ['%{attr.a%b}', '%{attr.a{b}', '%{attr.}', '%{attr.%{cn}}'])
    assert.match(refused(pattern), /unknown variable|next to|without/);
});

test('a rule that does not say where it comes from is told by its place', () => {
  for (const [from, message] of [
    ['', /^rule 2: the effect is neither/],
    ['acl:7', /^acl:7: the effect is neither/],
    [undefined, /^rule 2 does not say where it comes from/],
  ] as const) {
    assert.throws(
      () => CompiledRules.compile([rule('+a'), { ...rule('+b'), effect: 'permit', from } as never]),
      (error) => error instanceof PolicyError && message.test(error.message),
    );
  }
});

test('of two rules that grant the same, the first is the one that is named', () => {
  const binding = bound([rule('+a/#', { from: 'first' }), rule('+a/#', { from: 'second' }), rule('+a/b', { from: 'third' })]);
  assert.equal(binding.subscribe('a/b', -1).coverage, 'all');
  assert.equal(binding.lastRule?.from, 'first');
  assert.equal(binding.check('publish', 'a/b', 0, false, -1), Answer.ALLOW);
  assert.equal(binding.lastRule?.from, 'first');
});
