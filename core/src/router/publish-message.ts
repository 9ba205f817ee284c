import { matches } from '@portcullis/sdk';
import { type ApprovedMessage, exportedMessage, exportedTopic, type Gate, type Message } from '../gate/index.js';
import type { Stats } from '../stats.js';
import type { Domain, Router } from './router.js';

interface Room {
  readonly router: Router;
  readonly gate: Gate;
  readonly stats: Stats;
}

/**
 * The one way of a single message into the router, whoever it is from: retained if it is to be, handed to its subscribers, told of, and brought to
 * other tenants. `origin`: the session that it came by, null for none. Returns whether somebody of its own tenant subscribes to its topic.
 */
export function publishMessage(room: Room, domain: Domain, approved: ApprovedMessage, origin: object | null): boolean {
  const matched = enter(room, domain, approved, origin);
  if (domain.exports !== null) exportMessage(room, domain, approved);
  return matched;
}

function enter({ router, gate }: Room, domain: Domain, approved: ApprovedMessage, origin: object | null): boolean {
  const { message } = approved;
  if (approved.retain) router.retain(domain, message);
  const matched = router.route(domain, gate.run(approved, domain.topics, origin));
  gate.tellPublished(message, domain.tenant === '' ? null : domain.tenant);
  return matched;
}

/**
 * Brings a message that was routed to the tenants to which the configuration lets it go. There each receiver's rights judge it as any other. What
 * came in this way goes no further, wherever the arrows point: there is no second hop, and so no loop. Whoever published it does not learn whether
 * somebody there was interested.
 */
function exportMessage(room: Room, from: Domain, approved: ApprovedMessage): void {
  const { router, stats } = room;
  for (const way of from.exports ?? []) {
    if (!way.topics.some((filter) => matches(filter, approved.message.topic))) continue;
    const exported = exportedMessage(approved, from.tenant, way);
    if (exported === null) {
      stats.exportsRefused += 1;
      continue;
    }
    stats.messagesExported += 1;
    enter(room, router.domain(way.to), exported, null);
  }
}

/**
 * Forgets a retained message whose publisher has lost the right to it, and what of it is retained in the tenants that it was brought to: unless
 * something else has been retained there since.
 */
export function withdrawMessage({ router }: Pick<Room, 'router'>, domain: Domain, { topic, payload }: Message): void {
  router.withdraw(domain, topic);
  for (const { to, topics, under, retain } of domain.exports ?? []) {
    if (!retain || !topics.some((filter) => matches(filter, topic))) continue;
    const there = router.known(to);
    const exported = exportedTopic(topic, under);
    // The very same bytes: they went with it.
    if (there?.retained.get(exported)?.message.payload === payload) router.withdraw(there, exported);
  }
}
