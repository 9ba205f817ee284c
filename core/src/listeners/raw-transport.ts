import { getSystemErrorName } from 'node:util';
import type { ConnectionInfo } from '@portcullis/sdk';
import type { TimerWheel, WheelTimer } from '../clock.js';
import { releaseSlab, type Transport } from '../connection/index.js';
import type { Stats } from '../stats.js';
import { LINGER_MS } from './listener.js';
import { END_OF_STREAM, type RawHandle, type RawRequest, type RawSockets } from './raw-handle.js';

/** Who is told what comes in. Connections are such. */
export interface Receiver {
  /** The bytes are valid until this returns. */
  received(bytes: Buffer): void;
  drained(): void;
  /** The peer sends nothing more; false when what it sent before still waits, and the receiver ends the transport itself. */
  ended(): boolean;
  closed(error: Error | null): void;
}

const State = { OPEN: 0, ENDING: 1, CLOSED: 2 } as const;

/** One read takes what has come, up to so much. One buffer for all sockets: they are read one after the other. */
const READ_BYTES = 1_048_576;
let readBuffer: Buffer | null = null;

interface OwnedHandle extends RawHandle {
  owner: RawTransport | null;
}

/** A TCP socket without `net.Socket` around it: the same work in fewer calls, and less than half of the memory. */
export class RawTransport implements Transport {
  readonly info: ConnectionInfo;
  readonly tls = null;
  readonly fullAt = 1;
  readonly #room: RawRoom;
  readonly #handle: OwnedHandle;
  readonly #left: () => void;
  #receiver: Receiver | null = null;
  #state: number = State.OPEN;
  #peerIsDone = false;
  /** Writes that the kernel has not finished. */
  #pending = 0;
  #linger: WheelTimer | null = null;

  /** `left` is called when the socket is closed, once. */
  constructor(room: RawRoom, handle: RawHandle, info: ConnectionInfo, left: () => void) {
    this.info = info;
    this.#room = room;
    this.#handle = handle as OwnedHandle;
    this.#left = left;
  }

  /** Begins to read. */
  start(receiver: Receiver): void {
    this.#receiver = receiver;
    const handle = this.#handle;
    handle.owner = this;
    handle.onread = onRead;
    readBuffer ??= Buffer.allocUnsafeSlow(READ_BYTES);
    handle.useUserBuffer(readBuffer);
    const error = handle.readStart();
    if (error !== 0) this.#failLater(error);
  }

