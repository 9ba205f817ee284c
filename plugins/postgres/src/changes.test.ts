import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnnouncement, readOwnNotification } from './changes.js';

const EPOCH = '0b7cf5a4-4b2c-4c0e-9f57-3a8f6f0e1f6d';

test('an announcement of the schema says version, epoch and what has changed', () => {
  const payload = JSON.stringify({
    v: 7,
    e: EPOCH,
    c: [
      ['user', '', 'bob'],
      ['group', 'acme', 'crew'],
      ['tenant', 'acme', ''],
      ['all', '', ''],
    ],
  });
  assert.deepEqual(readAnnouncement(payload), {
    version: 7,
    epoch: EPOCH,
    changes: [
      { kind: 'user', tenant: null, name: 'bob' },
      { kind: 'group', tenant: 'acme', name: 'crew' },
      { kind: 'everybody', tenant: 'acme' },
      { kind: 'all' },
    ],
  });
  assert.deepEqual(readAnnouncement(JSON.stringify({ v: 7, e: EPOCH, c: null })), { version: 7, epoch: EPOCH, changes: null });
});

test('what is no announcement is none, and never a part of one', () => {
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
    JSON.stringify({ v: 7, e: EPOCH }),
    JSON.stringify({
      v: 7,
      e: EPOCH,
      c: [
        ['user', '', 'bob'],
        ['wat', '', 'bob'],
      ],
    }),
    JSON.stringify({ v: 7, e: EPOCH, c: [['user', '', '']] }),
    JSON.stringify({ v: 7, e: EPOCH, c: [['user', null, 'bob']] }),
    JSON.stringify({ v: 7, e: EPOCH, c: [['user', 'bob']] }),
    JSON.stringify({ v: 7, e: EPOCH, c: ['user'] }),
  ]) {
    assert.equal(readAnnouncement(payload), null, payload);
  }
});

test('a notification of own tables names one change', () => {
  assert.deepEqual(readOwnNotification('{"kind":"user","tenant":"acme","name":"bob"}'), { kind: 'user', tenant: 'acme', name: 'bob' });
  assert.deepEqual(readOwnNotification('{"kind":"group","name":"crew"}'), { kind: 'group', tenant: null, name: 'crew' });
  assert.deepEqual(readOwnNotification('{"kind":"tenant","tenant":null}'), { kind: 'everybody', tenant: null });
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
