import { BROKER_OPTIONS, readOptions } from './read-options.js';
import { LISTED, MAX_LISTED } from './session-request.js';

/** A command line of `portcullis session`. */
export interface SessionCommand {
  readonly help: boolean;
  readonly configFile: string;
  readonly socket: string | null;
  readonly json: boolean;
  /** What is sent to the broker. */
  readonly question: { readonly action: string } & Readonly<Record<string, unknown>>;
}

/** The options that belong to one of the two alone. */
const ONLY = { list: ['client', 'user', 'limit'], release: ['disconnect'] } as const;

/** Reads what follows `session`. Throws an error whose message is one clause for the user. */
export function readSessionArguments(argv: readonly string[]): SessionCommand {
  const { values, positionals } = readOptions(argv, OPTIONS);
  const [action, clientId, extra] = positionals;
  const help = values.help === true;
  if (!help) {
    if (action !== 'list' && action !== 'release') throw new Error('session needs to know what: list, release');
    if (action === 'list' && clientId !== undefined) throw new Error(`"list" takes no argument "${clientId.slice(0, 64)}"; --client names one`);
    if (action === 'release' && (clientId === undefined || clientId === '')) throw new Error('"release" needs a client identifier');
    if (extra !== undefined) throw new Error(`"${action}" takes no argument "${extra.slice(0, 64)}"; an identifier with spaces stands in quotes`);
    const other = ONLY[action === 'list' ? 'release' : 'list'].find((name) => values[name] !== undefined);
    if (other !== undefined) throw new Error(`"${action}" does not take --${other}`);
  }
  for (const name of ['config', 'socket', 'user', 'client', 'tenant'] as const) {
    if (values[name] === '') throw new Error(`--${name} needs a value`);
  }
  const { limit } = values;
  const count = Number(limit ?? LISTED);
  if (limit !== undefined && !(/^[0-9]{1,5}$/.test(limit) && count >= 1 && count <= MAX_LISTED))
    throw new Error(`--limit is a number from 1 to ${MAX_LISTED}`);
  const { user, client, tenant } = values;
  const question =
    action === 'release'
      ? { action, client: clientId, tenant: tenant ?? null, disconnect: values.disconnect === true }
      : { action: 'list', client: client ?? null, username: user ?? null, tenant: tenant ?? null, limit: count };
  return { help, configFile: values.config ?? 'plugins.json', socket: values.socket ?? null, json: values.json === true, question };
}

const OPTIONS = {
  ...BROKER_OPTIONS,
  user: { type: 'string', short: 'u' },
  client: { type: 'string' },
  tenant: { type: 'string' },
  limit: { type: 'string' },
  disconnect: { type: 'boolean' },
} as const;

export const SESSION_HELP = `portcullis session: whose client identifiers are, and how to free one

  portcullis session list [options]
  portcullis session release IDENTIFIER [options]

"release" forgets a session for good: its subscriptions, what waits for it, and that the identifier is its user's. A will that still waits is
published, if the user may still do so.

  --client IDENTIFIER  list: the sessions with this client identifier
  -u, --user NAME      list: those of this user
  --limit N            list: so many at most (${LISTED})
  --tenant NAME        list: those of this tenant; release: the tenant of the session, which has none unless told
  --disconnect         release: also when its client is connected; it is disconnected (5.0: 0x98)
  --json               one line of JSON instead of text
  -c, --config FILE    the configuration file, which names the control socket (default: plugins.json)
  --socket PATH        the control socket of the running broker

An identifier that begins with "-" stands behind "--".
Exit status: 0 listed or released, 1 nothing was released, 2 the command line is wrong, 3 no broker answers.`;
