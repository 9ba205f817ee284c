import { parseArgs } from 'node:util';
import type { PasswordHashFormat } from '@portcullis/sdk/passwords';

/** Whom a rule is for. */
export type RuleOwner = { readonly kind: 'user' | 'group'; readonly name: string } | { readonly kind: 'everybody' };

/** What the tool was asked to do. */
export type ToolCommand =
  | { readonly kind: 'init' | 'migrate'; readonly grantTo: string | null }
  | { readonly kind: 'restored' | 'user list' | 'group list' }
  | { readonly kind: 'check'; readonly role: string | null }
  | {
      readonly kind: 'user add';
      readonly name: string;
      /** Null: ask for it. */
      readonly password: string | null;
      readonly format: PasswordHashFormat;
      readonly groups: readonly string[];
      readonly attributes: Readonly<Record<string, string>>;
      readonly enabled: boolean;
    }
  | { readonly kind: 'user passwd'; readonly name: string; readonly password: string | null; readonly format: PasswordHashFormat }
  | { readonly kind: 'user disable' | 'user enable' | 'user delete' | 'group add' | 'group delete'; readonly name: string }
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
  | { readonly kind: 'rule list'; readonly owner: RuleOwner | null }
  | { readonly kind: 'rule delete'; readonly id: string };

/** A command line. */
export interface ToolArguments {
  readonly command: ToolCommand;
  readonly tenant: string;
  /** Null: as configured, else the default. */
  readonly schema: string | null;
  readonly url: string | null;
  readonly configFile: string | null;
  readonly plugin: string | null;
  /** Whether secrets on the command line are wanted. */
  readonly secretsShown: boolean;
}

/** The command line cannot be understood; the message is one clause. */
export class UsageError extends Error {}

const OPTIONS = {
  url: { type: 'string' },
  config: { type: 'string', short: 'c' },
  plugin: { type: 'string' },
  schema: { type: 'string' },
  tenant: { type: 'string' },
  'grant-to': { type: 'string' },
  role: { type: 'string' },
  format: { type: 'string', short: 'H' },
  batch: { type: 'boolean', short: 'b' },
  group: { type: 'string', multiple: true },
  attribute: { type: 'string', multiple: true },
  disabled: { type: 'boolean' },
  user: { type: 'string' },
  everybody: { type: 'boolean' },
  qos: { type: 'string' },
  'no-retain': { type: 'boolean' },
} as const;

type OptionName = keyof typeof OPTIONS;

/** Options that mean something for one command only. An option that is ignored would be believed to hold. */
const OWN_OPTIONS: Readonly<Record<ToolCommand['kind'], readonly OptionName[]>> = {
  init: ['grant-to'],
  migrate: ['grant-to'],
  restored: [],
  check: ['role'],
  'user add': ['format', 'batch', 'group', 'attribute', 'disabled'],
  'user passwd': ['format', 'batch'],
  'user disable': [],
  'user enable': [],
  'user delete': [],
  'user list': [],
  'group add': [],
  'group delete': [],
  'group join': [],
  'group leave': [],
  'group list': [],
  'rule add': ['user', 'group', 'everybody', 'qos', 'no-retain'],
  'rule list': ['user', 'group', 'everybody'],
  'rule delete': [],
};
const WITHOUT_TENANT: readonly ToolCommand['kind'][] = ['init', 'migrate', 'restored', 'check'];

/** The names that mosquitto_passwd uses, and those of the formats that it does not know. */
const FORMATS: ReadonlyMap<string, PasswordHashFormat> = new Map([
  ['sha512', 'sha512'],
  ['sha512-pbkdf2', 'pbkdf2-sha512'],
  ['argon2id', 'argon2id'],
  ['bcrypt', 'bcrypt'],
  ['scrypt', 'scrypt'],
]);

const SHORT_ACTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['read', ['subscribe', 'receive']],
  ['write', ['publish']],
  ['all', ['publish', 'subscribe', 'receive']],
]);

type Values = ReturnType<typeof parse>['values'];

/** Reads a command line. Throws `UsageError` for whatever is not exactly one of the forms in the usage; nothing is guessed. */
export function readToolArguments(args: readonly string[]): ToolArguments {
  const { values, positionals } = parse(args);
  for (const [name, value] of Object.entries(values)) if (value === '') throw new UsageError(`--${name} needs a value`);
  const [kind, words] = splitCommand(positionals);
  for (const name of Object.keys(values) as OptionName[]) {
    const general = ['url', 'config', 'plugin', 'schema'].includes(name) || (name === 'tenant' && !WITHOUT_TENANT.includes(kind));
    // -b also lets the address of the database hold a password.
    if (!general && name !== 'batch' && !OWN_OPTIONS[kind].includes(name)) throw new UsageError(`"${kind}" has no option --${name}`);
  }
  if (values.url !== undefined && values.config !== undefined) throw new UsageError('--url and --config both say which database it is');
  if (values.plugin !== undefined && values.config === undefined) throw new UsageError('--plugin names an entry of a --config');
  return {
    command: readCommand(kind, words, values),
    tenant: values.tenant ?? '',
    schema: values.schema ?? null,
    url: values.url ?? null,
    configFile: values.config ?? null,
    plugin: values.plugin ?? null,
    secretsShown: values.batch === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    // With -b, what looks like an option may be a password.
    if (args.some((arg) => /^-[a-zA-Z]*b|^--batch/.test(arg)))
      throw new UsageError('an option is not known; arguments that begin with "-" stand behind "--"');
    // Node goes on with advice of its own, of several lines.
    const [first = ''] = (error instanceof Error ? error.message : '').split(/\.\s|\n/);
    throw new UsageError(first.charAt(0).toLowerCase() + first.slice(1));
  }
}

