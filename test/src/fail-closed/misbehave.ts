import { EventEmitter } from 'node:events';
import { BackendUnavailable, type Decision, type HookName } from '@portcullis/sdk';
import { ROLES } from './moments.js';
import type { NewsWayName, WayName } from './ways.js';

// Copied out of the repository with the faulty plugin, as `moments.ts`.

export type Verbs = Readonly<Record<string, (argument?: unknown) => Decision>>;

export interface Misbehaviour {
  readonly way: WayName | NewsWayName;
  readonly hook: HookName;
  /** What follows is there for questions only. */
  readonly verbs?: Verbs;
  readonly kept?: { readonly decision: Decision; readonly verbs: Verbs } | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Mints the decision that would let the most through. */
  readonly good?: (by?: Verbs) => Decision;
  /** Keeps something for after the disposal of the plugin. */
  readonly disposed?: (go: () => void) => void;
  readonly lease?: number | null;
}

/** Milliseconds: more than the plugin with little patience is given, and what a handler may stall the broker with at once. */
const BUSY_MS = 170;
const BUSY_SYNC_MS = 2;
const LATE_MS = 5;
/** All but one branch; the version is above every one that is announced. */
const VERSION = 1_000_000;
const ACTIONS = ['publish', 'subscribe', 'receive'];
const ALL = [
  { effect: 'allow', actions: ACTIONS, pattern: '#', from: 'all' },
  { effect: 'deny', actions: ACTIONS, pattern: 'denied/#', from: 'some' },
];

/** What a yes on a hook carries when it is sound. */
function grantOf(hook: HookName, lease: number | null): unknown {
  const more = lease === null ? {} : { leaseSeconds: lease };
  switch (hook) {
    case 'resolveTenant':
      return { name: 'acme' };
    case 'normalizeConnect':
      return { keepAliveSeconds: 60 };
    case 'rewritePublish':
      return { properties: {} };
    case 'authenticate':
    case 'authenticateEnhanced':
      return { identity: { username: 'somebody' }, ...more };
    case 'loadPolicy':
      return { version: VERSION, rules: ALL, ...more };
    default:
      return undefined;
  }
}

function malformedGrant(hook: HookName): unknown {
  switch (hook) {
    case 'resolveTenant':
      return { name: '../x' };
    case 'normalizeConnect':
      return { clientId: '' };
    case 'rewritePublish':
      return { topic: 'a/+' };
    case 'authenticate':
    case 'authenticateEnhanced':
      return { identity: { username: '' } };
    case 'loadPolicy':
      return { version: VERSION, rules: [{ ...ALL[0], effect: 'permit' }] };
    case 'refreshIdentity':
      return { leaseSeconds: -1 };
    default:
      return { maxQos: 3 };
  }
}

function verbOf(hook: HookName): string {
  if (hook === 'resolveTenant') return 'tenant';
  if (hook === 'loadPolicy') return 'policy';
  if (ROLES[hook][0] === 'source') return 'patch';
  return ROLES[hook][0] === 'guard' ? 'pass' : 'allow';
}

function say(verbs: Verbs, verb: string, argument?: unknown): Decision {
  // A verb that the role does not have is called all the same, as plugins written in JavaScript do.
  return (verbs[verb] as (given?: unknown) => Decision)(argument);
}

/** The answer that lets the most through on a hook. */
export function permit(hook: HookName, verbs: Verbs, lease: number | null): Decision {
  return say(verbs, verbOf(hook), grantOf(hook, lease));
}

const unreadable = (): Error =>
  Object.defineProperty(new Error(), 'message', {
    get: () => {
      throw new Error('read me not');
    },
  });

function refuseToBeRead(): never {
  throw new Error('read me not');
}

const throwing = (...keys: readonly string[]): object =>
  Object.defineProperties({}, Object.fromEntries(keys.map((key) => [key, { get: refuseToBeRead, enumerable: true }])));

const trapped = (): object => new Proxy({}, { get: refuseToBeRead, has: refuseToBeRead, getPrototypeOf: refuseToBeRead, ownKeys: refuseToBeRead });

type Settle = (value: unknown) => void;
const thenable = (then: (resolve: Settle, reject: Settle) => void): object => ({ then });

