import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { problemLines } from './print-problems.js';

const problem = { line: 12, column: 5, path: 'plugins.rules.confg', message: 'unknown key "confg"', hint: 'did you mean "config"?' };

describe('problems are printed', () => {
  test('with file, place, path, message and hint', () => {
    assert.deepEqual(problemLines('plugins.json', [problem, { ...problem, hint: null }]), [
      'plugins.json:12:5  plugins.rules.confg: unknown key "confg" — did you mean "config"?',
      'plugins.json:12:5  plugins.rules.confg: unknown key "confg"',
    ]);
  });

  test('without a place when they are about the whole file', () => {
    assert.deepEqual(problemLines('x.json', [{ line: 0, column: 0, path: '', message: 'does not exist', hint: null }]), ['x.json  does not exist']);
  });

  test('on one line, without characters that drive the terminal', () => {
    assert.deepEqual(problemLines('p', [{ ...problem, path: '', message: 'a\nb\u001b[31m\u009b\u2028', hint: null }]), [
      'p:12:5  a\\u000ab\\u001b[31m\\u009b\\u2028',
    ]);
  });

  test('a hundred at most', () => {
    const lines = problemLines('p', Array(103).fill(problem));
    assert.equal(lines.length, 101);
    assert.equal(lines.at(-1), '… and 3 more');
  });
});
