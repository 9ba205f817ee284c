import { connect, type Socket } from 'node:net';
import type { FaultMode } from './fault-mode.js';

/** Where a fault proxy leads to. */
export interface FaultTarget {
  readonly host?: string;
  readonly port: number;
}

const DRIP_MS = 5;
const RESET_BEHIND_MS = 10;

/**
 * One connection through the proxy. Memory is bounded by what two sockets hold: whoever cannot be written to is not read from, and of a slow
 * answer one chunk waits.
 */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #backend: Socket;
  readonly #over: () => void;
  #mode: FaultMode;
  /** Bytes of answers since the mode was set. */
  #passed = 0;
  /** The rest of a slow answer. */
  #waiting: Buffer | null = null;
  #backendEnded = false;
  #drip: NodeJS.Timeout | null = null;
  #credit = 0;
  #noise = 0x9e3779b9;
  /** A reset is under way: an orderly end must not come before it. */
  #resetting = false;
  #ended = false;

  /** `over` is called once, when both sides are gone. The client must have been accepted with `allowHalfOpen`. */
  constructor(client: Socket, target: FaultTarget, mode: FaultMode, over: () => void) {
    this.#client = client;
    this.#mode = mode;
    this.#over = over;
    this.#backend = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true, noDelay: true });
    client.on('data', (chunk) => {
      this.#backend.write(chunk);
      this.#flow();
    });
    client.on('end', () => this.#backend.end());
    client.on('drain', () => this.#flow());
    this.#backend.on('data', (chunk) => this.#answer(chunk));
    this.#backend.on('end', () => {
      this.#backendEnded = true;
      if (this.#waiting === null) client.end();
    });
    this.#backend.on('drain', () => this.#flow());
    for (const socket of [client, this.#backend]) {
      socket.on('error', () => this.reset());
      socket.on('close', () => this.#closed());
    }
    this.#flow();
  }

  /** Another mode from now on; what waits goes by the new one. */
  set(mode: FaultMode): void {
    this.#mode = mode;
    this.#passed = 0;
    this.#stopDripping();
    const waiting = this.#waiting;
    this.#waiting = null;
    if (mode.kind === 'refuse') this.reset();
    else if (waiting !== null && mode.kind === 'blackhole') this.#waiting = waiting;
    else if (waiting !== null) this.#answer(waiting);
    if (this.#backendEnded && this.#waiting === null) this.#client.end();
    this.#flow();
  }

  /** Breaks both sides. */
  reset(): void {
    resetNow(this.#client);
    this.#backend.destroy();
  }

  #answer(chunk: Buffer): void {
    switch (this.#mode.kind) {
      case 'slow':
        this.#waiting = chunk;
        this.#drip ??= setInterval(() => this.#trickle(), DRIP_MS);
        break;
      case 'blackhole':
        this.#waiting = chunk;
        break;
      case 'reset':
      case 'truncate':
        this.#cut(chunk, this.#mode.kind, this.#mode.afterBytes - this.#passed);
        break;
      case 'garbage':
        this.#client.write(this.#garble(chunk));
        break;
      default:
        this.#client.write(chunk);
    }
    this.#passed += chunk.length;
    this.#flow();
  }

  #cut(chunk: Buffer, how: 'reset' | 'truncate', left: number): void {
    if (chunk.length < left) {
      this.#client.write(chunk);
      return;
    }
    const last = chunk.subarray(0, left);
    this.#resetting = how === 'reset';
    this.#backend.destroy();
    if (how === 'truncate') this.#client.end(last);
    else if (last.length === 0) this.reset();
    // Node takes a reset that comes together with bytes for an orderly end: they have to be read before it.
    else this.#client.write(last, () => setTimeout(() => this.reset(), RESET_BEHIND_MS));
  }

  #trickle(): void {
    const { bytesPerMs } = this.#mode as Extract<FaultMode, { kind: 'slow' }>;
    const waiting = this.#waiting;
    if (waiting === null || this.#client.writableNeedDrain) return;
    this.#credit += bytesPerMs * DRIP_MS;
    const count = Math.min(Math.floor(this.#credit), waiting.length);
    if (count === 0) return;
    this.#credit -= count;
    this.#client.write(waiting.subarray(0, count));
    this.#waiting = count === waiting.length ? null : waiting.subarray(count);
    if (this.#waiting !== null) return;
    this.#credit = 0;
    this.#stopDripping();
    if (this.#backendEnded) this.#client.end();
    this.#flow();
  }

  #stopDripping(): void {
    if (this.#drip !== null) clearInterval(this.#drip);
    this.#drip = null;
  }

  /** Never the byte that it was: 1 to 255 is added. */
  #garble(chunk: Buffer): Buffer {
    const garbled = Uint8Array.from(chunk, (value) => {
      this.#noise ^= this.#noise << 13;
      this.#noise ^= this.#noise >>> 17;
      this.#noise ^= this.#noise << 5;
      return value + 1 + ((this.#noise >>> 8) % 255);
    });
    return Buffer.from(garbled);
  }

  /** Reads from a side only while the other one takes it. */
  #flow(): void {
    const hole = this.#mode.kind === 'blackhole';
    if (hole || this.#backend.writableNeedDrain) this.#client.pause();
    else this.#client.resume();
    if (hole || this.#waiting !== null || this.#client.writableNeedDrain) this.#backend.pause();
    else this.#backend.resume();
  }

  #closed(): void {
    // Without its client, nothing can come of the other side; without its backend, the client still hears what was said before.
    if (this.#client.closed) this.#backend.destroy();
    else if (this.#waiting === null && !this.#resetting) this.#client.end();
    if (this.#ended || !this.#client.closed || !this.#backend.closed) return;
    this.#ended = true;
    this.#stopDripping();
    this.#over();
  }
}

/** Node's own `resetAndDestroy` sends FIN before RST, and the peer may see an orderly end; the flag alone has `destroy` send RST. */
function resetNow(socket: Socket & { resetAndClosing?: boolean }): void {
  // Behind an end that was sent already there is nothing to reset, and Node would lose the socket.
  if (!socket.writableEnded) socket.resetAndClosing = true;
  socket.destroy();
}
