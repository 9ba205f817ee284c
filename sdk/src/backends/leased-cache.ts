import { BackendUnavailable } from '../errors.js';
import { estimatedBytes } from './estimated-bytes.js';

/** Bounds of a {@link LeasedCache}, and what tests replace. */
export interface LeasedCacheOptions {
  /** Longest time that a value stands, in milliseconds; each gets this or up to a fifth less, so that what came together does not end together. */
  readonly leaseMs: number;
  /** At most so many values are kept; the one that was not asked for the longest time makes room. */
  readonly maxEntries: number;
  /** At most so many bytes are kept, estimated from what the values hold; 128 MiB unless told. A value that alone is larger is not kept. */
  readonly maxBytes?: number;
  /** Milliseconds that only grow; `performance.now` unless told. */
  readonly now?: () => number;
  /** From 0 up to 1; `Math.random` unless told. */
  readonly random?: () => number;
}

/** A value, and how long it stands. */
export interface Leased<Value> {
  /** What was loaded. */
  readonly value: Value;
  /** Milliseconds that are left of its lease, more than 0. What is built on the value must not stand longer. */
  readonly leftMs: number;
}

/** What a load is told of those whom it is for. */
export interface Loading {
  /** Aborted when nobody waits any more or the key was dropped. Made when it is first looked at: it costs more than all the rest of a load here. */
  readonly signal: AbortSignal;
}

/** Loads the value of one key: undefined for none. */
export type Load<Value> = (loading: Loading) => Promise<Value | undefined>;

interface Entry<Value> {
  readonly value: Value;
  readonly endsAt: number;
  readonly bytes: number;
}

/** A load that is under way. */
class Flight<Value> implements Loading {
  readonly settled: Promise<Leased<Value> | undefined>;
  waiting = 0;
  /** Whether its key was dropped after it began: what it read may be what has changed since. */
  superseded = false;
  #controller: AbortController | null = null;
  #aborted: { readonly reason: unknown } | null = null;

  constructor(run: (flight: Flight<Value>) => Promise<Leased<Value> | undefined>) {
    this.settled = run(this);
    // Whoever waits hears of a failure; when nobody does any more, it must not surface as one that nobody handled.
    this.settled.catch(() => {});
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== null) this.#controller.abort(this.#aborted.reason);
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted = { reason };
    this.#controller?.abort(reason);
  }
}

/** How often one question begins anew because what it asked for has changed meanwhile. */
const MAX_LOADS = 4;
const JITTER = 0.2;
const MAX_BYTES = 128 * 1024 * 1024;
/** A key, its place, and what is noted of a value. */
const ENTRY_BYTES = 250;

/**
 * Keeps what a backend has said, each value for an absolute lease: a hit never prolongs it. Only values are kept; that there is none, and errors, are
 * asked about again each time.
 *
 * Those who ask for one key at the same time share one load. A load that began before `drop` or `clear` is neither kept nor given to anybody: who waits
 * for it has it loaded again. The caller makes keys with a {@link KeyedDigest}, so that two of them never meet.
 */
export class LeasedCache<Value> {
  readonly #leaseMs: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #random: () => number;
  /** The one that was not asked for the longest time comes first. */
  readonly #entries = new Map<string, Entry<Value>>();
  #bytes = 0;
  /** One for each key that somebody waits for: as many as there are questions under way, which the host bounds. */
  readonly #flights = new Map<string, Flight<Value>>();
  #keeps = true;

  constructor({ leaseMs, maxEntries, maxBytes = MAX_BYTES, now = () => performance.now(), random = Math.random }: LeasedCacheOptions) {
    if (!(leaseMs > 0) || !Number.isInteger(maxEntries) || maxEntries < 1 || !(maxBytes > 0))
      throw new RangeError('a cache needs a lease and room for one entry');
    this.#leaseMs = leaseMs;
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#now = now;
    this.#random = random;
  }

