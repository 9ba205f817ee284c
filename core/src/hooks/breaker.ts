import type { BreakerSpec } from './specs.js';

/**
 * Stops asking a plugin whose backend is down. Counts time-outs and `BackendUnavailable` only, never what is wrong with the answer to one
 * question: else one client with a poisoned name could lock everyone out.
 */
export class Breaker {
  readonly #spec: BreakerSpec;
  /** When the latest failures happened, oldest first; at most as many as it takes to open. */
  readonly #failures: number[] = [];
  #open = false;
  #openUntil = 0;
  /** The one question that is let through to see whether the backend is back. */
  #probe: object | null = null;

  constructor(spec: BreakerSpec) {
    this.#spec = spec;
  }

  get open(): boolean {
    return this.#open;
  }

  admits(question: object, now: number): boolean {
    if (!this.#open) return true;
    if (now < this.#openUntil || this.#probe !== null) return false;
    this.#probe = question;
    return true;
  }

  failed(question: object, now: number): void {
    if (this.#open) {
      if (this.#probe === question) this.#shut(now);
      return;
    }
    this.#failures.push(now);
    if (this.#failures.length > this.#spec.faults) this.#failures.shift();
    const oldest = this.#failures[0] as number;
    if (this.#failures.length === this.#spec.faults && now - oldest <= this.#spec.windowMs) this.#shut(now);
  }

  /** The question was answered, well or badly: the backend is there. */
  answered(question: object): void {
    if (this.#probe !== question) return;
    this.#probe = null;
    this.#open = false;
  }

  /** The question ended without a sign of the backend. */
  abandoned(question: object): void {
    if (this.#probe === question) this.#probe = null;
  }

  #shut(now: number): void {
    this.#open = true;
    this.#openUntil = now + this.#spec.openMs;
    this.#probe = null;
    this.#failures.length = 0;
  }
}
