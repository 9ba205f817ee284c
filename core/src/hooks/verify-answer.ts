import { Malformed } from './grants.js';

/** What whoever forgets to wait reads in the log. */
export const UNANSWERED = 'allowed while its verify() was unanswered: is an await missing?';
/** What whoever waits but looks at something else reads: a list of answers, the promise itself, a promise of one. */
export const CONTRADICTED = 'allowed though no verify() said yes: was the promise, or a list, taken for its answer? (regardlessOfPassword allows it)';

/**
 * The answer of one `verify()`. A promise is true, whatever it will be: `verify(hash) ? allow : deny` would let everybody in. Hence it knows whether
 * anybody has waited for it, and whether it has come; that it has come alone says nothing, for it may have come while something else was awaited.
 *
 * It must not be a plain promise: `await` asks those nothing that could be seen.
 */
class VerifyAnswer extends Promise<boolean> {
  #awaited = false;
  #come = false;

  /** What follows from it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  static isOpen(answer: VerifyAnswer): boolean {
    return !answer.#awaited || !answer.#come;
  }

  /** Before anybody else hears of it. Nor does a rejection that nobody waits for surface as one that nobody handled. */
  static watch(answer: VerifyAnswer): void {
    const comes = (): void => {
      answer.#come = true;
    };
    Promise.prototype.then.call(answer, comes, comes);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise, and the only way to see that somebody waits for it
  override then<Matched = boolean, Failed = never>(
    matched?: ((matches: boolean) => Matched | PromiseLike<Matched>) | null,
    failed?: ((error: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Matched | Failed> {
    this.#awaited = true;
    return super.then(matched, failed);
  }
}

Object.freeze(VerifyAnswer.prototype);

/** What one question's `verify()` was asked, and what it has answered. */
export class VerifyAnswers {
  #given: VerifyAnswer[] | null = null;
  #matched = false;

  /** The promise that the plugin gets. `ended` is called before it hears of the end. */
  follow(answer: Promise<boolean>, ended: () => void = () => {}): Promise<boolean> {
    const given = new VerifyAnswer((resolve, reject) => {
      const matched = (matches: boolean): void => {
        if (matches === true) this.#matched = true;
        ended();
        resolve(matches);
      };
      const failed = (error: unknown): void => {
        ended();
        reject(error);
      };
      answer.then(matched, failed);
    });
    VerifyAnswer.watch(given);
    this.#given ??= [];
    this.#given.push(given);
    return given;
  }

  get open(): boolean {
    const given = this.#given;
    for (let at = 0; given !== null && at < given.length; at += 1) if (VerifyAnswer.isOpen(given[at] as VerifyAnswer)) return true;
    return false;
  }

  /** The password was found right in another way, or handed out to be judged elsewhere. */
  judgedElsewhere(): void {
    this.#matched = true;
  }

  /** Whether `verify()` was asked and has never said yes. */
  get contradict(): boolean {
    return this.#given !== null && !this.#matched;
  }
}

/** The answer for a client without a password. Not at once: whoever does not wait would find it as there as one that was waited for. */
export function withoutPassword(): Promise<boolean> {
  return new Promise((resolve) => void setImmediate(resolve, false));
}

/** Whether a question was put with credentials of which something is still to come. */
export function isUnanswered(question: Following): boolean {
  return question.unanswered === true;
}

/** What is known of a question that was put with credentials. */
interface Following {
  readonly unanswered?: boolean;
  readonly contradicted?: boolean;
}

/**
 * Throws when a plugin says allow too early, for what it says then cannot rest on the answer; and when it allows whom every answer refused. A plugin
 * for which the password is not all says so in what it grants.
 */
export function checkAnswered(question: Following, grant: unknown): void {
  if (isUnanswered(question)) throw new Malformed(UNANSWERED);
  if (question.contradicted !== true) return;
  const regardless = typeof grant === 'object' && grant !== null && 'regardlessOfPassword' in grant && grant.regardlessOfPassword === true;
  if (!regardless) throw new Malformed(CONTRADICTED);
}
