import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { POSTGRES_TOOL } from '../support/postgres-tool.js';

let server: PostgresServer;
const folder = temporaryFolder();

before(async () => {
  const authority = await Authority.create();
  const { cert, key } = await authority.issue({
    subject: [['CN', 'database']],
    names: [
      { type: 'ip', value: '127.0.0.1' },
      { type: 'dns', value: 'db.example' },
    ],
  });
  server = await startPostgres({ tls: { cert, key } });
  writeFiles(folder, {
    'ca.pem': authority.pem,
    'other.pem': (await Authority.create('Another authority')).pem,
    'plugins.json': {
      version: 1,
      plugins: {
        users: entry('127.0.0.1', {}),
        named: entry('localhost', { servername: 'db.example' }),
        wrong: entry('127.0.0.1', { servername: 'other' }),
      },
    },
  });
});
after(() => server.dispose());

function entry(host: string, tls: object): object {
  return {
    use: '@portcullis/plugin-postgres',
    config: { host, port: server.port, database: 'postgres', user: 'postgres', tls: { ca: 'ca.pem', ...tls } },
  };
}

function tool(...args: readonly string[]): Promise<{ code: number | null; out: string; error: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [POSTGRES_TOOL, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let error = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      error += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, error }));
  });
}

const url = (query: string): string => `${server.url()}${query}`;

test('the tool speaks TLS with a server whose certificate it can verify, and says so', async () => {
  assert.equal((await tool('--url', url(`?sslmode=verify-full&sslrootcert=${join(folder, 'ca.pem')}`), 'init')).code, 0);
  for (const name of ['users', 'named']) {
    const { code, out, error } = await tool('-c', 'plugins.json', '--plugin', name, 'check');
    assert.equal(code, 0, out + error);
    assert.match(out, /^ok {4}TLS: TLSv1\.3$/m);
  }
  assert.match((await tool('-c', 'plugins.json', '--plugin', 'wrong', 'check')).error, /is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
});

test('a certificate of an authority that is not trusted, or for another name, is refused in one line', async () => {
  for (const [query, line] of [
    [
      '?sslmode=verify-full',
      /^portcullis-postgres: the certificate of PostgreSQL at 127\.0\.0\.1:\d+\/postgres is not accepted \(\w+\); give its authority/,
    ],
    [`?sslmode=require&sslrootcert=${join(folder, 'other.pem')}`, /is not accepted/],
  ] as const) {
    const { code, out, error } = await tool('--url', url(query), 'user', 'list');
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(error, line);
    assert.equal(error.split('\n').length, 2);
  }
  const named = server.url().replace('127.0.0.1', 'localhost');
  const { error } = await tool('--url', `${named}?sslmode=verify-full&sslrootcert=${join(folder, 'ca.pem')}`, 'user', 'list');
  assert.match(error, /is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
});
