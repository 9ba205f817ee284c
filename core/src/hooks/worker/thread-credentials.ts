import type { Credentials } from '@portcullis/sdk';
import { HashQueueFull } from '../hash-queue.js';
import type { ThreadLink } from './thread-link.js';

/** Credentials whose password has stayed with the broker. */
class ThreadCredentials implements Credentials {
  readonly username: string | null;
  readonly hasPassword: boolean;
  readonly #question: number;
  readonly #link: ThreadLink;
  readonly #over: () => boolean;

  constructor(username: string | null, hasPassword: boolean, question: number, link: ThreadLink, over: () => boolean) {
    this.username = username;
    this.hasPassword = hasPassword;
    this.#question = question;
    this.#link = link;
    this.#over = over;
  }

  async verify(storedHash: string | null | undefined): Promise<boolean> {
    if (this.#over()) throw new HashQueueFull('the question is over');
    if (!this.hasPassword) return false;
    return (await this.#link.call('verify', [this.#question, storedHash])) === true;
  }

  equals(secret: string): boolean {
    if (!this.hasPassword || typeof secret !== 'string') return false;
    return this.#link.wait('equals', [this.#question, secret]) === true;
  }

  expose(): Uint8Array | null {
    const password = this.#link.wait('expose', [this.#question]);
    return password instanceof Uint8Array ? password : null;
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
