import type { HookName } from '@portcullis/sdk';
import { ROLES } from './moments.js';

// Copied out of the repository with the faulty plugin, as `moments.ts`.

/** What a way of failing ends as: a fault, or the denial that was said first. */
export type Ending = 'fault' | 'denied';

export interface Way {
  readonly title: string;
  /** Why the way does not exist on a hook; null where it does. */
  readonly impossible: (hook: HookName) => string | null;
  readonly ending: (hook: HookName) => Ending;
}

const sync = (hook: HookName): boolean => ROLES[hook][1] === 'sync';
/** Hooks whose yes carries something: an identity, data, a limit. */
const CARRYING: readonly HookName[] = ['resolveTenant', 'normalizeConnect', 'authenticate', 'authenticateEnhanced', 'loadPolicy', 'rewritePublish'];
const CHECKED: readonly HookName[] = [...CARRYING, 'refreshIdentity', 'guardSubscribe'];

const always = (): null => null;
const way = (title: string, impossible: Way['impossible'] = always, ending: Way['ending'] = () => 'fault'): Way => ({ title, impossible, ending });

const mayDeny = (hook: HookName): string | null => (ROLES[hook][0] === 'source' ? 'a source has no word for no' : null);
const needsTime = (hook: HookName): string | null =>
  sync(hook) ? 'the answer is there before the handler returns, so nothing can happen to the plugin in between' : null;

/** Every way of failing. The order is part of the addresses of cells. */
export const WAYS = {
  throw: way('throws an error'),
  throwNull: way('throws null'),
  throwUnreadable: way('throws an error that cannot be read'),
  unavailable: way('says that its backend is down'),
  reject: way('rejects'),
  rejectUndefined: way('rejects with undefined'),
  undefined: way('answers undefined'),
  null: way('answers null'),
  true: way('answers true'),
  one: way('answers 1'),
  text: way('answers "allow"'),
  lookAlike: way('answers with a look-alike of the decision'),
  proxy: way('answers with a proxy of the decision'),
  copy: way('answers with a copy of the decision'),
  heir: way('answers with an heir of the decision'),
  promisedProxy: way('promises a proxy of the decision'),
  kept: way("answers with another question's decision"),
  keptVerbs: way("answers by another question's verbs"),
  promisedKept: way("promises another question's decision"),
  thenThrows: way('answers with a thenable that throws'),
  thenItself: way('answers with a thenable that resolves to itself'),
  getter: way('answers with an object whose getters throw'),
  traps: way('answers with a proxy whose traps throw'),
  denySuccess: way('denies with the code of success', mayDeny),
  denyLow: way('denies with 0x7F', mayDeny),
  denyWord: way('denies with a word that is none', mayDeny),
  undeclared: way('says what its manifest or its role rules out'),
  nothingCarried: way('permits without what a yes must carry', (hook) => (CARRYING.includes(hook) ? null : 'its yes carries nothing')),
  malformed: way('permits with something malformed', (hook) => (CHECKED.includes(hook) ? null : 'its yes carries nothing')),
  throwingGrant: way('permits with an object whose getters throw', (hook) => (CHECKED.includes(hook) ? null : 'its yes carries nothing')),
  rejectFirst: way('rejects, then permits'),
  nothingFirst: way('resolves with nothing, then permits'),
  denyFirst: way('denies, then permits', mayDeny, (hook) => (sync(hook) ? 'fault' : 'denied')),
  late: way('permits when the question is over'),
  never: way('never answers'),
  disposed: way('permits when it has been disposed of', needsTime),
  timer: way('throws in a timer instead of answering'),
  unhandled: way('leaves a rejection unhandled instead of answering'),
  emitter: way('has an emitter fail unheard instead of answering'),
  busy: way('is busy until its time is over, then permits'),
  promise: way('promises the right decision', (hook) => (sync(hook) ? null : 'a promise is an answer there')),
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof WAYS;
export const WAY_NAMES = Object.keys(WAYS) as readonly WayName[];

/** What an observer may do; it is asked nothing, so nothing of this is to be seen on the wire. */
export const NEWS_WAYS = {
  throw: 'throws an error',
  throwNull: 'throws null',
  throwUnreadable: 'throws an error that cannot be read',
  reject: 'rejects',
  rejectUndefined: 'rejects with undefined',
  decision: 'returns what looks like a decision',
  never: 'returns a promise that never settles',
  getter: 'returns an object whose getters throw',
  change: 'tries to change what it was told',
  timer: 'throws in a timer',
  unhandled: 'leaves a rejection unhandled',
  emitter: 'has an emitter fail unheard',
  busy: 'is busy for a while',
} as const;

export type NewsWayName = keyof typeof NEWS_WAYS;
export const NEWS_WAY_NAMES = Object.keys(NEWS_WAYS) as readonly NewsWayName[];
