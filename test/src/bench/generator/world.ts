import { Histogram } from './histogram.js';
import type { PublishTemplate } from './packets.js';
import type { Publisher } from './publisher.js';
import { Tracker } from './tracker.js';
import type { Counts } from './verdict.js';

/** What the clients of one run share: who sent what, what arrived, and whose turn it is. */
export class World {
  readonly counts: Counts;
  readonly templates: readonly PublishTemplate[];
  /** The publisher of each stream. */
  readonly publisherOf: readonly Publisher[];
  readonly tracker: Tracker;
  /** Receivers of each message. */
  readonly copies: number;
  readonly run: number;
  /** From when a message is due to when it was read, microseconds. */
  readonly latency = new Histogram();
  /** From when a message is due to when it was written, microseconds: how late the generator itself is. */
  readonly lag = new Histogram();
  /** Messages that were due before this are not in the histograms. */
  measureFromMs = Number.POSITIVE_INFINITY;
  publishing = false;
  published = 0;
  delivered = 0;
  #ready: Publisher[] = [];
  #scheduled = false;

  constructor(
    counts: Counts,
    templates: readonly PublishTemplate[],
    publisherOf: readonly Publisher[],
    { slots, copies, run }: { readonly slots: number; readonly copies: number; readonly run: number },
  ) {
    this.counts = counts;
    this.templates = templates;
    this.publisherOf = publisherOf;
    this.tracker = new Tracker(slots, counts);
    this.copies = copies;
    this.run = run;
  }

  topicOf(stream: number): Uint8Array | null {
    return this.templates[stream]?.topic ?? null;
  }

  /** Lets a publisher look, after all that can be read has been, whether it may send. */
  wake(publisher: Publisher): void {
    if (publisher.awake || !this.publishing) return;
    publisher.awake = true;
    this.#ready.push(publisher);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const ready = this.#ready;
    this.#ready = [];
    this.#scheduled = false;
    for (const publisher of ready) {
      publisher.awake = false;
      if (this.publishing) publisher.publish();
    }
  }
}
