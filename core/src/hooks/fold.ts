import { ERRORS, errorText } from '../errors.js';
import type { HostTools } from './asked-plugin.js';
import type { AskOptions, Pending } from './specs.js';

/** Hands an outcome on. What the receiver throws is our own mistake, and must not run back into a plugin's promise or a tapable hook. */
export function deliver<T>(tools: HostTools, done: (outcome: T) => void, outcome: T): void {
  try {
    done(outcome);
  } catch (error) {
    tools.stats.invariantsBroken += 1;
    tools.log.error({ code: ERRORS.invariant.code, cause: errorText(error) }, 'the outcome of a question could not be taken');
  }
}

/** One walk of a question along several plugins. `Result` is what the walk ends with. */
export class Fold<Result> implements Pending {
  readonly request: object;
  readonly options: AskOptions;
  readonly #done: (outcome: Result) => void;
  readonly #tools: HostTools;
  #current: Pending | null = null;
  #over = false;
  /** The lowest QoS that a guard of a subscription let pass. */
  maxQos: 0 | 1 | 2 = 2;
  /** What the walk ends with unless something stronger comes. */
  standing: Result | null = null;

  constructor(request: object, options: AskOptions, tools: HostTools, done: (outcome: Result) => void) {
    this.request = request;
    this.options = options;
    this.#tools = tools;
    this.#done = done;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Remembers the question that is open; one that was answered at once is null, and the next one may be open already. */
  waitFor(pending: Pending | null): void {
    if (pending !== null) this.#current = pending;
  }

  end(outcome: Result): void {
    if (this.#over) return;
    this.#over = true;
    this.#current = null;
    deliver(this.#tools, this.#done, outcome);
  }

  cancel(): void {
    this.#over = true;
    this.#current?.cancel();
    this.#current = null;
  }
}
