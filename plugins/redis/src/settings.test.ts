import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidPluginConfig } from '@portcullis/sdk';
import type { RedisConfig } from './config-schema.js';
import { parseAddress, serverSettings } from './settings.js';

const DEFAULTS: RedisConfig = {
  ...{ database: 0, prefix: 'portcullis', leaseSeconds: 300, commandTimeoutMs: 500, connectTimeoutMs: 2000, heartbeatMs: 1000 },
  ...{ maxCachedUsers: 100, maxGroups: 100 },
};

function settings(config: Partial<RedisConfig>) {
  return serverSettings({ ...DEFAULTS, ...config }, { baseFolder: '/etc', timeoutMs: 2000 });
}

test('without a word about it, the server is on this machine, and no TLS is made to it', () => {
  const { kind, addresses, tls, username, password } = settings({});
  assert.deepEqual(
    { kind, addresses, tls, username, password },
    { kind: 'single', addresses: [{ host: '127.0.0.1', port: 6379 }], tls: null, username: 'default', password: null },
  );
});

test('to another machine TLS is verified, or switched off in so many words', () => {
  assert.throws(() => settings({ host: 'db' }), /"tls" must be said for db/);
  assert.throws(() => settings({ cluster: { nodes: ['127.0.0.1', 'db:1'] } }), /"tls" must be said for db/);
  assert.equal(settings({ host: 'db', tls: { mode: 'disable' } }).tls, null);
  assert.deepEqual(settings({ host: 'db', tls: { mode: 'verify-full' } }).tls, { ca: null, cert: null, key: null, servername: null });
});

test('options that exclude or need each other are refused, in words', () => {
  const mistakes: readonly (readonly [Partial<RedisConfig>, RegExp])[] = [
    [{ host: 'a', cluster: { nodes: ['b'] } }, /not several/],
    [{ port: 1, sentinel: { name: 'm', nodes: ['b'] } }, /not several/],
    [{ cluster: { nodes: ['127.0.0.1'] }, database: 1 }, /database 0 only/],
    [{ username: 'a' }, /needs a "password"/],
    [{ sentinel: { name: 'm', nodes: ['127.0.0.1'], username: 'x' } }, /"sentinel.username" needs/],
    [{ sentinel: { name: 'm', nodes: ['a:b:c'] } }, /is no address/],
    [{ commandTimeoutMs: 667 }, /"commandTimeoutMs" \(667\) must be at most a third .*\(2000\): write 666 or less, or a "timeoutMs" of 2001 or more/],
    [{ tls: { mode: 'disable', servername: 'x' } }, /take out the one or the other/],
    [{ tls: { mode: 'verify-full', cert: 'x' } }, /together, or neither/],
    [{ tls: { mode: 'verify-full', ca: 'nowhere.pem' } }, /\/etc\/nowhere.pem: cannot be read \(ENOENT\)/],
    [{ tls: { mode: 'verify-full', ca: 'hostname' } }, /cannot be read|holds no PEM/],
  ];
  for (const [config, message] of mistakes) {
    assert.throws(
      () => settings(config),
      (error: unknown) => error instanceof InvalidPluginConfig && message.test(error.message),
      String(message),
    );
  }
});

test('only what was said in so many words goes to other machines in the clear', () => {
  assert.equal(settings({}).remoteInClear, false);
  assert.equal(settings({ tls: { mode: 'verify-full' } }).remoteInClear, false);
  assert.equal(settings({ tls: { mode: 'disable' } }).remoteInClear, true);
});

test('addresses are host:port, and nothing else', () => {
  assert.deepEqual(parseAddress('db', 7), { host: 'db', port: 7 });
  assert.deepEqual(parseAddress('[::1]:8', 7), { host: '::1', port: 8 });
  for (const text of ['', ':1', '::1', 'a:0', 'a:65536', 'a b', 'redis://a', 'u@a'])
    assert.throws(() => parseAddress(text, 7), InvalidPluginConfig, text);
});
