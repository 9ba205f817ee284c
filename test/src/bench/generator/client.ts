import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Login, Target } from '../load.js';
import { PacketReader } from './packet-reader.js';
import { connectPacket, DISCONNECT } from './packets.js';
import { FRAME_ROOM, FrameReader, maskInPlace, upgradeRequest } from './web-socket.js';

/** One for all plain connections: what is read is taken apart before the next read begins. */
const READ_BUFFER = Buffer.allocUnsafeSlow(1 << 20);
/** More than one client address, so that the ports of one do not run out; the whole network 127.0.0.0/8 is the machine only on Linux. */
const ADDRESSES = process.platform === 'linux' ? 8 : 1;
const CONNACK = 2;
const HEAD_END = Buffer.from('\r\n\r\n');

/** What a client tells of. */
export interface ClientOwner {
  topicOf(stream: number): Uint8Array | null;
  accepted(client: Client): void;
  message(client: Client, reader: PacketReader): void;
  packet(client: Client, first: number, bytes: Buffer, from: number, length: number): void;
  /** Everything that one read brought has been told. */
  readEnd(client: Client): void;
  /** The connection ended before somebody here wanted it to; told once. */
  failed(client: Client, reason: string): void;
  /** The socket is gone, whoever ended it. */
  closed(client: Client): void;
}

/** One connection to the broker. */
export class Client {
  readonly index: number;
  readonly #target: Target;
  readonly #login: Login | null;
  readonly #clientId: string;
  readonly #owner: ClientOwner;
  readonly #reader: PacketReader;
  readonly #frames: FrameReader | null;
  #socket: Socket | null = null;
  #upgraded = false;
  #ended = false;
  ready = false;
  openedMs = 0;

  constructor(target: Target, index: number, clientId: string, login: Login | null, owner: ClientOwner) {
    this.#target = target;
    this.index = index;
    this.#clientId = clientId;
    this.#login = login;
    this.#owner = owner;
    const reader = new PacketReader({
      topicOf: (stream) => owner.topicOf(stream),
      message: (from) => owner.message(this, from),
      packet: (first, bytes, from, length) => this.#packet(first, bytes, from, length),
      broken: (reason) => this.#fail(reason),
    });
    this.#reader = reader;
    const webSocket = target.transport === 'ws' || target.transport === 'wss';
    this.#frames = webSocket
      ? new FrameReader({ payload: (bytes, from, to) => reader.feed(bytes, from, to), closed: () => this.#fail('the broker closed the WebSocket') })
      : null;
  }

  /** Whether everything that was sent has left this process, so that its buffer may be used again. */
  get flushed(): boolean {
    return this.#socket?.writableLength === 0;
  }

  open(): void {
    this.openedMs = performance.now();
    this.#ended = false;
    this.#upgraded = false;
    this.ready = false;
    const { port, certificate } = this.#target;
    const address = { host: '127.0.0.1', port, localAddress: `127.0.0.${1 + (this.index % ADDRESSES)}` };
    if (certificate === null) {
      const callback = (length: number): boolean => {
        this.#received(READ_BUFFER, length);
        return true;
      };
      this.#socket = connect({ ...address, onread: { buffer: READ_BUFFER, callback } }, () => this.#connected());
    } else {
      this.#socket = connectTls({ ...address, ca: certificate, servername: 'localhost' }, () => this.#connected());
      this.#socket.on('data', (bytes: Buffer) => this.#received(bytes, bytes.length));
    }
    this.#socket.setNoDelay(true);
    // Nobody reads that a socket ended while 'data' or onread does not ask for it; 'close' comes in any case.
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('end', () => this.#fail('the broker closed the connection'));
    this.#socket.on('close', () => {
      this.#fail('the broker closed the connection');
      this.#owner.closed(this);
    });
  }

  /** Sends bytes that are not written over afterwards. */
  send(bytes: Buffer): void {
    if (this.#ended) return;
    if (this.#frames === null) {
      this.#socket?.write(bytes);
      return;
    }
    const framed = Buffer.allocUnsafeSlow(FRAME_ROOM + bytes.length);
    framed.set(bytes, FRAME_ROOM);
    this.sendFrom(framed, framed.length);
  }

  /** Sends what stands between FRAME_ROOM and `end`. The buffer belongs to the socket until `flushed`. */
  sendFrom(buffer: Buffer, end: number): void {
    if (this.#ended) return;
    this.#socket?.write(buffer.subarray(this.#frames === null ? FRAME_ROOM : maskInPlace(buffer, end), end));
  }

  /** Says goodbye and closes; `closed` follows. */
  end(): void {
    if (this.#ended) return;
    if (this.ready) this.send(DISCONNECT);
    this.#ended = true;
    this.ready = false;
    this.#socket?.end();
  }

  destroy(): void {
    this.#ended = true;
    this.ready = false;
    this.#socket?.destroy();
  }

  #connected(): void {
    if (this.#frames === null) this.#connect();
    else this.#socket?.write(upgradeRequest(this.#target.port));
  }

  #connect(): void {
    this.send(connectPacket(this.#clientId, this.#login));
  }

  #received(bytes: Buffer, length: number): void {
    if (this.#frames === null) this.#reader.feed(bytes, 0, length);
    else {
      const from = this.#upgraded ? 0 : this.#upgrade(bytes, length);
      if (from < length) this.#frames.feed(bytes, from, length);
    }
    this.#owner.readEnd(this);
  }

  /** Judges the answer to the upgrade; gives where frames begin. It is short, and brokers send it in one piece. */
  #upgrade(bytes: Buffer, length: number): number {
    const answer = bytes.subarray(0, length);
    const end = answer.indexOf(HEAD_END);
    if (end < 0 || !answer.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) {
      this.#fail('the broker did not accept the WebSocket upgrade');
      return length;
    }
    this.#upgraded = true;
    this.#connect();
    return end + HEAD_END.length;
  }

  #packet(first: number, bytes: Buffer, from: number, length: number): void {
    if (this.#ended) return;
    if (first >> 4 !== CONNACK) this.#owner.packet(this, first, bytes, from, length);
    else if (bytes[from + 1] !== 0 || length !== 2) this.#fail(`the broker refused CONNECT with code ${bytes[from + 1]}`);
    else {
      this.ready = true;
      this.#owner.accepted(this);
    }
  }

  #fail(reason: string): void {
    if (this.#ended) return;
    this.destroy();
    this.#owner.failed(this, reason);
  }
}
