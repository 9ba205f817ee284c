import type { HookName } from '@portcullis/sdk';

// The faulty plugin is copied out of the repository together with this file and finds nothing but the SDK there.

/** Which of the questions of a hook is the one that fails; all others of the same client are answered well. */
export type Which = 'every' | 'publish' | 'subscribe' | 'receive' | 'will' | 'will again' | 'again' | 'lease';

/** A question at a moment of a client's life. */
export interface Moment {
  readonly hook: HookName;
  readonly which: Which;
  readonly title: string;
  /** Version of MQTT below which the moment does not exist, or transports on which it does. */
  readonly only?: '5.0' | 'WebSocket';
}

const moment = (hook: HookName, title: string, which: Which = 'every', only?: Moment['only']): Moment =>
  only === undefined ? { hook, which, title } : { hook, which, title, only };

/** Every hook that is asked something, at every moment at which a refusal looks different. The order is part of the addresses of cells. */
export const MOMENTS = {
  accept: moment('acceptConnection', 'a socket is accepted'),
  upgrade: moment('upgradeWebSocket', 'a WebSocket is to be opened', 'every', 'WebSocket'),
  tenant: moment('resolveTenant', 'CONNECT, the tenant'),
  normalize: moment('normalizeConnect', 'CONNECT, its patches'),
  admitClient: moment('admitClient', 'CONNECT, before the credentials'),
  authenticate: moment('authenticate', 'CONNECT, the credentials'),
  enhanced: moment('authenticateEnhanced', 'CONNECT, enhanced authentication', 'every', '5.0'),
  again: moment('authenticateEnhanced', 're-authentication', 'again', '5.0'),
  admitIdentity: moment('admitIdentity', 'CONNECT, the identity is known'),
  policy: moment('loadPolicy', 'CONNECT, the rights'),
  will: moment('authorize', 'CONNECT, the will', 'will'),
  refresh: moment('refreshIdentity', 'the lease of an identity ends'),
  policyLease: moment('loadPolicy', 'the lease of rights ends', 'lease'),
  publish0: moment('authorize', 'PUBLISH, QoS 0', 'publish'),
  publish1: moment('authorize', 'PUBLISH, QoS 1', 'publish'),
  publish2: moment('authorize', 'PUBLISH, QoS 2', 'publish'),
  subscribe: moment('authorize', 'SUBSCRIBE, a topic filter', 'subscribe'),
  receive: moment('authorize', 'a copy for a receiver', 'receive'),
  willAgain: moment('authorize', 'the will is published', 'will again'),
  guardPublish0: moment('guardPublish', 'PUBLISH, QoS 0'),
  guardPublish1: moment('guardPublish', 'PUBLISH, QoS 1'),
  guardPublish2: moment('guardPublish', 'PUBLISH, QoS 2'),
  guardWill: moment('guardPublish', 'the will is published'),
  retain1: moment('guardRetain', 'PUBLISH with RETAIN, QoS 1'),
  retain2: moment('guardRetain', 'PUBLISH with RETAIN, QoS 2'),
  delivery: moment('guardDelivery', 'a copy for a receiver'),
  guardSubscribe: moment('guardSubscribe', 'SUBSCRIBE, a topic filter'),
  rewrite0: moment('rewritePublish', 'PUBLISH, QoS 0'),
  rewrite1: moment('rewritePublish', 'PUBLISH, QoS 1'),
  rewrite2: moment('rewritePublish', 'PUBLISH, QoS 2'),
} as const satisfies Readonly<Record<string, Moment>>;

export type MomentName = keyof typeof MOMENTS;
export const MOMENT_NAMES = Object.keys(MOMENTS) as readonly MomentName[];

export type Role = 'authority' | 'guard' | 'source' | 'observer';

/** Every hook: its role, and whether it must be answered at once. A hook that this table lacks does not compile. */
export const ROLES = {
  acceptConnection: ['guard', 'sync'],
  upgradeWebSocket: ['guard', 'sync'],
  resolveTenant: ['source', 'either'],
  normalizeConnect: ['source', 'sync'],
  admitClient: ['guard', 'either'],
  authenticate: ['authority', 'either'],
  authenticateEnhanced: ['authority', 'either'],
  refreshIdentity: ['authority', 'either'],
  admitIdentity: ['guard', 'either'],
  loadPolicy: ['source', 'either'],
  authorize: ['authority', 'either'],
  guardPublish: ['guard', 'sync'],
  guardRetain: ['guard', 'sync'],
  guardDelivery: ['guard', 'sync'],
  guardSubscribe: ['guard', 'either'],
  rewritePublish: ['source', 'sync'],
  clientConnected: ['observer', 'sync'],
  clientDisconnected: ['observer', 'sync'],
  sessionOpened: ['observer', 'sync'],
  sessionResumed: ['observer', 'sync'],
  sessionTakenOver: ['observer', 'sync'],
  sessionExpired: ['observer', 'sync'],
  subscribed: ['observer', 'sync'],
  unsubscribed: ['observer', 'sync'],
  messagePublished: ['observer', 'sync'],
  messageDelivered: ['observer', 'sync'],
  messageDropped: ['observer', 'sync'],
  policyChanged: ['observer', 'sync'],
  decisionMade: ['observer', 'sync'],
  connectDecided: ['observer', 'sync'],
  brokerReady: ['observer', 'sync'],
  brokerStopping: ['observer', 'sync'],
} as const satisfies Readonly<Record<HookName, readonly [Role, 'sync' | 'either']>>;

export const HOOKS = Object.keys(ROLES) as readonly HookName[];
export const QUESTIONS = HOOKS.filter((hook) => ROLES[hook][0] !== 'observer');
export const OBSERVERS = HOOKS.filter((hook) => ROLES[hook][0] === 'observer');
/** News that concern no client: there is one of them in the life of a process. */
export const PROCESS_NEWS = ['brokerReady', 'brokerStopping'] as const satisfies readonly HookName[];
/** News that the life of one client brings about. */
export const LIFE_NEWS = OBSERVERS.filter((hook) => !(PROCESS_NEWS as readonly HookName[]).includes(hook));
