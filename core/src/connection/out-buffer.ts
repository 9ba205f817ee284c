import { type AckPacket, PINGRESP, writeAck } from '../codec/index.js';
import { hasForbidden, type RecallRules, remembering, withoutRecalled } from './recall.js';
import { releaseSlab, takeSlab } from './slabs.js';
import type { Transport } from './transport.js';
import { SLOW_BYTES } from './unsent.js';

/** From this size on shared bytes are handed to the socket as they are; copying them would cost more than a second buffer. */
const LARGE = 8192;
/** So much is not held back until the end of the turn: else one turn could gather any amount before anybody saw that the peer is slow. */
const WRITE_AT_BYTES = 262_144;
/** So much of what a slow peer waits for is written in one piece: once begun, it can no longer be taken back. */
const HELD_PIECE_BYTES = 65_536;

/**
 * What goes out to one peer in this turn of the event loop: written once, at its end. Bytes that many receivers share are passed on without
 * being copied where they stand alone; everything else is gathered in a slab that is used again when the kernel has taken it.
 */
export class OutBuffer {
  /** Bytes gathered and not yet written. */
  size = 0;
  readonly #flusher: Flusher;
  readonly #written: () => void;
  #transport: Transport | null;
  /** Shared bytes that are all there is so far. */
  #alone: Buffer | null = null;
  #slab: Buffer | null = null;
  #length = 0;
  #parts: Buffer[] | null = null;
  #scheduled = false;
  /** Whether something was not written because the transport holds enough. */
  #heldBack = false;
  /** What was written last, as long as it may be looked at to see what has not left. */
  #underway: readonly Buffer[] | null = null;
  readonly #fullAt: number;

  constructor(transport: Transport, flusher: Flusher, written: () => void) {
    this.#transport = transport;
    this.#fullAt = transport.fullAt ?? SLOW_BYTES;
    this.#flusher = flusher;
    this.#written = written;
  }

