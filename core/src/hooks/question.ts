import type { Credentials, HookName } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import { formsOf, without } from '../secrets.js';
import type { AskedPlugin, Handler, HostTools } from './asked-plugin.js';
import { endCredentials, hashedUntil, hasUnanswered, isContradicted, makeCredentials } from './credentials.js';
import type { FaultKind } from './fault-log.js';
import { fillView } from './frozen-view.js';
import { type Failure, isFailure, judgeAnswer, judgeError } from './judge-answer.js';
import { fault, type PluginOutcome } from './outcome.js';
import { followPromise } from './silence-promise.js';
import type { AskOptions, CredentialSource, Pending } from './specs.js';
import { makeVerbs } from './verbs.js';

/** What a question tells the one who put it: what its end says about the plugin's backend, then that its slot may be used. */
export interface QuestionOwner {
  ended(question: Question, sign: 'answered' | 'failed' | 'none'): void;
  /** After `done`, so that a queue is not worked off within the answer before it. */
  slotFree(): void;
}

export interface QuestionInit {
  readonly plugin: AskedPlugin;
  readonly hook: HookName;
  readonly handler: Handler;
  readonly request: object;
  readonly options: AskOptions;
  readonly done: (outcome: PluginOutcome) => void;
}

const NO_CREDENTIALS: CredentialSource = Object.freeze({ username: null, password: null });

/** Shorter passwords hide nowhere: their letters stand in every text. */
const MIN_HIDDEN_BYTES = 3;
const MAX_PARTS = 8;
/** Bytes of UTF-8 for one character of a text, at most. */
const MAX_BYTES_PER_CHARACTER = 3;

type State = 'waiting' | 'asked' | 'over';

/**
 * One question to one plugin. Whatever the plugin does, it ends once: with the first settlement of what the handler returned, at its deadline,
 * or by being cancelled.
 */
export class Question implements Pending {
  readonly #init: QuestionInit;
  readonly #owner: QuestionOwner;
  readonly #tools: HostTools;
  /** Among the questions that its plugin works on. */
  place = -1;
  /** Made when somebody has to wait. */
  #timer: WheelTimer | null = null;
  #state: State = 'waiting';
  #timeoutAt = Number.POSITIVE_INFINITY;
  /** The end of the plugin's time or of the chain's, whichever comes first. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Whether what the handler returned has settled; a second time is counted. */
  #settled = false;
  /** Whether an answer would come too late: its time is over, or the plugin has been stopped. */
  #isLate = false;
  #abandoned = false;
  #controller: AbortController | null = null;
  #whenAbandoned: (() => void) | null = null;
  #credentials: Credentials | null = null;

