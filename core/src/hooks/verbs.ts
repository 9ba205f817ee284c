import type { HookName } from '@portcullis/sdk';
import { type Answer, mint, mintChecked } from './answer.js';
import { checkBytes, checkIdentityGrant, checkLease, checkPatch, checkPolicy, checkQos, checkReason, checkTenant, Malformed } from './grants.js';

type Verbs = Readonly<Record<string, (argument?: unknown) => unknown>>;
type MakeVerbs = (question: object) => Verbs;

const ALLOW: Answer = Object.freeze({ verb: 'allow', grant: null, data: null, leaseSeconds: null });
const PASSES: Answer = Object.freeze({ verb: 'pass', maxQos: 2 });
const SKIPS: Answer = Object.freeze({ verb: 'skip' });
const NONE: Answer = Object.freeze({ verb: 'nothing' });

const deny = (question: object) => (reason?: unknown) => mintChecked(question, 'deny', () => ({ verb: 'deny', reason: checkReason(reason) }));
const skip = (question: object) => () => mint(question, SKIPS);
const nothing = (question: object) => () => mint(question, NONE);

const guard: MakeVerbs = (question) => ({ pass: () => mint(question, PASSES), deny: deny(question) });

const subscribeGuard: MakeVerbs = (question) => ({
  pass: (limits) => (limits === undefined ? mint(question, PASSES) : mintChecked(question, 'pass', () => passLimited(limits))),
  deny: deny(question),
});

const judge: MakeVerbs = (question) => ({ allow: () => mint(question, ALLOW), deny: deny(question), skip: skip(question) });

const identify: MakeVerbs = (question) => ({
  allow: (grant) => mintChecked(question, 'allow', () => allowIdentity(grant, null)),
  deny: deny(question),
  skip: skip(question),
});

const enhanced: MakeVerbs = (question) => ({
  allow: (grant) => mintChecked(question, 'allow', () => allowIdentity(grant, dataOf(grant))),
  continue: (data) => mintChecked(question, 'continue', () => ({ verb: 'continue', data: checkBytes(data, 'the data of a step') })),
  deny: deny(question),
});

const refresh: MakeVerbs = (question) => ({
  allow: (grant) => (grant === undefined ? mint(question, ALLOW) : mintChecked(question, 'allow', () => allowAgain(grant))),
  deny: deny(question),
});

const patch =
  (...fields: readonly string[]): MakeVerbs =>
  (question) => ({
    patch: (given) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkPatch(given, fields) })),
    nothing: nothing(question),
  });

const tenant: MakeVerbs = (question) => ({
  tenant: (grant) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkTenant(grant) })),
  nothing: nothing(question),
});

const policy: MakeVerbs = (question) => ({
  policy: (grant) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkPolicy(grant) })),
  nothing: nothing(question),
});

const MAKERS: Partial<Readonly<Record<HookName, MakeVerbs>>> = {
  acceptConnection: guard,
  upgradeWebSocket: guard,
  resolveTenant: tenant,
  normalizeConnect: patch('clientId', 'username', 'keepAliveSeconds', 'sessionExpirySeconds'),
  admitClient: guard,
  authenticate: identify,
  authenticateEnhanced: enhanced,
  refreshIdentity: refresh,
  admitIdentity: guard,
  loadPolicy: policy,
  authorize: judge,
  guardPublish: guard,
  guardRetain: guard,
  guardDelivery: guard,
  guardSubscribe: subscribeGuard,
  rewritePublish: patch('topic', 'payload', 'properties'),
};

/** The `decide` or `give` of one question: the verbs of the hook's role and no others. */
export function makeVerbs(hook: HookName, question: object): Verbs {
  const make = MAKERS[hook];
  if (make === undefined) throw new TypeError(`${hook} is no question`);
  return Object.freeze(make(question));
}

function allowIdentity(given: unknown, data: Buffer | null): Answer {
  const grant = checkIdentityGrant(given);
  return { verb: 'allow', grant, data, leaseSeconds: grant.leaseSeconds ?? null };
}

function allowAgain(given: unknown): Answer {
  if (typeof given !== 'object' || given === null) throw new Malformed('the argument of allow is not an object');
  return { verb: 'allow', grant: null, data: null, leaseSeconds: checkLease((given as { leaseSeconds?: unknown }).leaseSeconds) };
}

function passLimited(given: unknown): Answer {
  if (typeof given !== 'object' || given === null) throw new Malformed('the argument of pass is not an object');
  const { maxQos } = given as { maxQos?: unknown };
  return { verb: 'pass', maxQos: maxQos === undefined ? 2 : checkQos(maxQos) };
}

function dataOf(given: unknown): Buffer | null {
  if (typeof given !== 'object' || given === null) return null;
  const { data } = given as { data?: unknown };
  return data === undefined ? null : checkBytes(data, 'the data for the client');
}