  /** Adds bytes that nobody will change. */
  shared(bytes: Buffer): void {
    if (this.#transport === null) return;
    if (this.size === 0) this.#alone = bytes;
    else if (bytes.length >= LARGE) {
      this.#seal();
      this.#parts?.push(bytes);
    } else {
      const target = this.reserve(bytes.length);
      bytes.copy(target, this.#length);
      this.#length += bytes.length;
    }
    this.#grown(bytes.length);
  }

  /** Adds a range of a buffer that will be used for something else: copied. */
  copy(buffer: Buffer, start: number, end: number): void {
    if (this.#transport === null) return;
    const target = this.reserve(end - start);
    buffer.copy(target, this.#length, start, end);
    this.#length += end - start;
    this.#grown(end - start);
  }

  /** A buffer with room for so many more bytes from `offset` on; `commit` says where writing ended. */
  reserve(bytes: number): Buffer {
    if (this.#alone !== null) this.#spill();
    const slab = this.#slab;
    if (slab !== null && this.#length + bytes <= slab.length) return slab;
    return this.#grow(bytes);
  }

  get offset(): number {
    return this.#length;
  }

  commit(offset: number): void {
    if (this.#transport === null) return;
    const bytes = offset - this.#length;
    this.#length = offset;
    this.#grown(bytes);
  }

  /** Adds a finished packet, copied. */
  packet(bytes: Buffer): void {
    this.copy(bytes, 0, bytes.length);
  }

  /** Adds a PINGRESP. */
  pingresp(): void {
    const target = this.reserve(2);
    target[this.#length] = PINGRESP[0] as number;
    target[this.#length + 1] = PINGRESP[1] as number;
    this.commit(this.#length + PINGRESP.length);
  }

  /** Adds an acknowledgement, or a PUBREL, that says success. */
  ack(type: AckPacket['type'], packetId: number): void {
    const target = this.reserve(4);
    this.commit(writeAck(target, this.#length, type, packetId));
  }

  /** Writes everything now, unless the transport holds enough already: what it is not given can still be taken back. */
  flush(): void {
    this.#scheduled = false;
    this.#write();
  }

  /** Whether the transport holds enough: it will say when it is empty. */
  get blocked(): boolean {
    return this.#transport !== null && (this.size > 0 || this.#transport.buffered >= this.#fullAt);
  }

  /** Writes everything, whatever the transport holds: nothing comes after it. */
  finish(): void {
    const transport = this.#transport;
    if (transport !== null && this.size > 0) {
      this.#seal();
      transport.writeAll(this.#parts ?? []);
    }
    this.close();
  }

  /**
   * Takes back messages that may not leave any more. False when one of them is beyond recall: the transport has it, though the kernel may not.
   * Of transports that keep more than one write that cannot be seen.
   */
  recall(rules: RecallRules): boolean {
    const transport = this.#transport;
    if (transport === null) return true;
    const { buffered } = transport;
    const may = remembering(rules.may);
    if (buffered > 0 && this.#underway !== null && hasForbidden(this.#underway, buffered, may)) return false;
    if (this.size === 0) return true;
    this.#seal();
    const parts = (this.#parts ?? []).map((part) => withoutRecalled(part, { may, recalled: rules.recalled })).filter((part) => part.length > 0);
    this.#parts = parts.length === 0 ? null : parts;
    this.size = parts.reduce((sum, part) => sum + part.length, 0);
    return true;
  }

  #grown(bytes: number): void {
    this.size += bytes;
    if (this.size > WRITE_AT_BYTES) this.#write();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#flusher.add(this);
    }
  }

  #write(): void {
    const transport = this.#transport;
    if (transport === null || this.size === 0) return;
    if (this.#heldBack || transport.buffered >= this.#fullAt) return this.#writeHeld(transport);
    this.size = 0;
    if (this.#parts !== null) {
      this.#seal();
      const parts = this.#parts;
      this.#parts = null;
      transport.writeAll(parts);
      this.#wrote(transport, parts);
    } else if (this.#alone !== null) {
      const bytes = this.#alone;
      this.#alone = null;
      if (!transport.write(bytes, null)) this.#wrote(transport, [bytes]);
    } else if (this.#slab !== null) {
      const slab = this.#slab;
      const length = this.#length;
      this.#slab = null;
      this.#length = 0;
      const bytes = length === slab.length ? slab : slab.subarray(0, length);
      if (transport.write(bytes, slab)) releaseSlab(slab);
      else this.#wrote(transport, [bytes]);
    }
    this.#written();
  }

  /** Only of a transport that holds one write at a time is it known which of these bytes have not left. */
  #wrote(transport: Transport, bytes: readonly Buffer[]): void {
    if (this.#fullAt === 1) this.#underway = transport.buffered > 0 ? bytes : null;
  }

  /** In pieces, as the transport takes them: one piece too many is what a recall cannot reach. */
  #writeHeld(transport: Transport): void {
    this.#heldBack = true;
    if (transport.buffered < this.#fullAt) {
      this.#seal();
      const parts = this.#parts ?? [];
      let written = 0;
      while (written < parts.length && transport.buffered < this.#fullAt) {
        const part = parts[written] as Buffer;
        written += 1;
        this.size -= part.length;
        transport.write(part, null);
        this.#wrote(transport, [part]);
      }
      this.#parts = written === parts.length ? null : parts.slice(written);
      this.#heldBack = this.#parts !== null;
    } else if (this.#length >= HELD_PIECE_BYTES) this.#seal();
    this.#written();
  }

  /** Nothing more will be written. */
  close(): void {
    this.#transport = null;
    this.#alone = null;
    this.#parts = null;
    this.#underway = null;
    if (this.#slab !== null) releaseSlab(this.#slab);
    this.#slab = null;
    this.#length = 0;
    this.size = 0;
  }

  /** Puts what is there in front of a part that is not copied. */
  #seal(): void {
    this.#parts ??= [];
    if (this.#alone !== null) {
      this.#parts.push(this.#alone);
      this.#alone = null;
    } else if (this.#slab !== null && this.#length > 0) {
      this.#parts.push(this.#slab.subarray(0, this.#length));
      this.#slab = null;
      this.#length = 0;
    }
  }

  #spill(): void {
    const bytes = this.#alone as Buffer;
    if (bytes.length >= LARGE) return this.#seal();
    this.#alone = null;
    const slab = this.#slab ?? takeSlab(bytes.length);
    this.#slab = slab;
    bytes.copy(slab, 0);
    this.#length = bytes.length;
  }

  #grow(bytes: number): Buffer {
    const slab = this.#slab;
    if (slab === null) {
      this.#length = 0;
      this.#slab = takeSlab(bytes);
      return this.#slab;
    }
    const larger = takeSlab(Math.max(slab.length * 2, this.#length + bytes));
    slab.copy(larger, 0, 0, this.#length);
    this.#slab = larger;
    releaseSlab(slab);
    return larger;
  }
}

/** Writes every buffer that was filled in a turn of the event loop at its end, each once. */
export class Flusher {
  /** Two lists that take turns, and keep their room: one is written while the other is filled. */
  #dirty: (OutBuffer | null)[] = [];
  #count = 0;
  #spare: (OutBuffer | null)[] = [];
  #planned = false;
  readonly #flush = (): void => this.flush();

  add(buffer: OutBuffer): void {
    this.#dirty[this.#count] = buffer;
    this.#count += 1;
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(this.#flush);
  }

  /** How many buffers were filled in this turn so far. */
  get filled(): number {
    return this.#count;
  }

  /** Takes out those that were filled since there were so many: whoever takes them flushes them. */
  take(from: number): OutBuffer[] {
    const taken = this.#dirty.slice(from, this.#count) as OutBuffer[];
    this.#dirty.fill(null, from, this.#count);
    this.#count = Math.min(from, this.#count);
    return taken;
  }

  flush(): void {
    this.#planned = false;
    const dirty = this.#dirty;
    const count = this.#count;
    this.#dirty = this.#spare;
    this.#count = 0;
    for (let i = 0; i < count; i += 1) {
      const buffer = dirty[i] as OutBuffer;
      dirty[i] = null;
      buffer.flush();
    }
    this.#spare = dirty;
  }
}
