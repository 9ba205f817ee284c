import { type AckPacket, encodeAck } from '../codec/index.js';
import { type Custody, type Mark, NO_MARK } from '../store/index.js';
import type { OutBuffer } from './out-buffer.js';

interface Waiting {
  readonly mark: Mark;
  readonly packet: Buffer;
  /** Called when the packet has left. */
  readonly left: (() => void) | null;
}

/**
 * Acknowledgements of one connection. Each leaves when what it promises is in the custody of the stores, in the order in which they were
 * given; one that waits holds those behind it back.
 */
export class Acknowledgements {
  readonly #out: OutBuffer;
  readonly #custody: Custody;
  readonly #progress: () => void;
  #waiting: Waiting[] = [];
  #unsubscribe: (() => void) | null = null;
  #settling = false;
  #stopped = false;

  /** `progress` is called when some that waited have left, or never will. */
  constructor(out: OutBuffer, custody: Custody, progress: () => void) {
    this.#out = out;
    this.#custody = custody;
    this.#progress = progress;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the next one in turn can never leave. */
  get broken(): boolean {
    const next = this.#waiting[0];
    return next !== undefined && this.#custody.lost(next.mark);
  }

  /** Sends an acknowledgement when its mark is settled. */
  send(mark: Mark, packet: Buffer, left: (() => void) | null = null): void {
    if (this.#waiting.length === 0 && !this.#settling && (mark === NO_MARK || this.#custody.settled(mark))) {
      this.#out.packet(packet);
      left?.();
      return;
    }
    this.#waiting.push({ mark, packet, left });
    this.#unsubscribe ??= this.#custody.onProgress(() => this.#settle());
  }

  /** The same for one that says success, which is put where it leaves from without being a packet of its own first. */
  succeed(mark: Mark, type: AckPacket['type'], packetId: number): void {
    if (this.#waiting.length === 0 && !this.#settling && (mark === NO_MARK || this.#custody.settled(mark))) {
      this.#out.ack(type, packetId);
    } else this.send(mark, encodeAck(4, type, packetId, 0));
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#waiting = [];
  }

  #settle(): void {
    // What is given while others leave comes behind them, and back to here.
    if (this.#settling) return;
    this.#settling = true;
    let some = false;
    while (this.#leave()) some = true;
    this.#settling = false;
    if (this.#waiting.length === 0) {
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    }
    if (some || this.#custody.failed) this.#progress();
  }

  /** Sends those at the front whose marks are settled. False when there is none. */
  #leave(): boolean {
    let count = 0;
    while (count < this.#waiting.length && this.#custody.settled((this.#waiting[count] as Waiting).mark)) count += 1;
    const leaving = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const { packet, left } of leaving) {
      if (this.#stopped) return false;
      this.#out.packet(packet);
      left?.();
    }
    return count > 0;
  }
}
