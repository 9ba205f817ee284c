import { type TimerWheel, WheelTimer } from '../../clock.js';

export interface HeartbeatInit {
  readonly wheel: TimerWheel;
  /** Between two signs of life. */
  readonly intervalMs: number;
  /** How long one may be late while questions have been given up, and when nobody waits for anything. */
  readonly lateMs: number;
  readonly silenceMs: number;
  /** By how much the process may grow while there is no sign of life. */
  readonly growthBytes: number;
  /** Memory of the process. */
  processBytes(): number;
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
  #bytes = 0;
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
    this.#bytes = this.#init.processBytes();
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
    const cause = this.#causeOfDeath();
    if (cause === null) return this.#init.wheel.schedule(this.#timer, this.#init.intervalMs);
    this.stop();
    this.#init.dead(cause);
  }

  #causeOfDeath(): string | null {
    const { wheel, lateMs, silenceMs, growthBytes } = this.#init;
    const late = Math.round(wheel.clock.now() - this.#askedAt);
    const still = `its thread has not moved for ${late} ms`;
    // Nobody but the thread could say how much of it is the thread's, and it does not: a heap that grows fast may take the whole process along.
    const grown = this.#init.processBytes() - this.#bytes;
    if (grown > growthBytes) return `${still}, and the process grew by ${Math.floor(grown / 1_048_576)} MiB meanwhile`;
    if (this.#givenUp > 0 && late >= lateMs) return `${still}, and questions were given up: ${this.#givenUp}`;
    return late >= silenceMs ? still : null;
  }
}
