import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
import { faultProxy } from '@portcullis/testing';
import pg from 'pg';
import { Session } from './session.js';
import { targetOf } from './target.js';
import { runTool } from './tool.test.support.js';

const PASSWORD = 'Canary-database-51f0';
let server: PostgresServer;
let standby: PostgresServer;

before(async () => {
  server = await startPostgres({ auth: 'scram-sha-256', password: PASSWORD });
  assert.equal((await tool(server.url(), 'init')).status, 0);
  standby = await startPostgres({ standbyOf: server });
});
after(async () => {
  await standby.dispose();
  await server.dispose();
});

function tool(url: string, ...args: string[]) {
  return runTool(args, { env: { PORTCULLIS_POSTGRES_URL: url } });
}

/** The one line that a command says about a database that cannot be used. */
async function refused(url: string, ...args: string[]): Promise<string> {
  const { status, out, error } = await tool(url, ...args);
  assert.equal(status, 1, error);
  assert.equal(out, '');
  assert.match(error, /^portcullis-postgres: [^\n]+\n$/);
  assert.ok(!error.includes(PASSWORD), error);
  return error.slice('portcullis-postgres: '.length, -1);
}

function changed(change: (url: URL) => void): string {
  const url = new URL(server.url());
  change(url);
  return url.href;
}

test('a database that cannot be reached or entered is told in one line, without its password', async () => {
  const { port } = server;
  const cases: readonly [url: string, line: RegExp][] = [
    [changed((url) => (url.port = '1')), /^cannot reach PostgreSQL at 127\.0\.0\.1:1\/postgres: the connection was refused/],
    [
      changed((url) => (url.hostname = 'no-such-host.invalid')).replace('?', '?sslmode=disable&'),
      /^cannot reach PostgreSQL at no-such-host\.invalid:\d+\/postgres: /,
    ],
    [
      changed((url) => (url.password = 'wrong')),
      new RegExp(`^the user or the password for the database is wrong \\(127\\.0\\.0\\.1:${port}/postgres\\)$`),
    ],
    [changed((url) => (url.username = 'nobody_here')), /^the user or the password for the database is wrong/],
    [changed((url) => (url.password = '')), /it asks for a password, and none was given/],
    [changed((url) => (url.pathname = '/nothing')), /^there is no such database; create it/],
    [changed((url) => url.searchParams.set('sslmode', 'verify-full')), /it offers no TLS/],
    [changed((url) => url.searchParams.set('sslmode', 'prefer')), /is "prefer"; verify-full encrypts and verifies, disable does neither/],
    [changed((url) => url.searchParams.set('sslrootcert', '/no/such/file')), /^sslrootcert: "\/no\/such\/file" cannot be read \(ENOENT\)$/],
    [changed((url) => url.searchParams.set('ssl', 'true')), /has "ssl"; say sslmode=verify-full/],
    [`http://x:${PASSWORD}@127.0.0.1/`, /does not begin with postgres:\/\/$/],
    [`${PASSWORD} is no address`, /is no address; write postgres:/],
  ];
  for (const [url, line] of cases) assert.match(await refused(url, 'user', 'list'), line);
});

test('what does not answer is given up, and what dies in between is told', async (t) => {
  const proxy = await faultProxy({ target: { host: server.host, port: server.port } });
  t.after(() => proxy.close());
  const target = targetOf(
    changed((url) => (url.port = String(proxy.port))),
    {},
    true,
  );
  const session = await Session.open(target, 'portcullis');
  await proxy.set({ kind: 'reset', afterBytes: 0 });
  await assert.rejects(session.query('select 1'), /^ToolError: cannot reach PostgreSQL at .*: the connection was cut$/);
  await session.close();
  await proxy.set('blackhole');
  const impatient = { ...target, config: { ...target.config, connectionTimeoutMillis: 200 } };
  await assert.rejects(Session.open(impatient, 'portcullis'), /^ToolError: cannot reach PostgreSQL at .*: it does not answer$/);
  await proxy.set('pass');
  const frozen = await Session.open({ ...target, config: { ...target.config, query_timeout: 200 } }, 'portcullis');
  await proxy.set('blackhole');
  await assert.rejects(frozen.query('select 1'), /it does not answer/);
  // A connection to something frozen is ended, too.
  await frozen.close();
});

