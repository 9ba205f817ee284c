import type { Decision, DenyReason, IdentityGrant, PolicyGrant, TenantGrant } from '@portcullis/sdk';
import { errorText } from '../errors.js';
import { Malformed } from './grants.js';

/** What a decision says. `malformed` is an answer that was put together wrongly; returned, it is a fault. */
export type Answer =
  | { readonly verb: 'allow'; readonly grant: IdentityGrant | null; readonly data: Buffer | null; readonly leaseSeconds: number | null }
  | { readonly verb: 'deny'; readonly reason: DenyReason }
  | { readonly verb: 'continue'; readonly data: Buffer }
  | { readonly verb: 'skip' }
  | { readonly verb: 'pass'; readonly maxQos: 0 | 1 | 2 }
  | { readonly verb: 'given'; readonly value: TenantGrant | PolicyGrant | Readonly<Record<string, unknown>> }
  | { readonly verb: 'nothing' }
  | { readonly verb: 'malformed'; readonly intended: AnswerVerb; readonly detail: string };

export type AnswerVerb = 'allow' | 'deny' | 'continue' | 'skip' | 'pass' | 'given';

/**
 * What plugins hold as a decision: for which question it was made, and what it says. A copy, a proxy or a look-alike has none of its private
 * fields, and no property of the object is ever read.
 */
class Mark {
  readonly #question: object;
  readonly #answer: Answer;

  constructor(question: object, answer: Answer) {
    this.#question = question;
    this.#answer = answer;
  }

  static read(value: object, question: object): Answer | 'foreign' | null {
    if (!(#answer in value)) return null;
    return value.#question === question ? value.#answer : 'foreign';
  }
}

// Nothing leads from a decision to the making of decisions. Not by making each without a prototype: such objects cost five times as much.
Reflect.deleteProperty(Mark.prototype, 'constructor');
Object.setPrototypeOf(Mark.prototype, null);
Object.freeze(Mark.prototype);

/** Makes a decision for one question and one plugin. */
export function mint(question: object, answer: Answer): Decision {
  return Object.freeze(new Mark(question, answer)) as unknown as Decision;
}

/** As `mint`, for answers that are checked first; a failing check makes a decision that is a fault when returned. */
export function mintChecked(question: object, intended: AnswerVerb, make: () => Answer): Decision {
  let answer: Answer;
  try {
    answer = make();
  } catch (error) {
    answer = { verb: 'malformed', intended, detail: isMalformed(error) ? error.message : `what it gave cannot be read: ${errorText(error)}` };
  }
  return mint(question, answer);
}

/** Behind a getter of what was given, a plugin may throw a Proxy that throws in turn. */
function isMalformed(error: unknown): error is Malformed {
  try {
    return error instanceof Malformed;
  } catch {
    return false;
  }
}

/** What a returned value says for this question; 'foreign' for a decision of another question, null for anything that is no decision. */
export function readAnswer(value: unknown, question: object): Answer | 'foreign' | null {
  return typeof value === 'object' && value !== null ? Mark.read(value, question) : null;
}
