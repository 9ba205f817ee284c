import { join } from 'node:path';
import pg from 'pg';
import { copyOwned, makeOwned, writeOwned } from './owned-files.js';
import type { PostgresServer } from './postgres.js';

/** What a running server writes for itself only, and what a standby fetches from it. */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal', 'pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_stat_tmp', 'pg_subtrans']);

/** Copies the data of a running server as `pg_basebackup` would, ready to follow it. */
export async function copyRunning(primary: PostgresServer, data: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url() });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    copyOwned(primary.dataFolder, data, LEFT_OUT);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    writeOwned(join(data, 'backup_label'), rows[0]?.labelfile ?? '');
  } finally {
    await client.end();
  }
  for (const folder of ['archive_status', 'summaries']) makeOwned(join(data, 'pg_wal', folder));
  const secret = primary.password === '' ? '' : ` password=${quoted(primary.password)}`;
  const source = `host=${primary.host} port=${primary.port} user=${primary.user}${secret}`;
  writeOwned(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source.replaceAll("'", "''")}'\n`);
  writeOwned(join(data, 'standby.signal'), '');
}

/** A value of a connection string: in quotes, with backslashes; the setting around it doubles quotes, and takes backslashes in turn. */
function quoted(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`.replaceAll('\\', '\\\\');
}
