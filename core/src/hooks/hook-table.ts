import type { AuthorityAnswer, AuthorityHookName, HookName } from '@portcullis/sdk';

export type HookRole = 'authority' | 'guard' | 'source' | 'observer';

/** Which plugins are asked: those in one list of the client's chain, or all. */
export type AskedList = 'guards' | 'authenticate' | 'authorize' | 'all';

export interface HookSpec {
  readonly role: HookRole;
  readonly sync: boolean;
  readonly asked: AskedList;
}

const spec = (role: HookRole, asked: AskedList, sync: boolean): HookSpec => Object.freeze({ role, sync, asked });
const news = spec('observer', 'all', true);

/** Every hook: who answers it, from which list, and whether it must be answered at once. */
export const HOOKS: Readonly<Record<HookName, HookSpec>> = Object.freeze({
  acceptConnection: spec('guard', 'all', true),
  upgradeWebSocket: spec('guard', 'all', true),
  resolveTenant: spec('source', 'all', false),
  normalizeConnect: spec('source', 'all', true),
  admitClient: spec('guard', 'guards', false),
  authenticate: spec('authority', 'authenticate', false),
  authenticateEnhanced: spec('authority', 'authenticate', false),
  refreshIdentity: spec('authority', 'authenticate', false),
  admitIdentity: spec('guard', 'guards', false),
  loadPolicy: spec('source', 'authorize', false),
  authorize: spec('authority', 'authorize', false),
  guardPublish: spec('guard', 'guards', true),
  guardRetain: spec('guard', 'guards', true),
  guardDelivery: spec('guard', 'guards', true),
  guardSubscribe: spec('guard', 'guards', false),
  rewritePublish: spec('source', 'all', true),
  clientConnected: news,
  clientDisconnected: news,
  sessionOpened: news,
  sessionResumed: news,
  sessionTakenOver: news,
  sessionExpired: news,
  subscribed: news,
  unsubscribed: news,
  messagePublished: news,
  messageDelivered: news,
  messageDropped: news,
  policyChanged: news,
  decisionMade: news,
  connectDecided: news,
  brokerReady: news,
  brokerStopping: news,
});

export const HOOK_NAMES = Object.freeze(Object.keys(HOOKS)) as readonly HookName[];

export type NewsHookName =
  | 'clientConnected'
  | 'clientDisconnected'
  | 'sessionOpened'
  | 'sessionResumed'
  | 'sessionTakenOver'
  | 'sessionExpired'
  | 'subscribed'
  | 'unsubscribed'
  | 'messagePublished'
  | 'messageDelivered'
  | 'messageDropped'
  | 'policyChanged'
  | 'decisionMade'
  | 'connectDecided'
  | 'brokerReady'
  | 'brokerStopping';

/** Questions that a whole chain answers. */
export type AskableHook = 'admitClient' | 'authenticate' | 'admitIdentity' | 'authorize' | 'guardSubscribe';
export type SyncGuardHook = 'guardPublish' | 'guardRetain' | 'guardDelivery';
export type GlobalGuardHook = 'acceptConnection' | 'upgradeWebSocket';
export type PatchHook = 'normalizeConnect' | 'rewritePublish';

/** What each authority hook may be answered with, and so what `decides` may list for it. */
export const AUTHORITY_ANSWERS: Readonly<Record<AuthorityHookName, readonly AuthorityAnswer[]>> = Object.freeze({
  authenticate: ['allow', 'deny', 'skip'],
  authenticateEnhanced: ['allow', 'deny', 'continue'],
  refreshIdentity: ['allow', 'deny'],
  authorize: ['allow', 'deny', 'skip'],
});

export function isHookName(name: string): name is HookName {
  return Object.hasOwn(HOOKS, name);
}

export function isAuthorityHook(name: string): name is AuthorityHookName {
  return Object.hasOwn(AUTHORITY_ANSWERS, name);
}
