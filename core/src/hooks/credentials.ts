import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Credentials } from '@portcullis/sdk';
import type { Clock } from '../clock.js';
import { type HashQueue, HashQueueFull, type WithdrawHash } from './hash-queue.js';
import type { CredentialSource } from './specs.js';
import { VerifyAnswers, withoutPassword } from './verify-answer.js';

/** Texts of different length are compared by their digests under a key that nobody knows: neither length nor prefix shows in the time. */
const COMPARE_KEY = randomBytes(32);

/** The credentials of one question to one plugin. What is secret sits in private fields, where no printing and no copying reaches. */
class CredentialsHandle implements Credentials {
  readonly username: string | null;
  readonly hasPassword: boolean;
  readonly #password: Buffer | null;
  readonly #mayExpose: boolean;
  readonly #plugin: string;
  readonly #hashes: HashQueue;
  readonly #clock: Clock;
  readonly #answers = new VerifyAnswers();
  #withdrawals: WithdrawHash[] | null = null;
  #over = false;
  /** Comparisons without a result, and when the last one ended. */
  #open = 0;
  #endedAt = Number.NEGATIVE_INFINITY;

  constructor(source: CredentialSource, plugin: string, mayExpose: boolean, hashes: HashQueue, clock: Clock) {
    this.username = source.username;
    this.hasPassword = source.password !== null;
    this.#password = source.password;
    this.#mayExpose = mayExpose;
    this.#plugin = plugin;
    this.#hashes = hashes;
    this.#clock = clock;
  }

  verify(storedHash: string | null | undefined): Promise<boolean> {
    if (this.#over) return Promise.reject(new HashQueueFull('the question is over'));
    if (this.#password === null) return this.#answers.follow(withoutPassword());
    this.#open += 1;
    const ended = (): void => {
      this.#open -= 1;
      this.#endedAt = this.#clock.now();
    };
    const compared = this.#hashes.add(this.#password, storedHash, (withdraw) => {
      this.#withdrawals ??= [];
      this.#withdrawals.push(withdraw);
    });
    return this.#answers.follow(compared, ended);
  }

  equals(secret: string): boolean {
    if (this.#password === null || typeof secret !== 'string') return false;
    const matches = timingSafeEqual(digest(this.#password), digest(secret));
    if (matches) this.#answers.judgedElsewhere();
    return matches;
  }

  expose(): Uint8Array | null {
    if (!this.#mayExpose) throw new Error(`plugin ${this.#plugin} does not ask for the capability "credentials" in its manifest`);
    this.#answers.judgedElsewhere();
    return this.#password === null ? null : new Uint8Array(this.#password);
  }

  static hashedUntil(handle: CredentialsHandle): number {
    return handle.#open > 0 ? Number.POSITIVE_INFINITY : handle.#endedAt;
  }

  static unanswered(handle: CredentialsHandle): boolean {
    return handle.#answers.open;
  }

  static contradicted(handle: CredentialsHandle): boolean {
    return handle.#answers.contradict;
  }

  static end(handle: CredentialsHandle): void {
    handle.#over = true;
    const withdrawals = handle.#withdrawals;
    handle.#withdrawals = null;
    for (let at = 0; withdrawals !== null && at < withdrawals.length; at += 1) withdrawals[at]?.();
  }
}

// Through `constructor` a plugin would reach `end`, and the means to make handles.
Reflect.deleteProperty(CredentialsHandle.prototype, 'constructor');
Object.freeze(CredentialsHandle.prototype);

function digest(text: Uint8Array | string): Buffer {
  return createHmac('sha256', COMPARE_KEY).update(text).digest();
}

/** The credentials of one question; `endCredentials` when it is over. */
export function makeCredentials(source: CredentialSource, plugin: string, mayExpose: boolean, hashes: HashQueue, clock: Clock): Credentials {
  return Object.freeze(new CredentialsHandle(source, plugin, mayExpose, hashes, clock));
}

/** Until when a password was being compared, or waited for that: infinity while it does, minus infinity when it never was. */
export function hashedUntil(credentials: Credentials): number {
  return CredentialsHandle.hashedUntil(credentials as CredentialsHandle);
}

/** The question is over: hashes that wait are withdrawn. */
export function endCredentials(credentials: Credentials): void {
  CredentialsHandle.end(credentials as CredentialsHandle);
}

/** Whether a `verify()` was asked whose answer the plugin cannot have seen. */
export function hasUnanswered(credentials: Credentials): boolean {
  return CredentialsHandle.unanswered(credentials as CredentialsHandle);
}

/** Whether a `verify()` was asked, and none has said that the password is right. */
export function isContradicted(credentials: Credentials): boolean {
  return CredentialsHandle.contradicted(credentials as CredentialsHandle);
}
