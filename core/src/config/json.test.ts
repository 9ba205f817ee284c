import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { lines } from './document.test.support.js';
import { MAX_JSON_BYTES, MAX_JSON_DEPTH, parseJson } from './json.js';
import { plainCopy } from './sealed.js';

function mistake(text: string | Uint8Array): string {
  const parsed = parseJson(typeof text === 'string' ? Buffer.from(text) : text);
  if ('document' in parsed) assert.fail('was accepted');
  assert.equal(parsed.problems.length, 1);
  return lines(parsed.problems)[0] as string;
}

function document(text: string | Uint8Array) {
  const parsed = parseJson(typeof text === 'string' ? Buffer.from(text) : text);
  if ('problems' in parsed) assert.fail(lines(parsed.problems).join('; '));
  return parsed.document;
}

const half = (unit: string): string => `"\\ud83${unit}"`;

describe('the JSON parser', () => {
  const mistakes: readonly (readonly [string, string, string])[] = [
    ['an empty file', '', '1:1 : the file is empty: expected an object in braces { }'],
    ['only spaces', ' \n ', '2:2 : the file is empty: expected an object in braces { }'],
    ['a comma before a brace', '{\n  "a": 1,\n}', '2:9 : a comma before "}" — remove the comma after the last entry'],
    ['a comma before a bracket', '[1, 2 ,\n\n]', '1:7 : a comma before "]" — remove the comma after the last entry'],
    ['a line comment', '{\n  // why\n  "a": 1 }', '2:3 : expected a key in double quotes, or "}" — JSON has no comments'],
    ['a comment after a value', '{ "a": 1 /* why */ }', '1:10 : expected "," or "}" — JSON has no comments'],
    ['a hash comment', '# why\n{}', '1:1 : expected a value — JSON has no comments'],
    ['a missing comma', '{ "a": 1\n  "b": 2 }', '2:3 : expected "," or "}" — is a comma missing before this?'],
    ['a missing colon', '{ "a" 1 }', '1:7 : expected ":" after the key'],
    ['a bare key', '{ a: 1 }', '1:3 : expected a key in double quotes, or "}" — keys stand in double quotes'],
    ['single quotes', "{ 'a': 1 }", '1:3 : expected a key in double quotes, or "}" — texts and keys stand in double quotes'],
    ['a value in single quotes', '{ "a": \'hunter2\' }', '1:8 : expected a value — texts and keys stand in double quotes'],
    ['a bare text', '{ "a": hunter2 }', '1:8 : expected a value — texts stand in double quotes'],
    ['a capital True', '[True]', '1:2 : expected a value — true, false and null are written in small letters'],
    ['a leading zero', '[007]', '1:2 : expected a value — numbers are written like 10, -0.5 or 1e3'],
    ['a leading plus', '[+1]', '1:2 : expected a value — numbers are written like 10, -0.5 or 1e3'],
    ['a lone point', '[.5]', '1:2 : expected a value — numbers are written like 10, -0.5 or 1e3'],
    ['NaN', '[NaN]', '1:2 : expected a value — texts stand in double quotes'],
    ['a number too large', '[1e999]', '1:2 : this number is too large'],
    ['an early end', '{ "a": [1', '1:10 : the file ends too early: expected "," or "]"'],
    ['an early end after a comma', '[1,', '1:4 : the file ends too early: expected a value'],
    ['two commas', '[1,,2]', '1:4 : expected a value — is there a comma too many?'],
    ['something behind the end', '{}\n{}', '2:1 : expected the end of the file'],
    ['an open text', '{ "a": "b }', '1:8 : this text has no closing quote'],
    ['a line break in a text', '{ "a": "b\nc" }', '1:10 : the line ends inside a text — close the quote; a line break in a text is \\n'],
    ['a tab in a text', '["\t"]', '1:3 : a control character inside a text — write it as \\u0009'],
    ['an unknown escape', '["C:\\temp\\x"]', '1:10 : unknown escape after \\ — a backslash itself is written \\\\'],
    ['a short escape', '["\\u12"]', '1:3 : \\u needs four hexadecimal digits'],
    ['half a pair', `[${half('d')}]`, '1:2 : this text contains half of a surrogate pair — characters beyond U+FFFF take two \\u escapes'],
  ];
  for (const [title, text, expected] of mistakes) {
    test(`names place and cause of ${title}`, () => assert.equal(mistake(text), expected));
  }

  test('says where bytes are not UTF-8, in characters of the line', () => {
    const bytes = Buffer.concat([Buffer.from('{\n"ä\uFFFD": "'), Buffer.from([0xc3, 0x28]), Buffer.from('" }')]);
    assert.equal(mistake(bytes), '2:8 : is not UTF-8 here — save the file as UTF-8');
    assert.equal(mistake(Buffer.from([0xff, 0xfe, 0x7b, 0x00])), '1:1 : is not UTF-8 here — save the file as UTF-8');
  });

  test('counts lines with every kind of line end', () => {
    assert.match(mistake('{\r\n"a": 1,\r"b": 2,\n"c" }'), /^4:5 /);
  });

  test('tolerates a byte order mark, which takes no column', () => {
    assert.match(mistake('\uFEFF{ a }'), /^1:3 /);
    assert.deepEqual(plainCopy(document('\uFEFF{"a":1}').value), { a: 1 });
  });

  test('nests 64 levels, not 65', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    assert.ok(document(nested(MAX_JSON_DEPTH)));
    assert.equal(mistake(nested(MAX_JSON_DEPTH + 1)), '1:65 : nested deeper than 64 levels');
    assert.match(mistake('{"a":'.repeat(100_000)), /^1:321 : nested deeper/);
  });

  test('refuses more than 4 MiB, and takes exactly that', () => {
    const padded = (length: number): Buffer => Buffer.concat([Buffer.from('{}'), Buffer.alloc(length - 2, 0x20)]);
    assert.ok(document(padded(MAX_JSON_BYTES)));
    assert.match(mistake(padded(MAX_JSON_BYTES + 1)), /is larger than 4 MiB/);
  });

  test('refuses a key given twice, at its second place, and finds the others too', () => {
    const { problems } = document('{ "a": { "b": 1,\n "b": 2 },\n "a": 3 }');
    assert.deepEqual(lines(problems), [
      '2:2 a.b: the key "b" is given twice — it stands at 1:10 already',
      '3:2 a: the key "a" is given twice — it stands at 1:3 already',
    ]);
  });

  test('sees through escapes when comparing keys', () => {
    assert.match(lines(document('{ "ab": 1, "a\\u0062": 2 }').problems)[0] ?? '', /given twice/);
  });

  test('refuses keys of prototypes at every level', () => {
    const { problems, value } = document('{ "list": [ { "__proto__": { "admin": true } } ],\n"constructor": 1, "prototype": 2 }');
    assert.deepEqual(lines(problems), [
      '1:15 list[0].__proto__: the key "__proto__" is not allowed anywhere',
      '2:1 constructor: the key "constructor" is not allowed anywhere',
      '2:19 prototype: the key "prototype" is not allowed anywhere',
    ]);
    assert.equal(JSON.stringify(value), '{"list":[{}]}');
  });

  test('makes objects without a prototype', () => {
    const value = document('{ "a": {} }').value as { a: object };
    assert.equal(Object.getPrototypeOf(value), null);
    assert.equal(Object.getPrototypeOf(value.a), null);
    assert.equal('toString' in value, false);
  });

  test('knows the place of every key and value', () => {
    const parsed = document('{\n  "a": [ 1,\n    { "b": true } ]\n}');
    assert.deepEqual(parsed.valueAt(['a', 1, 'b']), { line: 3, column: 12 });
    assert.deepEqual(parsed.keyAt(['a', 1, 'b']), { line: 3, column: 7 });
    assert.deepEqual(parsed.keyAt(['a', 1]), { line: 3, column: 5 });
    assert.deepEqual(parsed.valueAt(['a', 1, 'missing', 'deeper']), { line: 3, column: 5 });
    assert.deepEqual(parsed.valueAt([]), { line: 1, column: 1 });
  });
});

