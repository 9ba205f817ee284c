import type { Credentials, HookName } from '@portcullis/sdk';
import { AskedFailure } from '../judge-answer.js';
import { whenAbandoned } from '../question.js';
import type { AskMessage, FromThread, ToThread, WireAnswer } from './messages.js';
import { Strange } from './read-message.js';

type Verbs = Readonly<Record<string, ((argument?: unknown) => unknown) | undefined>>;
type View = Readonly<Record<string, unknown>>;

interface Open {
  readonly hook: HookName;
  readonly verbs: Verbs;
  readonly credentials: Credentials | null;
  readonly resolve: (decision: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Verbs of the hooks whose answer is something given. */
const GIVERS: Partial<Readonly<Record<HookName, string>>> = { resolveTenant: 'tenant', loadPolicy: 'policy' };

export interface OpenQuestionsInit {
  readonly ask: (message: AskMessage) => void;
  readonly send: (message: ToThread) => void;
  /** An answer that does not count came. */
  readonly ignored: (which: 'secondAnswers' | 'foreignAnswers') => void;
  /** Questions that were given up and are remembered, so that what comes late is known for what it is. */
  readonly maxGivenUp: number;
  readonly gaveUp: () => void;
}

/** The questions that one thread has not answered. Each answer is made here, with the verbs of its own question, from data that has crossed. */
export class OpenQuestions {
  readonly #init: OpenQuestionsInit;
  readonly #open = new Map<number, Open>();
  readonly #givenUp = new Map<number, Open>();
  readonly #exchanges = new WeakMap<object, number>();
  readonly #forgotten: FinalizationRegistry<number>;
  #lastId = 0;
  #lastExchange = 0;
  #over: string | null = null;

  constructor(init: OpenQuestionsInit) {
    this.#init = init;
    this.#forgotten = new FinalizationRegistry((exchange) => {
      if (this.#over === null) init.send({ t: 'forget', exchange });
    });
  }

  /** The promise of a decision; a rejection, or one that the host would refuse from any plugin, is a fault. */
  ask(hook: HookName, method: string | null, given: object, verbs: object): Promise<unknown> {
    if (this.#over !== null) throw new AskedFailure('not-ready', this.#over);
    const { credentials = null, exchange, ...request } = given as View & { credentials?: Credentials; exchange?: object };
    const number = exchange === undefined ? 0 : this.#numberOf(exchange, request.step);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { hook, verbs: verbs as Verbs, credentials, resolve, reject });
      whenAbandoned(given, () => this.#giveUp(id));
      const shown = credentials === null ? null : { username: credentials.username, hasPassword: credentials.hasPassword };
      this.#init.ask({ t: 'ask', id, hook, method, exchange: number, request, credentials: shown });
    });
  }

  /** The credentials of a question that is not over. */
  credentialsOf(id: unknown): Credentials | null {
    return typeof id === 'number' ? (this.#open.get(id)?.credentials ?? null) : null;
  }

  settle(message: Extract<FromThread, { t: 'answer' | 'fault' }>): void {
    if (message.id > this.#lastId) throw new Strange('an answer to a question that was never put');
    const question = this.#open.get(message.id) ?? this.#givenUp.get(message.id);
    if (question === undefined) {
      this.#init.ignored('secondAnswers');
      return;
    }
    this.#open.delete(message.id);
    this.#givenUp.delete(message.id);
    if (message.t === 'fault') {
      if (message.kind === 'foreign-decision') this.#init.ignored('foreignAnswers');
      question.reject(new AskedFailure(message.kind, message.detail, message.place));
      return;
    }
    try {
      question.resolve(decisionOf(question, message.answer));
    } catch (error) {
      question.reject(error instanceof Error ? error : new Error('the answer cannot be read'));
    }
  }

  /** The thread is gone: nothing is answered any more. */
  end(cause: string): void {
    this.#over = cause;
    for (const { reject } of this.#open.values()) reject(new AskedFailure('not-ready', cause));
    this.#open.clear();
    this.#givenUp.clear();
  }

  #numberOf(exchange: object, step: unknown): number {
    const known = this.#exchanges.get(exchange);
    if (known !== undefined) return known;
    if (step !== 1) throw new AskedFailure('not-ready', 'the exchange began before the thread of the plugin was started');
    this.#lastExchange += 1;
    this.#exchanges.set(exchange, this.#lastExchange);
    this.#forgotten.register(exchange, this.#lastExchange);
    return this.#lastExchange;
  }

  #giveUp(id: number): void {
    const question = this.#open.get(id);
    if (question === undefined) return;
    this.#open.delete(id);
    this.#givenUp.set(id, question);
    for (const oldest of this.#givenUp.keys()) {
      if (this.#givenUp.size <= this.#init.maxGivenUp) break;
      this.#givenUp.delete(oldest);
    }
    this.#init.send({ t: 'abort', id });
    this.#init.gaveUp();
  }
}

/** Says for the plugin what it said in its thread. The verbs check it as they check everybody's. */
function decisionOf({ hook, verbs }: Open, answer: WireAnswer): unknown {
  switch (answer.kind) {
    case 'allow':
      return say(verbs, 'allow', allowArgument(answer));
    case 'deny':
      return say(verbs, 'deny', answer.reason);
    case 'continue':
      return say(verbs, 'continue', answer.data);
    case 'given':
      return say(verbs, GIVERS[hook] ?? 'given', answer.value);
    case 'pass':
      return say(verbs, 'pass', { maxQos: answer.maxQos });
    case 'skip':
    case 'nothing':
      return say(verbs, answer.kind, undefined);
  }
}

function allowArgument({ grant, data, leaseSeconds }: Extract<WireAnswer, { kind: 'allow' }>): unknown {
  if (grant !== null) return data === null ? grant : { ...grant, data };
  return leaseSeconds === null ? undefined : { leaseSeconds };
}

function say(verbs: Verbs, name: string, argument: unknown): unknown {
  const verb = verbs[name];
  if (typeof verb !== 'function') throw new AskedFailure('malformed', `answered "${name}", which cannot be said on this hook`);
  return verb(argument);
}