test('what answers with something else than PostgreSQL is told', async (t) => {
  const other = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('220 smtp.example.org ready\r\n');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const address = other.address();
  const line = await refused(
    changed((url) => (url.port = String(typeof address === 'object' ? address?.port : 0))),
    'user',
    'list',
  );
  assert.match(line, /^cannot reach PostgreSQL at /);
});

test('a writer that holds the tables is waited for only so long, and nothing is changed', async (t) => {
  const holder = new pg.Client(server.url());
  await holder.connect();
  t.after(() => holder.end());
  await holder.query('begin; select 1 from portcullis.state for update');
  const target = targetOf(server.url(), {}, true);
  const session = await Session.open({ ...target, config: { ...target.config, lock_timeout: 100 } }, 'portcullis');
  await assert.rejects(session.query(`insert into portcullis.users (username) values ('ann')`), /another program holds the tables; try again/);
  await session.close();
});

test('a replica answers, and is not changed', async () => {
  const url = standby.url();
  const said = await tool(url, 'check');
  assert.equal(said.status, 0, said.out);
  assert.match(said.out, /^warn {2}this server is a replica: it can answer look-ups, and news of changes must come from the primary$/m);
  assert.match(await refused(url, 'group', 'add', 'red'), /^this server is a replica, which cannot be changed; connect to the primary/);
});

test('a password in an address on the command line is refused, unless it is wanted', async () => {
  const { status, error } = await runTool(['--url', server.url(), 'user', 'list']);
  assert.equal(status, 1);
  assert.match(error, /^portcullis-postgres: --url holds a password, which other users of the machine can see; put it into PGPASSWORD/);
  assert.ok(!error.includes(PASSWORD));
  assert.equal((await runTool(['-b', '--url', server.url(), 'user', 'list'])).out, '0 users\n');
});

test('the address may be in the variables of psql', async () => {
  const { port, user } = server;
  const given = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: user, PGDATABASE: 'postgres', PGPASSWORD: PASSWORD };
  const before = Object.fromEntries(Object.keys(given).map((name) => [name, process.env[name]]));
  Object.assign(process.env, given);
  try {
    assert.equal((await runTool(['user', 'list'], { env: process.env })).out, '0 users\n');
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test('a server of another machine is asked for TLS unless that is switched off', () => {
  const ssl = (url: string, env = {}) => targetOf(url, env, true).config.ssl;
  assert.deepEqual(ssl('postgres://db.example.org/x'), { rejectUnauthorized: true });
  assert.deepEqual(ssl('postgres://db.example.org/x?sslmode=require'), { rejectUnauthorized: true });
  assert.deepEqual(ssl('postgres://127.0.0.1.example.org/x'), { rejectUnauthorized: true });
  assert.deepEqual(ssl('postgres://127.0.0.1/x?host=db.example.org'), { rejectUnauthorized: true });
  assert.deepEqual(ssl('postgres://127.0.0.1/x', { PGSSLMODE: 'verify-full' }), { rejectUnauthorized: true });
  assert.equal(ssl('postgres://db.example.org/x?sslmode=disable'), false);
  for (const host of ['127.0.0.1', '[::1]', 'localhost', '']) assert.equal(ssl(`postgres://${host}/x`), false, host);
  assert.deepEqual(targetOf(null, { PGHOST: 'db.example.org' }, false).config, { host: 'db.example.org', ssl: { rejectUnauthorized: true } });
  assert.deepEqual(targetOf(null, { PGHOST: '/run/postgresql' }, false).config, { host: '/run/postgresql', ssl: false });
});
