export { Custody, type Mark, NO_MARK } from './custody.js';
export { MemoryRetainedStore, MemorySessionStore } from './memory-store.js';
