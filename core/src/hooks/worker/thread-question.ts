import type { Credentials } from '@portcullis/sdk';
import type { AskedPlugin, Handler } from '../asked-plugin.js';
import { type Failure, isFailure, judgeAnswer, judgeError } from '../judge-answer.js';
import type { PluginOutcome } from '../outcome.js';
import { placeOf } from '../place.js';
import { RequestView } from '../question.js';
import { followPromise } from '../silence-promise.js';
import { makeVerbs } from '../verbs.js';
import { type AskMessage, MAX_TEXT, type WireAnswer } from './messages.js';
import { frozenReceived } from './received.js';
import { threadContradicted, threadCredentials, threadUnanswered } from './thread-credentials.js';
import type { ThreadLink } from './thread-link.js';

/** Who the question is put to. */
export interface ThreadPlugin extends Pick<AskedPlugin, 'name' | 'answers'> {
  /** Folder of its package. */
  readonly root: string;
}

/** The broker counts foreign decisions; here they only need to be recognised. */
const UNCOUNTED = { faults: { ignored: () => {} } };

/** One question as the thread sees it. The broker has put it, times it and judges what comes back; here it gets its answer, once. */
export class ThreadQuestion {
  readonly #message: AskMessage;
  readonly #plugin: ThreadPlugin;
  readonly #link: ThreadLink;
  readonly #ended: (goesOn: boolean) => void;
  #controller: AbortController | null = null;
  #credentials: Credentials | null = null;
  #aborted = false;
  #settled = false;

  constructor(message: AskMessage, plugin: ThreadPlugin, link: ThreadLink, ended: (goesOn: boolean) => void) {
    this.#message = message;
    this.#plugin = plugin;
    this.#link = link;
    this.#ended = ended;
  }

  put(handler: Handler, exchange: object | null): void {
    let returned: unknown;
    let follows: boolean;
    try {
      returned = handler(this.#view(exchange), makeVerbs(this.#message.hook, this));
      follows = followPromise(
        returned,
        (value) => {
          if (this.#firstSettlement()) this.#answer(value);
        },
        (error) => {
          if (this.#firstSettlement()) this.fail(judgeError(error, this.#message.hook));
        },
      );
    } catch (error) {
      if (this.#firstSettlement()) this.fail(judgeError(error, this.#message.hook));
      return;
    }
    if (!follows && this.#firstSettlement()) this.#answer(returned);
  }

  /** Whether the plugin asked for a comparison of the password and cannot know how it ended. */
  get unanswered(): boolean {
    return this.#credentials !== null && threadUnanswered(this.#credentials);
  }

  /** Whether the plugin had the password compared, and it never matched. */
  get contradicted(): boolean {
    return this.#credentials !== null && threadContradicted(this.#credentials);
  }

  /** The broker does not wait any more. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  fail({ kind, detail, error }: Failure): void {
    this.#settled = true;
    this.#ended(false);
    const place = error === undefined ? null : placeOf(error, this.#plugin.root);
    this.#link.answer({ t: 'fault', id: this.#message.id, kind, detail: detail.slice(0, MAX_TEXT), place });
  }

  #view(exchange: object | null): object {
    const { request, credentials, id } = this.#message;
    const view = new RequestView(this) as unknown as Record<string, unknown>;
    for (const name of Object.keys(request)) view[name] = frozenReceived(request[name], name);
    if (exchange !== null) view.exchange = exchange;
    if (credentials !== null) {
      this.#credentials = threadCredentials(credentials, id, this.#link, () => this.#settled || this.#aborted);
      view.credentials = this.#credentials;
    }
    return Object.freeze(view);
  }

  #firstSettlement(): boolean {
    if (this.#settled) {
      this.#link.tell({ t: 'second' });
      return false;
    }
    this.#settled = true;
    return true;
  }

  #answer(value: unknown): void {
    const judged = judgeAnswer(value, this, this.#message.hook, this.#plugin, UNCOUNTED);
    if (isFailure(judged)) return this.fail(judged);
    this.#ended(judged.kind === 'continue');
    const answer = wireAnswer(judged);
    this.#link.answer({ t: 'answer', id: this.#message.id, answer });
  }
}

function wireAnswer(outcome: PluginOutcome): WireAnswer {
  switch (outcome.kind) {
    case 'allow':
      return { kind: 'allow', grant: outcome.grant, data: bytes(outcome.data), leaseSeconds: outcome.leaseSeconds };
    case 'continue':
      return { kind: 'continue', data: bytes(outcome.data) };
    case 'deny':
      return { kind: 'deny', reason: outcome.reason };
    case 'given':
      return { kind: 'given', value: outcome.value };
    case 'pass':
      return { kind: 'pass', maxQos: outcome.maxQos };
    case 'skip':
    case 'nothing':
      return { kind: outcome.kind };
    case 'fault':
      throw new Error(outcome.detail);
  }
}

/** A buffer of its own: what is posted takes all of the memory along that its bytes lie in. */
function bytes<T extends Uint8Array | null>(given: T): T extends null ? null : Uint8Array;
function bytes(given: Uint8Array | null): Uint8Array | null {
  return given === null ? null : new Uint8Array(given);
}
