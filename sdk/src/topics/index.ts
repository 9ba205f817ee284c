export { matches } from './matches.js';
export { covers, coversUnion, intersects } from './relations.js';
export { isTopicFilter, isTopicName, parseSharedFilter, type SharedFilter } from './syntax.js';
export type { TopicFilter, TopicName } from './types.js';
