import { makePlugin } from './plugin.js';

/** Refuses clients and messages that come too often. */
export default makePlugin(() => performance.now());
