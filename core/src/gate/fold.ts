import type { DenyReason, RuleAction } from '@portcullis/sdk';
import type { Outcome, Pending } from '../hooks/index.js';
import { Answer, type Binding } from '../policy/index.js';
import type { GateClient, Standing } from './client.js';

/** How a question about one action ended, and why. */
export interface Judgement {
  readonly outcome: 'allow' | 'deny' | 'fault';
  readonly reason: DenyReason;
  readonly plugin: string | null;
  /** Where the deciding rule comes from, or null. */
  readonly rule: string | null;
  readonly detail: string;
  /** Whether code allowed it; rules then only must not deny. */
  readonly byCode: boolean;
}

/** One question: what the rules say (by source, or -1 for all together), and what code is asked. */
export interface FoldQuestion {
  readonly action: RuleAction;
  readonly request: object;
  rules(source: number): 0 | 1 | 2;
}

const ALLOWED_BY_RULES: Omit<Judgement, 'plugin' | 'rule'> = { outcome: 'allow', reason: 'not-authorized', detail: '', byCode: false };

/** How often one question is put anew because the rights changed under it. */
const MAX_RESTARTS = 3;

/**
 * Folds rules and code by the chain's `combine`. `done` is called once, at once if nobody needs time.
 *
 * deny-overrides: every code is asked; a fault beats a deny, a deny beats an allow, nothing is a deny. first-match: for each plugin in order
 * its rules, then its code; the first that is not silent decides; a fault is final.
 *
 * An answer may take its time. What it allowed by rights that have changed meanwhile is asked again, by the new ones.
 */
export function foldAuthorize(client: GateClient, question: FoldQuestion, deadlineAt: number, done: (judgement: Judgement) => void): Pending | null {
  const fold = new Fold(client, question, deadlineAt, done);
  fold.run();
  return fold.finished ? null : fold;
}

class Fold implements Pending {
  finished = false;
  readonly #client: GateClient;
  readonly #question: FoldQuestion;
  readonly #deadlineAt: number;
  readonly #done: (judgement: Judgement) => void;
  #standing: Standing;
  #binding: Binding;
  #version: number;
  #restarts = 0;
  #position = 0;
  #best: Judgement | null = null;
  #pending: Pending | null = null;
  #running = false;

  constructor(client: GateClient, question: FoldQuestion, deadlineAt: number, done: (judgement: Judgement) => void) {
    this.#client = client;
    this.#question = question;
    this.#deadlineAt = deadlineAt;
    this.#done = done;
    this.#standing = client.standing;
    this.#binding = client.binding;
    this.#version = client.binding.version;
    this.#begin();
  }

  cancel(): void {
    this.finished = true;
    this.#pending?.cancel();
  }

  run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.finished && this.#pending === null) this.#step();
    this.#running = false;
  }

  get #firstMatch(): boolean {
    return this.#standing.chain.combine === 'first-match';
  }

  #begin(): void {
    const { standing, binding } = this.#client;
    this.#standing = standing;
    this.#binding = binding;
    this.#version = binding.version;
    this.#position = 0;
    this.#best = this.#firstMatch ? null : this.#ruleJudgement(-1);
  }

  #step(): void {
    const plugin = this.#standing.chain.authorize[this.#position];
    if (plugin === undefined) {
      this.#finish(this.#best ?? { outcome: 'deny', reason: 'not-authorized', plugin: null, rule: null, detail: 'nothing allows it', byCode: false });
      return;
    }
    if (this.#firstMatch) {
      const source = this.#client.sources.indexOf(plugin);
      const byRule = source < 0 ? null : this.#ruleJudgement(source);
      if (byRule !== null) {
        this.#finish(byRule);
        return;
      }
    }
    if (!this.#standing.hooks.taps(plugin, 'authorize')) {
      this.#position += 1;
      return;
    }
    let answered = false;
    const pending = this.#standing.hooks.askPlugin(plugin, 'authorize', this.#question.request, { deadlineAt: this.#deadlineAt }, (outcome) => {
      answered = true;
      this.#pending = null;
      this.#take(plugin, outcome);
      this.run();
    });
    if (!answered) this.#pending = pending;
  }

  #take(plugin: string, outcome: Outcome): void {
    if (this.finished) return;
    this.#position += 1;
    switch (outcome.kind) {
      case 'skip':
        return;
      case 'allow':
        this.#weigh({ outcome: 'allow', reason: 'not-authorized', plugin, rule: null, detail: '', byCode: true });
        return;
      case 'deny':
        this.#weigh({ outcome: 'deny', reason: outcome.reason, plugin, rule: null, detail: 'denied by code', byCode: true });
        return;
      case 'fault':
        this.#finish({ outcome: 'fault', reason: 'busy', plugin, rule: null, detail: outcome.detail, byCode: true });
        return;
      default:
        this.#finish({ outcome: 'fault', reason: 'busy', plugin, rule: null, detail: `an authority answered ${outcome.kind}`, byCode: true });
    }
  }

  #weigh(judgement: Judgement): void {
    if (this.#firstMatch) {
      this.#finish(judgement);
      return;
    }
    if (this.#best === null || (this.#best.outcome === 'allow' && judgement.outcome === 'deny')) this.#best = judgement;
    else if (this.#best.outcome === 'allow' && judgement.outcome === 'allow') this.#best = { ...this.#best, byCode: true };
  }

  #ruleJudgement(source: number): Judgement | null {
    const answer = this.#question.rules(source);
    if (answer === Answer.NONE) return null;
    const rule = this.#client.binding.lastRule;
    const origin = { plugin: rule?.plugin ?? null, rule: rule?.from ?? null };
    if (answer === Answer.ALLOW) return { ...ALLOWED_BY_RULES, ...origin };
    return { outcome: 'deny', reason: 'not-authorized', detail: 'denied by a rule', byCode: false, ...origin };
  }

  #finish(judgement: Judgement): void {
    if (this.finished) return;
    if (judgement.outcome === 'allow' && this.#outdated) {
      this.#restarts += 1;
      if (this.#restarts <= MAX_RESTARTS) return this.#begin();
      return this.#finish({ outcome: 'fault', reason: 'busy', plugin: null, rule: null, detail: 'the rights keep changing', byCode: false });
    }
    this.finished = true;
    this.#done(judgement);
  }

  get #outdated(): boolean {
    const { standing, binding } = this.#client;
    return standing !== this.#standing || binding !== this.#binding || binding.version !== this.#version;
  }
}
