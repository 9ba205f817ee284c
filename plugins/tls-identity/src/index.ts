import { makePlugin } from './plugin.js';

/** Makes identities of verified client certificates. */
export default makePlugin(() => Date.now());
