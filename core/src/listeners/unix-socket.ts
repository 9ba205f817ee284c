import { chmodSync, existsSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { ERRORS, errorText, PortcullisError } from '../errors.js';
import type { Logger } from '../log.js';
import { addressUrl, type ListenerOptions } from './listener.js';

/**
 * Binds a server to a Unix socket and resolves with 0, the port it has not. The socket of a process that is gone is replaced; one that somebody
 * listens on, or a file that is no socket, is left alone, and the promise rejects with one line. Closing the server removes the socket.
 */
export async function bindUnixSocket(server: Server, options: ListenerOptions, log: Logger): Promise<number> {
  const before = look(options);
  if (before !== null) await removeStale(before, options);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(refusal(options, explain(options, error), error));
    server.once('error', failed);
    // The socket is made within `listen`, by a call that does not take a mode: without this it would be open to others for a moment.
    const umask = process.umask(0o777 & ~options.mode);
    try {
      server.listen({ path: options.path, backlog: 4096 }, () => {
        server.off('error', failed);
        server.on('error', (error) => log.error({ listener: options.name, error }, 'listener failed'));
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
  return 0;
}

/** Gives the socket the mode that its options name now. */
export function setMode({ name, path, mode }: ListenerOptions, log: Logger): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    log.error({ listener: name, error }, 'the mode of the socket could not be changed');
  }
}

/** What stands at the path, or null. */
function look(options: ListenerOptions): Stats | null {
  try {
    return lstatSync(options.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw refusal(options, explain(options, error as NodeJS.ErrnoException), error);
  }
}

async function removeStale(found: Stats, options: ListenerOptions): Promise<void> {
  if (!found.isSocket()) throw refusal(options, 'there is a file of that name, and it is no socket; move it away, or choose another path');
  if (await answers(options)) throw refusal(options, 'the socket is in use; stop the program that listens on it, or choose another path');
  const now = look(options);
  // Somebody may have taken the place meanwhile.
  if (now === null) return;
  if (now.ino !== found.ino || now.ctimeMs !== found.ctimeMs) throw refusal(options, 'another program takes the socket at this very moment');
  try {
    unlinkSync(options.path);
  } catch (error) {
    throw refusal(options, `the socket of a process that is gone cannot be removed (${errorText(error)})`, error);
  }
}

/** Whether somebody listens on the socket. Only a refused connection proves that nobody does. */
function answers(options: ListenerOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path: options.path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog: somebody is there who does not get around to it.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(refusal(options, `the socket that is there cannot be tried (${errorText(error)}); remove it if nobody uses it`, error));
    });
  });
}

function refusal(options: ListenerOptions, text: string, cause?: unknown): PortcullisError {
  return new PortcullisError(ERRORS.listen, `listener "${options.name}" (${addressUrl(options)}): ${text}`, { cause });
}

function explain({ path }: ListenerOptions, error: NodeJS.ErrnoException): string {
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
