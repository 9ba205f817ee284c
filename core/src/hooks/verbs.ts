import type { HookName } from '@portcullis/sdk';
import { type Answer, mint, mintChecked } from './answer.js';
import { checkBytes, checkIdentityGrant, checkLease, checkPatch, checkPolicy, checkQos, checkReason, checkTenant, Malformed } from './grants.js';
import { checkAnswered } from './verify-answer.js';

type Verbs = Readonly<Record<string, (argument?: unknown) => unknown>>;
type Verb = (question: object, argument: unknown) => unknown;
type MakeVerbs = (question: object) => Verbs;

const ALLOW: Answer = Object.freeze({ verb: 'allow', grant: null, data: null, leaseSeconds: null });
const PASSES: Answer = Object.freeze({ verb: 'pass', maxQos: 2 });
const SKIPS: Answer = Object.freeze({ verb: 'skip' });
const NONE: Answer = Object.freeze({ verb: 'nothing' });

const deny: Verb = (question, reason) => mintChecked(question, 'deny', () => ({ verb: 'deny', reason: checkReason(reason) }));
const skip: Verb = (question) => mint(question, SKIPS);
const nothing: Verb = (question) => mint(question, NONE);
const pass: Verb = (question) => mint(question, PASSES);

/**
 * A maker of objects with these verbs. The verbs are getters of a prototype that all of them share: a function is made when a verb is looked
 * at, and mostly only one is; taken out of its object, it still belongs to its question.
 */
function verbsOf(verbs: Readonly<Record<string, Verb>>): MakeVerbs {
  class Offered {
    readonly #question: object;

    constructor(question: object) {
      this.#question = question;
    }

    static questionOf(offered: object): object {
      return (offered as Offered).#question;
    }
  }
  const { prototype, questionOf } = Offered;
  for (const [name, verb] of Object.entries(verbs)) {
    Object.defineProperty(prototype, name, {
      enumerable: true,
      get(this: object) {
        const question = questionOf(this);
        return (argument: unknown) => verb(question, argument);
      },
    });
  }
  // Through `constructor` a plugin would reach the class; it has no business with it.
  Reflect.deleteProperty(prototype, 'constructor');
  Object.setPrototypeOf(prototype, null);
  Object.freeze(prototype);
  return (question) => new Offered(question) as unknown as Verbs;
}

const guard = verbsOf({ pass, deny });

const subscribeGuard = verbsOf({
  pass: (question, limits) => (limits === undefined ? mint(question, PASSES) : mintChecked(question, 'pass', () => passLimited(limits))),
  deny,
});

const judge = verbsOf({ allow: (question) => mint(question, ALLOW), deny, skip });

const identify = verbsOf({
  allow: (question, grant) =>
    mintChecked(question, 'allow', () => {
      checkAnswered(question, grant);
      return allowIdentity(grant, null);
    }),
  deny,
  skip,
});

const enhanced = verbsOf({
  allow: (question, grant) => mintChecked(question, 'allow', () => allowIdentity(grant, dataOf(grant))),
  continue: (question, data) => mintChecked(question, 'continue', () => ({ verb: 'continue', data: checkBytes(data, 'the data of a step') })),
  deny,
});

const refresh = verbsOf({
  allow: (question, grant) => (grant === undefined ? mint(question, ALLOW) : mintChecked(question, 'allow', () => allowAgain(grant))),
  deny,
});

const patch = (...fields: readonly string[]): MakeVerbs =>
  verbsOf({
    patch: (question, given) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkPatch(given, fields) })),
    nothing,
  });

const tenant = verbsOf({
  tenant: (question, grant) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkTenant(grant) })),
  nothing,
});

const policy = verbsOf({
  policy: (question, grant) => mintChecked(question, 'given', () => ({ verb: 'given', value: checkPolicy(grant) })),
  nothing,
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
  return make(question);
}

/** The verbs of a hook, for those who call one that it has not. */
export function verbNames(hook: HookName): readonly string[] {
  const names: string[] = [];
  for (const name in MAKERS[hook]?.({})) names.push(name);
  return names;
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
