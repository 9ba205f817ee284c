import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatternFault, parsePattern } from './patterns.js';
import { ruleProblem, type UncheckedRule } from './rule-problem.js';

test('a pattern is taken apart into levels', () => {
  assert.deepEqual(parsePattern('a/+/dev-%c-x/%%u/#'), {
    levels: [
      { kind: 'literal', text: 'a' },
      { kind: 'any' },
      { kind: 'variable', variable: { kind: 'clientId', name: '' }, prefix: 'dev-', suffix: '-x' },
      { kind: 'literal', text: '%u' },
    ],
    open: true,
  });
});

for (const [pattern, at, says] of [
  ['', 0, /is empty/],
  ['a\0b', 1, /U\+0000/],
  ['x'.repeat(65_536), 0, /longer than 65535 bytes/],
  ['a/\ud800', 0, /surrogate/],
  ['$share/g/a', 0, /begins with \$share/],
  ['a/#/b', 2, /# before its end/],
  ['a/b+/c', 3, /\+ or # next to/],
  ['é/x#', 3, /\+ or # next to/],
  ['a/%u%c', 4, /two variables/],
  ['a/x%{username', 3, /without \}/],
  ['a/100%/b', 5, /begins no variable/],
  ['a/%{attr.}', 2, /unknown variable "%\{attr\.\}"/],
] as const) {
  test(`refused with its place: ${JSON.stringify(pattern.slice(0, 20))}`, () => {
    assert.throws(
      () => parsePattern(pattern),
      (error) => error instanceof PatternFault && error.at === at && says.test(error.message),
    );
    assert.match(ruleProblem({ effect: 'allow', actions: ['publish'], pattern }) ?? '', new RegExp(`^the pattern .*at character ${at + 1}\\)$`, 's'));
  });
}

test('a rule is judged with its limits', () => {
  const sound: UncheckedRule = { effect: 'allow', actions: ['publish'], pattern: 'a/#' };
  assert.equal(ruleProblem(sound), null);
  assert.equal(ruleProblem({ ...sound, maxQos: 0, retain: false }), null);
  for (const [change, says] of [
    [{ effect: 'grant' }, /the effect/],
    [{ actions: [] }, /no action/],
    [{ actions: 'publish' }, /no action/],
    [{ actions: ['write'] }, /an action is none/],
    [{ pattern: 1 }, /not text/],
    [{ maxQos: 3 }, /maxQos is not/],
    [{ maxQos: null }, /maxQos is not/],
    [{ retain: 'f' }, /retain is not/],
    [{ effect: 'deny', maxQos: 1 }, /a deny rule refuses altogether/],
    [{ effect: 'deny', retain: false }, /a deny rule refuses altogether/],
    [{ actions: ['receive'], maxQos: 1 }, /allows neither/],
    [{ actions: ['subscribe'], retain: false }, /does not allow it/],
  ] as const) {
    assert.match(ruleProblem({ ...sound, ...change }) ?? '', says);
  }
});
