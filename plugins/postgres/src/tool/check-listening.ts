import { randomBytes } from 'node:crypto';
import type { Findings } from './check.js';
import { Session } from './session.js';

/** Ample for a message from the server to itself and back. */
const HEARD_MS = 3000;
const LOOKS = 6;

/**
 * Whether news of changes arrive here. A pooler between that gives each transaction another connection swallows LISTEN without a word; so does one
 * that leads two connections to two servers.
 */
export async function checkListening(session: Session, findings: Findings): Promise<void> {
  const channel = `portcullis_check_${randomBytes(8).toString('hex')}`;
  const other = await Session.open(session.target, session.schema);
  try {
    const heard = new Promise<boolean>((resolve) => {
      session.onNotification((from) => {
        if (from === channel) resolve(true);
      });
    });
    await session.query(`listen ${channel}`);
    // Between the two, others may get the connection that listens.
    const own = await backends(session);
    await other.query('select pg_notify($1, $2)', [channel, '']);
    const came = await Promise.race([heard, later(HEARD_MS)]);
    await session.query(`unlisten ${channel}`);
    if (own > 1) findings.fail('each transaction comes to another connection of the server: connect past the pooler, or set it to pool sessions');
    else if (came) findings.ok('LISTEN works through this connection');
    else findings.fail(`a notification did not arrive within ${HEARD_MS} ms: connect past the pooler, or set it to pool sessions`);
  } finally {
    await other.close();
  }
}

async function backends(session: Session): Promise<number> {
  const seen = new Set<unknown>();
  for (let look = 0; look < LOOKS; look++) {
    const { rows } = await session.query('select pg_backend_pid() as pid');
    seen.add(rows[0]?.pid);
  }
  return seen.size;
}

function later(afterMs: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), afterMs).unref();
  });
}
