import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { readSettings, type Settings } from './settings.js';

type Config = Parameters<typeof readSettings>[0];

function read(more: Partial<Config> = {}): Settings {
  const config: Config = {
    host: '127.0.0.1',
    port: 5432,
    database: 'd',
    user: 'u',
    schema: 'portcullis',
    connections: 2,
    statementTimeoutMs: 800,
    push: true,
    heartbeatSeconds: 5,
    maxUsers: 1,
    maxKeptBytes: 1_048_576,
    maxGroups: 1,
    ...more,
  };
  return readSettings(config, { baseFolder: '/base', timeoutMs: 2000 });
}

const HOSTS = ['127.0.0.1', 'localhost', '/run/postgresql', 'db.example', '10.0.0.1', '[fd00::1]'];
const spokenToByTls = (more: Partial<Config>): string[] => {
  const settings = read({ host: HOSTS, ...more });
  return settings.servers.filter((server) => settings.tlsFor(server) !== null).map(({ host }) => host);
};

test('without "tls" a server elsewhere must prove itself, and one on this machine is spoken to as it is', () => {
  assert.deepEqual(spokenToByTls({}), ['db.example', '10.0.0.1', 'fd00::1']);
});

test('with "tls" every server must prove itself, but for a socket, which has none', () => {
  assert.deepEqual(spokenToByTls({ tls: { mode: 'verify-full' } }), ['127.0.0.1', 'localhost', 'db.example', '10.0.0.1', 'fd00::1']);
});

test('TLS is off only where that is spelled out', () => {
  assert.deepEqual(spokenToByTls({ tls: { mode: 'disable' } }), []);
});

test('files of TLS are relative to the configuration', () => {
  const settings = read({ tls: { mode: 'verify-full', ca: 'ca.pem', cert: '/etc/c.pem', key: 'k.pem', servername: 'db' } });
  assert.deepEqual(settings.tlsFor({ host: '127.0.0.1', port: 1 }), { ca: '/base/ca.pem', cert: '/etc/c.pem', key: '/base/k.pem', servername: 'db' });
});

test('a lease is long with push and short without', () => {
  assert.deepEqual([read().leaseMs, read({ push: false }).leaseMs, read({ leaseSeconds: 7 }).leaseMs], [300_000, 30_000, 7000]);
});

test('the password is not shown with the settings', () => {
  const settings = read({ password: 'a secret' });
  assert.equal(settings.password(), 'a secret');
  assert.doesNotMatch(`${inspect(settings, { depth: 9, showHidden: true })} ${JSON.stringify(settings)}`, /a secret/);
});
