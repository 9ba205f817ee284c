import type { AuthorizedRun, DeliveryVerdict, TopicEntry } from '../gate/index.js';
import type { Pending } from '../hooks/index.js';
import type { Target } from '../router/index.js';
import type { OpenCopy } from '../store/index.js';
import { type Copy, copyOf } from './copies.js';
import { Fifo } from './delivery.js';
import { countDrop, type SessionRoom } from './room.js';
import type { Session } from './session.js';

interface Waiting {
  readonly entry: TopicEntry;
  readonly copy: Copy;
  /** Told whether the copy was let through; null where a refusal is a drop. */
  readonly taken: ((taken: boolean) => void) | null;
  /** What the publisher's acknowledgement waits for; null where it does not. */
  readonly open: OpenCopy | null;
}

/** Copies for a receiver whose chain has code: asked one after the other, so that their order stays; bounded. */
export class AskedCopies {
  readonly #room: SessionRoom;
  readonly #session: Session;
  readonly #waiting = new Fifo<Waiting>();
  #pending: Pending | null = null;
  #asked: Waiting | null = null;
  #bytes = 0;
  #busy = false;
  #running = false;

  constructor(room: SessionRoom, session: Session) {
    this.#room = room;
    this.#session = session;
  }

  get full(): boolean {
    const { maxPendingDeliveries, maxQueuedBytes } = this.#room.limits;
    return this.#waiting.length >= maxPendingDeliveries || this.#bytes > maxQueuedBytes;
  }

  /** False when too many wait already. */
  add(entry: TopicEntry, copy: Copy, taken: ((taken: boolean) => void) | null = null): boolean {
    if (this.full) return false;
    // A session that lasts must have the copy before its publisher is told that it was taken.
    const open = copy.qos > 0 && this.#session.durable ? this.#room.custody.open() : null;
    this.#waiting.push({ entry, copy, taken, open });
    this.#bytes += copy.message.bytes;
    this.run();
    return true;
  }

  /** Adds the messages of a run; returns for how many there was no room. */
  addRun(run: AuthorizedRun, target: Target): number {
    const qos = run.qos < target.qos ? run.qos : target.qos;
    let refused = 0;
    for (let i = run.first; i < run.last; i += 1) {
      const message = run.copy(i);
      if (!this.add(run.entry, copyOf(message, qos, target.retainAsPublished && message.retain, target))) refused += 1;
    }
    return refused;
  }

  /** The session is over: what was for it alone is lost with it, what was for a group goes to the next member. */
  stop(): void {
    this.#pending?.cancel();
    this.#pending = null;
    this.#busy = false;
    const left = this.#asked === null ? [] : [this.#asked];
    for (let next = this.#waiting.shift(); next !== null; next = this.#waiting.shift()) left.push(next);
    this.#asked = null;
    this.#bytes = 0;
    for (const { copy, taken, open } of left) {
      if (taken !== null) this.#close(open, () => taken(false));
      else {
        this.#close(open, () => {});
        countDrop(this.#room, 'session-ended', this.#session.clientId, this.#session.tenant, copy.message.topic, 1);
      }
    }
  }

  /** Asks about what waits, unless code is yet to confirm the subscriptions that it came by. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.#busy && !this.#session.rechecking) {
      const next = this.#waiting.shift();
      if (next === null) break;
      this.#bytes -= next.copy.message.bytes;
      this.#ask(next);
    }
    this.#running = false;
    // The queue may have waited for room here.
    if (this.#waiting.length === 0) this.#session.pump();
  }

  #decided({ copy, taken }: Waiting, verdict: DeliveryVerdict): void {
    if (verdict === 'deliver') {
      this.#session.offer(copy);
      taken?.(true);
    } else if (taken !== null) taken(false);
    else {
      this.#room.stats.deliveriesDenied += 1;
      countDrop(this.#room, verdict, this.#session.clientId, this.#session.tenant, copy.message.topic, 1);
    }
  }

  #close(open: OpenCopy | null, decide: () => void): void {
    if (open === null) decide();
    else this.#room.custody.close(open, decide);
  }

  #ask(next: Waiting): void {
    this.#busy = true;
    this.#asked = next;
    // All its checks, not those of when it came: the rights may have changed while it waited.
    const { message, qos, retain, recheck } = next.copy;
    const { client } = this.#session;
    const pending = this.#room.gate.judgeDelivery(client, { message, entry: next.entry, checks: recheck, qos, retain }, (verdict) => {
      this.#busy = false;
      this.#asked = null;
      this.#pending = null;
      // Somebody came back to the session meanwhile: what was answered was about the one before.
      if (this.#session.client !== client) this.#ask(next);
      else this.#close(next.open, () => this.#decided(next, verdict));
      this.run();
    });
    if (this.#busy) this.#pending = pending;
  }
}
