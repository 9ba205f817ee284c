import type { ConnectHooks } from './connect-hooks.js';
import type { MessageHooks } from './message-hooks.js';
import type { NewsHooks } from './news-hooks.js';

/**
 * All moments at which the broker asks or tells its plugins. A plugin gets its own instance as `hooks`.
 *
 * For every question: a handler that throws, rejects, gives no decision that was minted for this very question, or is silent for `timeoutMs`
 * (milliseconds) is a fault. So is a plugin whose breaker is open, or that could not start yet. A fault never lets anything in; the log says
 * PCL_PLUGIN_FAULT and names the plugin. A plugin whose queue is full, and one that the chain's `deadlineMs` (milliseconds) did not wait for, is a
 * fault from overload: PCL_PLUGIN_OVERLOAD.
 */
export interface BrokerHooks extends ConnectHooks, MessageHooks, NewsHooks {}

/** Name of a hook. */
export type HookName = keyof BrokerHooks;

/** Names of the hooks that authorities answer, and so of the keys of `decides`. */
export type AuthorityHookName = 'authenticate' | 'authenticateEnhanced' | 'refreshIdentity' | 'authorize';

/** What an authority may say; `continue` only for `authenticateEnhanced`, which in turn has no skip. */
export type AuthorityAnswer = 'allow' | 'deny' | 'skip' | 'continue';
