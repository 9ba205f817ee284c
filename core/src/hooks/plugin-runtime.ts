import type { HookName, PluginDefinition } from '@portcullis/sdk';
import { Roster } from '../roster.js';
import { askNow } from './ask-now.js';
import { type AskedPlugin, type DeclaredAnswers, declaredAnswers, type Handler, type HostTools } from './asked-plugin.js';
import { Breaker } from './breaker.js';
import { fault, NOTHING, type PluginOutcome, SKIP } from './outcome.js';
import { Question, type QuestionOwner } from './question.js';
import type { AskOptions, Pending, PluginSpec } from './specs.js';
import { assumedTaps, type TapRegistry } from './tap-registry.js';

/** `down`: its start failed and is tried again; it counts as faulting until then. */
export type PluginState = 'starting' | 'ready' | 'down' | 'stopped';

/** A plugin at this moment, for people. */
export interface PluginStanding {
  readonly state: PluginState;
  /** What its last start failed with; null unless it is down. */
  readonly whyDown: string | null;
  readonly breaker: 'open' | 'closed';
  /** Questions that it works on, and that wait for their turn. */
  readonly asked: number;
  readonly waiting: number;
}

/** One plugin as the chains see it: what it taps, and how many questions it may hold at a time. */
export class PluginRuntime implements AskedPlugin, QuestionOwner {
  readonly spec: PluginSpec;
  readonly definition: PluginDefinition;
  readonly answers: DeclaredAnswers;
  readonly mayExpose: boolean;
  readonly #tools: HostTools;
  readonly #breaker: Breaker;
  readonly #asked = new Roster<Question>();
  readonly #waiting = new Set<Question>();
  #registry: TapRegistry | null = null;
  #state: PluginState = 'starting';
  #whyDown = 'not started';
  #working = false;
  /** Called when a question ended and none is left. */
  onIdle: (() => void) | null = null;

  constructor(spec: PluginSpec, definition: PluginDefinition, tools: HostTools) {
    this.spec = spec;
    this.definition = definition;
    this.answers = declaredAnswers(definition);
    this.mayExpose = definition.capabilities?.includes('credentials') === true;
    this.#tools = tools;
    this.#breaker = new Breaker(spec.breaker);
  }

  get name(): string {
    return this.spec.name;
  }

  get timeoutMs(): number {
    return this.spec.timeoutMs;
  }

  get state(): PluginState {
    return this.#state;
  }

  /** What it is doing at this moment. */
  get standing(): PluginStanding {
    return {
      state: this.#state,
      whyDown: this.#state === 'down' ? this.#whyDown : null,
      breaker: this.#breaker.open ? 'open' : 'closed',
      asked: this.#asked.size,
      waiting: this.#waiting.size,
    };
  }

  /** What the plugin tapped, or null before it started. */
  get registry(): TapRegistry | null {
    return this.#registry;
  }

  becomeReady(registry: TapRegistry): void {
    this.#registry = registry;
    this.#state = 'ready';
  }

  /** `registry` holds what the failed start had tapped by then. */
  becomeDown(registry: TapRegistry | null, why: string): void {
    this.#registry = registry;
    this.#state = 'down';
    this.#whyDown = why;
  }

  /** Ends every question as a fault; none is taken any more. */
  stop(): void {
    this.#state = 'stopped';
    for (const question of [...this.#waiting, ...this.#asked.all()]) question.refuse('stopped', 'the plugin was stopped');
  }

  /**
   * Whether the plugin taps a hook. While it is down, the answer is yes for everything that it could tap and that keeps something out: what its
   * handlers would have refused must not pass only because they are not there yet.
   */
  taps(hook: HookName): boolean {
    if (this.#registry?.has(hook) === true) return true;
    return this.#state !== 'ready' && assumedTaps(hook, this.definition);
  }

  ask(hook: HookName, request: object, options: AskOptions, done: (outcome: PluginOutcome) => void): Pending | null {
    return this.#ask(hook, this.#registry?.handler(hook), request, options, done);
  }

  /** Whether this plugin owns an authentication method; unknown counts as yes while it is down. */
  ownsMethod(method: string): boolean {
    if (this.#registry?.methodHandler(method) !== undefined) return true;
    return this.#state !== 'ready' && assumedTaps('authenticateEnhanced', this.definition);
  }

  askEnhanced(method: string, request: object, options: AskOptions, done: (outcome: PluginOutcome) => void): Pending | null {
    return this.#ask('authenticateEnhanced', this.#registry?.methodHandler(method), request, options, done);
  }

  /** Puts a question of a synchronous hook. */
  askNow(hook: HookName, request: object): PluginOutcome {
    const handler = this.#registry?.handler(hook);
    if (this.#state !== 'ready') return this.#notReady(hook);
    return handler === undefined ? NOTHING : askNow(this, hook, handler, request, this.#tools);
  }

  ended(question: Question, sign: 'answered' | 'failed' | 'none'): void {
    this.#asked.delete(question);
    if (this.#waiting.size > 0) this.#waiting.delete(question);
    if (sign === 'failed') this.#breaker.failed(question, this.#tools.wheel.clock.now());
    else if (sign === 'answered') this.#breaker.answered(question);
    else this.#breaker.abandoned(question);
  }

  /** Whether nothing that it was asked is open. */
  get idle(): boolean {
    return this.#asked.size === 0 && this.#waiting.size === 0;
  }

  slotFree(): void {
    if (this.onIdle !== null && this.idle) this.onIdle();
    // Not from within itself: each question that is answered at once would add a level to the stack.
    if (this.#working || this.#waiting.size === 0) return;
    this.#working = true;
    for (const question of this.#waiting) {
      if (this.#asked.size >= this.spec.maxConcurrent) break;
      this.#waiting.delete(question);
      this.#put(question);
    }
    this.#working = false;
  }

  #ask(hook: HookName, handler: Handler | undefined, request: object, options: AskOptions, done: (outcome: PluginOutcome) => void): Pending | null {
    if (this.#state !== 'ready') return this.#refuseNow(hook, done);
    if (handler === undefined) {
      done(SKIP);
      return null;
    }
    const question = new Question({ plugin: this, hook, handler, request, options, done }, this, this.#tools);
    if (this.#asked.size < this.spec.maxConcurrent) this.#put(question);
    else this.#queue(question);
    return question.over ? null : question;
  }

  #queue(question: Question): void {
    const now = this.#tools.wheel.clock.now();
    if (this.#waiting.size >= this.spec.maxQueue) question.refuse('overload', `${this.spec.maxQueue} questions wait already`);
    else if (now >= question.deadlineAt) question.refuse('overload', 'the deadline of the chain has passed');
    else {
      this.#waiting.add(question);
      question.wait(now);
    }
  }

  #put(question: Question): void {
    const now = this.#tools.wheel.clock.now();
    if (now >= question.deadlineAt) question.refuse('overload', 'the deadline of the chain has passed');
    else if (!this.#breaker.admits(question, now)) question.refuse('breaker-open', 'its backend failed too often; it is tried again later');
    else {
      this.#asked.add(question);
      question.put(now);
    }
  }

  #refuseNow(hook: HookName, done: (outcome: PluginOutcome) => void): null {
    done(this.#notReady(hook));
    return null;
  }

  #notReady(hook: HookName): PluginOutcome {
    const detail = this.#state === 'stopped' ? 'the plugin was stopped' : `the plugin is not ready: ${this.#whyDown}`;
    this.#tools.faults.add(this.name, hook, this.#state === 'stopped' ? 'stopped' : 'not-ready', detail);
    return fault(this.name, detail);
  }
}
