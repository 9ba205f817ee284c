import type { SessionKey } from '@portcullis/sdk';
import { Check, type Message } from '../gate/index.js';
import type { Subscription, Target } from '../router/index.js';
import type { Delivery } from './delivery.js';

/** A copy on its way into a session. */
export interface Copy {
  readonly message: Message;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[] | null;
  /** Checks that it must pass if the rights change while it waits. */
  readonly recheck: number;
}

export function isExpired(message: Message, now: number): boolean {
  return message.expiresAt !== 0 && message.expiresAt <= now;
}

/** All that a copy must pass if it is judged again. */
export function recheckOf({ byCode, checks }: { readonly byCode: boolean; readonly checks: number }): number {
  return Check.RECEIVE | (byCode ? Check.SUBSCRIBE_NOT_DENY : Check.SUBSCRIBE_ALLOW) | (checks & Check.SUSPENDED);
}

export function copyOf(message: Message, qos: 0 | 1 | 2, retain: boolean, target: Target): Copy {
  const recheck = recheckOf(target);
  return { message, qos, retain, subscriptionIds: target.subscriptionIds, recheck };
}

export function queuedChange(session: SessionKey, delivery: Delivery, wallOffset: number) {
  return {
    kind: 'queued',
    session,
    sequence: delivery.sequence,
    qos: delivery.qos,
    retain: delivery.retain,
    subscriptionIds: delivery.subscriptionIds ?? [],
    message: delivery.message.stored(wallOffset),
  } as const;
}

export function storedSubscription(subscription: Subscription) {
  return {
    filter: subscription.key,
    qos: subscription.granted,
    noLocal: subscription.noLocal,
    retainAsPublished: subscription.retainAsPublished,
    retainHandling: subscription.retainHandling,
    subscriptionId: subscription.id,
  } as const;
}