  constructor(init: QuestionInit, owner: QuestionOwner, tools: HostTools) {
    this.#init = init;
    this.#owner = owner;
    this.#tools = tools;
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  /** Whether the plugin asked for a comparison of the password and cannot know how it ended. */
  get unanswered(): boolean {
    return this.#credentials !== null && hasUnanswered(this.#credentials);
  }

  /** Whether the plugin had the password compared, and it never matched. */
  get contradicted(): boolean {
    return this.#credentials !== null && isContradicted(this.#credentials);
  }

  get deadlineAt(): number {
    return this.#init.options.deadlineAt;
  }

  /** No slot is free: waits for one, at most until the chain's deadline. */
  wait(now: number): void {
    this.#expireIn(this.#init.options.deadlineAt - now);
  }

  /** Puts the question to the plugin. Never throws. */
  put(now: number): void {
    if (this.#timer !== null) this.#tools.wheel.cancel(this.#timer);
    this.#state = 'asked';
    const { plugin, hook, handler, options } = this.#init;
    this.#timeoutAt = now + plugin.timeoutMs;
    this.#dueAt = Math.min(this.#timeoutAt, options.deadlineAt);
    let returned: unknown;
    let follows: boolean;
    try {
      returned = handler(this.#view(), makeVerbs(hook, this));
      follows = followPromise(
        returned,
        (value) => {
          if (this.#firstSettlement()) this.#answered(value);
        },
        (error) => {
          if (this.#firstSettlement()) this.#failed(judgeError(error, hook));
        },
      );
    } catch (error) {
      if (this.#firstSettlement()) this.#failed(judgeError(error, hook));
      return;
    }
    if (!follows) {
      if (this.#firstSettlement()) this.#answered(returned);
    } else if (this.#state === 'asked') {
      this.#expireIn(this.#dueAt - now);
    }
  }

  /** Ends the question as a fault without (or without further) asking. */
  refuse(kind: FaultKind, detail: string): void {
    if (this.#state === 'over') return;
    const gaveUp = kind === 'stopped';
    // An answer may still come from a plugin that has been stopped, and then it is late.
    if (gaveUp) this.#isLate = true;
    this.#failed({ kind, detail }, gaveUp);
  }

  cancel(): void {
    if (this.#state === 'over') return;
    this.#close('none', true);
    this.#owner.slotFree();
  }

  /** The signal of this question; aborted already when the question was given up. */
  signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abandoned && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  /** The news of the signal, for whoever would make one for nothing else. */
  whenAbandoned(callback: () => void): void {
    this.#whenAbandoned = callback;
  }

  /** False when this settlement does not count: a second one, or one that comes too late. */
  #firstSettlement(): boolean {
    if (this.#settled) {
      this.#tools.faults.ignored(this.#init.plugin.name, 'secondAnswers');
      return false;
    }
    this.#settled = true;
    // The event loop may have stalled past the deadline with the timer not yet run.
    if (this.#state === 'asked' && this.#tools.wheel.clock.now() >= this.#dueAt) this.#expired();
    if (this.#isLate) this.#tools.faults.ignored(this.#init.plugin.name, 'lateAnswers');
    return this.#state === 'asked';
  }

  #answered(value: unknown): void {
    const { plugin, hook } = this.#init;
    const judged = judgeAnswer(value, this, hook, plugin, this.#tools);
    if (isFailure(judged)) this.#failed(judged);
    else this.#end(judged, 'answered', false);
  }

  #failed({ kind, detail, error }: Failure, abort = false): void {
    const { plugin, hook } = this.#init;
    // Hidden here and not only in the log: what a question ended with is shown elsewhere, too.
    const text = this.#tools.log.hide(this.#withoutPassword(detail));
    this.#tools.faults.add(plugin.name, hook, kind, text, error === undefined ? null : { error, hide: (place) => this.#withoutPassword(place) });
    const failing = kind === 'timeout' || kind === 'unavailable';
    const unsaid = kind === 'overload' || kind === 'stopped' || kind === 'breaker-open' || kind === 'not-ready';
    const sign = failing ? 'failed' : unsaid ? 'none' : 'answered';
    this.#end(fault(plugin.name, text, kind === 'overload', kind === 'undeclared'), sign, abort);
  }

  #expireIn(milliseconds: number): void {
    this.#timer ??= new WheelTimer(() => this.#expired());
    this.#tools.wheel.schedule(this.#timer, milliseconds);
  }

  #expired(): void {
    const { plugin, options } = this.#init;
    if (this.#state === 'waiting') {
      this.refuse('overload', 'no slot became free before the deadline of the chain');
      return;
    }
    this.#isLate = true;
    // The plugin waited for us. A flood of wrong passwords would otherwise open its breaker, and nobody could log in.
    if (this.#credentials !== null && hashedUntil(this.#credentials) >= this.#dueAt)
      this.#failed({ kind: 'overload', detail: 'the password was not compared in time: too many logins wait for their hashes' }, true);
    else if (options.deadlineAt < this.#timeoutAt)
      this.#failed({ kind: 'overload', detail: 'the deadline of the chain came before the answer' }, true);
    else this.#failed({ kind: 'timeout', detail: `no answer within ${plugin.timeoutMs} ms` }, true);
  }

  #end(outcome: PluginOutcome, sign: 'answered' | 'failed' | 'none', abort: boolean): void {
    this.#close(sign, abort);
    this.#init.done(outcome);
    this.#owner.slotFree();
  }

  #close(sign: 'answered' | 'failed' | 'none', abort: boolean): void {
    this.#state = 'over';
    if (this.#timer !== null) this.#tools.wheel.cancel(this.#timer);
    if (this.#credentials !== null) endCredentials(this.#credentials);
    this.#owner.ended(this, sign);
    if (!abort) return;
    this.#abandoned = true;
    this.#controller?.abort();
    this.#whenAbandoned?.();
  }

  /** A driver's error may quote what it was given: the password, or what an authentication method takes for one. */
  #withoutPassword(detail: string): string {
    const { request, options } = this.#init;
    const { data } = request as { readonly data?: unknown };
    let text = detail;
    for (const secret of [options.password?.password ?? null, ...(data instanceof Uint8Array ? partsOf(data) : [])]) {
      if (secret === null || secret.length < MIN_HIDDEN_BYTES || secret.length > text.length * MAX_BYTES_PER_CHARACTER) continue;
      text = without(text, formsOf(secret), '[password]');
    }
    return text;
  }

  #view(): object {
    const { plugin, hook, request, options } = this.#init;
    const view: RequestView & { exchange?: unknown; credentials?: unknown } = new RequestView(this);
    fillView(view, request);
    // Plugins keep what belongs to one exchange under this very object.
    if ('exchange' in request) view.exchange = Object.freeze(request.exchange);
    if (hook === 'authenticate') {
      const { hashes, wheel } = this.#tools;
      this.#credentials = makeCredentials(options.password ?? NO_CREDENTIALS, plugin.name, plugin.mayExpose, hashes, wheel.clock);
      view.credentials = this.#credentials;
    }
    return Object.freeze(view);
  }
}

/** Data of an authentication method as a whole, and what U+0000 divides it into: PLAIN and its kin send a password so. */
function partsOf(data: Uint8Array): readonly Uint8Array[] {
  const parts = Buffer.from(data).toString('latin1').split('\0', MAX_PARTS);
  return [data, ...parts.map((part) => Buffer.from(part, 'latin1'))];
}

/** What a view knows of its question. In the thread of a plugin nobody but the plugin listens. */
interface Abandonable {
  signal(): AbortSignal;
  whenAbandoned?(callback: () => void): void;
}

/** Calls back when the question of this view is given up, without making its signal: that costs more than all the rest of the question. */
export function whenAbandoned(view: object, callback: () => void): void {
  RequestView.questionOf(view).whenAbandoned?.(callback);
}

/**
 * A request as its plugin sees it. The signal is made when it is first looked at: most handlers never do, and it costs more than the rest of
 * the question; as a getter of the class, because one of the object would cost almost as much.
 */
export class RequestView {
  readonly #question: Abandonable;

  constructor(question: Abandonable) {
    this.#question = question;
  }

  static questionOf(view: object): Abandonable {
    return (view as RequestView).#question;
  }

  get signal(): AbortSignal {
    return this.#question.signal();
  }
}

// Through `constructor` a plugin would reach the class; it has no business with it.
Reflect.deleteProperty(RequestView.prototype, 'constructor');
Object.freeze(RequestView.prototype);
