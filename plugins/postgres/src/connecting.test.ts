import assert from 'node:assert/strict';
import { appendFile, chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { startPostgres } from '@portcullis/test-servers';
import pg from 'pg';
import { CONNACK, cheapHash, type Ending, ending, enter, login, Scene, VERSIONS } from './scene.test.support.js';
import { readerGrants } from './schema/grants.js';
import { migrate } from './schema/migrate.js';

/** Stands before a server and notes what is said to it. */
async function listenIn(end: Ending, target: URL): Promise<{ readonly port: number; said(text: string): boolean }> {
  const sockets = new Set<Socket>();
  const heard: Buffer[] = [];
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    client.on('data', (bytes) => void heard.push(bytes));
    for (const [from, into] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => into.destroy());
      from.on('close', () => into.destroy());
      from.pipe(into);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  end.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, said: (text) => Buffer.concat(heard).includes(text) };
}

describe('the connections of the plugin postgres', async () => {
  const end = ending({ after });
  const scene = await Scene.open(end);
  await scene.user('alice');

  test('are as many as the options say, and one that listens', async () => {
    const broker = await scene.broker({ config: scene.config({ connections: 5 }) });
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
    const [row] = await scene.sql('select count(*)::int as count from pg_stat_activity where usename = $1', scene.role);
    assert.equal(row?.count, 6);
    await broker.stop();
  });

  test('take a question while others have no answer yet', async (t) => {
    const wire = await listenIn(ending(t), scene.url);
    const broker = await scene.broker({
      config: scene.config({ port: wire.port, statementTimeoutMs: 8000 }),
      entries: { plugin: { timeoutMs: 10_000 } },
      chain: { authenticate: ['plugin'], authorize: ['plugin'], deadlineMs: 10_000 },
    });
    const names = Array.from({ length: 10 }, (_, i) => `in line ${i}`);
    await scene.sql('begin');
    await scene.sql('lock table portcullis.users in access exclusive mode');
    const logins = names.map((name) => login(broker, '5.0', name));
    // Of two connections one question each could be on its way otherwise.
    await broker.until('all of them to be asked about', () => names.every((name) => wire.said(name)), 5000);
    await scene.sql('rollback');
    for (const answer of await Promise.all(logins)) assert.match(answer, CONNACK.badCredentials['5.0']);
    await broker.stop();
  });

  for (const version of VERSIONS) {
    test(`cannot write, though the role may and a query would: that is a fault (${version})`, async () => {
      const table = `written_${version.replaceAll('.', '_')}`;
      await scene.sql(`create table ${table} (name text)`);
      await scene.sql(`grant insert, select on ${table} to ${scene.role}`);
      await scene.sql(
        `create function note_${table}(text) returns text language plpgsql volatile as $$ begin insert into ${table} values ($1); return $1; end $$`,
      );
      const user = `select username, password_hash from portcullis.users where tenant = $1 and username = $2 and note_${table}($2) is not null`;
      const broker = await scene.broker({ config: scene.config({ push: false, queries: { user } }) });
      assert.match(await login(broker, version, 'alice'), CONNACK.unavailable[version]);
      assert.deepEqual(await scene.sql(`select * from ${table}`), []);
      await broker.stop();
    });
  }
});

test('a schema of another name is read and heard as the usual one is', async (t) => {
  const scene = await Scene.open(ending(t), undefined, { init: false });
  const owner = new pg.Client({ connectionString: scene.url.href });
  await owner.connect();
  try {
    await migrate(owner, 'other_one', { create: true });
  } finally {
    await owner.end();
  }
  for (const grant of readerGrants('other_one', scene.role)) await scene.sql(grant);
  await scene.sql(`insert into other_one.users (username, password_hash) values ('bob', $1)`, await cheapHash());
  const broker = await scene.broker({ config: scene.config({ schema: 'other_one' }) });
  const bob = await enter(broker, '5.0', 'bob');
  await scene.sql(`update other_one.users set enabled = false`);
  await bob.expectExpelled(0x87);
  assert.match(await login(broker, '5.0', 'bob'), CONNACK.badCredentials['5.0']);
});

test('a server is spoken to through its Unix socket, without TLS', async (t) => {
  const end = ending(t);
  const folder = await mkdtemp(join('/tmp', 'pcl-'));
  end.after(() => rm(folder, { recursive: true, force: true }));
  // The server runs as another user than these tests may.
  await chmod(folder, 0o777);
  const server = await startPostgres({ settings: { unix_socket_directories: folder } });
  end.after(() => server.dispose());
  const scene = await Scene.open(end, server);
  await appendFile(join(server.dataFolder, 'pg_hba.conf'), 'local all all trust\n');
  await scene.sql('select pg_reload_conf()');
  await scene.user('alice');
  const broker = await scene.broker({ config: scene.config({ host: folder, port: server.port }) });
  const alice = await enter(broker, '5.0', 'alice');
  const [row] = await scene.sql('select count(*)::int as count from pg_stat_activity where usename = $1 and client_addr is null', scene.role);
  assert.equal(row?.count, 3);
  await scene.sql('update portcullis.users set enabled = false');
  await alice.expectExpelled(0x87);
});
