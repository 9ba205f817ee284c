import type { Credentials } from '@portcullis/sdk';
import { HashQueueFull } from '../hash-queue.js';
import { VerifyAnswers, withoutPassword } from '../verify-answer.js';
import type { ThreadLink } from './thread-link.js';

/** Credentials whose password has stayed with the broker. */
class ThreadCredentials implements Credentials {
  readonly username: string | null;
  readonly hasPassword: boolean;
  readonly #question: number;
  readonly #link: ThreadLink;
  readonly #over: () => boolean;
  readonly #answers = new VerifyAnswers();

  constructor(username: string | null, hasPassword: boolean, question: number, link: ThreadLink, over: () => boolean) {
    this.username = username;
    this.hasPassword = hasPassword;
    this.#question = question;
    this.#link = link;
    this.#over = over;
  }

  verify(storedHash: string | null | undefined): Promise<boolean> {
    if (this.#over()) return Promise.reject(new HashQueueFull('the question is over'));
    if (!this.hasPassword) return this.#answers.follow(withoutPassword());
    return this.#answers.follow(this.#link.call('verify', [this.#question, storedHash]).then((matches) => matches === true));
  }

  equals(secret: string): boolean {
    if (!this.hasPassword || typeof secret !== 'string') return false;
    const matches = this.#link.wait('equals', [this.#question, secret]) === true;
    if (matches) this.#answers.judgedElsewhere();
    return matches;
  }

  expose(): Uint8Array | null {
    const password = this.#link.wait('expose', [this.#question]);
    this.#answers.judgedElsewhere();
    return password instanceof Uint8Array ? password : null;
  }

  static unanswered(handle: ThreadCredentials): boolean {
    return handle.#answers.open;
  }

  static contradicted(handle: ThreadCredentials): boolean {
    return handle.#answers.contradict;
  }
}

Reflect.deleteProperty(ThreadCredentials.prototype, 'constructor');
Object.freeze(ThreadCredentials.prototype);

export function threadCredentials(
  { username, hasPassword }: { readonly username: string | null; readonly hasPassword: boolean },
  question: number,
  link: ThreadLink,
  over: () => boolean,
): Credentials {
  return Object.freeze(new ThreadCredentials(username, hasPassword, question, link, over));
}

/** Whether a `verify()` was asked whose answer the plugin cannot have seen. */
export function threadUnanswered(credentials: Credentials): boolean {
  return ThreadCredentials.unanswered(credentials as ThreadCredentials);
}

/** Whether a `verify()` was asked, and none has said that the password is right. */
export function threadContradicted(credentials: Credentials): boolean {
  return ThreadCredentials.contradicted(credentials as ThreadCredentials);
}
