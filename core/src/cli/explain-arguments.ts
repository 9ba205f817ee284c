import { BROKER_OPTIONS, readOptions } from './read-options.js';

/** A command line of `portcullis explain`. */
export interface ExplainCommand {
  readonly help: boolean;
  readonly configFile: string;
  readonly socket: string | null;
  readonly json: boolean;
  readonly passwordFromInput: boolean;
  /** What is sent to the broker, without the password. */
  readonly question: Readonly<Record<string, unknown>>;
}

const ACTIONS = ['connect', 'publish', 'subscribe', 'receive'];

/** Reads what follows `explain`. Throws an error whose message is one clause for the user. */
export function readExplainArguments(argv: readonly string[]): ExplainCommand {
  const { values, positionals } = readOptions(argv, OPTIONS);
  const [action, topic, extra] = positionals;
  const help = values.help === true;
  if (!help) {
    if (action === undefined || !ACTIONS.includes(action)) throw new Error(`explain needs to know what: ${ACTIONS.join(', ')}`);
    if (action === 'connect' && topic !== undefined) throw new Error('"connect" has no topic');
    if (action !== 'connect' && (topic === undefined || topic === '')) throw new Error(`"${action}" needs a topic`);
    if (extra !== undefined) throw new Error(`"${action}" takes no argument "${extra.slice(0, 64)}"; a topic with spaces stands in quotes`);
    if (values.user === undefined && values.client === undefined && values.anonymous !== true)
      throw new Error('explain needs --user, --client or --anonymous');
  }
  if (values.qos !== undefined && !/^[012]$/.test(values.qos)) throw new Error('--qos is 0, 1 or 2');
  for (const name of ['config', 'socket', 'user', 'client', 'tenant', 'listener', 'address'] as const) {
    if (values[name] === '') throw new Error(`--${name} needs a value`);
  }
  const { user, client, tenant, listener, address, group, qos } = values;
  return {
    help,
    configFile: values.config ?? 'plugins.json',
    socket: values.socket ?? null,
    json: values.json === true,
    passwordFromInput: values['password-stdin'] === true,
    question: {
      action,
      topic: topic ?? '',
      qos: Number(qos ?? 0),
      retain: values.retain === true,
      username: user ?? null,
      anonymous: values.anonymous === true,
      client: client ?? null,
      tenant: tenant ?? null,
      listener: listener ?? null,
      address: address ?? null,
      groups: group ?? null,
      attributes: values.attribute === undefined ? null : attributesOf(values.attribute),
    },
  };
}

function attributesOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw new Error('--attribute is name=value');
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

const OPTIONS = {
  ...BROKER_OPTIONS,
  user: { type: 'string', short: 'u' },
  anonymous: { type: 'boolean' },
  client: { type: 'string' },
  tenant: { type: 'string' },
  listener: { type: 'string' },
  address: { type: 'string' },
  group: { type: 'string', multiple: true },
  attribute: { type: 'string', multiple: true },
  'password-stdin': { type: 'boolean' },
  qos: { type: 'string' },
  retain: { type: 'boolean' },
} as const;

export const EXPLAIN_HELP = `portcullis explain: how the running broker would decide at this moment, and why

  portcullis explain WHO [options] connect
  portcullis explain WHO [options] publish TOPIC
  portcullis explain WHO [options] subscribe FILTER
  portcullis explain WHO [options] receive TOPIC

WHO is --user NAME, --client IDENTIFIER (a client that has a session), or both, or --anonymous.

  -u, --user NAME      the user; without a password, whether it exists is asked of the authorities that can say so
  --client IDENTIFIER  the client identifier; if it has a session of the user, the answer is by the rights of that session
  --anonymous          a client without a username
  --listener NAME      where it connects; needed when listeners have different chains
  --address ADDRESS    where it comes from, for guards that look at that
  --group NAME         a group of the user, instead of what is known; may be repeated
  --attribute N=VALUE  an attribute of the user, the same way
  --tenant NAME        the tenant, instead of finding it out; needed when sessions of several have this client identifier
  --password-stdin     really log in, with the password on standard input; counts as an attempt to log in
  --qos N, --retain    of the message or the subscription (0, not retained)
  --json               one line of JSON instead of text
  -c, --config FILE    the configuration file, which names the control socket (default: plugins.json)
  --socket PATH        the control socket of the running broker

Nothing is changed, sent or counted; plugins are asked as for a real client.
Exit status: 0 allowed, 1 refused, 2 the command line is wrong, 3 no broker answers, 4 it cannot be explained.`;
