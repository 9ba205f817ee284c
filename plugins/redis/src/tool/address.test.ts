import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '@portcullis/sdk/tools';
import { serverOf } from './address.js';
import { readToolArguments } from './arguments.js';

function server(url: string, env: Readonly<Record<string, string>> = {}) {
  return serverOf(readToolArguments(['user', 'list']), { PORTCULLIS_REDIS_URL: url, ...env });
}

test('an address says which server, which user and which database', () => {
  const { kind, addresses, database, username, password, tls } = server('redis://ann:p%40ss@db:7/3');
  assert.deepEqual(
    { kind, addresses, database, username, password, tls },
    { kind: 'single', addresses: [{ host: 'db', port: 7 }], database: 3, username: 'ann', password: 'p@ss', tls: null },
  );
  assert.deepEqual(server('rediss://db').tls, { ca: null, cert: null, key: null, servername: null });
  assert.equal(server('redis://ann@db', { PORTCULLIS_REDIS_PASSWORD: 'secret' }).password, 'secret');
  assert.deepEqual(serverOf(readToolArguments(['user', 'list']), {}).addresses, [{ host: '127.0.0.1', port: 6379 }]);
});

test('sentinels and nodes of a cluster are several, and each kind has its own rest', () => {
  const sentinel = server('redis+sentinel://a,[::1]:2/mymaster/4', { PORTCULLIS_REDIS_SENTINEL_PASSWORD: 's' });
  assert.deepEqual(sentinel.addresses, [
    { host: 'a', port: 26_379 },
    { host: '::1', port: 2 },
  ]);
  assert.deepEqual([sentinel.sentinel, sentinel.database], [{ name: 'mymaster', username: 'default', password: 's' }, 4]);
  assert.deepEqual(server('rediss+cluster://a:1,b:2').addresses, [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
  ]);
});

test('what is no address is refused, and no password of it is repeated', () => {
  for (const url of [
    '',
    'db:1',
    'http://db',
    'redis://',
    'redis://a,b',
    'redis://a/x',
    'redis://a:99999',
    'redis+sentinel://a',
    'redis+cluster://a/1',
    'redis://u:canary%@a',
  ]) {
    assert.throws(
      () => server(url),
      (error: unknown) => error instanceof UsageError && !error.message.includes('canary'),
      url,
    );
  }
});
