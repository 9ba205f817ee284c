import type { Malformed } from './packets.js';

/** The 5.0 reason codes by which the codec says what is wrong. */
export const Fault = {
  MALFORMED: 0x81,
  PROTOCOL_ERROR: 0x82,
  UNSUPPORTED_VERSION: 0x84,
  TOPIC_FILTER_INVALID: 0x8f,
  TOPIC_NAME_INVALID: 0x90,
  TOPIC_ALIAS_INVALID: 0x94,
  QUOTA_EXCEEDED: 0x97,
} as const;

export function malformed(reasonCode: number, detail: string, protocolLevel = 0): Malformed {
  return { type: 0, reasonCode, detail, protocolLevel };
}
