import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '@portcullis/sdk';
import pg from 'pg';
import { questionError, startError } from './database-errors.js';

function serverError(code: string, severity = 'ERROR'): Error {
  const error = new pg.DatabaseError('something', 9, 'error');
  return Object.assign(error, { code, severity });
}

test('damage in the row that was asked for is a fault of that question; what ends the connection is a failure of the server', () => {
  for (const code of ['XX000', 'XX001', 'XX002', '22P02']) assert.ok(!(questionError('user', serverError(code)) instanceof BackendUnavailable), code);
  for (const code of ['XX000', 'XX001', '57P01']) assert.ok(questionError('user', serverError(code, 'FATAL')) instanceof BackendUnavailable, code);
  for (const code of ['57014', '08006', '53300', '40001', '55P03'])
    assert.ok(questionError('user', serverError(code)) instanceof BackendUnavailable, code);
});

test('at the start nobody was asked about: what the server cannot do now it may do later', () => {
  assert.ok(startError(serverError('XX000')) instanceof BackendUnavailable);
});
