/** Time as the broker sees it; injected, so that tests need not wait. */
export interface Clock {
  /** Milliseconds that only grow, from an arbitrary start. For every duration: keep alive, deadlines, expiry. */
  now(): number;
  /** Milliseconds since the epoch. Only for people and for what leaves the process. */
  wall(): number;
  /** Calls back about every so many milliseconds; returns a function that stops it. */
  ticker(milliseconds: number, callback: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  ticker(milliseconds, callback) {
    const timer = setInterval(callback, milliseconds);
    return () => clearInterval(timer);
  },
};

/** What turns monotonic milliseconds into milliseconds since the epoch. */
export function wallOffset(clock: Clock): number {
  return clock.wall() - clock.now();
}

/** A clock that stands still until it is told. */
export class ManualClock implements Clock {
  #now = 1_000_000;
  readonly #tickers = new Set<{ every: number; next: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  ticker(milliseconds: number, callback: () => void): () => void {
    const ticker = { every: milliseconds, next: this.#now + milliseconds, callback };
    this.#tickers.add(ticker);
    return () => this.#tickers.delete(ticker);
  }

  /** Moves time on, calling every ticker that falls due, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      let first: { every: number; next: number; callback: () => void } | null = null;
      for (const ticker of this.#tickers) if (ticker.next <= end && (first === null || ticker.next < first.next)) first = ticker;
      if (first === null) break;
      this.#now = first.next;
      first.next += first.every;
      first.callback();
    }
    this.#now = end;
  }
}

/** Something that is called once when its time has come. Reused: scheduling it again moves it. */
export class WheelTimer {
  /** Neighbours in a slot of the wheel; null when not scheduled. */
  previous: WheelTimer | null = null;
  next: WheelTimer | null = null;
  dueAt = 0;
  readonly callback: () => void;

  constructor(callback: () => void) {
    this.callback = callback;
  }

  get scheduled(): boolean {
    return this.previous !== null;
  }
}

const SLOTS = 1024;

/**
 * Timers by the hundred thousand at the price of a list entry each: one ticker for all, due with the accuracy of a tick and never early.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: WheelTimer[] = [];
  readonly #stop: () => void;
  readonly #failed: (error: unknown) => void;
  #position: number;

  /** `failed` hears of callbacks that throw; the other timers go on. */
  constructor(clock: Clock, failed: (error: unknown) => void, tickMs = 25) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#failed = failed;
    this.#position = Math.floor(clock.now() / tickMs);
    for (let i = 0; i < SLOTS; i += 1) {
      const head = new WheelTimer(() => {});
      head.previous = head;
      head.next = head;
      this.#slots.push(head);
    }
    this.#stop = clock.ticker(tickMs, () => this.#tick());
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** Calls the timer after so many milliseconds; a timer that was already scheduled is moved. */
  schedule(timer: WheelTimer, delayMs: number): void {
    this.cancel(timer);
    timer.dueAt = this.#clock.now() + Math.max(0, delayMs);
    this.#insert(timer);
  }

  /** A new timer, scheduled; cancel it with `cancel`. */
  after(delayMs: number, callback: () => void): WheelTimer {
    const timer = new WheelTimer(callback);
    this.schedule(timer, delayMs);
    return timer;
  }

  cancel(timer: WheelTimer): void {
    const { previous, next } = timer;
    if (previous === null || next === null) return;
    previous.next = next;
    next.previous = previous;
    timer.previous = null;
    timer.next = null;
  }

  stop(): void {
    this.#stop();
  }

  #insert(timer: WheelTimer): void {
    // Rounded up, and at least the next tick: a timer is never early.
    const tick = Math.max(this.#position + 1, Math.ceil(timer.dueAt / this.#tickMs));
    const head = this.#slots[tick % SLOTS] as WheelTimer;
    const last = head.previous as WheelTimer;
    timer.previous = last;
    timer.next = head;
    last.next = timer;
    head.previous = timer;
  }

  #tick(): void {
    const target = Math.floor(this.#clock.now() / this.#tickMs);
    // After a long stall every slot is looked at once, not once per missed tick.
    const steps = Math.min(target - this.#position, SLOTS);
    this.#position = target - steps;
    for (let i = 0; i < steps; i += 1) {
      this.#position += 1;
      this.#fire(this.#slots[this.#position % SLOTS] as WheelTimer);
    }
  }

  #fire(head: WheelTimer): void {
    const now = this.#clock.now();
    const due: WheelTimer[] = [];
    for (let timer = head.next as WheelTimer; timer !== head; timer = timer.next as WheelTimer) if (timer.dueAt <= now) due.push(timer);
    for (const timer of due) {
      // An earlier callback of this tick may have cancelled or moved it.
      if (!timer.scheduled || timer.dueAt > now) continue;
      this.cancel(timer);
      try {
        timer.callback();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
