import type { GateClient } from './client.js';
import type { DeliveryReason } from './delivery-gate.js';

/** What the log calls a decision. */
export const MESSAGES = {
  publish: { allow: 'publish allowed', deny: 'publish denied', fault: 'publish not judged: unavailable' },
  subscribe: { allow: 'subscription allowed', deny: 'subscription denied', fault: 'subscription not judged: unavailable' },
  receive: { allow: 'receive allowed', deny: 'receive denied', fault: 'receive not judged: unavailable' },
  refresh: { allow: 'client confirmed', deny: 'client no longer allowed', fault: 'client not confirmed: unavailable' },
} as const;

/** What a CONNECT is answered does not depend on its chain. */
export const NO_CHAIN = { denyPublish: 'acknowledge', publishFault: 'disconnect' } as const;

/** The rule that keeps a copy from a receiver; asked for again, since a remembered answer has none. */
export function refusingRule(client: GateClient, topic: string): DeliveryReason {
  // Who may receive it may have lost the right to subscribe to it.
  if (client.rules('receive', topic, 0, false) === 1) client.rules('subscribe', topic, 0, false);
  const { plugin = null, from = null } = client.binding.lastRule ?? {};
  return { plugin, rule: from, detail: '' };
}
