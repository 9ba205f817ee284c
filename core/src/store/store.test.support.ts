import type { RetainedChange, RetainedStore, SessionChange, SessionStore } from '@portcullis/sdk';
import { Custody } from './custody.js';

/** A journal whose changes are safe when the test says so. */
class SlowJournal<Change> {
  readonly name = 'slow';
  readonly changes: Change[] = [];
  settled = 0;
  failure: Error | null = null;
  /** Refuses every change from now on. */
  refuses = false;
  #listener: () => void = () => {};

  append(change: Change): number {
    if (this.refuses || this.failure !== null) throw new Error('the store is full');
    return this.changes.push(change);
  }

  onProgress(listener: () => void): void {
    this.#listener = listener;
  }

  /** Everything up to there is safe; without a place, everything. */
  settle(place = this.changes.length): void {
    this.settled = place;
    this.#listener();
  }

  fail(): void {
    this.failure = new Error('the disk is gone');
    this.#listener();
  }

  async close(): Promise<void> {}
}

export class SlowSessionStore extends SlowJournal<SessionChange> implements SessionStore {}
export class SlowRetainedStore extends SlowJournal<RetainedChange> implements RetainedStore {}

export function slowCustody() {
  const sessions = new SlowSessionStore();
  const retained = new SlowRetainedStore();
  const refused: unknown[] = [];
  const failed: Error[] = [];
  const custody = new Custody(
    sessions,
    retained,
    (error) => refused.push(error),
    (error) => failed.push(error),
  );
  return { sessions, retained, refused, failed, custody };
}

export const SESSION = { tenant: '', clientId: 'c1' };
export const REMOVED: SessionChange = { kind: 'removed', session: SESSION };
export const CLEARED: RetainedChange = { kind: 'cleared', tenant: '', topic: 'a' };
