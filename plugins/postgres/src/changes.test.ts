import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnnouncement, readOwnNotification } from './changes.js';

const EPOCH = '0b7cf5a4-4b2c-4c0e-9f57-3a8f6f0e1f6d';

test('an announcement of the schema says version and epoch; what else it says is not looked at', () => {
  for (const c of [[['user', '', 'bob']], [], null, 7, undefined]) {
    assert.deepEqual(readAnnouncement(JSON.stringify({ v: 7, e: EPOCH, c })), { version: 7, epoch: EPOCH });
  }
});

test('what is no announcement is none', () => {
  for (const payload of [
    '',
    'x',
    'null',
    '[]',
    '7',
    '{}',
    JSON.stringify({ v: '7', e: EPOCH, c: [] }),
    JSON.stringify({ v: -1, e: EPOCH, c: [] }),
    JSON.stringify({ v: 1.5, e: EPOCH, c: [] }),
    JSON.stringify({ v: 7, c: [] }),
    JSON.stringify({ v: 7, e: 7 }),
  ]) {
    assert.equal(readAnnouncement(payload), null, payload);
  }
});

test('a notification of own tables names one change', () => {
  assert.deepEqual(readOwnNotification('{"kind":"user","tenant":"acme","name":"bob"}'), { kind: 'user', tenant: 'acme', name: 'bob' });
  assert.deepEqual(readOwnNotification('{"kind":"group","name":"crew"}'), { kind: 'group', tenant: null, name: 'crew' });
  assert.deepEqual(readOwnNotification('{"kind":"tenant","tenant":null}'), { kind: 'tenant', tenant: null });
  assert.deepEqual(readOwnNotification('{"kind":"everybody","tenant":"acme"}'), { kind: 'everybody', tenant: 'acme' });
  assert.deepEqual(readOwnNotification('{"kind":"all"}'), { kind: 'all' });
  for (const payload of [
    '',
    '{"kind":"user"}',
    '{"name":"bob"}',
    '{"kind":"user","name":7}',
    '{"kind":"user","tenant":7,"name":"bob"}',
    '{"__proto__":{"kind":"all"}}',
  ])
    assert.equal(readOwnNotification(payload), null, payload);
});
