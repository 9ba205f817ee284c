import { isTopicFilter } from '@portcullis/sdk';
import { checkBudgets } from './budget-checks.js';
import { controlSocket } from './control-socket.js';
import { nameHint } from './did-you-mean.js';
import type { JsonDocument } from './json-document.js';
import { checkLimits } from './limit-checks.js';
import { ListenerOptionsCheck } from './listener-options.js';
import { isOrigin, type ListenerAddress, parseListenerUrl, portNumber } from './listener-url.js';
import { type Problem, quoted, type Segment } from './problem.js';
import { TenantChecks } from './tenant-checks.js';
import type { TlsFiles } from './tls-files.js';
import type { ConfigDocument } from './types.js';

type Env = Readonly<Record<string, string | undefined>>;

/** A listener whose url is sound, with the port that holds, the absolute path of a Unix socket, and the certificates as they were read. */
export interface PlacedListener extends ListenerAddress {
  readonly name: string;
  readonly tls: TlsFiles | null;
}

export interface CrossChecked {
  readonly listeners: readonly PlacedListener[];
  readonly controlSocket: string | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export const ISOLATION_TEXT =
  '"inProcess" runs the plugin inside the broker: fast, and with every hook, but its code has all rights of the broker and can block it; ' +
  '"worker" gives it a thread of its own with a memory cap, ended and started again when it hangs, without the hooks that must be answered at once';

/** What a schema cannot say: names that must exist, urls, addresses, topic filters. Looks only at what has the right type. */
export function crossCheck(document: ConfigDocument, env: Env): CrossChecked {
  const { json } = document;
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const listeners = checkListeners(json, problems, new ListenerOptionsCheck(document, env, problems, warnings));
  const placed = overridePorts(json, listeners, env, problems, warnings);
  checkAddresses(json, placed, problems);
  checkPlugins(json, problems);
  checkChains(json, problems, warnings);
  new TenantChecks(json, problems).tenants();
  checkLimits(json, problems, warnings);
  checkBudgets(json, warnings);
  return { listeners: placed, controlSocket: checkControl(document, placed, problems), problems, warnings };
}

function names(json: JsonDocument, key: string): string[] {
  return [...(json.node([key])?.members?.keys() ?? [])];
}

function text(json: JsonDocument, segments: readonly Segment[]): string | null {
  const value = json.node(segments)?.value;
  return typeof value === 'string' ? value : null;
}

/** The texts of a list with their paths; whatever is not text has been reported by the schema. */
function* texts(json: JsonDocument, segments: readonly Segment[]): Generator<[string, readonly Segment[]]> {
  for (const [index, item] of (json.node(segments)?.items ?? []).entries()) {
    if (typeof item.value === 'string') yield [item.value, [...segments, index]];
  }
}

function checkListeners(json: JsonDocument, problems: Problem[], options: ListenerOptionsCheck): PlacedListener[] {
  const chains = names(json, 'chains');
  const placed: PlacedListener[] = [];
  const tenants = new TenantChecks(json, problems);
  for (const name of names(json, 'listeners')) {
    const base = ['listeners', name];
    const chain = text(json, [...base, 'chain']);
    if (chain !== null && !chains.includes(chain)) {
      problems.push(json.problem([...base, 'chain'], `there is no chain ${quoted(chain)}`, nameHint(chain, chains)));
    }
    const url = text(json, [...base, 'url']);
    const address = url === null ? null : parseListenerUrl(url);
    if (address !== null && 'message' in address) problems.push(json.problem([...base, 'url'], address.message, address.hint));
    else if (address !== null) {
      const path = address.scheme === 'unix' ? options.socketPath(name, address.path) : address.path;
      placed.push({ name, ...address, path, ...options.check(name, address.scheme) });
    }
    checkOrigins(json, base, problems);
    tenants.listener(name, address === null || 'message' in address ? null : address.scheme);
  }
  return placed;
}

function checkOrigins(json: JsonDocument, base: readonly string[], problems: Problem[]): void {
  for (const [origin, path] of texts(json, [...base, 'origins'])) {
    if (isOrigin(origin)) continue;
    problems.push(
      json.problem(path, 'is not an origin', 'expected what browsers send: https://example.org or http://localhost:3000, without a path'),
    );
  }
}

/** PORTCULLIS_PORT and PORTCULLIS_WS_PORT set the port of the first listener of their kind. */
function overridePorts(
  json: JsonDocument,
  listeners: readonly PlacedListener[],
  env: Env,
  problems: Problem[],
  warnings: Problem[],
): PlacedListener[] {
  const placed = [...listeners];
  for (const [variable, scheme] of [
    ['PORTCULLIS_PORT', 'mqtt'],
    ['PORTCULLIS_WS_PORT', 'ws'],
  ] as const) {
    const value = env[variable];
    if (value === undefined) continue;
    const index = placed.findIndex((listener) => listener.scheme === scheme);
    const listener = placed[index];
    const at = json.valueAt(listener === undefined ? ['listeners'] : ['listeners', listener.name, 'url']);
    const port = portNumber(value);
    if (port === null) {
      const hint = 'expected a number from 0 to 65535; 0 takes any free port';
      problems.push({ ...at, path: variable, message: 'this environment variable is not a port', hint });
    } else if (listener === undefined) {
      warnings.push({ ...at, path: variable, message: `this environment variable has no effect: there is no ${scheme}:// listener`, hint: null });
    } else {
      placed[index] = { ...listener, port };
    }
  }
  return placed;
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function checkAddresses(json: JsonDocument, listeners: readonly PlacedListener[], problems: Problem[]): void {
  for (const [index, listener] of listeners.entries()) {
    if (listener.scheme === 'unix') checkSocketPath(json, listeners.slice(0, index), listener, problems);
    if (listener.port === 0) continue;
    const other = listeners.slice(0, index).find((earlier) => earlier.port === listener.port && overlap(earlier.host, listener.host));
    if (other === undefined) continue;
    const message = `port ${listener.port} is taken by the listener ${quoted(other.name)} already`;
    problems.push(json.problem(['listeners', listener.name, 'url'], message, 'give each listener an address of its own'));
  }
}

function checkSocketPath(json: JsonDocument, earlier: readonly PlacedListener[], { name, path }: PlacedListener, problems: Problem[]): void {
  const other = earlier.find((listener) => listener.scheme === 'unix' && listener.path === path);
  if (other === undefined) return;
  const message = `the socket is that of the listener ${quoted(other.name)} already`;
  problems.push(json.problem(['listeners', name, 'url'], message, 'give each listener an address of its own'));
}

function checkControl(document: ConfigDocument, listeners: readonly PlacedListener[], problems: Problem[]): string | null {
  const found = controlSocket(document);
  problems.push(...found.problems);
  const other = listeners.find(({ scheme, path }) => scheme === 'unix' && path === found.path);
  if (other === undefined) return found.path;
  const message = `the socket is that of the listener ${quoted(other.name)} already`;
  problems.push(document.json.problem(['control', 'socket'], message, 'clients must not reach it: choose another path'));
  return null;
}

function overlap(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() || EVERY_ADDRESS.has(a) || EVERY_ADDRESS.has(b);
}

const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** Whether `use` can name a plugin at all. */
export function isUsable(use: string): boolean {
  if (/^(?:\.{1,2}(?:\/|$)|\/)/.test(use)) return !use.includes('\0');
  return use.length <= 214 && PACKAGE_NAME.test(use);
}

function checkPlugins(json: JsonDocument, problems: Problem[]): void {
  for (const name of names(json, 'plugins')) {
    const base = ['plugins', name];
    const use = text(json, [...base, 'use']);
    if (use !== null && use !== '' && !isUsable(use)) {
      problems.push(json.problem([...base, 'use'], 'is neither the name of a package nor a folder', 'folders begin with "./", "../" or "/"'));
    }
    if (json.node([...base, 'maxMemoryBytes']) !== null && text(json, [...base, 'isolation']) !== 'worker') {
      problems.push(json.problemAtKey([...base, 'maxMemoryBytes'], 'is for plugins in a worker', 'add "isolation": "worker", or remove it'));
    }
    for (const [filter, path] of texts(json, [...base, 'publishTo'])) {
      if (!isTopicFilter(filter))
        problems.push(json.problem(path, 'is not a valid topic filter', '"#" stands last and alone in its level, "+" alone in its level'));
    }
  }
}

function checkChains(json: JsonDocument, problems: Problem[], warnings: Problem[]): void {
  const plugins = names(json, 'plugins');
  for (const name of names(json, 'chains')) {
    const base = ['chains', name];
    for (const role of ['guards', 'authenticate', 'authorize']) {
      for (const [plugin, path] of texts(json, [...base, role])) {
        if (!plugins.includes(plugin)) problems.push(json.problem(path, `there is no plugin ${quoted(plugin)}`, nameHint(plugin, plugins)));
      }
    }
    const authorize = json.node([...base, 'authorize']);
    if (json.node(base)?.members != null && (authorize === null || authorize.items?.length === 0)) {
      const at = authorize === null ? json.keyAt(base) : json.keyAt([...base, 'authorize']);
      const message = 'nobody is authorized: clients of this chain can connect, but neither publish nor subscribe';
      warnings.push({ ...at, path: `chains.${name}.authorize`, message, hint: 'name a plugin that gives rights' });
    }
  }
}
