import type { Attack } from './aim.js';
import { bystander, freshPublishes, handshakes, pings, unknownIds, unreadPings, userProperties } from './floods.js';
import { loginFlood } from './logins.js';
import { connectFlood, fragments, halfOpen, stalledSubscribers, webSocketFragments } from './sockets.js';
import { identifiers, manyFilters, plusTree, retainedChurn, slashes, subscriptionChurn } from './topics.js';

/** Every attack by its name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  bystander,
  'stalled-subscribers': stalledSubscribers,
  'half-open': halfOpen,
  'plus-tree': plusTree,
  identifiers,
  slashes,
  fragments,
  'websocket-fragments': webSocketFragments,
  'connect-flood': connectFlood,
  'login-flood': loginFlood,
  pings,
  'unread-pings': unreadPings,
  'unknown-ids': unknownIds,
  handshakes,
  'retained-churn': retainedChurn,
  'subscription-churn': subscriptionChurn,
  'many-filters': manyFilters,
  'user-properties': userProperties,
  'fresh-topics': freshPublishes,
};
