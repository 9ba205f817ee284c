import { makePlugin } from './plugin.js';

/** Refuses whom a file bans, and disconnects those who come onto it. */
export default makePlugin(() => Date.now());
