import type { Message } from '../gate/index.js';

const NONE: ReadonlySet<string> = new Set();

/**
 * Which retained messages of a tenant were published by which client: when one has lost rights, only its own are looked at. What is no client's stands
 * in no list.
 */
export class RetainedSources {
  readonly #topics = new Map<string, Set<string>>();
  /** Hears of a publisher none of whose messages is retained any more. */
  onGone: ((key: string) => void) | null = null;

  /** A client identifier alone is not enough: another user may have had it. An anonymous client is told from every username. */
  static key(clientId: string, username: string | null): string {
    return username === null ? clientId : `${clientId}\u0000${username}`;
  }

  add({ publisherClientId, publisher, foreign, topic }: Message): void {
    if (foreign) return;
    const key = RetainedSources.key(publisherClientId, publisher);
    const topics = this.#topics.get(key);
    if (topics === undefined) this.#topics.set(key, new Set([topic]));
    else topics.add(topic);
  }

  remove({ publisherClientId, publisher, foreign, topic }: Message): void {
    if (foreign) return;
    const key = RetainedSources.key(publisherClientId, publisher);
    const topics = this.#topics.get(key);
    if (topics?.delete(topic) !== true || topics.size > 0) return;
    this.#topics.delete(key);
    this.onGone?.(key);
  }

  topicsOf(key: string): ReadonlySet<string> {
    return this.#topics.get(key) ?? NONE;
  }
}
