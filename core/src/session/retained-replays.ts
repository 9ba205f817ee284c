import type { Message } from '../gate/index.js';
import type { RetainedEntry, Subscription } from '../router/index.js';
import type { Turns } from '../turns.js';

/** Messages that are looked at between two looks at the clock: of a million the client may be allowed to receive none. */
const BETWEEN_LOOKS = 16;
/** So many are enough for one turn, whatever the clock says. */
const MOST_PER_TURN = 4096;

interface Replay {
  readonly entries: Iterator<RetainedEntry | null>;
  /** Serial of the last message that was retained when the subscription was made. */
  readonly until: number;
}

/**
 * Retained messages on their way because of new subscriptions. Each subscription has one walk at most, and a walk holds no messages: a client
 * that subscribes again and again, and acknowledges nothing, could else gather any number of them.
 */
export class RetainedReplays {
  #walks: Map<Subscription, Replay> | null = null;
  /** Whether it is the others' turn. */
  #resting = false;

  get waiting(): boolean {
    return this.#walks !== null && this.#walks.size > 0;
  }

  /** Begins at the first message, also where an earlier walk of the subscription has not come to its end. */
  start(subscription: Subscription, entries: Iterator<RetainedEntry | null>, until: number): void {
    this.#walks ??= new Map();
    this.#walks.delete(subscription);
    this.#walks.set(subscription, { entries, until });
  }

  stop(subscription: Subscription): void {
    this.#walks?.delete(subscription);
  }

  clear(): void {
    this.#walks = null;
  }

  /** Does a step for each message while it may, and lets others have their turn in between: `goOn` is called when its own has come again. */
  run(turns: Turns, may: () => boolean, step: () => boolean, goOn: () => void): void {
    if (this.#resting) return;
    const until = turns.begin(this);
    for (let i = 1; this.waiting && may(); i += 1) {
      if (!step()) return;
      if (i < MOST_PER_TURN && (i % BETWEEN_LOOKS !== 0 || !turns.over(until))) continue;
      this.#resting = true;
      return turns.later(() => {
        this.#resting = false;
        goOn();
      });
    }
  }

  /** The next message; `live` when it was retained since, so that the subscription has had it already. */
  next(): { readonly message: Message; readonly subscription: Subscription; readonly live: boolean } | 'not yet' | null {
    const walks = this.#walks;
    if (walks === null) return null;
    for (const [subscription, { entries, until }] of walks) {
      const { value, done } = entries.next();
      // What the client must not see, it does not wait for.
      if (value === null || (done !== true && !subscription.shows(value.message.topic))) return 'not yet';
      if (done !== true) return { message: value.message, subscription, live: value.serial > until };
      walks.delete(subscription);
    }
    this.#walks = null;
    return null;
  }
}
