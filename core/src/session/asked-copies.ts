import type { TopicEntry } from '../gate/index.js';
import type { Pending } from '../hooks/index.js';
import type { Copy } from './copies.js';
import { Fifo } from './delivery.js';
import { countDrop, type SessionRoom } from './room.js';
import type { Session } from './session.js';

interface Waiting {
  readonly entry: TopicEntry;
  readonly copy: Copy;
  readonly checks: number;
  /** Told whether the copy was let through; null where a refusal is a drop. */
  readonly taken: ((taken: boolean) => void) | null;
}

/** Copies for a receiver whose chain has code: asked one after the other, so that their order stays; bounded. */
export class AskedCopies {
  readonly #room: SessionRoom;
  readonly #session: Session;
  readonly #waiting = new Fifo<Waiting>();
  #pending: Pending | null = null;
  #busy = false;
  #running = false;

  constructor(room: SessionRoom, session: Session) {
    this.#room = room;
    this.#session = session;
  }

  get full(): boolean {
    return this.#waiting.length >= this.#room.limits.maxPendingDeliveries;
  }

  /** False when too many wait already. */
  add(entry: TopicEntry, copy: Copy, checks: number, taken: ((taken: boolean) => void) | null = null): boolean {
    if (this.full) return false;
    this.#waiting.push({ entry, copy, checks, taken });
    this.#run();
    return true;
  }

  stop(): void {
    this.#pending?.cancel();
    this.#pending = null;
    this.#waiting.clear();
    this.#busy = false;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.#busy) {
      const next = this.#waiting.shift();
      if (next === null) break;
      this.#ask(next);
    }
    this.#running = false;
    // The queue may have waited for room here.
    if (this.#waiting.length === 0) this.#session.pump();
  }

  #ask(next: Waiting): void {
    this.#busy = true;
    const { message, qos, retain } = next.copy;
    const pending = this.#room.gate.judgeDelivery(
      this.#session.client,
      { message, entry: next.entry, checks: next.checks, qos, retain },
      (verdict) => {
        this.#busy = false;
        this.#pending = null;
        if (verdict === 'deliver') {
          this.#session.offer(next.copy);
          next.taken?.(true);
        } else if (next.taken !== null) next.taken(false);
        else {
          this.#room.stats.deliveriesDenied += 1;
          countDrop(this.#room, verdict, this.#session.clientId, this.#session.tenant, message.topic, 1);
        }
        this.#run();
      },
    );
    if (this.#busy) this.#pending = pending;
  }
}
