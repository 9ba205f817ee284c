import type { TimerWheel } from '../clock.js';
import { makeTenantLimits, type TenantLimits } from '../limits.js';

const UNBOUNDED = makeTenantLimits();

/** What one tenant has of what it may have. What is retained, its domain counts. */
export class Quota {
  limits: TenantLimits = UNBOUNDED;
  sessions = 0;
  queuedBytes = 0;
  /** How fast it may publish; null when nothing bounds that. */
  pace: Pace | null = null;

  /** Puts other limits in force; what there is above them stays. */
  adopt(limits: TenantLimits, now: number): void {
    this.limits = limits;
    const { messagesPerSecond } = limits;
    if (messagesPerSecond === Number.POSITIVE_INFINITY) {
      const free = this.pace;
      // Before they go on: else they would find it, and wait again.
      this.pace = null;
      free?.free();
    } else if (this.pace === null) this.pace = new Pace(messagesPerSecond, now);
    else this.pace.change(messagesPerSecond, now);
  }
}

/** A bucket that holds as many messages as may be published in a second, and fills at that pace; and who waits for it, in order. */
export class Pace {
  #perSecond: number;
  #room: number;
  #at: number;
  #waiting: (() => boolean)[] = [];
  #armed = false;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#room = perSecond;
    this.#at = now;
  }

  change(perSecond: number, now: number): void {
    this.#fill(now);
    this.#perSecond = perSecond;
    this.#room = Math.min(this.#room, perSecond);
  }

  /** Whole messages that may be published now. */
  room(now: number): number {
    this.#fill(now);
    return Math.max(0, Math.floor(this.#room + ROUNDING));
  }

  /** Counts messages; those that nobody can hold back, such as wills, too. They may make others wait for a second, and no longer. */
  take(count: number, now: number): void {
    this.#fill(now);
    this.#room = Math.max(this.#room - count, -this.#perSecond);
  }

  /** Calls back when there is room, those who came first before others; `goOn` says whether somebody was still there to use it. */
  wait(wheel: TimerWheel, goOn: () => boolean): void {
    this.#waiting.push(goOn);
    this.#arm(wheel);
  }

  /** There is no bound any more: nobody waits. */
  free(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn();
  }

  #arm(wheel: TimerWheel): void {
    if (this.#armed || this.#waiting.length === 0) return;
    this.#armed = true;
    this.#fill(wheel.clock.now());
    wheel.after(Math.max(1, Math.ceil(((1 - this.#room) * 1000) / this.#perSecond)), () => this.#due(wheel));
  }

  #due(wheel: TimerWheel): void {
    this.#armed = false;
    // Whoever goes on takes what it publishes, and may have to wait again, behind the others.
    const waiting = this.#waiting;
    this.#waiting = [];
    let next = 0;
    for (let left = this.room(wheel.clock.now()); left > 0 && next < waiting.length; next += 1) if (waiting[next]?.() === true) left -= 1;
    this.#waiting = [...waiting.slice(next), ...this.#waiting];
    this.#arm(wheel);
  }

  #fill(now: number): void {
    this.#room = Math.min(this.#perSecond, this.#room + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
  }
}

/** What sums of fractions may lack of a whole message. */
const ROUNDING = 1e-6;
