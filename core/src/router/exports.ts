import { matches } from '@portcullis/sdk';
import { type ApprovedMessage, exportedMessage, type Gate } from '../gate/index.js';
import type { Stats } from '../stats.js';
import type { Domain, Router } from './router.js';

/**
 * Brings a message that was routed to the tenants to which the configuration lets it go. There each receiver's rights judge it as any other. What
 * came in this way goes no further, wherever the arrows point: there is no second hop, and so no loop. Whoever published it does not learn whether
 * somebody there was interested.
 */
export function exportMessage(
  room: { readonly router: Router; readonly gate: Gate; readonly stats: Stats },
  from: Domain,
  approved: ApprovedMessage,
): void {
  if (from.exports === null) return;
  const { router, gate, stats } = room;
  for (const way of from.exports) {
    if (!way.topics.some((filter) => matches(filter, approved.message.topic))) continue;
    const exported = exportedMessage(approved, from.tenant, way);
    if (exported === null) {
      stats.exportsRefused += 1;
      continue;
    }
    stats.messagesExported += 1;
    const to = router.domain(way.to);
    if (exported.retain) router.retain(to, exported.message);
    router.route(to, gate.run(exported, to.topics, null));
    gate.tellPublished(exported.message, to.tenant);
  }
}
