import type { Message } from '../gate/index.js';
import type { RetainedEntry, Subscription } from '../router/index.js';
import type { Turns } from '../turns.js';

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
  resting = false;

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

  /** Goes on when its turn comes. */
  rest(turns: Turns, goOn: () => void): void {
    this.resting = true;
    turns.later(() => {
      this.resting = false;
      goOn();
    });
  }

  /** The next message; `live` when it was retained since, so that the subscription has had it already. */
  next(): { readonly message: Message; readonly subscription: Subscription; readonly live: boolean } | 'not yet' | null {
    const walks = this.#walks;
    if (walks === null) return null;
    for (const [subscription, { entries, until }] of walks) {
      const { value, done } = entries.next();
      if (value === null) return 'not yet';
      if (done !== true) return { message: value.message, subscription, live: value.serial > until };
      walks.delete(subscription);
    }
    this.#walks = null;
    return null;
  }
}
