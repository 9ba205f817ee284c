import type { Pending } from '../hooks/index.js';
import type { GateClient } from './client.js';
import { FAULT_CODE, refusalCode } from './codes.js';
import type { Gate } from './gate.js';
import { judgeSubscribe, type SubscribeQuestion, type SubscribeVerdict } from './subscribe-gate.js';

/** Asks rules and code whether a subscription that was granted may go on; guards are not asked again. */
export function rejudgeSubscribe(
  gate: Gate,
  client: GateClient,
  question: SubscribeQuestion,
  done: (verdict: SubscribeVerdict) => void,
): Pending | null {
  const deadlineAt = gate.now() + client.standing.chain.deadlineMs;
  const { filter } = question;
  const ended = (verdict: SubscribeVerdict): void => {
    if (verdict.outcome === 'deny') {
      gate.decided(verdict.hook, verdict.plugin, 'deny', refusalCode(verdict.reason, 'suback'), client, 'subscribe', filter, verdict.rule);
    } else if (verdict.outcome === 'fault') {
      gate.decided(verdict.hook, verdict.plugin, 'fault', FAULT_CODE.suback, client, 'subscribe', filter, null, verdict.detail);
    }
    done(verdict);
  };
  return judgeSubscribe(client, question, deadlineAt, ended, false);
}
