import { isIPv4, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { isTlsScheme, isWebScheme, type ListenerScheme } from './listener-url.js';
import type { Problem, Segment } from './problem.js';
import { referenceFault, resolveReferences } from './references.js';
import { judgeNow, lookUpAgain, TlsFiles } from './tls-files.js';
import type { PairSettings, TlsSettings } from './tls-material.js';
import type { ConfigDocument } from './types.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Longest path of a Unix socket that Linux takes, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** What goes with one kind of listener only. */
export interface SchemeOptions {
  readonly tls: TlsFiles | null;
}

/** Judges what a listener of this scheme must, may and must not have beside its url, and reads its certificates. */
export class ListenerOptionsCheck {
  readonly #document: ConfigDocument;
  readonly #env: Env;
  readonly #problems: Problem[];
  readonly #warnings: Problem[];

  constructor(document: ConfigDocument, env: Env, problems: Problem[], warnings: Problem[]) {
    this.#document = document;
    this.#env = env;
    this.#problems = problems;
    this.#warnings = warnings;
  }

  check(name: string, scheme: ListenerScheme): SchemeOptions {
    const base = ['listeners', name];
    const has = (key: string): boolean => this.#document.json.node([...base, key]) !== null;
    const wrong = (key: string, text: string, hint: string): void =>
      void this.#problems.push(this.#document.json.problemAtKey([...base, key], text, hint));
    if (!isWebScheme(scheme) && has('origins')) {
      wrong('origins', '"origins" is for ws:// and wss:// listeners only', 'only browsers send an Origin');
    }
    if (scheme !== 'unix' && has('mode')) wrong('mode', '"mode" is for unix: listeners only', 'it is the mode of the socket file');
    if (has('proxyProtocol')) this.#checkProxyProtocol([...base, 'proxyProtocol'], scheme);
    if (isTlsScheme(scheme)) return { tls: has('tls') ? this.#checkTls([...base, 'tls']) : this.#tlsMissing(base, scheme) };
    if (has('tls')) wrong('tls', '"tls" is for mqtts:// and wss:// listeners only', 'change the scheme of the url, or remove "tls"');
    return { tls: null };
  }

  /** The absolute path of a Unix socket. */
  socketPath(name: string, path: string): string {
    const absolute = resolve(this.#document.folder, path);
    const bytes = Buffer.byteLength(absolute);
    if (bytes > MAX_SOCKET_PATH_BYTES) {
      const message = `the path of the socket has ${bytes} bytes, and at most ${MAX_SOCKET_PATH_BYTES} are possible`;
      this.#problems.push(this.#document.json.problem(['listeners', name, 'url'], message, 'choose a shorter one, for example below /run'));
    }
    return absolute;
  }

  #tlsMissing(base: readonly Segment[], scheme: ListenerScheme): null {
    const hint = '"tls": { "cert": "path", "key": "path" }';
    this.#problems.push(this.#document.json.problem([...base, 'url'], `${scheme}:// listeners need "tls"`, hint));
    return null;
  }

  #checkProxyProtocol(at: readonly Segment[], scheme: ListenerScheme): void {
    const { json } = this.#document;
    const trusted = [...at, 'trusted'];
    const node = json.node(trusted);
    if (scheme === 'unix') {
      if (node === null) return;
      const hint = 'who may connect to a Unix socket is decided by its "mode"';
      this.#problems.push(json.problemAtKey(trusted, '"trusted" has no use on a unix: listener', hint));
      return;
    }
    if (node === null || node.items?.length === 0) {
      const hint = 'the addresses of your proxies, such as ["10.0.0.5", "10.1.0.0/16"]; every other peer is closed';
      this.#problems.push(json.problemAtKey(trusted, '"trusted" must name at least one address or network', hint));
    }
    for (const [index, item] of (node?.items ?? []).entries()) {
      if (typeof item.value !== 'string') continue;
      const prefix = networkPrefix(item.value);
      const path = [...trusted, index];
      if (prefix === null) {
        this.#problems.push(json.problem(path, 'is neither an IP address nor a network', 'expected "10.0.0.5", "10.0.0.0/8", "::1" or "fd00::/8"'));
      } else if (/^::ffff:/i.test(item.value)) {
        // Peers of IPv4 are known by their IPv4 address, also on an IPv6 socket: such an entry would never match.
        this.#problems.push(json.problem(path, 'is an IPv4 address written as IPv6', 'write it as IPv4: "10.0.0.5", "10.0.0.0/8"'));
      } else if (prefix === 0) {
        const hint = 'anybody who reaches this port can claim any address';
        this.#warnings.push(json.problem(path, 'every peer is trusted to say where it comes from', hint));
      }
    }
  }

  #checkTls(at: readonly Segment[]): TlsFiles | null {
    const settings = this.#settings(at);
    const { json, folder } = this.#document;
    const reference = json.node([...at, 'passphrase'])?.value;
    const source = { env: this.#env, folder };
    let passphrase: string | null = null;
    if (settings === null || (reference !== undefined && referenceFault(true, reference) !== null)) return null;
    if (reference !== undefined) {
      const { value, problems, warnings } = resolveReferences(reference, [...at, 'passphrase'], source, json);
      this.#warnings.push(...warnings);
      if (problems.length > 0) {
        this.#problems.push(...problems);
        return null;
      }
      passphrase = String(value);
    }
    const { material, problems, warnings } = judgeNow(settings, passphrase);
    this.#problems.push(...problems.map((remark) => json.problem([...at, ...remark.at], remark.message, remark.hint)));
    this.#warnings.push(...warnings.map((remark) => json.problem([...at, ...remark.at], remark.message, remark.hint)));
    if (material === null) return null;
    const file = (reference as { readonly $file?: string } | undefined)?.$file;
    const secretFiles = file === undefined ? [] : [resolve(folder, file)];
    return new TlsFiles(settings, material, secretFiles, reference === undefined ? null : lookUpAgain(reference, source, json));
  }

  /** The settings as far as they have the right types; null when the schema has found that they have not. */
  #settings(at: readonly Segment[]): TlsSettings | null {
    const given = this.#document.json.node(at)?.value;
    if (typeof given !== 'object' || given === null) return null;
    const {
      names = {},
      unknownName = 'default',
      clientCertificate = 'none',
      minVersion = 'TLSv1.2',
      maxVersion = 'TLSv1.3',
      ciphers,
    } = given as Record<string, unknown>;
    const own = this.#pair(given, null);
    const enums = oneOf(clientCertificate, ['none', 'optional', 'required']) && oneOf(minVersion, VERSIONS) && oneOf(maxVersion, VERSIONS);
    const sound = enums && oneOf(unknownName, ['default', 'refuse']) && (ciphers === undefined || isTexts(ciphers));
    if (!sound || own === null || typeof names !== 'object' || names === null) return null;
    const pairs = new Map<string, PairSettings>();
    for (const [name, entry] of Object.entries(names)) {
      const pair = this.#pair(entry, own);
      if (pair === null) return null;
      pairs.set(name, pair);
    }
    const nameMatters = this.#document.json.node([...at.slice(0, -1), 'tenant', 'sni']) !== null;
    return { ...own, names: pairs, unknownName, nameMatters, clientCertificate, minVersion, maxVersion, ciphers: ciphers ?? null };
  }

  /** Files of one certificate, with those of another where it has none of its own; null when they have not the right types. */
  #pair(given: unknown, other: PairSettings | null): PairSettings | null {
    if (typeof given !== 'object' || given === null) return null;
    const { cert, key, ca, crl } = given as Record<string, unknown>;
    const paths = (value: unknown): string[] | null => {
      const list = typeof value === 'string' ? [value] : value;
      return isTexts(list) && list.length > 0 ? list.map((path) => resolve(this.#document.folder, path)) : null;
    };
    const [certs, keys] = [paths(cert), paths(key)];
    const cas = ca === undefined ? [] : paths(ca);
    const crls = crl === undefined ? [] : paths(crl);
    if (certs === null || keys === null || cas === null || crls === null) return null;
    // Lists belong to authorities: with other authorities, those of the listener say nothing.
    const inherited = ca === undefined && other !== null ? other : null;
    return { cert: certs, key: keys, ca: cas[0] ?? inherited?.ca ?? null, crl: crls.length > 0 ? crls : (inherited?.crl ?? []) };
  }
}

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): value is T {
  return allowed.some((known) => known === value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '' && !item.includes('\0'));
}

/** The length of a network's prefix, that of an address for a single one; null for what is neither. */
export function networkPrefix(text: string): number | null {
  const [address = '', prefix, rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : null;
  if (bits === null || rest !== undefined) return null;
  if (prefix === undefined) return bits;
  return /^(?:0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= bits ? Number(prefix) : null;
}
