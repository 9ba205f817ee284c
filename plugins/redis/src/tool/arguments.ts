import type { PasswordHashFormat } from '@portcullis/sdk/passwords';
import {
  readActions,
  readAttributes,
  readHashFormat,
  readOptions,
  readQos,
  splitCommand,
  takeArguments,
  takeNamePassword,
  UsageError,
} from '@portcullis/sdk/tools';
import { DEFAULT_PREFIX, nameProblem, PREFIX_PATTERN } from '../layout.js';

/** Whose rules they are. */
export interface RuleOwner {
  readonly kind: 'user' | 'group' | 'everybody';
  /** '' for everybody. */
  readonly name: string;
}

/** What the tool was asked to do. */
export type ToolCommand =
  | { readonly kind: 'restored' | 'check' | 'user list' | 'group list' }
  | {
      readonly kind: 'user add';
      readonly name: string;
      /** `ask` for it, or the text of the command line, or null for a user without one. */
      readonly password: string | null | typeof ASK;
      readonly format: PasswordHashFormat;
      readonly groups: readonly string[];
      readonly attributes: Readonly<Record<string, string>>;
      readonly enabled: boolean;
    }
  | { readonly kind: 'user passwd'; readonly name: string; readonly password: string | typeof ASK; readonly format: PasswordHashFormat }
  | { readonly kind: 'user disable' | 'user enable' | 'user delete' | 'user show' | 'group add' | 'group delete'; readonly name: string }
  | { readonly kind: 'group join' | 'group leave'; readonly group: string; readonly user: string }
  | {
      readonly kind: 'rule add';
      readonly owner: RuleOwner;
      readonly effect: string;
      readonly actions: readonly string[];
      readonly pattern: string;
      readonly maxQos: number | null;
      readonly retain: boolean | null;
    }
  | { readonly kind: 'rule list'; readonly owner: RuleOwner }
  | { readonly kind: 'rule delete'; readonly owner: RuleOwner; readonly number: number };

/** How TLS is to be made, by files. */
export interface TlsFlags {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** A command line. */
export interface ToolArguments {
  readonly command: ToolCommand;
  readonly tenant: string | null;
  readonly prefix: string;
  readonly url: string | null;
  readonly tls: TlsFlags;
  /** Whether secrets on the command line are wanted. */
  readonly secretsShown: boolean;
}

/** Stands for a password that is to be asked for. */
export const ASK = Symbol('ask');

const OPTIONS = {
  url: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  servername: { type: 'string' },
  tenant: { type: 'string' },
  prefix: { type: 'string' },
  format: { type: 'string', short: 'H' },
  batch: { type: 'boolean', short: 'b' },
  group: { type: 'string', multiple: true },
  attribute: { type: 'string', multiple: true },
  disabled: { type: 'boolean' },
  'no-password': { type: 'boolean' },
  user: { type: 'string' },
  everybody: { type: 'boolean' },
  qos: { type: 'string' },
  'no-retain': { type: 'boolean' },
} as const;

type OptionName = keyof typeof OPTIONS;

const EVERYWHERE: readonly OptionName[] = ['url', 'ca', 'cert', 'key', 'servername', 'prefix', 'batch'];
const OWNER: readonly OptionName[] = ['user', 'group', 'everybody'];
/** Options that mean something for one command only. An option that is ignored would be believed to hold. */
const OWN_OPTIONS: Readonly<Record<ToolCommand['kind'], readonly OptionName[]>> = {
  restored: [],
  check: [],
  'user add': ['format', 'group', 'attribute', 'disabled', 'no-password'],
  'user passwd': ['format'],
  'user disable': [],
  'user enable': [],
  'user delete': [],
  'user show': [],
  'user list': [],
  'group add': [],
  'group delete': [],
  'group join': [],
  'group leave': [],
  'group list': [],
  'rule add': [...OWNER, 'qos', 'no-retain'],
  'rule list': OWNER,
  'rule delete': OWNER,
};

const TENANT = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

const COMMANDS = Object.keys(OWN_OPTIONS) as ToolCommand['kind'][];

type Values = ReturnType<typeof readOptions<typeof OPTIONS>>['values'];

/** Reads a command line. Throws UsageError for whatever is not exactly one of the forms in the usage; nothing is guessed. */
export function readToolArguments(args: readonly string[]): ToolArguments {
  const { values, positionals } = readOptions(args, OPTIONS);
  const [kind, words] = splitCommand(positionals, COMMANDS);
  for (const name of Object.keys(values) as OptionName[]) {
    const general = EVERYWHERE.includes(name) || (name === 'tenant' && kind !== 'check');
    if (!general && !OWN_OPTIONS[kind].includes(name)) throw new UsageError(`"${kind}" has no option --${name}`);
  }
  const { tenant = null, prefix = DEFAULT_PREFIX, url = null, batch, ca, cert, key, servername } = values;
  if (tenant !== null && !TENANT.test(tenant))
    throw new UsageError('--tenant is a letter, then letters, digits, "_", "." or "-", at most 64 characters');
  if (!new RegExp(PREFIX_PATTERN).test(prefix)) throw new UsageError('--prefix is 1 to 64 letters, digits, "_", ".", ":" or "-"');
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key belong together');
  return {
    command: readCommand(kind, words, values),
    ...{ tenant, prefix, url, secretsShown: batch === true },
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(servername !== undefined && { servername }),
    },
  };
}

