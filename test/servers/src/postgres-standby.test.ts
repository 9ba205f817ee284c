import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poll } from './poll.js';
import { startPostgres } from './postgres.js';
import { findPostgres } from './postgres-programs.js';
import { query } from './servers.test.support.js';

const LIMIT_MS = 30_000;

describe('a PostgreSQL server with passwords', () => {
  const password = "it's a \\ 'secret' 50%";

  it('lets nobody in without the right one, and its standby follows and can be promoted', async () => {
    const primary = await startPostgres({ auth: 'scram-sha-256', password });
    const standby = await startPostgres({ standbyOf: primary });
    try {
      await assert.rejects(query(primary.url().replace(/:[^:/]*@/, ':wrong@'), 'SELECT 1'), /password authentication failed/);
      await query(primary.url(), 'CREATE TABLE copied AS SELECT 1 AS n');
      const arrived = async (): Promise<boolean> => (await query(standby.url(), "SELECT to_regclass('copied') AS found"))[0]?.found !== null;
      await poll('the table on the standby', LIMIT_MS, arrived);
      await assert.rejects(query(standby.url(), 'INSERT INTO copied VALUES (2)'), /read-only/);
      await primary.kill();
      await query(standby.url(), 'SELECT pg_promote()');
      await query(standby.url(), 'INSERT INTO copied VALUES (2)');
      assert.equal((await query(standby.url(), 'SELECT n FROM copied')).length, 2);
    } finally {
      await Promise.all([standby.dispose(), primary.dispose()]);
    }
  });
});

describe('the PostgreSQL of the npm package', () => {
  it('runs from its copy without any on the machine', async () => {
    const server = await startPostgres({ programs: findPostgres({ folders: [] }) });
    try {
      assert.match(String((await query(server.url(), 'SELECT version()'))[0]?.version), /^PostgreSQL 18\./);
    } finally {
      await server.dispose();
    }
  });
});
