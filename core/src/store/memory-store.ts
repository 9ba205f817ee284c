import type { Journal, RetainedChange, RetainedStore, SessionChange, SessionStore } from '@portcullis/sdk';

/** A journal whose changes are safe the moment they are made, because what it promises is only the life of the process. */
class MemoryJournal<Change> implements Journal<Change> {
  readonly name = 'memory';
  readonly failure = null;
  settled = 0;

  append(_change: Change): number {
    this.settled += 1;
    return this.settled;
  }

  onProgress(_listener: () => void): void {
    // Nothing is ever outstanding, so there is never progress to tell.
  }

  async close(): Promise<void> {}
}

/** Sessions that end with the process. Their state is what the session room holds; nothing is kept twice. */
export class MemorySessionStore extends MemoryJournal<SessionChange> implements SessionStore {}

/** Retained messages that end with the process. Their state is what the router holds. */
export class MemoryRetainedStore extends MemoryJournal<RetainedChange> implements RetainedStore {}
