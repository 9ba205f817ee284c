import type { DenyReason } from '@portcullis/sdk';
import type { Pending } from '../hooks/index.js';
import { Answer, type SubscribeAnswer } from '../policy/index.js';
import { Check, type GateClient } from './client.js';
import { foldAuthorize } from './fold.js';

/** One topic filter that a client asks for, without `$share/<group>/`. */
export interface SubscribeQuestion {
  readonly filter: string;
  readonly shareName: string | null;
  readonly qos: 0 | 1 | 2;
}

export type SubscribeVerdict =
  | { readonly outcome: 'grant'; readonly qos: 0 | 1 | 2; readonly checks: number; readonly partial: boolean; readonly byCode: boolean }
  | { readonly outcome: 'deny'; readonly reason: DenyReason; readonly plugin: string | null; readonly rule: string | null }
  | { readonly outcome: 'fault'; readonly plugin: string | null; readonly detail: string };

/** Judges a topic filter: rules by cover and touch, code, then the guards, which may lower the QoS. */
export function judgeSubscribe(
  client: GateClient,
  question: SubscribeQuestion,
  deadlineAt: number,
  done: (verdict: SubscribeVerdict) => void,
): Pending | null {
  const answers = new Map<number, SubscribeAnswer>();
  const rules = (source: number): 0 | 1 | 2 => {
    const answer = client.binding.subscribe(question.filter, source);
    answers.set(source, answer);
    if (answer.coverage === 'all' || answer.coverage === 'partial') return Answer.ALLOW;
    return answer.coverage === 'denied' ? Answer.DENY : Answer.NONE;
  };
  const request = {
    client: client.info,
    identity: client.identity,
    tenant: client.tenant,
    action: 'subscribe',
    topic: question.filter,
    qos: question.qos,
    retain: false,
    shareName: question.shareName,
    will: false,
  };
  let guarding: Pending | null = null;
  let cancelled = false;
  const folding = foldAuthorize(client, { action: 'subscribe', request, rules }, deadlineAt, (judgement) => {
    if (judgement.outcome === 'fault') return done({ outcome: 'fault', plugin: judgement.plugin, detail: judgement.detail });
    if (judgement.outcome === 'deny') {
      return done({ outcome: 'deny', reason: judgement.reason, plugin: judgement.plugin, rule: judgement.rule });
    }
    const verdict = granted(client, question, answers, judgement.byCode);
    if (verdict.outcome !== 'grant' || !client.standing.hooks.has('guardSubscribe')) return done(verdict);
    guarding = guard(client, question, verdict, deadlineAt, (final) => {
      if (!cancelled) done(final);
    });
  });
  if (folding === null && guarding === null) return null;
  return {
    cancel() {
      cancelled = true;
      folding?.cancel();
      guarding?.cancel();
    },
  };
}

/** What a subscription must have checked for each copy, judged by the rules as they are now. */
export function deliveryChecks(client: GateClient, filter: string, byCode: boolean): number {
  if (client.receiveAsks || !client.binding.proven(filter)) return Check.RECEIVE | subscribeChecks(client, filter, byCode);
  return subscribeChecks(client, filter, byCode);
}

function subscribeChecks(client: GateClient, filter: string, byCode: boolean): number {
  if (byCode) return Check.SUBSCRIBE_NOT_DENY;
  return client.binding.subscribe(filter, -1).coverage === 'all' ? 0 : Check.SUBSCRIBE_ALLOW;
}

function granted(client: GateClient, question: SubscribeQuestion, answers: ReadonlyMap<number, SubscribeAnswer>, byCode: boolean): SubscribeVerdict {
  let maxQos: 0 | 1 | 2 = 2;
  let partial = false;
  if (!byCode) {
    for (const answer of answers.values()) {
      if (answer.coverage === 'partial' || answer.deniesPart) partial = true;
      if (answer.coverage !== 'none' && answer.maxQos < maxQos) maxQos = answer.maxQos;
    }
    if (partial && client.standing.chain.partialSubscribe === 'reject') {
      const rule = client.binding.lastRule;
      return { outcome: 'deny', reason: 'not-authorized', plugin: rule?.plugin ?? null, rule: rule?.from ?? null };
    }
  }
  const qos = question.qos < maxQos ? question.qos : maxQos;
  return { outcome: 'grant', qos, checks: deliveryChecks(client, question.filter, byCode), partial, byCode };
}

function guard(
  client: GateClient,
  question: SubscribeQuestion,
  verdict: SubscribeVerdict & { readonly outcome: 'grant' },
  deadlineAt: number,
  done: (verdict: SubscribeVerdict) => void,
): Pending | null {
  const request = {
    client: client.info,
    identity: client.identity,
    tenant: client.tenant,
    filter: question.filter,
    shareName: question.shareName,
    qos: verdict.qos,
  };
  return client.standing.hooks.ask('guardSubscribe', request, { deadlineAt }, (outcome) => {
    switch (outcome.kind) {
      case 'pass':
        return done(outcome.maxQos < verdict.qos ? { ...verdict, qos: outcome.maxQos } : verdict);
      case 'deny':
        return done({ outcome: 'deny', reason: outcome.reason, plugin: outcome.plugin, rule: null });
      case 'fault':
        return done({ outcome: 'fault', plugin: outcome.plugin, detail: outcome.detail });
      default:
        return done({ outcome: 'fault', plugin: null, detail: `a guard answered ${outcome.kind}` });
    }
  });
}
