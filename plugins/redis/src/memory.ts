import { createHmac, randomBytes } from 'node:crypto';
import { KeyedDigest } from '@portcullis/sdk';
import type { UserRecord } from './records.js';

/** Objects whose version is remembered, of all tenants of one source. */
const MAX_SEEN = 200_000;
/** Users with sessions of whom it is remembered how they stood. */
const MAX_KNOWN = 200_000;
/** Sources that one process remembers: those of entries of this plugin, former configurations included. */
const MAX_SOURCES = 32;

/** How a user stood when the rights of its sessions were last looked at. */
export interface KnownUser {
  readonly epoch: string;
  readonly version: number;
  /** Digests: neither hash nor attributes stay in memory for it. */
  readonly password: string;
  readonly attributes: string;
  readonly rights: string;
}

/** Version of a user of whom it has to be looked at what is there now, whatever its version. */
const DOUBTED = 0;

interface Seen {
  readonly epoch: string;
  readonly version: number;
}

/**
 * What must outlive a configuration: which version of each object was seen, and how each user with sessions stood. A new generation of the plugin
 * that had forgotten it could not tell whose password has changed in between, nor that a server has lost a write.
 */
export class Memory {
  readonly digest = new KeyedDigest();
  readonly #seen = new Map<string, Seen>();
  readonly #known = new Map<string, KnownUser>();
  #hasForgotten: boolean;
  #history: string | null = null;

  /** `hasForgotten`: whether there may be clients already that were let in by what Redis said. */
  constructor(hasForgotten = false) {
    this.#hasForgotten = hasForgotten;
  }

  /** Whether there may be clients that rest on users who are not known here. If not, whoever is not known was let in by others. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Highest version that was seen of an object of this key in this history; 0 for none. */
  seen(key: string, epoch: string): number {
    const seen = this.#seen.get(key);
    return seen?.epoch === epoch ? seen.version : 0;
  }

  see(key: string, epoch: string, version: number): void {
    if (version <= this.seen(key, epoch)) return;
    makeRoom(this.#seen, key, MAX_SEEN);
    this.#seen.set(key, { epoch, version });
  }

  /** Takes what a primary says of the history it writes on. Tells whether it is another one than before. */
  isOtherHistory(history: string): boolean {
    const isOther = this.#history !== null && this.#history !== history;
    this.#history = history;
    return isOther;
  }

  /** The versions at which users stood say nothing any more: another history counts as high with other changes. */
  doubtVersions(): void {
    for (const [key, user] of this.#known) this.#known.set(key, { ...user, version: DOUBTED });
  }

  known(key: string): KnownUser | undefined {
    return this.#known.get(key);
  }

  know(key: string, user: KnownUser): void {
    if (makeRoom(this.#known, key, MAX_KNOWN)) this.#hasForgotten = true;
    this.#known.set(key, user);
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  standingOf(user: UserRecord & { readonly epoch: string }): KnownUser {
    return {
      epoch: user.epoch,
      version: user.version,
      password: this.digest.of('password', user.hash),
      attributes: this.digest.of('attributes', JSON.stringify(Object.entries(user.attributes).sort(([a], [b]) => (a < b ? -1 : 1)))),
      rights: this.digest.of('rights', JSON.stringify([user.groups, user.rules])),
    };
  }
}

/**
 * Whether somebody who was in doubt, or has been looked at already, stands as he did: then nobody has to be asked about his rights, which in this moment
 * may not be to be had.
 */
export function isUnchanged(before: KnownUser | undefined, now: KnownUser): boolean {
  if (before === undefined || (before.version !== DOUBTED && before.version !== now.version)) return false;
  return before.epoch === now.epoch && before.password === now.password && before.attributes === now.attributes && before.rights === now.rights;
}

/** The one that was put in first makes room. Tells whether one had to. */
function makeRoom(map: Map<string, unknown>, key: string, max: number): boolean {
  if (map.size < max || map.has(key)) return false;
  for (const oldest of map.keys()) return map.delete(oldest);
  return false;
}

const memories = new Map<string, Memory>();

/** The memory of a source, by everything that says which data it is. `hasClients`: whether somebody is connected already. */
export function memoryOf(source: string, hasClients = false): Memory {
  let memory = memories.get(source);
  if (memory === undefined) {
    makeRoom(memories, source, MAX_SOURCES);
    memory = new Memory(hasClients);
    memories.set(source, memory);
  }
  return memory;
}

/** Hashes to verify for names that nobody has, of the kinds that users have, so that both take as long. */
export class Decoys {
  readonly #secret = randomBytes(16);
  readonly #hashes: string[] = [];
  readonly #make: (like: string) => string | null;
  readonly #kinds = new Set<string>();

  constructor(make: (like: string) => string | null) {
    this.#make = make;
  }

  /** Takes note of the kind of a hash, which is what stands before its salt and digest. */
  note(hash: string): void {
    const kind = kindOf(hash);
    if (this.#kinds.size >= MAX_DECOYS || this.#kinds.has(kind)) return;
    const decoy = this.#make(hash);
    if (decoy === null) return;
    this.#kinds.add(kind);
    this.#hashes.push(decoy);
  }

  /** The same name always draws the same: a wait that changed from try to try would itself tell that the name is unknown. */
  for(name: string): string | undefined {
    if (this.#hashes.length === 0) return undefined;
    return this.#hashes[createHmac('sha256', this.#secret).update(name).digest().readUIntBE(0, 6) % this.#hashes.length];
  }
}

/** Kinds of hashes, by format and cost. */
const MAX_DECOYS = 16;

/** Format and cost: salt and digest are the last two parts of every format but bcrypt, where both are the last. */
function kindOf(hash: string): string {
  const parts = hash.split('$');
  return parts.slice(0, /^\$2[aby]\$/.test(hash) ? 3 : -2).join('$');
}
