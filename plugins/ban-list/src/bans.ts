import { networkKey, parseAddress } from './addresses.js';
import type { Ban } from './parse-bans.js';

/** Who is to be looked for. */
export interface Subject {
  /** As the broker says it; '' for a Unix socket. */
  readonly address: string;
  /** Null for none. */
  readonly username: string | null;
  readonly clientId: string | null;
  readonly tenant: string | null;
}

interface Pattern {
  readonly front: string;
  readonly back: string;
  readonly ban: Ban;
}

/** Exact names, and patterns with one `*`. */
class Names {
  readonly #exact = new Map<string, Ban[]>();
  readonly #patterns: Pattern[] = [];

  add(name: string, ban: Ban): void {
    const [front = '', back] = name.split('*');
    if (back !== undefined) this.#patterns.push({ front, back, ban });
    else addTo(this.#exact, name, ban);
  }

  find(name: string, counts: (ban: Ban) => boolean): Ban | null {
    const exact = this.#exact.get(name)?.find(counts);
    if (exact !== undefined) return exact;
    for (const { front, back, ban } of this.#patterns) {
      if (name.length >= front.length + back.length && name.startsWith(front) && name.endsWith(back) && counts(ban)) return ban;
    }
    return null;
  }
}

/** The bans of one reading of the file; never changed afterwards. */
export class Bans {
  static readonly NONE = new Bans([]);

  readonly size: number;
  readonly #networks = new Map<string, Ban[]>();
  /** The lengths of prefixes that there are, by family. */
  readonly #lengths = { 4: new Set<number>(), 6: new Set<number>() };
  readonly #users = new Names();
  readonly #clients = new Names();

  constructor(bans: readonly Ban[]) {
    this.size = bans.length;
    for (const ban of bans) {
      const { what } = ban;
      if (what.kind === 'address') {
        this.#lengths[what.network.family].add(what.network.length);
        addTo(this.#networks, networkKey(what.network, what.network.length), ban);
      } else (what.kind === 'user' ? this.#users : this.#clients).add(what.name, ban);
    }
  }

  /** A ban that is in force and meets one of what is known of somebody, or null. `now`: milliseconds since 1970. */
  find({ address, username, clientId, tenant }: Subject, now: number): Ban | null {
    const counts = (ban: Ban): boolean => now < ban.until && (ban.tenant === null || ban.tenant === tenant);
    return (
      this.#findAddress(address, counts) ??
      (username === null ? null : this.#users.find(username, counts)) ??
      (clientId === null ? null : this.#clients.find(clientId, counts))
    );
  }

  #findAddress(text: string, counts: (ban: Ban) => boolean): Ban | null {
    if (this.#networks.size === 0) return null;
    const address = parseAddress(text);
    if (address === null) return null;
    for (const length of this.#lengths[address.family]) {
      const found = this.#networks.get(networkKey(address, length))?.find(counts);
      if (found !== undefined) return found;
    }
    return null;
  }
}

function addTo(map: Map<string, Ban[]>, key: string, ban: Ban): void {
  const there = map.get(key);
  if (there === undefined) map.set(key, [ban]);
  else there.push(ban);
}
