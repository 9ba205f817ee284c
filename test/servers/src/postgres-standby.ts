import { chownSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresServer } from './postgres.js';
import { unprivileged } from './server-process.js';

/** What a running server writes for itself only, and what a standby fetches from it. */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal', 'pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_stat_tmp', 'pg_subtrans']);

function own(path: string): void {
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

function copyTree(from: string, to: string, isTop: boolean): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      mkdirSync(target, { mode: 0o700 });
      own(target);
      if (!isTop || !LEFT_OUT.has(entry.name)) copyTree(source, target, false);
    } else if (entry.isFile() && !(isTop && LEFT_OUT.has(entry.name))) {
      copyFile(source, target);
    }
  }
}

function copyFile(source: string, target: string): void {
  try {
    copyFileSync(source, target);
  } catch (error) {
    // The server goes on working, and may have removed what stood in the list; the log that the standby replays knows.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  own(target);
}

/** Copies the data of a running server as `pg_basebackup` would, ready to follow it. */
export async function copyRunning(primary: PostgresServer, data: string, write: (path: string, text: string) => void): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url() });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    copyTree(primary.dataFolder, data, true);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    write(join(data, 'backup_label'), rows[0]?.labelfile ?? '');
  } finally {
    await client.end();
  }
  for (const folder of ['archive_status', 'summaries']) {
    mkdirSync(join(data, 'pg_wal', folder), { mode: 0o700, recursive: true });
    own(join(data, 'pg_wal', folder));
  }
  const secret = primary.password === '' ? '' : ` password=${primary.password}`;
  const source = `host=${primary.host} port=${primary.port} user=${primary.user}${secret}`;
  write(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source.replaceAll("'", "''")}'\n`);
  write(join(data, 'standby.signal'), '');
}
