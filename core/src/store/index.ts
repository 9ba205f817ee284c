export { Custody, type Mark, NO_MARK, type OpenCopy } from './custody.js';
export { MemoryRetainedStore, MemorySessionStore } from './memory-store.js';
