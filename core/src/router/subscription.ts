import { Check } from '../gate/index.js';
import type { Binding } from '../policy/index.js';
import type { Subscriber } from './subscriber.js';

/** One subscription of one subscriber. */
export class Subscription {
  readonly subscriber: Subscriber;
  /** Topic filter as the client sent it, with `$share/<group>/`; below a mountpoint the whole one. */
  readonly key: string;
  /** Topic filter that topics are matched against. */
  readonly filter: string;
  readonly shareName: string | null;
  /** The QoS that it has at this moment, and the one that was granted: rules may have lowered it since. */
  qos: 0 | 1 | 2;
  granted: 0 | 1 | 2;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
  /** Subscription identifier, 0 for none. */
  id: number;
  /** What each copy must have checked (`Check`), and the rights by which that was judged. */
  checks = 0;
  #binding: Binding | null = null;
  #version = 0;
  /** Whether code, not rules, allowed it. */
  byCode: boolean;
  /** Whether code, asked again, no longer allows it, or could not say. */
  withheld = false;
  /** Length of the mountpoint behind which a wildcard begins; 0 where none does. */
  readonly #hides: number;
  /** Whether it is among those that messages are routed by. */
  stands = false;

  constructor(subscriber: Subscriber, key: string, filter: string, shareName: string | null, options: SubscriptionOptions) {
    this.subscriber = subscriber;
    this.key = key;
    this.filter = filter;
    this.shareName = shareName;
    this.qos = options.qos;
    this.granted = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.id = options.id;
    this.byCode = options.byCode;
    const { mountpoint } = subscriber.client;
    this.#hides = mountpoint !== '' && /^[+#]/.test(filter.slice(mountpoint.length)) ? mountpoint.length : 0;
  }

  /**
   * Whether its client would see a topic that matches. [MQTT-4.7.2-1] For one below a mountpoint `#` is the whole world: neither the level above
   * that is in it, nor does a wildcard there show what begins with `$`.
   */
  shows(topic: string): boolean {
    return this.#hides === 0 || (topic.length > this.#hides && topic[this.#hides] !== '$');
  }

  /** Whether it has lost its right, as far as it was judged. */
  get suspended(): boolean {
    return this.checks >= Check.SUSPENDED;
  }

  /** Takes note of what each copy must have checked by the rights that the subscriber has now. */
  judged(checks: number): void {
    const { binding } = this.subscriber.client;
    this.checks = this.withheld ? checks | Check.SUSPENDED : checks;
    this.#binding = binding;
    this.#version = binding.version;
  }

  /** Whether `checks` was judged by the rights that the subscriber has now. */
  get current(): boolean {
    const { binding } = this.subscriber.client;
    return this.#binding === binding && this.#version === binding.version;
  }

  /** Takes new options in place of the old ones: the subscription itself goes on, so that no message is lost [MQTT-3.8.4-3]. */
  replace(options: SubscriptionOptions): void {
    this.qos = options.qos;
    this.granted = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.id = options.id;
    this.byCode = options.byCode;
    this.withheld = false;
  }
}

export interface SubscriptionOptions {
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly id: number;
  readonly byCode: boolean;
}
