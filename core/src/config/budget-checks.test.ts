import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHAIN, changed, documentOf, lines, PASSWORDS } from './document.test.support.js';
import { validateDocument } from './load.js';

function warned(text: string): string[] {
  const { problems, warnings } = validateDocument(documentOf(text), {});
  assert.deepEqual(lines(problems), []);
  return lines(warnings).map((line) => line.replace(/^\d+:\d+ /, ''));
}

const HINT = 'its breaker never opens when it is silent: make "timeoutMs" less than "deadlineMs"';

test('A plugin that has as much time as its chain is warned of, at the number that was written.', () => {
  const own = changed(PASSWORDS, `"timeoutMs": 5000, ${PASSWORDS}`);
  assert.deepEqual(warned(own), [
    `plugins.passwords.timeoutMs: plugin "passwords" has 5000 ms for an answer, and its chain "default" no more than 5000 ms for all — ${HINT}`,
  ]);
  const chains = changed(CHAIN, CHAIN.replace(/\}$/, ', "deadlineMs": 1999 }'));
  assert.deepEqual(
    warned(chains),
    ['passwords', 'rules'].map(
      (name) =>
        `chains.default.deadlineMs: plugin "${name}" has 2000 ms for an answer, and its chain "default" no more than 1999 ms for all — ${HINT}`,
    ),
  );
  assert.deepEqual(warned(changed(PASSWORDS, `"timeoutMs": 4999, ${PASSWORDS}`)), []);
});

test('Times of the wrong type, and plugins that there are not, are left to those who complain of them.', () => {
  for (const text of [changed(PASSWORDS, `"timeoutMs": "5 s", ${PASSWORDS}`), changed('["rules"]', '["nobody"]')])
    assert.deepEqual(lines(validateDocument(documentOf(text), {}).warnings), []);
});
