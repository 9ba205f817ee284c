import type { Transport } from './transport.js';

const SLAB_BYTES = 16_384;
const MAX_POOLED = 256;
/** From this size on a range is handed to the socket as it is; copying it would cost more than a second buffer. */
const LARGE_RANGE = 8192;
/** So much is not held back until the end of the turn: else one turn could gather any amount before anybody saw that the peer is slow. */
const WRITE_AT_BYTES = 262_144;

const pool: Buffer[] = [];

/**
 * What goes out to one peer in this turn of the event loop: written once, at its end. A single range of a read buffer is passed on without
 * being copied; everything else is gathered in a slab that is used again when the kernel has taken it.
 */
export class OutBuffer {
  /** Bytes gathered and not yet written. */
  size = 0;
  readonly #flusher: Flusher;
  readonly #written: () => void;
  #transport: Transport | null;
  #range: Buffer | null = null;
  #rangeStart = 0;
  #rangeEnd = 0;
  #view: Buffer | null = null;
  #slab: Buffer | null = null;
  #length = 0;
  #parts: Buffer[] | null = null;
  #scheduled = false;

  constructor(transport: Transport, flusher: Flusher, written: () => void) {
    this.#transport = transport;
    this.#flusher = flusher;
    this.#written = written;
  }

  /** Adds bytes that will not change. `view`, if given, is exactly that range. */
  range(buffer: Buffer, start: number, end: number, view: Buffer | null): void {
    if (this.#transport === null) return;
    if (this.size === 0) {
      this.#range = buffer;
      this.#rangeStart = start;
      this.#rangeEnd = end;
      this.#view = view;
    } else if (this.#range === buffer && this.#rangeEnd === start) {
      this.#rangeEnd = end;
      this.#view = null;
    } else if (end - start >= LARGE_RANGE) {
      this.#seal();
      this.#parts?.push(view ?? buffer.subarray(start, end));
    } else {
      const target = this.reserve(end - start);
      buffer.copy(target, this.#length, start, end);
      this.#length += end - start;
    }
    this.size += end - start;
    if (this.size > WRITE_AT_BYTES) this.#write();
    else if (!this.#scheduled) this.#schedule();
  }

  /** A buffer with room for so many more bytes from `offset` on; `commit` says where writing ended. */
  reserve(bytes: number): Buffer {
    if (this.#range !== null) this.#spill();
    const slab = this.#slab;
    if (slab !== null && this.#length + bytes <= slab.length) return slab;
    return this.#grow(bytes);
  }

  get offset(): number {
    return this.#length;
  }

  commit(offset: number): void {
    if (this.#transport === null) return;
    this.size += offset - this.#length;
    this.#length = offset;
    if (this.size > WRITE_AT_BYTES) this.#write();
    else if (!this.#scheduled) this.#schedule();
  }

  /** Adds a finished packet, copied. */
  packet(bytes: Buffer): void {
    const target = this.reserve(bytes.length);
    bytes.copy(target, this.#length);
    this.commit(this.#length + bytes.length);
  }

  /** Writes everything now. */
  flush(): void {
    this.#scheduled = false;
    this.#write();
  }

  #write(): void {
    const transport = this.#transport;
    if (transport === null || this.size === 0) return;
    this.size = 0;
    if (this.#parts !== null) {
      this.#seal();
      const parts = this.#parts;
      this.#parts = null;
      transport.writeAll(parts);
    } else if (this.#range !== null) {
      const view = this.#view ?? this.#range.subarray(this.#rangeStart, this.#rangeEnd);
      this.#range = null;
      this.#view = null;
      transport.write(view);
    } else if (this.#slab !== null) {
      const slab = this.#slab;
      this.#slab = null;
      const length = this.#length;
      this.#length = 0;
      if (transport.write(length === slab.length ? slab : slab.subarray(0, length))) release(slab);
    }
    this.#written();
  }

  /** Nothing more will be written. */
  close(): void {
    this.#transport = null;
    this.#range = null;
    this.#view = null;
    this.#parts = null;
    if (this.#slab !== null) release(this.#slab);
    this.#slab = null;
    this.#length = 0;
    this.size = 0;
  }

  /** Puts what is there in front of a part that is not copied. */
  #seal(): void {
    this.#parts ??= [];
    if (this.#range !== null) {
      this.#parts.push(this.#view ?? this.#range.subarray(this.#rangeStart, this.#rangeEnd));
      this.#range = null;
      this.#view = null;
    } else if (this.#slab !== null && this.#length > 0) {
      this.#parts.push(this.#slab.subarray(0, this.#length));
      this.#slab = null;
      this.#length = 0;
    }
  }

  #spill(): void {
    const { size } = this;
    const range = this.#range as Buffer;
    if (size >= LARGE_RANGE) return this.#seal();
    const slab = this.#slab ?? take();
    this.#slab = slab;
    range.copy(slab, 0, this.#rangeStart, this.#rangeEnd);
    this.#length = size;
    this.#range = null;
    this.#view = null;
  }

  #grow(bytes: number): Buffer {
    const slab = this.#slab;
    if (slab === null) {
      this.#length = 0;
      this.#slab = bytes <= SLAB_BYTES ? take() : Buffer.allocUnsafeSlow(bytes);
      return this.#slab;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(slab.length * 4, this.#length + bytes));
    slab.copy(larger, 0, 0, this.#length);
    this.#slab = larger;
    release(slab);
    return larger;
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#flusher.add(this);
  }
}

function take(): Buffer {
  return pool.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
}

function release(slab: Buffer): void {
  if (slab.length === SLAB_BYTES && pool.length < MAX_POOLED) pool.push(slab);
}

/** Writes every buffer that was filled in a turn of the event loop at its end, each once. */
export class Flusher {
  #dirty: OutBuffer[] = [];
  #planned = false;
  readonly #flush = (): void => this.flush();

  add(buffer: OutBuffer): void {
    this.#dirty.push(buffer);
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(this.#flush);
  }

  /** How many buffers were filled in this turn so far. */
  get filled(): number {
    return this.#dirty.length;
  }

  /** Takes out those that were filled since there were so many: whoever takes them flushes them. */
  take(from: number): OutBuffer[] {
    return this.#dirty.splice(from);
  }

  flush(): void {
    this.#planned = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (let i = 0; i < dirty.length; i += 1) (dirty[i] as OutBuffer).flush();
  }
}
