import type { Decide, DecideEnhanced, Decision } from './decisions.js';
import type { AuthenticateEnhancedRequest } from './requests.js';

/**
 * A question that may be answered at once or later. Silence for the plugin's `timeoutMs` (milliseconds) is a fault, and so is an answer that has
 * not come when the chain's `deadlineMs` (milliseconds) is over.
 */
export interface QuestionHook<Request, Verbs> {
  /** Registers the one handler of this plugin. Possible until `start` has settled; a second handler is an error. */
  tap(handler: (request: Request, decide: Verbs) => Decision | PromiseLike<Decision>): void;
}

/** A question that must be answered before the handler returns; a promise is a fault. */
export interface SyncQuestionHook<Request, Verbs> {
  /** Registers the one handler of this plugin. Possible until `start` has settled; a second handler is an error. */
  tap(handler: (request: Request, decide: Verbs) => Decision): void;
}

/** A hook of enhanced authentication: each method has exactly one owner. */
export interface EnhancedHook {
  /** Registers the handler for one authentication method, compared as exact text. Two owners of a method in one chain are an error. */
  tap(method: string, handler: (request: AuthenticateEnhancedRequest, decide: DecideEnhanced) => Decision | PromiseLike<Decision>): void;
}

/**
 * News of something that has happened.
 *
 * Told to every plugin that taps the hook, in a later turn of the event loop than what it tells of, in the order in which things happened.
 *
 * There are no answers: what a listener returns is ignored. It cannot delay, alter or refuse anything; the news is a frozen copy.
 *
 * Nobody listens: nothing is made and nothing is queued.
 *
 * Units: at most `limits.newsQueue` news wait for one plugin; further ones are dropped and counted as `newsDropped`.
 *
 * Errors: a listener that throws, or whose promise rejects, is counted and logged as PCL_PLUGIN_ESCAPED with the plugin's name; the others hear the
 * news all the same.
 *
 * Spec: none; news are no part of MQTT. What they tell of is, and each hook names the section.
 */
export interface NewsHook<News> {
  /** Registers the one listener of this plugin. Possible until `start` has settled; a second one is an error. */
  tap(listener: (news: News) => void): void;
}

/** An authority that judges an action. */
export type AuthorityHook<Request> = QuestionHook<Request, Decide>;
