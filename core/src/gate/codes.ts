import type { DenyReason, DenyWord } from '@portcullis/sdk';
import { ReasonCode } from '@portcullis/sdk';

/** The packets that can carry a refusal. PUBACK and PUBREC share their codes. */
export type RefusalPacket = 'connack' | 'suback' | 'puback' | 'disconnect';

const WORDS: Record<DenyWord, Record<RefusalPacket, number>> = {
  'bad-credentials': { connack: 0x86, suback: 0x87, puback: 0x87, disconnect: 0x87 },
  'not-authorized': { connack: 0x87, suback: 0x87, puback: 0x87, disconnect: 0x87 },
  banned: { connack: 0x8a, suback: 0x87, puback: 0x87, disconnect: 0x98 },
  rate: { connack: 0x9f, suback: 0x97, puback: 0x97, disconnect: 0x96 },
  quota: { connack: 0x97, suback: 0x97, puback: 0x97, disconnect: 0x97 },
  busy: { connack: 0x89, suback: 0x80, puback: 0x97, disconnect: 0x89 },
};

// The reason codes of 0x80 and above that the tables of 5.0 sections 3.2.2.2, 3.9.3, 3.4.2.1 and 3.14.2.1 let a server send.
const LEGAL: Record<RefusalPacket, ReadonlySet<number>> = {
  connack: new Set([0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f]),
  suback: new Set([0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  puback: new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
  disconnect: new Set([
    0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f,
    0xa0, 0xa1, 0xa2,
  ]),
};

/** The reason code of MQTT 5.0 by which a refusal is sent in a packet; a code that the packet may not carry becomes 0x87. */
export function refusalCode(reason: DenyReason, packet: RefusalPacket): number {
  if (typeof reason === 'string') return WORDS[reason][packet];
  return LEGAL[packet].has(reason) ? reason : ReasonCode.NotAuthorized;
}

/** The return code of a CONNACK of MQTT 3.1 and 3.1.1 that stands for a reason code of 5.0 (3.1.1 section 3.2.2.3). */
export function connectReturnCode(reasonCode: number): number {
  switch (reasonCode) {
    case 0x00:
      return 0;
    case 0x84:
      return 1;
    case 0x85:
      return 2;
    case 0x86:
      return 4;
    case 0x88:
    case 0x89:
    case 0x97:
    case 0x9f:
      return 3;
    default:
      return 5;
  }
}

/** Reason codes by which a fault is sent. */
export const FAULT_CODE: Record<RefusalPacket, number> = { connack: 0x88, suback: 0x80, puback: 0x83, disconnect: 0x83 };

/** CONNACK reason code for a plugin that had no room for the question. */
export const OVERLOAD_CODE = ReasonCode.ServerBusy;
