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

const COMMANDS = Object.keys(OWN_OPTIONS) as ToolCommand['kind'][];

type Values = ReturnType<typeof readOptions<typeof OPTIONS>>['values'];

/** Reads a command line. Throws `UsageError` for whatever is not exactly one of the forms in the usage; nothing is guessed. */
export function readToolArguments(args: readonly string[]): ToolArguments {
  const { values, positionals } = readOptions(args, OPTIONS);
  const [kind, words] = splitCommand(positionals, COMMANDS);
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

function readCommand(kind: ToolCommand['kind'], words: readonly string[], values: Values): ToolCommand {
  switch (kind) {
    case 'init':
    case 'migrate':
      takeArguments(kind, words);
      return { kind, grantTo: values['grant-to'] ?? null };
    case 'check':
      takeArguments(kind, words);
      return { kind, role: values.role ?? null };
    case 'restored':
    case 'user list':
    case 'group list':
      takeArguments(kind, words);
      return { kind };
    case 'user add': {
      const [name, password] = takeNamePassword(kind, words, values.batch);
      const { group: groups = [], attribute = [], disabled } = values;
      return {
        kind,
        name,
        password,
        format: readHashFormat(values.format),
        groups,
        attributes: readAttributes(attribute),
        enabled: disabled !== true,
      };
    }
    case 'user passwd': {
      const [name, password] = takeNamePassword(kind, words, values.batch);
      return { kind, name, password, format: readHashFormat(values.format) };
    }
    case 'user disable':
    case 'user enable':
    case 'user delete':
    case 'group add':
    case 'group delete': {
      const [name] = takeArguments(kind, words, 'a name');
      return { kind, name };
    }
    case 'group join':
    case 'group leave': {
      const [group, user] = takeArguments(kind, words, 'a group', 'a user');
      return { kind, group, user };
    }
    case 'rule add': {
      const owner = ownerOf(values);
      if (owner === null) throw new UsageError('"rule add" needs --user, --group or --everybody');
      const [effect, actions, pattern] = takeArguments(kind, words, 'allow or deny', 'actions', 'a pattern');
      return {
        kind,
        owner,
        effect,
        actions: readActions(actions),
        pattern,
        maxQos: readQos(values.qos),
        retain: values['no-retain'] === true ? false : null,
      };
    }
    case 'rule list':
      takeArguments(kind, words);
      return { kind, owner: ownerOf(values) };
    case 'rule delete': {
      const [id] = takeArguments(kind, words, 'the number that rule list shows');
      if (!/^[1-9][0-9]{0,17}$/.test(id)) throw new UsageError('"rule delete" needs the number that rule list shows');
      return { kind, id };
    }
  }
}

function ownerOf({ user, group, everybody }: Values): RuleOwner | null {
  const owners: RuleOwner[] = [];
  if (user !== undefined) owners.push({ kind: 'user', name: user });
  for (const name of group ?? []) owners.push({ kind: 'group', name });
  if (everybody === true) owners.push({ kind: 'everybody' });
  if (owners.length > 1) throw new UsageError('a rule has one owner: --user, --group or --everybody');
  return owners[0] ?? null;
}
