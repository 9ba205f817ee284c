import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { errorText } from '../../errors.js';
import { HashQueueFull } from '../hash-queue.js';
import { type FromThread, MAX_TEXT, SHARED, type WaitedReply, type WireError } from './messages.js';
import { Outbox } from './outbox.js';

/** How long a plugin stands still for a reply. The broker replies at its next turn; beyond this, something is very wrong. */
const REPLY_MS = 5000;

/** What ends a question. */
type Ending = Extract<FromThread, { t: 'answer' | 'fault' }>;

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The thread's end of the way to the broker. */
export class ThreadLink {
  readonly #port: MessagePort;
  readonly #outbox: Outbox<Ending>;
  readonly #waited: MessagePort;
  readonly #flags: Int32Array;
  /** Messages that answer nothing, between two heartbeats. */
  readonly #capacity: number;
  readonly #calls = new Map<number, Call>();
  #room: number;
  #unsaid = 0;
  #lastId = 0;

  constructor(port: MessagePort, waited: MessagePort, shared: SharedArrayBuffer, capacity: number) {
    this.#port = port;
    this.#outbox = new Outbox<Ending>({
      // Not later: whatever the plugin has set going besides would come first.
      soon: (end) => queueMicrotask(end),
      post: (batch) => port.postMessage(batch),
      unfit: ({ id }, error) => this.post({ t: 'fault', id, kind: 'threw', detail: errorText(error).slice(0, MAX_TEXT), place: null }),
    });
    this.#waited = waited;
    this.#flags = new Int32Array(shared);
    this.#capacity = capacity;
    this.#room = capacity;
  }

  post(message: FromThread): void {
    // In the order in which it was said.
    this.#outbox.flush();
    this.#port.postMessage([message]);
  }

  /** Posts the end of a question, with those of others that end in this turn. */
  answer(message: Ending): void {
    this.#outbox.add(message);
  }

  /** Posts what nobody asked for. More of it than the broker wants to hear is counted and left out. */
  tell(message: FromThread): void {
    if (this.#room === 0) {
      this.#unsaid += 1;
      return;
    }
    this.#room -= 1;
    this.post(message);
  }

  /** The broker looks for a sign of life. */
  beat(beat: number, heldBytes: number): void {
    Atomics.store(this.#flags, SHARED.heldKiB, Math.min(0x7fffffff, Math.ceil(heldBytes / 1024)));
    Atomics.store(this.#flags, SHARED.beat, beat);
    this.#room = this.#capacity;
    if (this.#unsaid > 0) this.post({ t: 'unsaid', count: this.#unsaid });
    this.#unsaid = 0;
  }

  /** Asks the broker for something that takes time. */
  call(what: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#calls.size >= this.#capacity) return reject(new Error(`${this.#calls.size} calls wait already`));
      this.#lastId += 1;
      this.post({ t: 'call', id: this.#lastId, what, args });
      this.#calls.set(this.#lastId, { resolve, reject });
    });
  }

  replied(id: number, ok: boolean, value: unknown): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (ok) call?.resolve(value);
    else call?.reject(errorOf(value));
  }

  /**
   * Asks the broker and stands still until it has replied: the contract with plugins promises the value and not a promise of it. A promise in its place
   * would be taken for a yes by every `if`.
   */
  wait(what: string, args: readonly unknown[]): unknown {
    this.#lastId += 1;
    const id = this.#lastId;
    const until = performance.now() + REPLY_MS;
    // Others need not stand still, too.
    this.#outbox.flush();
    this.#waited.postMessage({ id, what, args });
    for (;;) {
      const seen = Atomics.load(this.#flags, SHARED.replies);
      const reply = this.#reply(id);
      if (reply !== null) {
        if (reply.ok) return reply.value;
        throw errorOf(reply.value);
      }
      const left = until - performance.now();
      if (left <= 0) throw new Error(`the broker has not replied within ${REPLY_MS} ms`);
      Atomics.wait(this.#flags, SHARED.replies, seen, left);
    }
  }

  /** The reply to this call, if it is there; those to calls that were given up are thrown away. */
  #reply(id: number): WaitedReply | null {
    for (;;) {
      const received = receiveMessageOnPort(this.#waited);
      if (received === undefined) return null;
      const reply = received.message as WaitedReply;
      if (reply.id === id) return reply;
    }
  }
}

function errorOf(value: unknown): Error {
  const { text, busy } = value as WireError;
  return busy ? new HashQueueFull(text) : new Error(text);
}

/** An error on its way to the other side: its text, and whether it came from the queue of password hashes. */
export function wireError(error: unknown): WireError {
  return { text: errorText(error).slice(0, MAX_TEXT), busy: error instanceof HashQueueFull };
}
