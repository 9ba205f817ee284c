import type { MessageInfo } from '@portcullis/sdk';
import type { Pending } from '../hooks/index.js';
import { Check, type GateClient } from './client.js';
import { foldAuthorize } from './fold.js';
import type { Message } from './message.js';
import type { TopicEntry } from './topic-table.js';

export type DeliveryVerdict = 'deliver' | 'not-authorized' | 'guard' | 'fault';

/** Who decided about a copy. */
export interface DeliveryReason {
  /** `guardDelivery`; absent for rules and code. */
  readonly hook?: 'guardDelivery';
  readonly plugin: string | null;
  readonly rule: string | null;
  readonly detail: string;
}

/**
 * Judges one copy for one receiver whose chain has code for it: rules and code, then the guards. With the verdict comes who decided, or null when it
 * was the rules alone, whose answer may be a remembered one.
 */
export function judgeDelivery(
  client: GateClient,
  copy: { readonly message: Message; readonly entry: TopicEntry; readonly checks: number; readonly qos: 0 | 1 | 2; readonly retain: boolean },
  info: (message: Message) => MessageInfo,
  deadlineAt: number,
  done: (verdict: DeliveryVerdict, why: DeliveryReason | null) => void,
): Pending | null {
  const { message, entry, checks } = copy;
  if (!client.passesSubscribe(entry, checks)) {
    done('not-authorized', null);
    return null;
  }
  const guard = (allowed: DeliveryReason | null): void => {
    if (!client.standing.hooks.has('guardDelivery')) return done('deliver', allowed);
    const view = { ...info(message), qos: copy.qos, retain: copy.retain };
    const outcome = client.standing.hooks.guard('guardDelivery', {
      client: client.info,
      identity: client.identity,
      tenant: client.tenant,
      message: view,
    });
    if (outcome.kind === 'pass') return done('deliver', allowed);
    const plugin = outcome.kind === 'deny' || outcome.kind === 'fault' ? outcome.plugin : null;
    const detail = outcome.kind === 'fault' ? outcome.detail : outcome.kind === 'deny' ? '' : `a guard answered ${outcome.kind}`;
    done(outcome.kind === 'deny' ? 'guard' : 'fault', { hook: 'guardDelivery', plugin, rule: null, detail });
  };
  if (!client.standing.hooks.has('authorize')) {
    if (client.mayReceive(entry, checks | Check.RECEIVE)) guard(null);
    else done('not-authorized', null);
    return null;
  }
  const request = {
    client: client.info,
    identity: client.identity,
    tenant: client.tenant,
    action: 'receive',
    topic: message.topic,
    qos: copy.qos,
    retain: copy.retain,
    shareName: null,
    will: false,
  };
  const rules = (source: number): 0 | 1 | 2 => client.binding.check('receive', message.topic, 0, false, source);
  return foldAuthorize(client, { action: 'receive', request, rules }, deadlineAt, (judgement) => {
    if (judgement.outcome === 'fault') done('fault', judgement);
    else if (judgement.outcome !== 'allow') done('not-authorized', judgement);
    // What it was asked for may have gone while it was asked: only the rules of `receive` are looked at anew by the fold.
    else if (!client.passesSubscribe(entry, checks)) done('not-authorized', null);
    else guard(judgement);
  });
}
