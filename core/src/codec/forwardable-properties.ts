import { copyBytes } from './cursor.js';
import { PacketType } from './packet-types.js';
import { PropertyId, PropertyWalk, WILL } from './properties.js';
import { readVarint, varintLength } from './varint.js';

const EMPTY = Buffer.alloc(0);
const walk = new PropertyWalk();

/**
 * Copies the property bytes of a PUBLISH without topic alias and message expiry: the alias belongs to the sender's
 * connection, and the expiry is written anew with the time that is left. [MQTT-3.3.2-7] [MQTT-3.3.2-6]
 */
export function forwardableProperties(buffer: Buffer, start: number, end: number): Buffer {
  return copyWithout(buffer, start, end, PacketType.PUBLISH, PropertyId.TOPIC_ALIAS, PropertyId.MESSAGE_EXPIRY);
}

/** The same for a will's list, its length included, without will delay and message expiry. [MQTT-3.1.3-10] */
export function forwardableWillProperties(buffer: Buffer, start: number, end: number): Buffer {
  const length = readVarint(buffer, start, end);
  if (length <= 0) return EMPTY;
  const listStart = start + varintLength(length);
  return copyWithout(buffer, listStart, end, WILL, PropertyId.WILL_DELAY, PropertyId.MESSAGE_EXPIRY);
}

function copyWithout(buffer: Buffer, start: number, end: number, packet: number, first: number, second: number): Buffer {
  if (start >= end) return EMPTY;
  const copy = Buffer.allocUnsafeSlow(end - start);
  let length = 0;
  let at = start;
  // The list was judged before, with a limit of its own; here the number of user properties is what it is.
  walk.begin(Number.MAX_SAFE_INTEGER);
  while (at < end) {
    const next = walk.next(buffer, at, end, packet);
    if (next < 0) break;
    if (walk.id !== first && walk.id !== second) length += buffer.copy(copy, length, at, next);
    at = next;
  }
  return length === copy.length ? copy : copyBytes(copy, 0, length);
}
