import { connect } from 'node:net';
import type { ControlAnswer, ControlRequest } from './protocol.js';

/** Longest answer that is taken, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Nobody answers on the control socket, or not as a broker does. The message is one clause for the user. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * Sends one request to the broker that listens on the socket, and resolves with its answer, also when that is a refusal.
 *
 * Rejects with `NoAnswer` when nobody listens, the connection ends without a whole answer, or none has come within `timeoutMs` milliseconds (null: waits for
 * as long as it takes).
 */
export function askBroker(path: string, request: ControlRequest, timeoutMs: number | null): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const socket = connect({ path });
    const timer =
      timeoutMs === null
        ? null
        : setTimeout(
            () => fail(`has not answered within ${timeoutMs / 1000} s: the broker is there, but stands still; a plugin "inProcess" may be in a loop`),
            timeoutMs,
          );
    const over = (): void => {
      if (timer !== null) clearTimeout(timer);
      socket.destroy();
    };
    const fail = (text: string, cause?: unknown): void => {
      over();
      reject(new NoAnswer(text, { cause }));
    };
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (bytes) => {
      length += bytes.length;
      if (length > MAX_ANSWER_BYTES) return fail('answers without end');
      parts.push(bytes);
    });
    let failure: NodeJS.ErrnoException | null = null;
    // Not the end yet: a broker that has no room answers, and closes without having read the request, which is an error, too.
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      const answer = parseAnswer(Buffer.concat(parts).toString('utf8'));
      if (answer === null) return fail(failure === null ? unfinished(length) : explain(failure), failure);
      over();
      resolve(answer);
    });
  });
}

function unfinished(length: number): string {
  return length === 0 ? 'closed the connection without an answer' : 'answered with something else than a broker does';
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'is not there: no broker runs with this control socket';
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return 'has nobody behind it: the broker that made it is gone';
    case 'EACCES':
    case 'EPERM':
      return "may not be used by this account; run the command as the broker's";
    default:
      return `cannot be used (${error.code ?? error.message})`;
  }
}

function parseAnswer(text: string): ControlAnswer | null {
  if (!text.endsWith('\n')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'ok' in value && typeof value.ok === 'boolean' ? (value as ControlAnswer) : null;
  } catch {
    return null;
  }
}