function readCommand(kind: ToolCommand['kind'], words: readonly string[], values: Values): ToolCommand {
  switch (kind) {
    case 'restored':
    case 'check':
    case 'user list':
    case 'group list':
      takeArguments(kind, words);
      return { kind };
    case 'user add': {
      const { group: groups = [], attribute = [], disabled } = values;
      for (const group of groups) named(group, 'group');
      const user = {
        kind,
        format: readHashFormat(values.format),
        groups: [...new Set(groups)],
        attributes: readAttributes(attribute),
        enabled: disabled !== true,
      };
      if (values['no-password'] !== true) return { ...user, ...withPassword(kind, words, values) };
      if (values.batch === true) throw new UsageError('--no-password and -b exclude each other');
      return { ...user, name: named(takeArguments(kind, words, 'a name')[0], 'user'), password: null };
    }
    case 'user passwd':
      return { kind, ...withPassword(kind, words, values), format: readHashFormat(values.format) };
    case 'user disable':
    case 'user enable':
    case 'user delete':
    case 'user show':
      return { kind, name: named(takeArguments(kind, words, 'a name')[0], 'user') };
    case 'group add':
    case 'group delete':
      return { kind, name: named(takeArguments(kind, words, 'a name')[0], 'group') };
    case 'group join':
    case 'group leave': {
      const [group, user] = takeArguments(kind, words, 'a group', 'a user');
      return { kind, group: named(group, 'group'), user: named(user, 'user') };
    }
    case 'rule add': {
      const [effect, actions, pattern] = takeArguments(kind, words, 'allow or deny', 'actions', 'a pattern');
      return {
        ...{ kind, owner: ownerOf(kind, values), effect, pattern },
        actions: readActions(actions),
        maxQos: readQos(values.qos),
        retain: values['no-retain'] === true ? false : null,
      };
    }
    case 'rule list':
      takeArguments(kind, words);
      return { kind, owner: ownerOf(kind, values) };
    case 'rule delete': {
      const [number] = takeArguments(kind, words, 'the number that rule list shows');
      if (!/^[1-9][0-9]{0,5}$/.test(number)) throw new UsageError('"rule delete" needs the number that rule list shows');
      return { kind, owner: ownerOf(kind, values), number: Number(number) };
    }
  }
}

function named(name: string, what: string): string {
  const problem = nameProblem(name);
  if (problem !== null) throw new UsageError(`the name of the ${what} ${problem}`);
  return name;
}

function withPassword(kind: string, words: readonly string[], { batch }: Values): { readonly name: string; readonly password: string | typeof ASK } {
  const [name, password] = takeNamePassword(kind, words, batch);
  return { name: named(name, 'user'), password: password ?? ASK };
}

function ownerOf(kind: string, { user, group = [], everybody }: Values): RuleOwner {
  const owners: RuleOwner[] = group.map((name) => ({ kind: 'group', name: named(name, 'group') }));
  if (user !== undefined) owners.push({ kind: 'user', name: named(user, 'user') });
  if (everybody === true) owners.push({ kind: 'everybody', name: '' });
  const [owner] = owners;
  if (owner === undefined || owners.length > 1) throw new UsageError(`"${kind}" needs one of --user, --group and --everybody`);
  return owner;
}