  write(bytes: Buffer, slab: Buffer | null): boolean {
    if (this.#state !== State.OPEN) return true;
    const { sockets } = this.#room;
    const request = this.#room.idleWrite;
    const error = this.#handle.writeBuffer(request, bytes);
    return this.#wrote(error, bytes.length, sockets.state[sockets.wasAsyncAt] !== 0, request, bytes, slab);
  }

  writeAll(buffers: readonly Buffer[]): void {
    if (this.#state !== State.OPEN) return;
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    const { sockets } = this.#room;
    const request = this.#room.idleWrite;
    const error = this.#handle.writev(request, buffers, true);
    this.#wrote(error, bytes, sockets.state[sockets.wasAsyncAt] !== 0, request, buffers, null);
  }

  get buffered(): number {
    return this.#pending === 0 ? 0 : this.#handle.writeQueueSize;
  }

  pause(): void {
    if (this.#state === State.OPEN && !this.#peerIsDone) this.#handle.readStop();
  }

  resume(): void {
    if (this.#state === State.CLOSED || this.#peerIsDone) return;
    const error = this.#handle.readStart();
    if (error !== 0) this.#failLater(error);
  }

  end(peerIsDone: boolean): void {
    if (this.#state !== State.OPEN) return;
    this.#state = State.ENDING;
    const silent = peerIsDone || this.#peerIsDone;
    if (silent && this.#pending === 0) return this.destroy();
    const request = this.#room.sockets.newShutdown();
    request.oncomplete = onShutdown;
    request.owner = this;
    if (this.#handle.shutdown(request) !== 0) return this.destroy();
    // Closing with unread bytes would reset the connection, and the peer might never see why it was closed: they are read and thrown away.
    if (!this.#peerIsDone) this.#handle.readStart();
    this.#linger = this.#room.wheel.after(LINGER_MS, () => this.destroy());
  }

  destroy(): void {
    this.#close(null);
  }

  /** For `onRead`: the kernel has said something of a read. */
  read(): void {
    const { sockets } = this.#room;
    const result = sockets.state[sockets.bytesReadAt] as number;
    if (result > 0) {
      if (this.#state === State.OPEN) this.#receiver?.received((readBuffer as Buffer).subarray(0, result));
      return;
    }
    if (result === 0) return;
    if (result !== END_OF_STREAM) return this.#fail(result);
    this.#peerIsDone = true;
    this.#handle.readStop();
    if (this.#state === State.ENDING && this.#pending === 0) this.destroy();
    // A receiver that was over already has nothing to end.
    else if (this.#receiver?.ended() !== false) this.end(true);
  }

  /** For `onWritten`: a write that the kernel could not take at once is over. */
  written(status: number): void {
    this.#pending -= 1;
    if (this.#state === State.CLOSED) return;
    if (status !== 0) return this.#fail(status);
    if (this.#pending > 0) return;
    if (this.#state === State.OPEN) this.#receiver?.drained();
  }

  /** For `onShutdown`: everything has left, and the peer knows that nothing more comes. */
  shut(status: number): void {
    if (status !== 0 || this.#peerIsDone) this.destroy();
  }

  #wrote(error: number, length: number, async: boolean, request: RawRequest, bytes: unknown, slab: Buffer | null): boolean {
    if (error !== 0) {
      this.#failLater(error);
      return true;
    }
    this.#room.stats.bytesSent += length;
    if (!async) return true;
    this.#room.takeIdleWrite();
    this.#pending += 1;
    request.owner = this;
    // What the kernel has not taken must live, and stay as it is.
    request.bytes = slab ?? bytes;
    request.oncomplete = slab === null ? onWritten : onSlabWritten;
    return false;
  }

  /** Not from within a write: the connection would end in the middle of what it is being sent. */
  #failLater(error: number): void {
    if (this.#state !== State.OPEN) return;
    this.#state = State.ENDING;
    setImmediate(() => this.#fail(error));
  }

  #fail(error: number): void {
    this.#close(new Error(getSystemErrorName(error)));
  }

  #close(error: Error | null): void {
    if (this.#state === State.CLOSED) return;
    this.#state = State.CLOSED;
    this.#handle.owner = null;
    this.#handle.close();
    if (this.#linger !== null) this.#room.wheel.cancel(this.#linger);
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#left();
    receiver?.closed(error);
  }
}

/** What all raw sockets share. */
export class RawRoom {
  readonly sockets: RawSockets;
  readonly wheel: TimerWheel;
  readonly stats: Stats;
  /** A request that no write has needed yet: those that end within their call leave it as it is. */
  idleWrite: RawRequest;

  constructor(sockets: RawSockets, wheel: TimerWheel, stats: Stats) {
    this.sockets = sockets;
    this.wheel = wheel;
    this.stats = stats;
    this.idleWrite = sockets.newWrite();
  }

  takeIdleWrite(): void {
    this.idleWrite = this.sockets.newWrite();
  }
}

// Called by Node with the handle or the request as `this`. One function for all: a closure for each socket would cost memory.

function onRead(this: RawHandle): void {
  const { owner } = this as OwnedHandle;
  if (owner !== null) owner.read();
}

function onWritten(this: RawRequest, status: number): void {
  this.bytes = null;
  (this.owner as RawTransport).written(status);
}

function onSlabWritten(this: RawRequest, status: number): void {
  releaseSlab(this.bytes as Buffer);
  this.bytes = null;
  (this.owner as RawTransport).written(status);
}

function onShutdown(this: RawRequest, status: number): void {
  (this.owner as RawTransport).shut(status);
}