function stall(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

/** Fails in a way, as the answer to a question or to news. */
export function misbehave(misbehaviour: Misbehaviour): unknown {
  const { way, hook, verbs = {}, kept, good, signal, disposed } = misbehaviour;
  const sync = ROLES[hook][1] === 'sync';
  const yes = (): Decision => (good as () => Decision)();
  const no = (reason: unknown): Decision => say(verbs, 'deny', reason);
  /** An answer that was to come from where the error escaped. */
  const lost = (): unknown => (sync ? undefined : new Promise(() => {}));
  switch (way) {
    case 'throw':
      throw new Error('thrown by a handler');
    case 'throwNull':
      throw null;
    case 'throwUnreadable':
      throw unreadable();
    case 'unavailable':
      throw new BackendUnavailable('the backend is down');
    case 'reject':
      return Promise.reject(new Error('rejected by a handler'));
    case 'rejectUndefined':
      return Promise.reject();
    case 'undefined':
    case 'change':
    case 'decision':
      return undefined;
    case 'null':
      return null;
    case 'true':
      return true;
    case 'one':
      return 1;
    case 'text':
      return 'allow';
    case 'lookAlike':
      return { kind: 'allow', verb: 'allow', allow: true, pass: true, grant: grantOf(hook, null), value: grantOf(hook, null) };
    case 'proxy':
      return new Proxy(yes(), {});
    case 'copy':
      return { ...yes() };
    case 'heir':
      return Object.create(yes());
    case 'promisedProxy':
      return Promise.resolve(new Proxy(yes(), {}));
    case 'kept':
      return kept?.decision;
    case 'keptVerbs':
      return (good as (by?: Verbs) => Decision)(kept?.verbs);
    case 'promisedKept':
      return Promise.resolve(kept?.decision);
    case 'thenThrows':
      return thenable(() => {
        throw new Error('thrown by a thenable');
      });
    case 'thenItself': {
      const self = thenable((resolve) => resolve(self));
      return self;
    }
    case 'getter':
      return throwing('then', 'kind', 'verb', 'answer');
    case 'traps':
      return trapped();
    case 'denySuccess':
      return no(0);
    case 'denyLow':
      return no(0x7f);
    case 'denyWord':
      return no('certainly');
    case 'undeclared':
      if (hook === 'authenticateEnhanced') return say(verbs, 'continue', new Uint8Array([1]));
      return say(verbs, 'allow', grantOf(ROLES[hook][0] === 'authority' ? hook : 'authenticate', null));
    case 'nothingCarried':
      return say(verbs, verbOf(hook));
    case 'malformed':
      return say(verbs, verbOf(hook), malformedGrant(hook));
    case 'throwingGrant':
      return say(verbs, verbOf(hook), throwing('identity', 'name', 'version', 'rules', 'clientId', 'topic', 'leaseSeconds', 'maxQos'));
    case 'rejectFirst':
      return thenable((resolve, reject) => {
        reject(new Error('rejected first'));
        resolve(yes());
      });
    case 'nothingFirst':
      return thenable((resolve) => {
        resolve(undefined);
        resolve(yes());
      });
    case 'denyFirst':
      return thenable((resolve) => {
        resolve(no('banned'));
        resolve(yes());
      });
    case 'late':
      return new Promise((resolve) => {
        if (signal === undefined) setTimeout(() => resolve(yes()), LATE_MS);
        else signal.addEventListener('abort', () => resolve(yes()));
      });
    case 'never':
      return new Promise(() => {});
    case 'disposed':
      return new Promise((resolve) => disposed?.(() => resolve(yes())));
    case 'timer':
      setTimeout(() => {
        throw new Error('escaped from a timer');
      });
      return lost();
    case 'unhandled':
      setTimeout(() => void Promise.reject(new Error('escaped as a rejection')));
      return lost();
    case 'emitter':
      setTimeout(() => new EventEmitter().emit('error', new Error('escaped through an emitter')));
      return lost();
    case 'busy':
      stall(sync ? BUSY_SYNC_MS : BUSY_MS);
      return sync ? undefined : yes();
    case 'promise':
      return Promise.resolve(yes());
  }
}
