/** Counts beyond which a packet is refused with 0x97 before more is built from it. */
export interface DecodeLimits {
  readonly maxUserProperties: number;
  readonly maxFiltersPerPacket: number;
  readonly maxTopicLevels: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = Object.freeze({
  maxUserProperties: 64,
  maxFiltersPerPacket: 1024,
  maxTopicLevels: 128,
});