  /** How many values are kept, those whose lease is over included. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many bytes they take, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The value of a key, loaded when it is not here. Rejects with what `load` rejects with; with the reason of `signal` when that is aborted first;
   * and with an `Error` when the key is dropped again and again while it is loaded. A value that is kept with less than `leastMs`
   * milliseconds of its lease left is loaded anew, once for all who ask meanwhile: what is built on it would soon be asked for again.
   */
  async get(key: string, load: Load<Value>, signal?: AbortSignal, leastMs = 0): Promise<Leased<Value> | undefined> {
    for (let loads = 0; loads < MAX_LOADS; loads += 1) {
      signal?.throwIfAborted();
      const kept = this.#kept(key, leastMs);
      if (kept !== undefined) return kept;
      const flight = this.#flights.get(key) ?? this.#begin(key, load);
      let leased: Leased<Value> | undefined;
      try {
        leased = await this.#wait(key, flight, signal);
      } catch (error) {
        if (!flight.superseded || signal?.aborted === true) throw error;
        continue;
      }
      if (!flight.superseded) return leased;
    }
    // Not the backend's failure: it has answered each time, and it is this one key that changes.
    throw new Error('the data changes faster than it can be read');
  }

  /** Forgets a key; a load of it that is under way counts for nobody. */
  drop(key: string): void {
    this.#forget(key);
    const flight = this.#flights.get(key);
    if (flight !== undefined) this.#supersede(key, flight);
  }

  /** Forgets all keys of which `concerns` says yes, as `drop` forgets one. */
  dropAll(concerns: (key: string) => boolean): void {
    for (const key of [...this.#entries.keys(), ...this.#flights.keys()]) if (concerns(key)) this.drop(key);
  }

  /** Forgets everything, and makes all loads that are under way count for nobody. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    for (const [key, flight] of this.#flights) this.#supersede(key, flight);
  }

  /** Forgets everything and keeps nothing until `resume`: for as long as nobody would say that a value has changed. Loads are shared nevertheless. */
  pause(): void {
    this.#keeps = false;
    this.clear();
  }

  /** Keeps values again, those whose load begins from now on. */
  resume(): void {
    if (this.#keeps) return;
    this.clear();
    this.#keeps = true;
  }

  #kept(key: string, leastMs: number): Leased<Value> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const leftMs = entry.endsAt - this.#now();
    if (leftMs > 0 && leftMs >= leastMs) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return { value: entry.value, leftMs };
    }
    this.#forget(key);
    return undefined;
  }

  #begin(key: string, load: Load<Value>): Flight<Value> {
    const flight = new Flight<Value>((own) => this.#run(key, own, load));
    this.#flights.set(key, flight);
    return flight;
  }

  async #run(key: string, flight: Flight<Value>, load: Load<Value>): Promise<Leased<Value> | undefined> {
    // The lease counts from before the question: the answer may be as old as that.
    const leaseMs = this.#leaseMs * (1 - JITTER * this.#random());
    const endsAt = this.#now() + leaseMs;
    const counts = (): boolean => this.#flights.get(key) === flight;
    // Not in this turn: what it does about the flight needs the flight to be there.
    await null;
    try {
      const value = await load(flight);
      if (value === undefined) return undefined;
      if (counts() && this.#keeps) this.#keep(key, { value, endsAt, bytes: ENTRY_BYTES + estimatedBytes(value) });
      const leftMs = endsAt - this.#now();
      if (leftMs <= 0) throw new BackendUnavailable('an answer took longer than it would have stood');
      return { value, leftMs };
    } finally {
      if (counts()) this.#flights.delete(key);
    }
  }

  #keep(key: string, entry: Entry<Value>): void {
    this.#forget(key);
    if (entry.bytes > this.#maxBytes) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#maxEntries && this.#bytes + entry.bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }

  #supersede(key: string, flight: Flight<Value>): void {
    flight.superseded = true;
    this.#flights.delete(key);
    flight.abort(new BackendUnavailable('the data has changed while it was read'));
  }

  async #wait(key: string, flight: Flight<Value>, signal: AbortSignal | undefined): Promise<Leased<Value> | undefined> {
    flight.waiting += 1;
    try {
      return await unlessAborted(flight.settled, signal);
    } finally {
      flight.waiting -= 1;
      // The load of somebody who is gone must not be what the next one waits for.
      if (flight.waiting === 0 && this.#flights.get(key) === flight) {
        this.#flights.delete(key);
        flight.abort(signal?.reason);
      }
    }
  }
}

/**
 * Settles as `promise` does, or rejects with the reason of `signal` as soon as that is aborted. What the promise becomes afterwards is dropped, a
 * rejection too.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
