import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStrictJson } from './strict-json.js';

test('JSON without a doubled name is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(parseStrictJson(text), JSON.parse(text));
    }),
  );
});

test('a name twice in one object is refused, however it is written and however deep it stands', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{"c":[{"x":1,"y":2,"x":3}]}}',
    '{"effect":"deny","\\u0065ffect":"allow"}',
    '{ "a" : "}" , "a" : "{" }',
    '[{"a":[]},{"":1,"":2}]',
    '{"__proto__":1,"__proto__":2}',
    '{"a":"\\\\","a":"\\\\\\""}',
  ]) {
    assert.throws(() => parseStrictJson(text), /twice/, text);
  }
  for (const text of ['[{"a":1},{"a":1}]', '{"a":{"a":1}}', '{"a":"a","b":"a"}', '["a","a"]', '{"a":"\\"a\\":1","b":1}']) parseStrictJson(text);
});

test('what is no JSON, and too many levels, are refused without the text', () => {
  for (const text of ['', 'canary', '{"canary"', "{'canary':1}"]) {
    assert.throws(
      () => parseStrictJson(text),
      (error: unknown) => error instanceof Error && error.message === 'is no JSON',
    );
  }
  assert.throws(() => parseStrictJson('['.repeat(40) + ']'.repeat(40)), /too many levels/);
});
