import { BackendUnavailable } from '@portcullis/sdk';

/** What an answer of Redis says is wrong with the server, by its first word. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ['NOAUTH', 'wants a password; set "password"'],
  ['WRONGPASS', 'refuses the username or password'],
  ['NOPERM', 'does not let this user read the keys or listen to the channel; see the ACL rules in docs/redis.md'],
  ['LOADING', 'is loading its data'],
  ['MASTERDOWN', 'is a replica that has lost its primary'],
  ['CLUSTERDOWN', 'belongs to a cluster that is down'],
  ['READONLY', 'is a replica'],
  ['BUSY', 'is busy with a script'],
  ['MISCONF', 'cannot write to its disk and refuses changes'],
  ['OOM', 'has no memory left'],
  ['NOREPLICAS', 'has too few replicas to take a change'],
]);

/** A key that holds something else than the layout says. It is a fault of the one answer: no breaker opens for it. */
export class MalformedObject extends Error {
  override readonly name = 'MalformedObject';
}

/** A tenant whose history is not there: a fault of the one answer as well, and nothing that is wrong with one user. */
export class LostTenant extends MalformedObject {}

/** A server that Sentinel or a cluster has named and that may not be spoken to in the clear. The driver hands on the text only. */
export class OtherMachine extends Error {
  constructor(host: string) {
    super(`${host} is another machine, and "tls" is not said`);
  }
}

const OTHER_MACHINE = /([A-Za-z0-9_.:%-]{1,255}) is another machine, and "tls" is not said/;

/**
 * What to throw for an error of the driver. Its own errors carry the command with all arguments, AUTH's included, so nothing of them is kept but
 * the first word of what Redis said.
 */
export function asUnavailable(error: unknown, what: string): Error {
  if (error instanceof BackendUnavailable || error instanceof MalformedObject || error instanceof TypeError) return error;
  const message = error instanceof Error ? error.message : '';
  const word = firstWord(message);
  if (word === 'WRONGTYPE') return new MalformedObject(`${what}: a key holds another type than the layout says; portcullis-redis check finds it`);
  return new BackendUnavailable(`${what} ${explain(error, message, word)}`);
}

/** The word that an error of Redis begins with, or ''. */
export function firstWord(message: string): string {
  return /^[A-Z]{2,24}(?= |$)/.exec(message)?.[0] ?? '';
}

function explain(error: unknown, message: string, word: string): string {
  const [, host] = OTHER_MACHINE.exec(message) ?? [];
  if (host !== undefined)
    return `names ${host}, which is another machine: nothing is sent to it in the clear. Say "tls": {} for TLS, { "mode": "disable" } for none`;
  const known = KNOWN.get(word);
  if (known !== undefined) return `${known} (${word})`;
  if (word !== '') return `answered with an error (${word})`;
  if (/timed? ?out/i.test(message)) return 'does not answer in time';
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
  if (code !== null && /^[A-Z0-9_]{2,60}$/.test(code)) return `cannot be reached (${code})`;
  return 'cannot be reached';
}
