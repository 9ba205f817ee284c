import { Buckets } from './buckets.js';
import { FailedLogins } from './failed-logins.js';

/** What has been counted, of one entry of `plugins.json`. */
export interface Tables {
  readonly connectsPerAddress: Buckets;
  readonly connectsPerUser: Buckets;
  readonly flapping: Buckets;
  readonly failedLogins: FailedLogins;
  readonly messagesPerClient: Buckets;
  readonly messagesPerTenant: Buckets;
  readonly bytesPerClient: Buckets;
  readonly bytesPerTenant: Buckets;
}

interface Held {
  readonly tables: Tables;
  readonly maxTracked: number;
  holders: number;
}

/**
 * Hands what was counted to the next configuration generation: else every reload would forget who is to wait. The next one starts before this one
 * ends, so what nobody holds any more is dropped.
 */
export class TableKeeper {
  readonly #held = new Map<string, Held>();

  /** The tables of an entry; new ones when nobody has them, or when they are to have another size. */
  hold(entry: string, maxTracked: number): Tables {
    const known = this.#held.get(entry);
    if (known !== undefined && known.maxTracked === maxTracked) {
      known.holders += 1;
      return known.tables;
    }
    const tables = makeTables(maxTracked);
    this.#held.set(entry, { tables, maxTracked, holders: 1 });
    return tables;
  }

  release(entry: string, tables: Tables): void {
    const held = this.#held.get(entry);
    if (held === undefined || held.tables !== tables) return;
    held.holders -= 1;
    if (held.holders === 0) this.#held.delete(entry);
  }
}

export function makeTables(maxTracked: number): Tables {
  return {
    connectsPerAddress: new Buckets(maxTracked),
    connectsPerUser: new Buckets(maxTracked),
    flapping: new Buckets(maxTracked),
    failedLogins: new FailedLogins(maxTracked),
    messagesPerClient: new Buckets(maxTracked),
    messagesPerTenant: new Buckets(maxTracked),
    bytesPerClient: new Buckets(maxTracked),
    bytesPerTenant: new Buckets(maxTracked),
  };
}
