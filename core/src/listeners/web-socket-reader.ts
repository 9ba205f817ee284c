import { isUtf8 } from 'node:buffer';
import { turned, unmask } from './unmask.js';
import { CloseCode, Opcode } from './web-socket-frames.js';

/** Which part of a frame comes next. */
const Part = { FIRST_BYTE: 0, SECOND_BYTE: 1, LENGTH: 2, MASK: 3, PAYLOAD: 4 } as const;

const MAX_CONTROL_BYTES = 125;
const NOTHING = Buffer.alloc(0);

/** Why no more frames are read. */
export interface FrameEnd {
  /** The status code to close with; null where the peer closed without one. */
  readonly code: number | null;
  /** What the peer did wrong; null when it closed in good order. */
  readonly fault: string | null;
}

/**
 * Takes the frames of a client off its bytes, RFC 6455 section 5. What is left is a stream: packets may be cut by frames and may share them
 * [MQTT-6.0.0-2], so that nothing has to wait for a whole message, and nothing of one is kept here.
 */
export class FrameReader {
  /** Payload of the last ping in what was read last, or null. Those before it need no answer of their own, RFC 6455 section 5.5.3. */
  ping: Buffer | null = null;
  /** Set once no more is read. */
  end: FrameEnd | null = null;
  readonly #maxMessageBytes: number;
  #part: number = Part.FIRST_BYTE;
  #opcode = 0;
  #final = false;
  /** Whether a message has begun whose last frame has not come. */
  #fragmented = false;
  #messageBytes = 0;
  /** How many bytes of the length or the mask are still to come. */
  #missing = 0;
  /** The least length that may be written in so many bytes. */
  #leastLength = 0;
  /** The length of the payload, and then how much of it is still to come. */
  #length = 0;
  /** A word whose lowest byte belongs to the next byte of the payload. */
  #mask = 0;
  /** The payload of a control frame. */
  #control: Buffer | null = null;
  #controlBytes = 0;

