import { ERRORS, PortcullisError } from '../errors.js';
import type { VerifiedCache } from './verified-cache.js';

/** Compares a password with a stored hash, off the event loop. */
export type VerifyPassword = (password: Uint8Array, stored: string | null | undefined) => Promise<boolean>;

/** Why `credentials.verify` rejected. A handler that lets it reject refuses its client as *busy*. */
export class HashQueueFull extends PortcullisError {
  constructor(message: string) {
    super(ERRORS.pluginOverload, message);
  }
}

const MATCHES = Promise.resolve(true);

interface Job {
  readonly password: Uint8Array;
  readonly stored: string | null | undefined;
  /** Under which a match is remembered, or null. */
  readonly key: string | null;
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** Withdraws a hash that has not begun; its promise rejects. */
export type WithdrawHash = () => void;

/** Lets so many password hashes be computed at a time, and so many wait. A flood of logins then costs refusals, not the event loop's threads. */
export class HashQueue {
  readonly #verify: VerifyPassword;
  readonly #concurrency: number;
  readonly #capacity: number;
  readonly #verified: VerifiedCache;
  readonly #waiting = new Set<Job>();
  #running = 0;

  constructor(verify: VerifyPassword, verified: VerifiedCache, concurrency: number, capacity: number) {
    this.#verify = verify;
    this.#verified = verified;
    this.#concurrency = concurrency;
    this.#capacity = capacity;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  add(password: Uint8Array, stored: string | null | undefined, onWait: (withdraw: WithdrawHash) => void): Promise<boolean> {
    const key = typeof stored === 'string' ? this.#verified.keyOf(password, stored) : null;
    if (key !== null && this.#verified.has(key)) return MATCHES;
    return new Promise((resolve, reject) => {
      const job: Job = { password, stored, key, resolve, reject };
      if (this.#running < this.#concurrency) return this.#run(job);
      if (this.#waiting.size >= this.#capacity) return reject(new HashQueueFull('the queue for password hashes is full'));
      this.#waiting.add(job);
      onWait(() => {
        if (this.#waiting.delete(job)) reject(new HashQueueFull('the question was over before the password was hashed'));
      });
    });
  }

  #run(job: Job): void {
    this.#running += 1;
    this.#compare(job).then(
      (matches) => {
        if (matches === true && job.key !== null) this.#verified.add(job.key);
        this.#finished(() => job.resolve(matches === true));
      },
      (error: unknown) => this.#finished(() => job.reject(error instanceof Error ? error : new Error('the hash could not be computed'))),
    );
  }

  /** Asynchronous so that a verifier that throws rejects. */
  async #compare(job: Job): Promise<boolean> {
    return await this.#verify(job.password, job.stored);
  }

  #finished(settle: () => void): void {
    this.#running -= 1;
    settle();
    for (const next of this.#waiting) {
      if (this.#running >= this.#concurrency) break;
      this.#waiting.delete(next);
      this.#run(next);
    }
  }
}
