/** When and for how long a pair of address and username has to wait. */
export interface FailedLoginRules {
  readonly free: number;
  readonly firstDelaySeconds: number;
  readonly maxDelaySeconds: number;
  readonly forgetSeconds: number;
  readonly atOnce: number;
}

interface Pair {
  failures: number;
  /** Monotonic milliseconds. */
  failedAt: number;
  nextAt: number;
}

interface Attempt {
  readonly pair: string;
  readonly rules: FailedLoginRules;
  readonly at: number;
}

/** A login of which nothing has been heard for as long counts as failed. */
const UNANSWERED_MS = 60_000;
/** Beyond so many failures a pair is as safe from being forgotten as it gets. */
const HIGHEST_LEVEL = 32;

/**
 * Counts failed logins of pairs of address and username, and makes each further one wait for twice as long.
 *
 * A login counts as failed until something else is heard of it: its attempt is written down before the password is looked at, so that many that run at
 * the same time are not all judged by what was known before. What is never answered has failed.
 *
 * Memory is bounded. When it is full, a pair with the fewest failures is forgotten, of these the one whose last failure is longest ago. Whoever wants
 * to be forgotten thus has to fail as often with as many other pairs as there is room for.
 */
export class FailedLogins {
  readonly #capacity: number;
  readonly #pairs = new Map<string, Pair>();
  /** Pairs by their number of failures, each level in the order of their last failure. */
  readonly #levels: Set<string>[] = Array.from({ length: HIGHEST_LEVEL + 1 }, () => new Set());
  /** Logins without an answer, by connection; the oldest first. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #waiting = new Map<string, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Pairs that have failed, and logins without an answer. */
  get size(): number {
    return this.#pairs.size + this.#attempts.size;
  }

  /**
   * Whether a login may be tried now, which is thereby written down. `rate`: the pair has to wait; `busy`: too many of its logins have no answer yet.
   * `connection` tells logins apart; `now` is in monotonic milliseconds.
   */
  attempt(connection: string, pair: string, rules: FailedLoginRules, now: number): 'pass' | 'rate' | 'busy' {
    this.#settleOld(now);
    // A connection that asks again has had no answer; its former attempt would otherwise wait for ever.
    this.failed(connection, now);
    const known = this.#pairs.get(pair);
    if (known !== undefined && now - known.failedAt >= rules.forgetSeconds * 1000) this.#forget(pair, known);
    const failures = this.#pairs.get(pair)?.failures ?? 0;
    const waiting = this.#waiting.get(pair) ?? 0;
    if (failures >= rules.free) {
      // One at a time: else all that come together when the delay is over would be tried.
      if (waiting > 0 || now < (known?.nextAt ?? 0)) return 'rate';
    } else if (waiting >= rules.atOnce) return 'busy';
    this.#attempts.set(connection, { pair, rules, at: now });
    this.#waiting.set(pair, waiting + 1);
    if (this.#attempts.size > this.#capacity) this.#failOldest(now);
    return 'pass';
  }

  /** The client has proved who it is: its pair begins anew. */
  proved(connection: string): void {
    const attempt = this.#end(connection);
    if (attempt === null) return;
    const pair = this.#pairs.get(attempt.pair);
    if (pair !== undefined) this.#forget(attempt.pair, pair);
  }

  /** The password, or whatever it was, was wrong. */
  failed(connection: string, now: number): void {
    const attempt = this.#end(connection);
    if (attempt !== null) this.#fail(attempt, now);
  }

  /** It was never found out whether the client is who it says: something else refused it. */
  withdrawn(connection: string): void {
    this.#end(connection);
  }

  #end(connection: string): Attempt | null {
    const attempt = this.#attempts.get(connection);
    if (attempt === undefined) return null;
    this.#attempts.delete(connection);
    const waiting = (this.#waiting.get(attempt.pair) ?? 1) - 1;
    if (waiting > 0) this.#waiting.set(attempt.pair, waiting);
    else this.#waiting.delete(attempt.pair);
    return attempt;
  }

  #fail({ pair: key, rules }: Attempt, now: number): void {
    const pair = this.#pairs.get(key) ?? this.#remember(key, now);
    this.#levels[levelOf(pair)]?.delete(key);
    pair.failures += 1;
    pair.failedAt = now;
    const doublings = pair.failures - rules.free;
    if (doublings >= 0) pair.nextAt = now + Math.min(rules.maxDelaySeconds, rules.firstDelaySeconds * 2 ** doublings) * 1000;
    this.#levels[levelOf(pair)]?.add(key);
  }

  #remember(key: string, now: number): Pair {
    if (this.#pairs.size >= this.#capacity) this.#forgetLeast();
    const pair = { failures: 0, failedAt: now, nextAt: 0 };
    this.#pairs.set(key, pair);
    return pair;
  }

  #forgetLeast(): void {
    for (const level of this.#levels) {
      for (const key of level) {
        level.delete(key);
        this.#pairs.delete(key);
        return;
      }
    }
  }

  #forget(key: string, pair: Pair): void {
    this.#levels[levelOf(pair)]?.delete(key);
    this.#pairs.delete(key);
  }

  #settleOld(now: number): void {
    for (const [connection, { at }] of this.#attempts) {
      if (now - at < UNANSWERED_MS) return;
      this.failed(connection, now);
    }
  }

  #failOldest(now: number): void {
    for (const connection of this.#attempts.keys()) return this.failed(connection, now);
  }
}

function levelOf({ failures }: Pair): number {
  return Math.min(failures, HIGHEST_LEVEL);
}
