import type { DenyReason } from '@portcullis/sdk';
import type { Pending } from '../hooks/index.js';
import { Answer, type SubscribeAnswer } from '../policy/index.js';
import { Check, type GateClient } from './client.js';
import { foldAuthorize, type Judgement } from './fold.js';

/** One topic filter that a client asks for, without `$share/<group>/`. */
export interface SubscribeQuestion {
  readonly filter: string;
  readonly shareName: string | null;
  readonly qos: 0 | 1 | 2;
}

export type SubscribeVerdict =
  | {
      readonly outcome: 'grant';
      readonly qos: 0 | 1 | 2;
      readonly partial: boolean;
      readonly byCode: boolean;
      readonly plugin: string | null;
      readonly rule: string | null;
    }
  | {
      readonly outcome: 'deny';
      readonly hook: 'authorize' | 'guardSubscribe';
      readonly reason: DenyReason;
      readonly plugin: string | null;
      readonly rule: string | null;
    }
  | { readonly outcome: 'fault'; readonly hook: 'authorize' | 'guardSubscribe'; readonly plugin: string | null; readonly detail: string };

/**
 * Judges a topic filter: rules by cover and touch, code, then the guards, which may lower the QoS. Not `guarded` it is one that is subscribed
 * to already: guards have let it pass, and may count what they are asked.
 */
export function judgeSubscribe(
  client: GateClient,
  question: SubscribeQuestion,
  deadlineAt: number,
  done: (verdict: SubscribeVerdict) => void,
  guarded = true,
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
    const { plugin, rule } = judgement;
    if (judgement.outcome === 'fault') return done({ outcome: 'fault', hook: 'authorize', plugin, detail: judgement.detail });
    if (judgement.outcome === 'deny') return done({ outcome: 'deny', hook: 'authorize', reason: judgement.reason, plugin, rule });
    const verdict = granted(client, question, answers, judgement);
    if (verdict.outcome !== 'grant' || !guarded || !client.standing.hooks.has('guardSubscribe')) return done(verdict);
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
  const subscribe = subscribeChecks(client, filter, byCode);
  if (client.receiveAsks || subscribe >= Check.SUSPENDED || !client.binding.proven(filter)) return Check.RECEIVE | subscribe;
  return subscribe;
}

/** The QoS that the rules leave to a subscription that was granted with this one. */
export function grantedQos(client: GateClient, filter: string, byCode: boolean, qos: 0 | 1 | 2): 0 | 1 | 2 {
  if (byCode || qos === 0) return qos;
  const { coverage, maxQos } = client.binding.subscribe(filter, -1);
  return coverage !== 'none' && maxQos < qos ? maxQos : qos;
}

function subscribeChecks(client: GateClient, filter: string, byCode: boolean): number {
  const { coverage } = client.binding.subscribe(filter, -1);
  const { hooks, chain } = client.standing;
  // What code once allowed stands as long as there is code; a configuration without it goes by its rules.
  if (byCode && hooks.has('authorize')) return coverage === 'denied' ? Check.SUBSCRIBE_NOT_DENY | Check.SUSPENDED : Check.SUBSCRIBE_NOT_DENY;
  if (coverage === 'all') return 0;
  const lost = coverage !== 'partial' || chain.partialSubscribe === 'reject';
  return lost ? Check.SUBSCRIBE_ALLOW | Check.SUSPENDED : Check.SUBSCRIBE_ALLOW;
}

function granted(
  client: GateClient,
  question: SubscribeQuestion,
  answers: ReadonlyMap<number, SubscribeAnswer>,
  judgement: Judgement,
): SubscribeVerdict {
  const { byCode, plugin, rule } = judgement;
  let maxQos: 0 | 1 | 2 = 2;
  let partial = false;
  if (!byCode) {
    for (const answer of answers.values()) {
      if (answer.coverage === 'partial' || answer.deniesPart) partial = true;
      if (answer.coverage !== 'none' && answer.maxQos < maxQos) maxQos = answer.maxQos;
    }
    if (partial && client.standing.chain.partialSubscribe === 'reject') {
      return { outcome: 'deny', hook: 'authorize', reason: 'not-authorized', plugin, rule };
    }
  }
  const qos = question.qos < maxQos ? question.qos : maxQos;
  return { outcome: 'grant', qos, partial, byCode, plugin, rule };
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
        return done({ outcome: 'deny', hook: 'guardSubscribe', reason: outcome.reason, plugin: outcome.plugin, rule: null });
      case 'fault':
        return done({ outcome: 'fault', hook: 'guardSubscribe', plugin: outcome.plugin, detail: outcome.detail });
      default:
        return done({ outcome: 'fault', hook: 'guardSubscribe', plugin: null, detail: `a guard answered ${outcome.kind}` });
    }
  });
}
