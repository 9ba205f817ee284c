import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, InvalidPluginConfig, PLUGIN_ERRORS } from './errors.js';

test('Errors that plugins throw carry their stable codes, whichever copy of the SDK made them.', () => {
  const cause = new Error('ECONNREFUSED');
  const error = new BackendUnavailable('the database is down', { cause });
  assert.deepEqual(
    [error.name, error.code, error.message, error.cause],
    ['BackendUnavailable', 'PCL_BACKEND_UNAVAILABLE', 'the database is down', cause],
  );
  assert.equal(new InvalidPluginConfig('line 3').code, 'PCL_PLUGIN_CONFIG');
  assert.ok(error instanceof Error);
});

test('Only a backend that cannot be asked counts towards the breaker.', () => {
  assert.deepEqual(
    Object.values(PLUGIN_ERRORS).map(({ countsForBreaker }) => countsForBreaker),
    [true, false],
  );
});
