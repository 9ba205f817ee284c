import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heapBytes } from './cost.test.support.js';
import { CompiledRules, PolicyEngine } from './index.js';
import { NOBODY, rule, rules } from './policy.test.support.js';

const MB = 1_000_000;

test('bindings that were released and templates that were removed leave nothing behind', () => {
  const engine = new PolicyEngine();
  const turn = (number: number): void => {
    engine.setTemplate('p', `t${number}`, rules('+a/%u/#', '-b'));
    const sources = [{ plugin: 'p', templates: [`t${number}`], rules: CompiledRules.compile([rule(`+x/${number}`)]) }];
    const variables = { username: `u${number}`, clientId: '', tenant: null, commonName: null, attributes: null };
    const binding = engine.bind({ combine: 'deny-overrides', variables, sources });
    binding.check('publish', `a/u${number}/x`, 0, false, -1);
    engine.removeTemplate('p', `t${number}`);
    binding.release();
  };
  for (let number = 0; number < 2000; number++) turn(number);
  const before = heapBytes();
  for (let number = 2000; number < 12_000; number++) turn(number);
  const grown = heapBytes() - before;
  assert.ok(grown < MB, `${grown} bytes more after 10,000 turns`);
});

test('clients with ever other numbers of rules and templates leave nothing behind when they go', () => {
  const engine = new PolicyEngine();
  for (const name of ['a', 'b', 'c']) engine.setTemplate('p', name, rules('+a'));
  const own = CompiledRules.compile(rules('+x'));
  // Sixty sources of a client, each with one of four numbers of rules: nobody has those of another.
  const turn = (number: number): void => {
    const sources = Array.from({ length: 60 }, (_, i) => {
      const digit = Math.floor(number / 4 ** (i % 7)) % 4;
      return { plugin: 'p', templates: ['a', 'b', 'c'].slice(0, digit), rules: digit % 2 === 0 ? null : own };
    });
    const binding = engine.bind({ combine: number % 2 === 0 ? 'deny-overrides' : 'first-match', variables: NOBODY, sources });
    assert.equal(binding.sourceCount, 60);
    binding.release();
  };
  for (let number = 0; number < 1000; number += 1) turn(number);
  const before = heapBytes();
  for (let number = 1000; number < 5000; number += 1) turn(number);
  const grown = heapBytes() - before;
  assert.ok(grown < MB, `${grown} bytes more after 4,000 turns`);
});
