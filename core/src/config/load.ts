import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { makeLimits } from '../limits.js';
import type { LogLevel } from '../log.js';
import { buildTenantRule, buildTenants, type TenantEntry, type TenantRuleEntry } from './build-tenants.js';
import { type CrossChecked, crossCheck, ISOLATION_TEXT, isUsable } from './cross-checks.js';
import { MAX_JSON_BYTES, parseJson, wholeFile } from './json.js';
import type { Position } from './json-document.js';
import { type Problem, type Segment, sortProblems } from './problem.js';
import { referenceFault } from './references.js';
import { BUDGETS, CONFIG_SCHEMA, SHIPPED_PATTERN } from './schema.js';
import { type Explanation, schemaProblems } from './schema-errors.js';
import { NAME_PATTERN, QUICK_COMPILATION } from './schema-parts.js';
import { plainCopy, sealed } from './sealed.js';
import type { ChainConfig, ConfigDocument, ListenerConfig, PluginConfig, PortcullisConfig, SessionsConfig } from './types.js';

type Env = Readonly<Record<string, string | undefined>>;

export type ParsedFile = { readonly document: ConfigDocument } | { readonly problems: readonly Problem[]; readonly missing: boolean };

/** Reads and parses the file; nothing in it is judged yet. Never throws for what is wrong with the file. */
export async function parseConfigFile(path: string): Promise<ParsedFile> {
  const file = resolve(path);
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return { problems: [wholeFile('does not exist', '"portcullis serve --quickstart" makes one')], missing: true };
    const message = code === 'EISDIR' ? 'is a folder, not a file' : `cannot be read (${code ?? 'unknown error'})`;
    return { problems: [wholeFile(message, null)], missing: false };
  }
  const parsed = parseJson(bytes);
  if ('problems' in parsed) return { problems: parsed.problems, missing: false };
  return { document: { file, folder: dirname(file), json: parsed.document } };
}

async function readBounded(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const parts: Buffer[] = [];
    let total = 0;
    // One byte beyond the cap, so that the parser can tell a file that is too large.
    while (total <= MAX_JSON_BYTES) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536));
      if (bytesRead === 0) break;
      parts.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return Buffer.concat(parts);
  } finally {
    await handle.close();
  }
}

