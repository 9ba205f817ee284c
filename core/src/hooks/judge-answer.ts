import { type HookName, PLUGIN_ERRORS } from '@portcullis/sdk';
import { errorText } from '../errors.js';
import { type Answer, readAnswer } from './answer.js';
import type { AskedPlugin } from './asked-plugin.js';
import type { FaultKind } from './fault-log.js';
import { HashQueueFull } from './hash-queue.js';
import { NOTHING, PASS, type PluginOutcome, SKIP } from './outcome.js';
import { type Place, PlacedError } from './place.js';
import { verbNames } from './verbs.js';
import { isUnanswered, UNANSWERED } from './verify-answer.js';

/** Why something is no answer. */
export interface Failure {
  readonly kind: FaultKind;
  readonly detail: string;
  /** What was thrown, if anything was: it knows the place. */
  readonly error?: unknown;
}

/** A failure whose kind is known already: told by the thread of a plugin, or by the thread's end. */
export class AskedFailure extends PlacedError {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, detail: string, place: Place | null = null) {
    super(detail, place);
    this.kind = kind;
  }
}

/** What Node says of a verb that the hook has not; a plugin may call its second argument as it likes. */
const NO_VERB = /^(?:decide|give)\.\w+ is not a function$/;

export function isFailure(judged: PluginOutcome | Failure): judged is Failure {
  return 'detail' in judged && judged.kind !== 'fault';
}

interface Counting {
  readonly faults: { ignored(plugin: string, which: 'foreignAnswers'): void };
}

/** What a returned value amounts to. The only way from a plugin's answer to an outcome that is not a fault. */
export function judgeAnswer(
  value: unknown,
  question: object,
  hook: HookName,
  plugin: Pick<AskedPlugin, 'name' | 'answers'>,
  tools: Counting,
): PluginOutcome | Failure {
  const answer = readAnswer(value, question);
  if (answer === null) {
    const missing = value === undefined ? ': is a return missing?' : '';
    return { kind: 'no-decision', detail: `answered with ${kindOf(value)} instead of a decision${missing}` };
  }
  if (answer === 'foreign') {
    tools.faults.ignored(plugin.name, 'foreignAnswers');
    return { kind: 'foreign-decision', detail: 'answered with a decision of another question' };
  }
  const said = answer.verb === 'malformed' ? answer.intended : answer.verb;
  const declared = plugin.answers[hook];
  if (declared !== null && !declared.includes(said)) {
    return { kind: 'undeclared', detail: `answered "${said}", which "decides" of its manifest does not list for ${hook}` };
  }
  if (answer.verb === 'allow' && isUnanswered(question)) return { kind: 'malformed', detail: UNANSWERED };
  return answer.verb === 'malformed' ? { kind: 'malformed', detail: answer.detail } : toOutcome(answer, plugin.name);
}

function toOutcome(answer: Exclude<Answer, { verb: 'malformed' }>, plugin: string): PluginOutcome {
  switch (answer.verb) {
    case 'allow':
      return { kind: 'allow', plugin, grant: answer.grant, data: answer.data, leaseSeconds: answer.leaseSeconds };
    case 'deny':
      return { kind: 'deny', plugin, reason: answer.reason };
    case 'continue':
      return { kind: 'continue', plugin, data: answer.data };
    case 'given':
      return { kind: 'given', plugin, value: answer.value };
    case 'pass':
      return answer.maxQos === 2 ? PASS : { kind: 'pass', maxQos: answer.maxQos };
    case 'skip':
      return SKIP;
    case 'nothing':
      return NOTHING;
  }
}

/** What a throw or a rejection at a hook amounts to: always a failure. Never throws itself: what was thrown may be a Proxy, whose traps are the plugin's. */
export function judgeError(error: unknown, hook: HookName): Failure {
  const detail = errorText(error);
  try {
    if (error instanceof AskedFailure) return { kind: error.kind, detail: error.message, error };
    if (error instanceof HashQueueFull) return { kind: 'overload', detail: error.message };
  } catch {
    return { kind: 'threw', detail };
  }
  const hint = NO_VERB.test(detail) ? `; ${hook} may answer ${verbNames(hook).join(', ')}` : '';
  return { kind: isBackendUnavailable(error) ? 'unavailable' : 'threw', detail: `${detail}${hint}`, error };
}

/** By its code: a plugin may bring its own copy of the SDK, and so another class of that name. */
export function isBackendUnavailable(error: unknown): boolean {
  try {
    return error instanceof Error && (error as { code?: unknown }).code === PLUGIN_ERRORS.BackendUnavailable.code;
  } catch {
    return false;
  }
}

/** Names the kind of a value only: the value itself could be a secret. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
