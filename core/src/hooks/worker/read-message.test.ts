import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_BATCH } from './messages.js';
import { readBatch, readMessage } from './read-message.js';

test('messages that the runtime in a thread does not send are not taken', () => {
  const strange: unknown[] = [
    undefined,
    null,
    'stopped',
    [],
    {},
    { t: 'allow' },
    { t: 'answer' },
    { t: 'answer', id: 0, answer: { kind: 'skip' } },
    { t: 'answer', id: 1.5, answer: { kind: 'skip' } },
    { t: 'answer', id: '1', answer: { kind: 'skip' } },
    { t: 'answer', id: 1, answer: null },
    { t: 'answer', id: 1, answer: { kind: 'fault' } },
    { t: 'answer', id: 1, answer: { verb: 'allow' } },
    { t: 'fault', id: 1, kind: 'stopped', detail: '', place: null },
    { t: 'fault', id: 1, kind: 'allow', detail: '', place: null },
    { t: 'fault', id: 1, kind: 'threw', detail: 7, place: null },
    { t: 'fault', id: 1, kind: 'threw', detail: '', place: 7 },
    { t: 'fault', id: 1, kind: 'threw', detail: '', place: { at: 7, frames: [] } },
    { t: 'escaped', where: 'timer', text: '', place: { at: 'index.js:1:1', frames: [7] } },
    { t: 'call', id: 1, what: 'publish', args: {} },
    { t: 'call', id: 1, what: 'publish', args: new Array(2000).fill(0) },
    { t: 'log', level: 'silent', fields: {}, message: '' },
    { t: 'log', level: 'info', fields: { a: {} }, message: '' },
    { t: 'log', level: 'info', fields: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, i])), message: '' },
    { t: 'metrics', counts: [['a', '1']], gauges: [] },
    { t: 'metrics', counts: [1], gauges: [] },
    { t: 'started', taps: 'authenticate', methods: [] },
    { t: 'heard', count: -1 },
    { t: 'heard', count: Number.POSITIVE_INFINITY },
  ];
  for (const message of strange) assert.throws(() => readMessage(message), { message: /^(?:a|an) / }, JSON.stringify(message));
});

test('a post that is no list of messages, or one of more than a post may hold, is not taken', () => {
  const message = { t: 'stopped' };
  for (const batch of [undefined, null, 'stopped', message, { length: 1, 0: message }, [], new Array(MAX_BATCH + 1).fill(message)]) {
    assert.throws(() => readBatch(batch), { message: /^a list/ });
  }
  assert.equal(readBatch(new Array(MAX_BATCH).fill(message)).length, MAX_BATCH);
});

test('texts that cross are cut', () => {
  const { detail } = readMessage({ t: 'fault', id: 1, kind: 'threw', detail: 'x'.repeat(1_000_000), place: null }) as { detail: string };
  assert.ok(detail.length <= 2001);
});
