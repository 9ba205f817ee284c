import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '@portcullis/sdk';
import fc from 'fast-check';
import { CompiledRules, PolicyError } from './index.js';
import { rule, rules } from './policy.test.support.js';

function refused(broken: unknown, message: RegExp): void {
  assert.throws(
    () => CompiledRules.compile([rule('+fine'), broken as Rule]),
    (error) => error instanceof PolicyError && message.test(error.message),
  );
}

test('every variable is understood, alone and with text around it', () => {
  const patterns = ['%u', '%{username}', '%c', '%{clientId}', '%{tenant}', '%{cn}', '%{attr.site}', '%{attr.a.b}', '%{attr.__proto__}'];
  const all = patterns.flatMap((variable) => [
    `+${variable}`,
    `-a/${variable}/#`,
    `+x-${variable}-y/+`,
    `+%%${variable}%%/%%`,
    `+${variable}/${variable}`,
  ]);
  assert.equal(CompiledRules.compile(rules(...all)).size, all.length);
  assert.equal(CompiledRules.compile([]).size, 0);
});

test('a percent sign that begins no known variable is an error that names the rule and what is known', () => {
  for (const pattern of ['%', 'a/%', '%x', '%U', '%%%', '100%']) {
    refused(rule(`+${pattern}`, { from: 'acl:7' }), /^acl:7: pattern .* has a % that begins no variable; known are %u/);
  }
  for (const pattern of ['%{}', '%{user}', '%{attr.}', '%{attr}', '%{ username}', '%{constructor}', '%{__proto__}']) {
    refused(rule(`+${pattern}`, { from: 'acl:7' }), /^acl:7: pattern .* has an unknown variable "%\{.*\}"; known are %u/);
  }
  for (const pattern of ['%{', '%{attr.a/b}', '%{username']) refused(rule(`+${pattern}`, { from: 'acl:7' }), /^acl:7: pattern .*without }/);
});

test('two variables in one level are an error that says why', () => {
  for (const pattern of ['%u%c', '%u-%c', 'a/%c%%%u', '%{attr.a}%{attr.a}'])
    refused(rule(`+${pattern}`), /two variables in one level.*more than one way/);
});

test('wildcards out of place, emptiness, U+0000, lone surrogates and excess length are errors', () => {
  for (const pattern of ['a+', '+a', '%u+', '+%c', 'a#', 'a/%u#', '##', '%{attr.a+b}']) refused(rule(`+${pattern}`), /next to other text/);
  for (const pattern of ['#/a', 'a/#/b', '#/#']) refused(rule(`+${pattern}`), /# before its end/);
  refused(rule('+'), /is empty/);
  refused(rule('+a\0'), /U\+0000/);
  refused(rule('+\ud800'), /surrogate/);
  refused(rule(`+${'é'.repeat(32_768)}`), /65535 bytes/);
  assert.equal(CompiledRules.compile([rule(`+${'/'.repeat(65_535)}`)]).size, 1);
});

test('a rule about $share is refused: a deny that never strikes must not pass unnoticed', () => {
  refused(rule('-$share/#'), /filter behind the group/);
  assert.equal(CompiledRules.compile(rules('-$share', '-$shared/x', '-+/#')).size, 3);
});

test('what is not a rule in every field is refused, never read generously', () => {
  for (const broken of [null, undefined, 'allow', 7, {}, { ...rule('+a'), from: 7 }]) refused(broken, /^rule 2 does not say/);
  for (const effect of ['Allow', 'DENY', true, null, undefined, '__proto__']) refused({ ...rule('+a'), effect }, /effect/);
  for (const actions of [[], undefined, 'publish', ['read'], ['publish', 'Receive'], [null], { length: 1 }])
    refused({ ...rule('+a'), actions }, /action/);
  for (const maxQos of [3, -1, '1', null, NaN, 0.5, true]) refused({ ...rule('+a'), maxQos }, /maxQos/);
  for (const retain of ['false', 0, null]) refused({ ...rule('+a'), retain }, /retain/);
  for (const pattern of [undefined, null, 7, ['a']]) refused({ ...rule('+a'), pattern }, /pattern/);
});

test('a limit that would have no effect is refused', () => {
  refused(rule('-a', { maxQos: 1 }), /deny rule/);
  refused(rule('-a', { retain: false }), /deny rule/);
  refused(rule('+a', { actions: ['receive'], maxQos: 1 }), /maxQos limits/);
  refused(rule('+a', { actions: ['subscribe', 'receive'], retain: false }), /retain limits/);
  const limited = [
    rule('+a', { actions: ['subscribe'], maxQos: 1 }),
    rule('+a', { actions: ['publish'], retain: false }),
    rule('-a', { maxQos: 2, retain: true }),
  ];
  assert.equal(CompiledRules.compile(limited).size, 3);
});

test('any text either compiles or is a PolicyError', () => {
  const pattern = fc.string({
    unit: fc.constantFrom('%', 'u', 'c', '{', '}', 'attr.', '/', '+', '#', '$', 'a', '\0', '\udc00', 'tenant'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(pattern, (text) => {
      try {
        assert.equal(CompiledRules.compile([rule(`+${text}`)]).size, 1);
      } catch (error) {
        assert.ok(error instanceof PolicyError);
        assert.ok(error.message.startsWith(`test +${text}: `));
      }
    }),
    { numRuns: 5000 },
  );
});