export interface Validated {
  /** Null when there are problems. */
  readonly config: PortcullisConfig | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const ajv = new Ajv({
  ...QUICK_COMPILATION,
  allErrors: true,
  verbose: true,
  useDefaults: true,
  ownProperties: true,
  strictTypes: false,
  strictRequired: false,
  logger: false,
});
const validate = ajv.compile(CONFIG_SCHEMA);

/** Judges everything but the plugins' own options. All mistakes at once, by position. */
export function validateDocument(document: ConfigDocument, env: Env): Validated {
  const { json } = document;
  const value = plainCopy(json.value);
  const structural = validate(value) ? [] : schemaProblems(validate.errors, json, [], explain);
  const cross = crossCheck(document, env);
  const problems = sortProblems([...json.problems, ...structural, ...cross.problems]);
  const warnings = sortProblems(cross.warnings);
  if (problems.length > 0) return { config: null, problems, warnings };
  return { config: build(document, value as CompleteDocument, cross), problems, warnings };
}

/** What the general words would say badly. */
function explain(error: ErrorObject, segments: readonly Segment[]): Explanation | null {
  if (error.keyword === 'required' && error.params.missingProperty === 'isolation') {
    return { message: 'a plugin that does not ship with Portcullis must state "isolation"', hint: ISOLATION_TEXT };
  }
  if (error.keyword === 'pattern' && error.params.pattern === NAME_PATTERN) {
    return { message: 'is not allowed', hint: 'names begin with a letter; letters, digits, ".", "_" and "-" may follow, 64 characters in all' };
  }
  if (error.keyword === 'anyOf' && segments.at(-1) === 'passphrase') return referenceFault(true, error.data);
  if (error.keyword === 'pattern' && segments.at(-1) === 'mode') {
    return { message: 'is not a mode', hint: 'expected three octal digits as chmod takes them, in quotes: "0660"' };
  }
  if (error.keyword === 'minItems' && segments.at(-1) === 'authenticate') {
    return { message: 'must name at least one plugin', hint: 'without one, nobody could connect' };
  }
  if (isBudget(segments) && (error.keyword === 'minimum' || error.keyword === 'maximum')) {
    const bound = error.keyword === 'minimum' ? 'least' : 'most';
    return { message: `must be at ${bound} ${String(error.params.limit)}`, hint: 'this bound can be tightened, but not switched off' };
  }
  if (error.keyword === 'minProperties' && segments[0] === 'listeners' && segments.length === 1) {
    return { message: 'must have at least one listener', hint: 'for example "local": { "url": "mqtt://127.0.0.1:1883", "chain": "default" }' };
  }
  return null;
}

function isBudget(segments: readonly Segment[]): boolean {
  return (segments[0] === 'plugins' || segments[0] === 'chains') && BUDGETS.has(segments.at(-1));
}

interface ListenerEntry {
  readonly chain: string;
  readonly tenant?: TenantRuleEntry;
  readonly mountpoint?: string;
  readonly maxConnections?: number;
  readonly origins?: readonly string[];
  readonly proxyProtocol?: { readonly trusted?: readonly string[] };
  readonly mode?: string;
}

/** The document after validation, with the schema's defaults filled in. */
interface CompleteDocument {
  readonly listeners: Readonly<Record<string, ListenerEntry>>;
  readonly plugins: Readonly<
    Record<string, Omit<PluginConfig, 'name' | 'useAt' | 'isolation'> & { config: unknown; isolation?: PluginConfig['isolation'] }>
  >;
  readonly chains: Readonly<Record<string, Omit<ChainConfig, 'name'>>>;
  readonly tenants?: Readonly<Record<string, TenantEntry>>;
  readonly sessions: SessionsConfig;
  readonly limits: Parameters<typeof makeLimits>[0];
  readonly log: { readonly level: LogLevel; readonly allowedEvery: number };
}

/** Permission bits of a Unix socket: its owner alone may connect. */
const DEFAULT_SOCKET_MODE = 0o600;

/** The same as an object that is quick to read: those without a prototype are hash tables, and these are read at every CONNECT. */
function quick<T extends object>(value: T): T {
  return Object.freeze({ ...value });
}

function build(document: ConfigDocument, value: CompleteDocument, cross: CrossChecked): PortcullisConfig {
  const listeners = cross.listeners.map(({ tls, ...listener }): ListenerConfig => {
    const {
      chain,
      tenant,
      mountpoint = '',
      maxConnections = null,
      origins = null,
      proxyProtocol,
      mode,
    } = value.listeners[listener.name] as ListenerEntry;
    const plain = {
      ...listener,
      chain,
      tenant: buildTenantRule(tenant),
      mountpoint,
      maxConnections,
      origins,
      proxyProtocol: proxyProtocol === undefined ? null : { trusted: proxyProtocol.trusted ?? [] },
      mode: mode === undefined ? DEFAULT_SOCKET_MODE : Number.parseInt(mode, 8),
    };
    // What reads certificates anew is no plain data.
    return Object.freeze({ ...(sealed(plain) as typeof plain), tls });
  });
  const plugins = Object.entries(value.plugins).map(([name, { config: _, isolation = 'inProcess', ...rest }]): PluginConfig => {
    return { name, ...rest, useAt: document.json.valueAt(['plugins', name, 'use']), isolation };
  });
  const chains = Object.entries(value.chains).map(([name, chain]): [string, ChainConfig] => [name, quick(sealed({ name, ...chain }) as ChainConfig)]);
  return Object.freeze({
    file: document.file,
    folder: document.folder,
    listeners: Object.freeze(listeners),
    plugins: sealed(plugins) as readonly PluginConfig[],
    chains: new Map(chains),
    tenants: buildTenants(value.tenants),
    sessions: quick(sealed(value.sessions) as SessionsConfig),
    controlSocket: cross.controlSocket,
    limits: makeLimits(value.limits),
    logLevel: value.log.level,
    logAllowedEvery: value.log.allowedEvery,
  });
}

/** A plugin entry whose code may be loaded. */
export interface LoadableEntry {
  readonly name: string;
  readonly use: string;
  readonly useAt: Position;
  readonly isolation: PluginConfig['isolation'];
}

/**
 * The entries whose code may be loaded even while the file has other mistakes, so that all are found at once. Never one for which nobody has
 * agreed yet where it runs.
 */
export function loadableEntries({ json }: ConfigDocument): LoadableEntry[] {
  const found: LoadableEntry[] = [];
  for (const name of json.node(['plugins'])?.members?.keys() ?? []) {
    const use = json.node(['plugins', name, 'use'])?.value;
    const isolation = json.node(['plugins', name, 'isolation'])?.value;
    if (typeof use !== 'string' || !isUsable(use) || !new RegExp(NAME_PATTERN).test(name)) continue;
    const agreed = isolation === undefined && new RegExp(SHIPPED_PATTERN).test(use) ? 'inProcess' : isolation;
    if (agreed === 'inProcess' || agreed === 'worker') found.push({ name, use, useAt: json.valueAt(['plugins', name, 'use']), isolation: agreed });
  }
  return found;
}
