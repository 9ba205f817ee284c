import { PacketType } from '../codec/index.js';

/** Whether a message of a topic may still leave; and who hears of each that may not, with packet identifier 0 for QoS 0. */
export interface RecallRules {
  readonly may: (topic: string) => boolean;
  readonly recalled: (topic: string, packetId: number, dup: boolean) => void;
}

/** One packet among those that were written for a peer. Only a PUBLISH has a topic. */
interface WrittenPacket {
  readonly end: number;
  readonly topic: string | null;
  readonly packetId: number;
  readonly dup: boolean;
}

/** Reads a packet of our own, which is whole and valid. The head of a PUBLISH is the same in all versions. */
function readWritten(bytes: Buffer, start: number): WrittenPacket {
  const first = bytes[start] as number;
  let at = start + 1;
  let remaining = 0;
  let shift = 0;
  for (let byte = 0x80; byte >= 0x80; shift += 7) {
    byte = bytes[at++] as number;
    remaining |= (byte & 0x7f) << shift;
  }
  const end = at + remaining;
  if (first >> 4 !== PacketType.PUBLISH) return { end, topic: null, packetId: 0, dup: false };
  const topicEnd = at + 2 + bytes.readUInt16BE(at);
  const qos = (first >> 1) & 3;
  return { end, topic: bytes.toString('utf8', at + 2, topicEnd), packetId: qos === 0 ? 0 : bytes.readUInt16BE(topicEnd), dup: (first & 8) !== 0 };
}

/** The packets without those that may not leave: the same buffer if all may. It is not changed, since others may be sent it, too. */
export function withoutRecalled(bytes: Buffer, { may, recalled }: RecallRules): Buffer {
  const kept: Buffer[] = [];
  let keptFrom = 0;
  for (let at = 0; at < bytes.length; ) {
    const { end, topic, packetId, dup } = readWritten(bytes, at);
    if (topic !== null && !may(topic)) {
      if (at > keptFrom) kept.push(bytes.subarray(keptFrom, at));
      keptFrom = end;
      recalled(topic, packetId, dup);
    }
    at = end;
  }
  if (keptFrom === 0) return bytes;
  if (keptFrom < bytes.length) kept.push(bytes.subarray(keptFrom));
  return Buffer.concat(kept);
}

/** Whether a packet that may not leave begins among the last so many bytes. One that began before them has left in part, and must be finished. */
export function hasForbidden(buffers: readonly Buffer[], lastBytes: number, may: (topic: string) => boolean): boolean {
  let left = 0;
  for (const { length } of buffers) left += length;
  for (const bytes of buffers) {
    for (let at = 0; at < bytes.length; ) {
      const { end, topic } = readWritten(bytes, at);
      if (left <= lastBytes && topic !== null && !may(topic)) return true;
      left -= end - at;
      at = end;
    }
  }
  return false;
}

/** Remembers the answers: most of what waits for a peer is of few topics. */
export function remembering(may: (topic: string) => boolean): (topic: string) => boolean {
  const known = new Map<string, boolean>();
  return (topic) => {
    let answer = known.get(topic);
    if (answer === undefined) {
      answer = may(topic);
      known.set(topic, answer);
    }
    return answer;
  };
}
