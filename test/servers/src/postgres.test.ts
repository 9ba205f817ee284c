import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { type PostgresServer, startPostgres } from './postgres.js';
import { descendantsOf, isRunning } from './process-tree.js';
import { query, stateAfter } from './servers.test.support.js';

describe('a PostgreSQL server', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres({ settings: { max_connections: '17' } });
    await query(server.url(), 'CREATE TABLE kept (n int)');
  });
  after(() => server.dispose());

  it('answers on 127.0.0.1, as the user postgres, with the settings that were asked for', async () => {
    const [row] = await query(
      server.url(),
      "SELECT current_user AS name, current_setting('max_connections') AS most, host(inet_server_addr()) AS address",
    );
    assert.deepEqual({ ...row }, { name: 'postgres', most: '17', address: '127.0.0.1' });
  });

  it('does not run as root, and lets nobody else into its data', () => {
    const { uid, mode } = statSync(server.dataFolder);
    assert.notEqual(uid, 0);
    assert.equal(mode & 0o077, 0);
    if (process.platform === 'linux') assert.equal(statSync(`/proc/${server.pid}`).uid, uid);
  });

  it('keeps port and data when it is stopped and started', async () => {
    await query(server.url(), 'INSERT INTO kept VALUES (1)');
    await server.stop();
    assert.equal(server.pid, null);
    await assert.rejects(query(server.url(), 'SELECT 1'), { code: 'ECONNREFUSED' });
    await server.start();
    assert.deepEqual((await query(server.url(), 'SELECT n FROM kept')).length, 1);
    await query(server.url(), 'DELETE FROM kept');
  });

  it('keeps what was committed when it is killed, and leaves none of its processes', async () => {
    await query(server.url(), 'INSERT INTO kept VALUES (2)');
    const pids = [server.pid ?? 0, ...descendantsOf(server.pid ?? 0)];
    assert.ok(pids.length >= 4, `only ${pids.length} processes`);
    await server.kill();
    assert.deepEqual(pids.filter(isRunning), []);
    await server.start();
    assert.deepEqual((await query(server.url(), 'SELECT n FROM kept')).length, 1);
  });

  it('answers nothing while it is frozen, to old and new connections alike, and goes on when it thaws', async () => {
    const old = new pg.Client({ connectionString: server.url() });
    await old.connect();
    server.freeze();
    const answers = [old.query('SELECT 7 AS seven'), query(server.url(), 'SELECT 7 AS seven')].map((one) => one.then(() => 'answered'));
    assert.deepEqual(await Promise.all(answers.map((answer) => stateAfter(300, answer))), ['pending', 'pending']);
    server.thaw();
    assert.deepEqual(await Promise.all(answers), ['answered', 'answered']);
    await old.end();
  });

  it('can be stopped while it is frozen', async () => {
    server.freeze();
    await server.stop();
    await server.start();
    assert.equal((await query(server.url(), 'SELECT 1')).length, 1);
  });

  it('refuses to be started twice, and says so when it cannot start', async () => {
    await assert.rejects(server.start(), /runs already/);
    await assert.rejects(startPostgres({ settings: { max_connections: 'many' } }), /max_connections/);
  });
});

describe('what remains of a disposed PostgreSQL server', () => {
  it('is no process and no file, however it was', async () => {
    for (const end of ['nothing', 'freeze', 'stop', 'kill'] as const) {
      const server = await startPostgres();
      const pids = [server.pid ?? 0, ...descendantsOf(server.pid ?? 0)];
      if (end !== 'nothing') await server[end]();
      await server.dispose();
      assert.deepEqual(pids.filter(isRunning), [], end);
      assert.equal(existsSync(dirname(server.dataFolder)), false, end);
    }
  });
});