describe('beside JSON.parse', () => {
  /** What we refuse and JSON.parse takes. */
  const STRICTER = /given twice|not allowed anywhere|surrogate|too large|deeper/;

  function compare(text: string): void {
    let expected: unknown;
    let valid = true;
    try {
      expected = JSON.parse(text);
    } catch {
      valid = false;
    }
    const parsed = parseJson(Buffer.from(text));
    if ('problems' in parsed) {
      if (valid) assert.match(lines(parsed.problems).join(), STRICTER, text);
      return;
    }
    if (parsed.document.problems.length > 0) {
      assert.ok(valid, text);
      assert.match(lines(parsed.document.problems).join(), STRICTER, text);
      return;
    }
    assert.ok(valid, `accepted ${JSON.stringify(text)}`);
    assert.deepEqual(plainCopy(parsed.document.value), expected, text);
  }

  test('reads what it writes', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 8 }), compare), { numRuns: 2000 });
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(1, 4, '\t', '\r\n '), (value, indent) => compare(JSON.stringify(value, null, indent))),
      { numRuns: 1000 },
    );
  });

  test('agrees about damaged text', () => {
    const damage = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom('', ',', '}', ']', '{', '"', '\\', '0', '-', ':', '\n', 'e', '.', '\u0001', '//'),
    });
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.array(damage, { minLength: 1, maxLength: 3 }), (text, damages) => {
        let damaged = text;
        for (const { at, remove, insert } of damages) {
          const start = at % (damaged.length + 1);
          damaged = damaged.slice(0, start) + insert + damaged.slice(start + remove);
        }
        // Encoding would turn half a pair into U+FFFD, for one of the two only.
        if (!/\p{Surrogate}/u.test(damaged)) compare(damaged);
      }),
      { numRuns: 5000 },
    );
  });

  test('agrees about tokens put together at random', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '""',
      '1',
      '-0',
      '0.5',
      '1E+2',
      'true',
      'false',
      'null',
      ' ',
      '\n',
      '\t',
      '\u00a0',
      '"\\n"',
      '01',
      '-',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => compare(tokens.join(''))),
      { numRuns: 5000 },
    );
  });

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const parsed = parseJson(bytes);
        if ('problems' in parsed) for (const { line, column } of parsed.problems) assert.ok(line >= 1 && column >= 1);
      }),
      { numRuns: 5000 },
    );
  });
});