function splitCommand(positionals: readonly string[]): [kind: ToolCommand['kind'], words: readonly string[]] {
  const [first = '', second = ''] = positionals;
  if (first === '') throw new UsageError('a command is needed');
  for (const [kind, taken] of [
    [first, 1],
    [`${first} ${second}`, 2],
  ] as const) {
    if (Object.hasOwn(OWN_OPTIONS, kind)) return [kind as ToolCommand['kind'], positionals.slice(taken)];
  }
  const known = Object.keys(OWN_OPTIONS).filter((kind) => kind.startsWith(`${first} `));
  if (known.length === 0) throw new UsageError(`there is no command ${JSON.stringify(first.slice(0, 64))}`);
  throw new UsageError(`"${first}" is followed by ${known.map((kind) => kind.slice(first.length + 1)).join(', ')}`);
}

function readCommand(kind: ToolCommand['kind'], words: readonly string[], values: Values): ToolCommand {
  switch (kind) {
    case 'init':
    case 'migrate':
      take(kind, words);
      return { kind, grantTo: values['grant-to'] ?? null };
    case 'check':
      take(kind, words);
      return { kind, role: values.role ?? null };
    case 'restored':
    case 'user list':
    case 'group list':
      take(kind, words);
      return { kind };
    case 'user add': {
      const [name, password] = namePassword(kind, words, values);
      const { group: groups = [], attribute = [], disabled } = values;
      return { kind, name, password, format: formatOf(values), groups, attributes: attributesOf(attribute), enabled: disabled !== true };
    }
    case 'user passwd': {
      const [name, password] = namePassword(kind, words, values);
      return { kind, name, password, format: formatOf(values) };
    }
    case 'user disable':
    case 'user enable':
    case 'user delete':
    case 'group add':
    case 'group delete': {
      const [name] = take(kind, words, 'a name');
      return { kind, name };
    }
    case 'group join':
    case 'group leave': {
      const [group, user] = take(kind, words, 'a group', 'a user');
      return { kind, group, user };
    }
    case 'rule add': {
      const owner = ownerOf(values);
      if (owner === null) throw new UsageError('"rule add" needs --user, --group or --everybody');
      const [effect, actions, pattern] = take(kind, words, 'allow or deny', 'actions', 'a pattern');
      return {
        kind,
        owner,
        effect,
        actions: [...new Set(actions.split(',').flatMap((action) => SHORT_ACTIONS.get(action) ?? [action]))],
        pattern,
        maxQos: qosOf(values.qos),
        retain: values['no-retain'] === true ? false : null,
      };
    }
    case 'rule list':
      take(kind, words);
      return { kind, owner: ownerOf(values) };
    case 'rule delete': {
      const [id] = take(kind, words, 'the number that rule list shows');
      if (!/^[1-9][0-9]{0,17}$/.test(id)) throw new UsageError('"rule delete" needs the number that rule list shows');
      return { kind, id };
    }
  }
}

/** The arguments of a command, exactly as many as it has. */
function take<const Names extends readonly string[]>(kind: string, words: readonly string[], ...names: Names): { [at in keyof Names]: string } {
  if (words.length < names.length) throw new UsageError(`"${kind}" needs ${names.slice(words.length).join(' and ')}`);
  if (words.length > names.length) throw new UsageError(`"${kind}" takes no argument after ${names.length === 0 ? 'it' : names[names.length - 1]}`);
  return words as unknown as { [at in keyof Names]: string };
}

function namePassword(kind: string, words: readonly string[], values: Values): readonly [name: string, password: string | null] {
  if (values.batch === true) return take(kind, words, 'a name', 'the password');
  // What follows the name may be a password that somebody thought to give so: not repeated in the complaint.
  if (words.length === 2) throw new UsageError(`"${kind}" asks for the password; -b takes it from the command line`);
  return [take(kind, words, 'a name')[0], null];
}

function formatOf(values: Values): PasswordHashFormat {
  const format = FORMATS.get(values.format ?? 'argon2id');
  if (format === undefined) throw new UsageError(`-H is one of ${[...FORMATS.keys()].join(', ')}`);
  return format;
}

function attributesOf(given: readonly string[]): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = Object.create(null);
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError('--attribute is name=value');
    const name = text.slice(0, at);
    if (name in attributes) throw new UsageError(`--attribute gives ${JSON.stringify(name)} twice`);
    attributes[name] = text.slice(at + 1);
  }
  return attributes;
}

function ownerOf({ user, group, everybody }: Values): RuleOwner | null {
  const owners: RuleOwner[] = [];
  if (user !== undefined) owners.push({ kind: 'user', name: user });
  for (const name of group ?? []) owners.push({ kind: 'group', name });
  if (everybody === true) owners.push({ kind: 'everybody' });
  if (owners.length > 1) throw new UsageError('a rule has one owner: --user, --group or --everybody');
  return owners[0] ?? null;
}

function qosOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[012]$/.test(text)) throw new UsageError('--qos is 0, 1 or 2');
  return Number(text);
}
