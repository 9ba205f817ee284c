import type { Subscriber } from './subscriber.js';

/** One subscription of one subscriber. */
export class Subscription {
  readonly subscriber: Subscriber;
  /** Topic filter as the client sent it, with `$share/<group>/`. */
  readonly key: string;
  /** Topic filter that topics are matched against. */
  readonly filter: string;
  readonly shareName: string | null;
  qos: 0 | 1 | 2;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
  /** Subscription identifier, 0 for none. */
  id: number;
  /** What each copy must have checked (`Check`), as judged for the rights that the subscriber had then. */
  checks: number;
  /** Whether code, not rules, allowed it. */
  byCode: boolean;

  constructor(subscriber: Subscriber, key: string, filter: string, shareName: string | null, options: SubscriptionOptions) {
    this.subscriber = subscriber;
    this.key = key;
    this.filter = filter;
    this.shareName = shareName;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.id = options.id;
    this.checks = options.checks;
    this.byCode = options.byCode;
  }

  /** Takes new options in place of the old ones: the subscription itself goes on, so that no message is lost [MQTT-3.8.4-3]. */
  replace(options: SubscriptionOptions): void {
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.id = options.id;
    this.checks = options.checks;
    this.byCode = options.byCode;
  }
}

export interface SubscriptionOptions {
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly id: number;
  readonly checks: number;
  readonly byCode: boolean;
}
