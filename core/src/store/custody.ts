import type { Journal, RetainedChange, RetainedStore, SessionChange, SessionStore } from '@portcullis/sdk';

/** A copy that is still asked about: whether it will change a session that lasts is not known yet. */
export interface OpenCopy {
  /** Place of the change that it led to; -1 while it is open, 0 if it led to none, Infinity if the store refused it. */
  place: number;
}

/** A point in both journals that must be settled; 0 where nothing is waited for. */
export interface Mark {
  readonly sessions: number;
  readonly retained: number;
  /** Copies that must be decided and settled too, or null. */
  readonly copies: readonly OpenCopy[] | null;
}

/** What is known of an operation while another has its turn. */
interface Operation {
  readonly sessions: number;
  readonly retained: number;
  readonly refused: boolean;
  readonly copies: OpenCopy[] | null;
}

/** Nothing to wait for. */
export const NO_MARK: Mark = Object.freeze({ sessions: 0, retained: 0, copies: null });

/**
 * The seam between what the broker does and what its stores have made safe. An acknowledgement is given a mark, and may leave when the mark
 * is settled. A store that failed settles nothing any more.
 */
export class Custody {
  readonly sessions: SessionStore;
  readonly retained: RetainedStore;
  /** Places of the last changes. */
  #sessionsAt = 0;
  #retainedAt = 0;
  #beganSessions = 0;
  #beganRetained = 0;
  #refused = false;
  #operating = false;
  /** Whether a store is being given a change at this moment. */
  #changing = false;
  #owesTelling = false;
  #copies: OpenCopy[] | null = null;
  /** Operations in whose middle another was begun, the outermost first. */
  readonly #interrupted: Operation[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #changeRefused: (error: unknown) => void;
  #storeFailed: ((error: Error) => void) | null;

  constructor(sessions: SessionStore, retained: RetainedStore, changeRefused: (error: unknown) => void, storeFailed: (error: Error) => void) {
    this.#changeRefused = changeRefused;
    this.sessions = sessions;
    this.retained = retained;
    this.#storeFailed = storeFailed;
    this.#sessionsAt = sessions.settled;
    this.#retainedAt = retained.settled;
    const heard = (journal: Journal<never>) => () => {
      if (journal.failure !== null) this.#failed(journal.failure);
      this.#tell();
    };
    sessions.onProgress(heard(sessions));
    retained.onProgress(heard(retained));
  }

  /**
   * Begins an operation that an acknowledgement will depend on. One may begin within another: a plugin that is asked about a copy may publish
   * something itself. The outer one then goes on where it was.
   */
  begin(): void {
    if (this.#operating) {
      this.#interrupted.push({ sessions: this.#beganSessions, retained: this.#beganRetained, refused: this.#refused, copies: this.#copies });
    }
    this.#refused = false;
    this.#operating = true;
    this.#copies = null;
    this.#beganSessions = this.#sessionsAt;
    this.#beganRetained = this.#retainedAt;
  }

  /** Ends it: what its acknowledgement waits for, or null when a store refused a change and there must be no success. */
  end(): Mark | null {
    const copies = this.#copies;
    const refused = this.#refused;
    const sessions = this.#sessionsAt === this.#beganSessions ? 0 : this.#sessionsAt;
    const retained = this.#retainedAt === this.#beganRetained ? 0 : this.#retainedAt;
    this.#leave();
    if (refused) return null;
    if (sessions === 0 && retained === 0 && copies === null) return NO_MARK;
    const mark = { sessions, retained, copies };
    return this.settled(mark) ? NO_MARK : mark;
  }

  #leave(): void {
    const outer = this.#interrupted.pop();
    this.#operating = outer !== undefined;
    this.#refused = outer?.refused === true;
    this.#copies = outer?.copies ?? null;
    if (outer === undefined) return;
    this.#beganSessions = outer.sessions;
    this.#beganRetained = outer.retained;
  }

  /** A copy of the operation is decided later: its acknowledgement waits for that too. */
  open(): OpenCopy {
    const copy = { place: -1 };
    if (this.#operating) {
      this.#copies ??= [];
      this.#copies.push(copy);
    }
    return copy;
  }

  /** Lets an open copy into its session, or not, and closes it. */
  close(copy: OpenCopy, decide: () => void): void {
    const sessionsAt = this.#sessionsAt;
    const refusedBefore = this.#refused;
    this.#refused = false;
    decide();
    copy.place = this.#refused ? Number.POSITIVE_INFINITY : this.#sessionsAt === sessionsAt ? 0 : this.#sessionsAt;
    // Within the operation it belongs to, the refusal is that operation's.
    this.#refused = this.#operating && (refusedBefore || this.#refused);
    this.#tell();
  }

  /** Whether what the mark stands for will never be safe. */
  lost(mark: Mark): boolean {
    return mark.copies?.some((copy) => copy.place === Number.POSITIVE_INFINITY) === true;
  }

  /** Hands a change of a session to its store. A store that cannot take it spoils the operation, not the broker. */
  session(change: SessionChange): void {
    this.#changing = true;
    try {
      this.#sessionsAt = this.sessions.append(change);
    } catch (error) {
      this.#refuse(error);
    }
    this.#changing = false;
  }

  /** Hands a change of the retained messages to their store. */
  retain(change: RetainedChange): void {
    this.#changing = true;
    try {
      this.#retainedAt = this.retained.append(change);
    } catch (error) {
      this.#refuse(error);
    }
    this.#changing = false;
  }

  settled(mark: Mark): boolean {
    const { settled } = this.sessions;
    if (mark.sessions > settled || mark.retained > this.retained.settled) return false;
    return mark.copies === null || mark.copies.every((copy) => copy.place >= 0 && copy.place <= settled);
  }

  get failed(): boolean {
    return this.sessions.failure !== null || this.retained.failure !== null;
  }

  /** Calls back whenever something may have settled; returns a function that ends it. */
  onProgress(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Tells those who wait. Never in the middle of an operation or a change, where a store may call as well: a message is on its way to its
   * receivers then, in buffers that are used again, and whoever goes on would publish another one into them.
   */
  #tell(): void {
    if (!this.#operating && !this.#changing) {
      for (const listener of [...this.#listeners]) listener();
    } else if (!this.#owesTelling) {
      this.#owesTelling = true;
      queueMicrotask(() => {
        this.#owesTelling = false;
        // Nothing of that is going on any more; what has not ended failed on the way.
        this.#changing = false;
        while (this.#operating) this.#leave();
        this.#tell();
      });
    }
  }

  #refuse(error: unknown): void {
    this.#refused = true;
    this.#changeRefused(error);
  }

  #failed(error: Error): void {
    const tell = this.#storeFailed;
    this.#storeFailed = null;
    tell?.(error);
  }
}
