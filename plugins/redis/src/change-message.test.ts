import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChange } from './change-message.js';

test('a change is read, and names are what they are', () => {
  assert.deepEqual(readChange('{"v":7,"kind":"user","tenant":"","name":"a\\nb"}'), { version: 7, kind: 'user', tenant: null, name: 'a\nb' });
  assert.deepEqual(readChange('{"v":1,"kind":"everybody","tenant":"acme","name":""}'), { version: 1, kind: 'everybody', tenant: 'acme', name: '' });
  assert.equal(readChange('{"kind":"probe","id":"x"}'), 'probe');
});

test('what is not exactly a change is none', () => {
  for (const message of [
    '',
    'null',
    '[]',
    '{"v":0,"kind":"user","tenant":"","name":"a"}',
    '{"v":1.5,"kind":"user","tenant":"","name":"a"}',
    '{"v":"1","kind":"user","tenant":"","name":"a"}',
    '{"v":9007199254740993,"kind":"user","tenant":"","name":"a"}',
    '{"v":1,"kind":"users","tenant":"","name":"a"}',
    '{"v":1,"kind":"constructor","tenant":"","name":"a"}',
    '{"v":1,"kind":"user","tenant":null,"name":"a"}',
    '{"v":1,"kind":"user","tenant":"","name":""}',
    '{"v":1,"kind":"everybody","tenant":"","name":"a"}',
    '{"v":1,"v":2,"kind":"user","tenant":"","name":"a"}',
    `{"v":1,"kind":"user","tenant":"","name":"${'x'.repeat(20_000)}"}`,
  ]) {
    assert.equal(readChange(message), null, message.slice(0, 60));
  }
});
