import { Fault } from './faults.js';
import { isValidUtf8 } from './utf8.js';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const SHARE_PREFIX = Buffer.from('$share/');

/** 0, or the reason code for what is wrong with a topic name. */
export function topicNameFault(buffer: Uint8Array, start: number, end: number, maxLevels: number): number {
  if (end <= start || end - start > 65_535) return Fault.TOPIC_NAME_INVALID; // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
  let levels = 1;
  let union = 0;
  for (let i = start; i < end; i++) {
    const byte = buffer[i] as number;
    union |= byte;
    if (byte === SLASH) {
      levels += 1;
      // At once: 64 KiB of slashes are not read to their end.
      if (levels > maxLevels) return Fault.QUOTA_EXCEEDED;
    } else if (byte === PLUS || byte === HASH)
      return Fault.TOPIC_NAME_INVALID; // [MQTT-3.3.2-2]
    else if (byte === 0) return Fault.MALFORMED; // [MQTT-4.7.3-2]
  }
  if (union >= 0x80 && !isValidUtf8(buffer, start, end)) return Fault.MALFORMED; // [MQTT-3.3.2-1]
  return 0;
}

export function isValidTopicName(buffer: Uint8Array, start: number, end: number, maxLevels: number): boolean {
  return topicNameFault(buffer, start, end, maxLevels) === 0;
}

/** 0, or the reason code for what is wrong with a filter whose UTF-8 is already checked. Shared filters included. */
export function topicFilterFault(buffer: Uint8Array, start: number, end: number, maxLevels: number): number {
  const inner = isShared(buffer, start, end) ? sharedFilterStart(buffer, start, end) : start;
  if (inner < 0) return Fault.TOPIC_FILTER_INVALID;
  if (inner >= end) return Fault.TOPIC_FILTER_INVALID; // [MQTT-4.7.3-1]
  let levels = 1;
  for (let i = inner; i < end; i++) {
    const byte = buffer[i] as number;
    if (byte === SLASH) {
      levels += 1;
      if (levels > maxLevels) return Fault.QUOTA_EXCEEDED;
    }
    if (byte !== PLUS && byte !== HASH) continue;
    if (i > inner && buffer[i - 1] !== SLASH) return Fault.TOPIC_FILTER_INVALID;
    if (i + 1 === end) continue;
    if (byte === HASH) return Fault.TOPIC_FILTER_INVALID; // [MQTT-4.7.1-1]
    if (buffer[i + 1] !== SLASH) return Fault.TOPIC_FILTER_INVALID; // [MQTT-4.7.1-2]
  }
  return 0;
}

/** Judged for 3.x too: shared filters are served there as well, and a half-formed one must not become a plain topic. */
export function isShared(buffer: Uint8Array, start: number, end: number): boolean {
  if (end - start < SHARE_PREFIX.length) return false;
  for (let i = 0; i < SHARE_PREFIX.length; i++) if (buffer[start + i] !== SHARE_PREFIX[i]) return false;
  return true;
}

/** Where the filter behind `$share/<name>/` begins, or -1. */
function sharedFilterStart(buffer: Uint8Array, start: number, end: number): number {
  const nameStart = start + SHARE_PREFIX.length;
  for (let i = nameStart; i < end; i++) {
    const byte = buffer[i];
    if (byte === PLUS || byte === HASH) return -1; // [MQTT-4.8.2-2]
    if (byte === SLASH) return i === nameStart ? -1 : i + 1; // [MQTT-4.8.2-1]
  }
  return -1;
}
