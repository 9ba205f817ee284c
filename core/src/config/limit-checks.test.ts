import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changed, documentOf, lines } from './document.test.support.js';
import { validateDocument } from './load.js';

function judged(limits: string): readonly [string[], string[]] {
  const { problems, warnings } = validateDocument(documentOf(changed('"version": 1', `"version": 1, "limits": ${limits}`)), {});
  return [lines(problems), lines(warnings)];
}

test('A reserve of file descriptors that leaves none for connections is refused.', () => {
  const text = '2:83 limits.reservedFileDescriptors: must be less than "maxFileDescriptors" — no connection would be let in';
  assert.deepEqual(judged('{ "maxFileDescriptors": 128, "reservedFileDescriptors": 128 }')[0], [text]);
  assert.deepEqual(judged('{ "maxFileDescriptors": 128, "reservedFileDescriptors": 127 }'), [[], []]);
});

test('Strangers that may take every place, or one that may take all bytes of strangers, are warned of.', () => {
  assert.deepEqual(judged('{ "maxHalfOpen": 15000 }'), [
    [],
    ['2:44 limits.maxHalfOpen: is not less than "maxConnections" — strangers can take every place'],
  ]);
  assert.deepEqual(judged('{ "maxPreAuthTotalBytes": 131071 }'), [
    [],
    ['2:53 limits.maxPreAuthTotalBytes: is less than "preAuthBytes" — one connection could take all of it'],
  ]);
  assert.deepEqual(judged('{ "maxHalfOpen": 14999, "maxPreAuthTotalBytes": 131072, "maxConnections": 15000 }'), [[], []]);
});

test('A limit of the wrong type is complained of once.', () => {
  assert.equal(judged('{ "maxFileDescriptors": "128", "reservedFileDescriptors": 500 }')[0].length, 1);
});
