import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRawSockets, tryRawSockets } from './raw-check.js';
import { findRawSockets, type RawSockets } from './raw-handle.js';

function found(): RawSockets {
  const sockets = findRawSockets();
  assert.ok(sockets !== null, 'this runtime has none');
  return sockets;
}

test('the trial passes where handles do what is expected of them', { timeout: 20_000 }, async () => {
  const result = await tryRawSockets(found());
  assert.ok('sockets' in result, 'reason' in result ? result.reason : '');
});

test('a runtime without handles, and an administrator who wants none, get the public sockets', async () => {
  assert.deepEqual(await tryRawSockets(null), { reason: 'this runtime does not show its socket handles' });
  assert.deepEqual(await checkRawSockets({ PORTCULLIS_RAW_SOCKETS: '0' }), { reason: 'switched off by PORTCULLIS_RAW_SOCKETS=0' });
});

test('the trial fails, in time and with a reason, where results stand elsewhere', { timeout: 20_000 }, async () => {
  const sockets = found();
  const elsewhere: Record<string, RawSockets> = {
    // Nothing would ever be read.
    'reads without bytes': { ...sockets, state: new Int32Array(sockets.state.length) },
    // A write that waits would look like one that is done.
    'writes that never wait': { ...sockets, wasAsyncAt: sockets.bytesReadAt, bytesReadAt: sockets.bytesReadAt },
    'requests that cannot be made': {
      ...sockets,
      newWrite: () => {
        throw new Error('no such request');
      },
    },
  };
  for (const [what, broken] of Object.entries(elsewhere)) {
    const result = await tryRawSockets(broken);
    assert.ok('reason' in result && result.reason.length > 0, what);
  }
});
