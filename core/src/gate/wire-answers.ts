import type { ProtocolName, RuleAction } from '@portcullis/sdk';
import { connectReturnCode, FAULT_CODE } from './codes.js';
import type { GateChain } from './options.js';

/** How a question ended, as far as the wire shows it. */
export interface DecidedQuestion {
  readonly action: 'connect' | RuleAction;
  readonly outcome: 'allow' | 'deny' | 'fault';
  /** Reason code of MQTT 5.0; of an allowed subscription the QoS that is granted. */
  readonly reasonCode: number;
  readonly qos: 0 | 1 | 2;
}

const PROTOCOLS: readonly ProtocolName[] = ['3.1', '3.1.1', '5.0'];

/** What a client of each version sees, in words. */
export function wireAnswers(question: DecidedQuestion, chain: Pick<GateChain, 'denyPublish' | 'publishFault'>): Record<ProtocolName, string> {
  return Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, wireAnswer(protocol, question, chain)])) as Record<ProtocolName, string>;
}

/** What a client of one version sees: docs/refusals.md has the table. */
export function wireAnswer(protocol: ProtocolName, question: DecidedQuestion, chain: Pick<GateChain, 'denyPublish' | 'publishFault'>): string {
  const { action, outcome, reasonCode } = question;
  switch (action) {
    case 'connect':
      if (protocol === '5.0') return `CONNACK ${hex(reasonCode)}${outcome === 'allow' ? '' : ', then closed'}`;
      return `CONNACK ${connectReturnCode(reasonCode)}${outcome === 'allow' ? '' : ', then closed'}`;
    case 'subscribe':
      if (outcome === 'allow' || protocol === '5.0') return `SUBACK ${hex(reasonCode)}`;
      return protocol === '3.1' ? 'closed: 3.1 has no code for a refusal' : 'SUBACK 0x80';
    case 'publish':
      return publishAnswer(protocol, question, chain);
    case 'receive':
      return outcome === 'allow' ? 'the message' : 'nothing: the copy is dropped';
  }
}

function publishAnswer(
  protocol: ProtocolName,
  { outcome, reasonCode, qos }: DecidedQuestion,
  { denyPublish, publishFault }: Pick<GateChain, 'denyPublish' | 'publishFault'>,
): string {
  if (qos === 0) {
    if (outcome === 'allow') return 'nothing: QoS 0 is not acknowledged';
    return 'nothing: the message is dropped';
  }
  const packet = qos === 1 ? 'PUBACK' : 'PUBREC';
  if (outcome === 'allow') return protocol === '5.0' ? `${packet} 0x00${qos === 1 ? ', or 0x10 without a subscriber' : ''}` : packet;
  if (outcome === 'deny') {
    if (protocol === '5.0') return `${packet} ${hex(reasonCode)}`;
    return denyPublish === 'close' ? 'closed' : `${packet}, but the message is dropped`;
  }
  if (protocol !== '5.0') return 'closed without an acknowledgement';
  return publishFault === 'refuse' ? `${packet} ${hex(FAULT_CODE.puback)}` : `DISCONNECT ${hex(FAULT_CODE.disconnect)} without an acknowledgement`;
}

export function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
