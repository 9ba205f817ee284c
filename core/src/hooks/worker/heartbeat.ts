import { type TimerWheel, WheelTimer } from '../../clock.js';

export interface HeartbeatInit {
  readonly wheel: TimerWheel;
  /** Between two signs of life, and how long one may be late while questions have been given up. */
  readonly intervalMs: number;
  /** How long one may be late when nobody waits for anything. */
  readonly silenceMs: number;
  /** Asks for the sign of life with this number. */
  ping(beat: number): void;
  /** The last sign of life there was. */
  heard(): number;
  /** A sign of life was in time. */
  alive(): void;
  dead(cause: string): void;
}

/**
 * Watches whether a thread still takes messages. It needs nothing of the thread but what its runtime does by itself, so that a loop without end is
 * noticed, and a sign of life lies in shared memory, so that a broker that was busy itself does not take its own delay for the thread's.
 */
export class Heartbeat {
  readonly #init: HeartbeatInit;
  readonly #timer = new WheelTimer(() => this.#tick());
  #beat = 0;
  #askedAt = 0;
  #givenUp = 0;
  #over = false;

  constructor(init: HeartbeatInit) {
    this.#init = init;
    this.#ask();
  }

  /** A question was given up before its answer came. */
  gaveUp(): void {
    if (this.#over) return;
    this.#givenUp += 1;
    if (this.#answered()) this.#ask();
  }

  stop(): void {
    this.#over = true;
    this.#init.wheel.cancel(this.#timer);
  }

  #answered(): boolean {
    return this.#init.heard() === this.#beat;
  }

  #ask(): void {
    const { wheel, intervalMs } = this.#init;
    this.#beat = (this.#beat + 1) % 0x7fffffff;
    this.#askedAt = wheel.clock.now();
    wheel.schedule(this.#timer, intervalMs);
    this.#init.ping(this.#beat);
  }

  #tick(): void {
    if (this.#over) return;
    if (this.#answered()) {
      this.#givenUp = 0;
      this.#init.alive();
      if (!this.#over) this.#ask();
      return;
    }
    const { wheel, intervalMs, silenceMs } = this.#init;
    const late = Math.round(wheel.clock.now() - this.#askedAt);
    if (this.#givenUp > 0) this.#end(`its thread has not moved for ${late} ms, and ${this.#givenUp} questions were given up`);
    else if (late >= silenceMs) this.#end(`its thread has not moved for ${late} ms`);
    else wheel.schedule(this.#timer, intervalMs);
  }

  #end(cause: string): void {
    this.stop();
    this.#init.dead(cause);
  }
}
