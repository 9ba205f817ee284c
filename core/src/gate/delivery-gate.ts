import type { MessageInfo } from '@portcullis/sdk';
import type { Pending } from '../hooks/index.js';
import { Check, type GateClient } from './client.js';
import { foldAuthorize } from './fold.js';
import type { Message } from './message.js';
import type { TopicEntry } from './topic-table.js';

export type DeliveryVerdict = 'deliver' | 'not-authorized' | 'guard' | 'fault';

/** Judges one copy for one receiver whose chain has code for it: rules and code, then the guards. */
export function judgeDelivery(
  client: GateClient,
  copy: { readonly message: Message; readonly entry: TopicEntry; readonly checks: number; readonly qos: 0 | 1 | 2; readonly retain: boolean },
  info: (message: Message) => MessageInfo,
  deadlineAt: number,
  done: (verdict: DeliveryVerdict) => void,
): Pending | null {
  const { message, entry, checks } = copy;
  if (!client.passesSubscribe(entry, checks)) {
    done('not-authorized');
    return null;
  }
  const guarded = (): DeliveryVerdict => {
    if (!client.standing.hooks.has('guardDelivery')) return 'deliver';
    const view = { ...info(message), qos: copy.qos, retain: copy.retain };
    const outcome = client.standing.hooks.guard('guardDelivery', {
      client: client.info,
      identity: client.identity,
      tenant: client.tenant,
      message: view,
    });
    if (outcome.kind === 'pass') return 'deliver';
    return outcome.kind === 'deny' ? 'guard' : 'fault';
  };
  if (!client.standing.hooks.has('authorize')) {
    done(client.mayReceive(entry, checks | Check.RECEIVE) ? guarded() : 'not-authorized');
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
    if (judgement.outcome === 'fault') done('fault');
    else done(judgement.outcome === 'allow' ? guarded() : 'not-authorized');
  });
}