  /** `maxMessageBytes` bounds the payload of a message, its frames together. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Reads the next bytes; they are the reader's own from here on. Returns the payload of the data frames in them, unmasked in place and moved
   * together, so that packets in frames of their own lie behind each other as if they had come in one. Empty if there is none.
   */
  read(chunk: Buffer): Buffer {
    const { length } = chunk;
    let position = 0;
    let start = 0;
    let end = 0;
    let view: DataView | null = null;
    this.ping = null;
    while (position < length && this.end === null) {
      if (this.#part !== Part.PAYLOAD) {
        this.#header(chunk[position] as number);
        position += 1;
        continue;
      }
      const bytes = Math.min(this.#length, length - position);
      view ??= new DataView(chunk.buffer, chunk.byteOffset, length);
      if (this.#opcode >= Opcode.CLOSE) {
        unmask(view, position, position + bytes, position, this.#mask);
        this.#keep(chunk, position, position + bytes);
      } else {
        if (start === end) {
          start = position;
          end = position;
        }
        unmask(view, position, position + bytes, end, this.#mask);
        end += bytes;
      }
      position += bytes;
      this.#mask = turned(this.#mask, bytes);
      this.#length -= bytes;
      if (this.#length === 0) this.#frameEnded();
    }
    return start === end ? NOTHING : chunk.subarray(start, end);
  }

  #header(byte: number): void {
    switch (this.#part) {
      case Part.FIRST_BYTE:
        this.#firstByte(byte);
        break;
      case Part.SECOND_BYTE:
        this.#secondByte(byte);
        break;
      case Part.LENGTH:
        if (this.#missing === 8 && byte >= 0x80) return this.#fail('a length of more than 63 bits');
        this.#length = this.#length * 256 + byte;
        this.#missing -= 1;
        if (this.#missing > 0) return;
        if (this.#length < this.#leastLength) this.#fail('a length in more bytes than it needs');
        else this.#lengthKnown();
        break;
      default:
        this.#missing -= 1;
        this.#mask |= byte << (8 * (3 - this.#missing));
        if (this.#missing > 0) return;
        this.#part = Part.PAYLOAD;
        if (this.#length === 0) this.#frameEnded();
    }
  }

  #firstByte(byte: number): void {
    const opcode = byte & 0x0f;
    const final = byte >= 0x80;
    if ((byte & 0x70) !== 0) return this.#fail('a reserved bit is set');
    if (opcode > Opcode.PONG || (opcode > Opcode.BINARY && opcode < Opcode.CLOSE)) return this.#fail('an unknown opcode');
    if (opcode >= Opcode.CLOSE) {
      if (!final) return this.#fail('a control frame in fragments');
      this.#controlBytes = 0;
    } else {
      if (opcode === Opcode.CONTINUATION && !this.#fragmented) return this.#fail('a continuation of nothing');
      if (opcode !== Opcode.CONTINUATION && this.#fragmented) return this.#fail('a message within a message');
      // [MQTT-6.0.0-1]
      if (opcode === Opcode.TEXT) return this.#fail('a text frame', CloseCode.UNSUPPORTED_DATA);
    }
    this.#opcode = opcode;
    this.#final = final;
    this.#part = Part.SECOND_BYTE;
  }

  #secondByte(byte: number): void {
    const length = byte & 0x7f;
    if (byte < 0x80) return this.#fail('a frame that is not masked');
    if (this.#opcode >= Opcode.CLOSE) {
      if (length > MAX_CONTROL_BYTES) return this.#fail('a control frame that is too long');
      if (this.#opcode === Opcode.CLOSE && length === 1) return this.#fail('half a status code');
    }
    this.#part = Part.LENGTH;
    if (length < 126) {
      this.#length = length;
      this.#lengthKnown();
    } else {
      this.#length = 0;
      this.#missing = length === 126 ? 2 : 8;
      this.#leastLength = length === 126 ? 126 : 65_536;
    }
  }

  #lengthKnown(): void {
    if (this.#opcode < Opcode.CLOSE) {
      this.#messageBytes += this.#length;
      if (this.#messageBytes > this.#maxMessageBytes) return this.#fail('a message that is too large', CloseCode.TOO_BIG);
    }
    this.#mask = 0;
    this.#missing = 4;
    this.#part = Part.MASK;
  }

  #frameEnded(): void {
    this.#part = Part.FIRST_BYTE;
    if (this.#opcode < Opcode.CLOSE) {
      this.#fragmented = !this.#final;
      if (this.#final) this.#messageBytes = 0;
    } else if (this.#opcode === Opcode.PING) this.ping = Buffer.from(this.#payload());
    else if (this.#opcode === Opcode.CLOSE) this.#closed(this.#payload());
  }

  /** The payload of a control frame may come in pieces. */
  #keep(chunk: Buffer, from: number, to: number): void {
    this.#control ??= Buffer.allocUnsafe(MAX_CONTROL_BYTES);
    chunk.copy(this.#control, this.#controlBytes, from, to);
    this.#controlBytes += to - from;
  }

  #payload(): Buffer {
    return this.#control?.subarray(0, this.#controlBytes) ?? NOTHING;
  }

  #closed(payload: Buffer): void {
    const code = payload.length === 0 ? null : payload.readUInt16BE(0);
    if (code !== null && !mayBeSent(code)) this.#fail('a status code that nobody may send');
    else if (!isUtf8(payload.subarray(2))) this.#fail('a reason that is no UTF-8');
    else this.end = { code, fault: null };
  }

  #fail(fault: string, code: number = CloseCode.PROTOCOL_ERROR): void {
    this.end = { code, fault };
  }
}

/** RFC 6455 section 7.4 and the registry it set up; 1004 to 1006 and 1015 never go over the wire. */
function mayBeSent(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}
