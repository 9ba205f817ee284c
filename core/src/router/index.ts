export type { Preparation } from './preparation.js';
export { publishMessage, withdrawMessage } from './publish-message.js';
export { Pace, Quota } from './quota.js';
export { RetainedSources } from './retained-sources.js';
export type { RetainedEntry } from './retained-tree.js';
export { Target } from './route.js';
export { Domain, Router } from './router.js';
export type { Subscriber } from './subscriber.js';
export { Subscription, type SubscriptionOptions } from './subscription.js';
