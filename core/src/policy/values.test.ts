import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bound, mayPublish, rules } from './policy.test.support.js';

/** What means something in filters, rules, expressions, paths and objects, and any other text. */
const SPECIAL = [
  '+',
  '#',
  '/',
  '$',
  '%u',
  '%c',
  '%%',
  '%{attr.a}',
  '.',
  '*',
  '.*',
  '[a-z]',
  '^a$',
  '(',
  ')',
  '\\',
  '|',
  '-',
  '..',
  '\0',
  'a',
  'b',
  '__proto__',
  'constructor',
];
const text = fc.oneof(
  fc.array(fc.constantFrom(...SPECIAL), { maxLength: 3 }).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
/** Which of the variables it is. */
const variable = fc.constantFrom('%u', '%c', '%{tenant}', '%{cn}', '%{attr.a}');

function clientWith(name: string, value: string, patterns: readonly string[]) {
  const variables = { username: value, clientId: value, tenant: value, commonName: value, attributes: { a: value } };
  return bound(rules(...patterns.map((pattern) => pattern.replaceAll('%v', name))), variables);
}

const isOneLevel = (value: string): boolean => value !== '' && !/[+#/\0]/.test(value);

test('a value opens the topics that are spelled like it and no other, whatever it is made of', () => {
  fc.assert(
    fc.property(variable, text, text, (name, value, other) => {
      const client = clientWith(name, value, ['+own/%v/#', '+pre-%v', '+x/%v-post']);
      for (const level of [value, other, `${value}${other}`, `${value}/${other}`]) {
        if (level.includes('\0')) continue;
        const same = isOneLevel(value) && level === value;
        assert.equal(mayPublish(client, `own/${level}/t`), isOneLevel(value) && level.split('/')[0] === value, level);
        assert.equal(mayPublish(client, `pre-${level}`), same, level);
        assert.equal(mayPublish(client, `x/${level}-post`), same, level);
      }
      // As many levels as the rule has: a value adds none and takes none away.
      for (const topic of ['own', 'own/', 'pre-', 'x/-post', 'x']) assert.equal(mayPublish(client, topic), false, topic);
    }),
    { numRuns: 5000 },
  );
});

test('a value that is a wildcard, empty, or more than a level grants no subscription of any kind', () => {
  const filters = fc.constantFrom('own/#', 'own/+/#', 'own/a/#', 'own/+/b', '#', '+/#', 'own//#', 'pre-a', '+');
  fc.assert(
    fc.property(
      variable,
      text.filter((value) => !isOneLevel(value)),
      filters,
      (name, value, filter) => {
        const client = clientWith(name, value, ['+own/%v/#', '+pre-%v']);
        assert.equal(client.subscribe(filter, -1).coverage, 'none');
        assert.equal(client.proven(filter), false);
      },
    ),
    { numRuns: 1000 },
  );
});

test('a deny of everything covers every topic there can be, those that begin with $ included, whatever is allowed besides', () => {
  const topic = fc.array(text, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/'));
  const allows = fc.subarray(['+#', '++/#', '+$x/#', '+$/#', '+a/#', '++', '+own/%u/#']);
  const everything = fc.constantFrom(['-#'], ['-+/#'], ['-#', '-a/b'], ['-+', '-+/#']);
  fc.assert(
    fc.property(topic, fc.constantFrom('', '$', '$x/', '$SYS/'), allows, everything, fc.boolean(), (rest, root, allowed, denied, first) => {
      const name = `${root}${rest}`.replaceAll(/[+#\0]/g, '_');
      if (name === '') return;
      const order = first ? [...denied, ...allowed] : [...allowed, ...denied];
      const client = bound(rules(...order), { username: 'ann' });
      assert.equal(mayPublish(client, name), false, name);
      assert.equal(client.check('receive', name, 0, false, -1) === 1, false, name);
    }),
    { numRuns: 2000 },
  );
});
