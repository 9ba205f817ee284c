export type { TopicFilter, TopicName } from './types.js';
