import { chmodSync, existsSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import type { Logger } from '../log.js';

/** A Unix socket that is to be made. */
export interface SocketPlace {
  /** Absolute. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** What errors call it: `listener "local" (unix:/run/mqtt.sock)`. */
  readonly called: string;
}

/**
 * Binds a server to a Unix socket. The socket of a process that is gone is replaced; one that somebody listens on, or a file that is no
 * socket, is left alone, and the promise rejects with one line. Closing the server removes the socket.
 */
export async function bindUnixSocket(server: Server, place: SocketPlace, log: Logger): Promise<void> {
  const before = look(place);
  if (before !== null) await removeStale(before, place);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(refusal(place, explain(place, error), error));
    server.once('error', failed);
    // The socket is made within `listen`, by a call that does not take a mode: without this it would be open to others for a moment.
    const umask = process.umask(0o777 & ~place.mode);
    try {
      server.listen({ path: place.path, backlog: 4096 }, () => {
        server.off('error', failed);
        server.on('error', (error) => log.error({ socket: place.path, error }, 'listening failed'));
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/** Gives the socket another mode. */
export function setMode({ path, mode }: Pick<SocketPlace, 'path' | 'mode'>, log: Logger): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    log.error({ socket: path, error }, 'the mode of the socket could not be changed');
  }
}

/** What stands at the path, or null. */
function look(place: SocketPlace): Stats | null {
  try {
    return lstatSync(place.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw refusal(place, explain(place, error as NodeJS.ErrnoException), error);
  }
}

async function removeStale(found: Stats, place: SocketPlace): Promise<void> {
  if (!found.isSocket()) throw refusal(place, 'there is a file of that name, and it is no socket; move it away, or choose another path');
  if (await answers(place)) throw refusal(place, 'the socket is in use; stop the program that listens on it, or choose another path');
  const now = look(place);
  // Somebody may have taken the place meanwhile.
  if (now === null) return;
  if (now.ino !== found.ino || now.ctimeMs !== found.ctimeMs) throw refusal(place, 'another program takes the socket at this very moment');
  try {
    unlinkSync(place.path);
  } catch (error) {
    throw refusal(place, `the socket of a process that is gone cannot be removed (${errorText(error)})`, error);
  }
}

/** Whether somebody listens on the socket. Only a refused connection proves that nobody does. */
function answers(place: SocketPlace): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: place.path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog: somebody is there who does not get around to it.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(refusal(place, `the socket that is there cannot be tried (${errorText(error)}); remove it if nobody uses it`, error));
    });
  });
}

function refusal(place: SocketPlace, text: string, cause?: unknown): PortcullisError {
  return new PortcullisError(ERRORS.listen, `${place.called}: ${text}`, { cause });
}

function explain({ path }: SocketPlace, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'the socket is in use; stop the program that listens on it, or choose another path';
    case 'ENOTDIR':
      return `${dirname(path)} is not a folder`;
    case 'EACCES':
    case 'EPERM':
      // Node says EACCES also for a folder that is not there.
      if (!existsSync(dirname(path))) return `there is no folder ${dirname(path)}; make it first`;
      return `no permission to make a socket in ${dirname(path)}`;
    default:
      return errorText(error);
  }
}
