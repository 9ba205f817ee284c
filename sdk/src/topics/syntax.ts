import type { TopicFilter, TopicName } from './types.js';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const MAX_BYTES = 65_535;
const SHARE_PREFIX = '$share/';

/**
 * Tells whether a text is a topic name, the kind that is published to.
 *
 * True: 1 to 65,535 bytes of UTF-8, no `+`, no `#`, no U+0000, no half of a surrogate pair. Levels may be empty. Never throws, whatever is
 * given, and takes time in proportion to the length.
 *
 * Spec: 5.0 and 3.1.1 section 4.7, 1.5.4 (3.1.1: 1.5.3).
 */
export function isTopicName(text: unknown): text is TopicName {
  return isTopicText(text) && !text.includes('+') && !text.includes('#'); // [MQTT-4.7.0-1]
}

/**
 * Tells whether a text is a topic filter, the kind that is subscribed to and that rules use.
 *
 * True: 1 to 65,535 bytes of UTF-8, no U+0000, no half of a surrogate pair; `+` only as a whole level, `#` only as the whole last level.
 * False for text that begins with `$share/`: on the wire that names a group of subscribers, not a topic; see `parseSharedFilter`. Never
 * throws, whatever is given, and takes time in proportion to the length.
 *
 * Spec: 5.0 and 3.1.1 section 4.7, 1.5.4 (3.1.1: 1.5.3).
 */
export function isTopicFilter(text: unknown): text is TopicFilter {
  return isTopicText(text) && hasWildcardsInPlace(text) && !text.startsWith(SHARE_PREFIX);
}

/** What a client subscribes to when it joins a group: the group's name, and the filter that rights are judged on. */
export interface SharedFilter {
  /** Name of the group. */
  readonly shareName: string;
  /** The filter behind it. */
  readonly filter: TopicFilter;
}

/**
 * Takes `$share/<group>/<filter>` apart.
 *
 * Answers null when the text does not begin with `$share/` (it may still be no topic filter), `'invalid'` when it does but the group is
 * empty or holds a wildcard, or what follows is no topic filter; in particular a second `$share/` inside is invalid. Never throws.
 *
 * Spec: 5.0 section 4.8.2. Of 3.1.1 clients the same text means the same.
 */
export function parseSharedFilter(text: string): SharedFilter | null | 'invalid' {
  if (!text.startsWith(SHARE_PREFIX)) return null;
  if (!isTopicText(text)) return 'invalid';
  const end = text.indexOf('/', SHARE_PREFIX.length);
  if (end <= SHARE_PREFIX.length) return 'invalid'; // [MQTT-4.8.2-1]
  const shareName = text.slice(SHARE_PREFIX.length, end);
  if (shareName.includes('+') || shareName.includes('#')) return 'invalid'; // [MQTT-4.8.2-2]
  const filter = text.slice(end + 1);
  return isTopicFilter(filter) ? { shareName, filter } : 'invalid';
}

/** Judged by UTF-8 bytes, although the text is UTF-16: the wire counts bytes, and cannot carry a lone surrogate at all. */
function isTopicText(text: unknown): text is string {
  if (typeof text !== 'string' || text.length === 0 || text.length > MAX_BYTES) return false; // [MQTT-4.7.3-1]
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0) return false; // [MQTT-4.7.3-2]
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 2;
    else {
      const next = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return false;
      bytes += 2;
      i += 1;
    }
  }
  return bytes <= MAX_BYTES; // [MQTT-4.7.3-3]
}

function hasWildcardsInPlace(text: string): boolean {
  const last = text.length - 1;
  for (let i = 0; i <= last; i++) {
    const unit = text.charCodeAt(i);
    if (unit !== PLUS && unit !== HASH) continue;
    if (i > 0 && text.charCodeAt(i - 1) !== SLASH) return false;
    if (i === last) continue;
    if (unit === HASH) return false; // [MQTT-4.7.1-1]
    if (text.charCodeAt(i + 1) !== SLASH) return false; // [MQTT-4.7.1-2]
  }
  return true;
}
