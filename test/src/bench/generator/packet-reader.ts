import { MARK, PAYLOAD_HEAD_BYTES } from './packets.js';

const NOTHING = Buffer.alloc(0);

/** What a reader tells of. */
export interface PacketSink {
  /** The topic that a stream's messages are sent with; null when there is no such stream. */
  topicOf(stream: number): Uint8Array | null;
  /** A whole PUBLISH has arrived; the reader's fields describe it until this returns. */
  message(reader: PacketReader): void;
  /** Any other packet; its body is `length` bytes at `from`, valid until this returns. */
  packet(first: number, bytes: Buffer, from: number, length: number): void;
  /** The bytes are not MQTT; nothing more is read. */
  broken(reason: string): void;
}

/** Cuts bytes into packets, in place. Of a message it keeps the numbers only: the rest of a long payload is skipped, not stored. */
export class PacketReader {
  readonly #sink: PacketSink;
  #left = NOTHING;
  /** Bytes of the current PUBLISH that are still to come, after its head was read. */
  #skip = 0;
  #broken = false;

  first = 0;
  packetId = 0;
  /** -1 when the payload is not one of this generator's. */
  stream = -1;
  sequence = 0;
  run = 0;
  dueMs = 0;
  payloadBytes = 0;
  topicMatches = false;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  feed(bytes: Buffer, from: number, to: number): void {
    if (this.#left.length > 0) {
      const all = Buffer.concat([this.#left, bytes.subarray(from, to)]);
      this.#left = NOTHING;
      this.#keep(all, this.#parse(all, 0, all.length), all.length);
    } else this.#keep(bytes, this.#parse(bytes, from, to), to);
  }

  #keep(bytes: Buffer, used: number, to: number): void {
    if (used < to && !this.#broken) this.#left = Buffer.from(bytes.subarray(used, to));
  }

  /** Reads what is complete; gives where the rest begins. */
  #parse(bytes: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && !this.#broken) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, to - at);
        this.#skip -= step;
        at += step;
        if (this.#skip === 0) this.#sink.message(this);
        continue;
      }
      let body = at + 1;
      let length = 0;
      let shift = 0;
      let byte = 0x80;
      while (body < to && shift < 28) {
        byte = bytes[body++] ?? 0;
        length |= (byte & 0x7f) << shift;
        shift += 7;
        if (byte < 0x80) break;
      }
      if (byte >= 0x80) {
        if (shift >= 28) this.#fail('a remaining length of more than four bytes');
        return at;
      }
      const first = bytes[at] ?? 0;
      if (first >> 4 === 3) {
        if (!this.#head(first, bytes, body, length, to)) return at;
        const end = body + length;
        if (end <= to) {
          at = end;
          this.#sink.message(this);
        } else {
          this.#skip = end - to;
          at = to;
        }
      } else {
        if (to - body < length) return at;
        this.#sink.packet(first, bytes, body, length);
        at = body + length;
      }
    }
    return at;
  }

  /** Reads topic, identifier and the head of the payload; false when they have not all arrived. */
  #head(first: number, bytes: Buffer, body: number, length: number, to: number): boolean {
    if (to - body < 2) return false;
    const topicBytes = ((bytes[body] ?? 0) << 8) | (bytes[body + 1] ?? 0);
    const headBytes = 2 + topicBytes + ((first & 6) !== 0 ? 2 : 0);
    if (headBytes > length) {
      this.#fail('a PUBLISH that is shorter than its topic');
      return false;
    }
    if (to - body < Math.min(headBytes + PAYLOAD_HEAD_BYTES, length)) return false;
    const payload = body + headBytes;
    this.first = first;
    this.packetId = (first & 6) !== 0 ? ((bytes[payload - 2] ?? 0) << 8) | (bytes[payload - 1] ?? 0) : 0;
    this.payloadBytes = length - headBytes;
    this.stream = -1;
    this.topicMatches = false;
    if (this.payloadBytes < PAYLOAD_HEAD_BYTES || unsigned(bytes, payload) !== MARK) return true;
    this.stream = unsigned(bytes, payload + 4);
    this.sequence = unsigned(bytes, payload + 8);
    this.run = unsigned(bytes, payload + 12);
    this.dueMs = bytes.readDoubleLE(payload + 16);
    const topic = this.#sink.topicOf(this.stream);
    this.topicMatches = topic !== null && topic.length === topicBytes && sameBytes(bytes, body + 2, topic);
    return true;
  }

  #fail(reason: string): void {
    this.#broken = true;
    this.#sink.broken(reason);
  }
}

function unsigned(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

function sameBytes(bytes: Buffer, at: number, other: Uint8Array): boolean {
  for (let index = 0; index < other.length; index++) if (bytes[at + index] !== other[index]) return false;
  return true;
}
