import { WheelTimer } from '../clock.js';
import { encodeConnack, encodeDisconnect } from '../codec/index.js';
import { ERRORS, type ErrorKind, errorStack, errorText } from '../errors.js';
import { type Admission, connectReturnCode, type GateClient, type LeaseKeeper, type TopicEntry } from '../gate/index.js';
import type { Pending } from '../hooks/index.js';
import type { Preparation } from '../router/index.js';
import type { Session } from '../session/index.js';
import { Acknowledgements } from './acknowledgements.js';
import { OutBuffer } from './out-buffer.js';
import { ConnectionOutlet, type OutletOwner } from './outlet.js';
import type { ConnectionRoom } from './room.js';
import type { Holder, Stranger } from './strangers.js';
import type { Transport } from './transport.js';
import { Unread } from './unread.js';
import type { UnsentOwner } from './unsent.js';

/** Where a connection stands. Only an OPEN one has had its CONNACK. */
export const Phase = { NEW: 0, ADMITTING: 1, CHALLENGED: 2, OPEN: 3, CLOSED: 4 } as const;

/** Handles the packets in a buffer as far as they may be handled; returns how far it came. */
export type PacketReader = (connection: Connection, buffer: Buffer) => number;

/** So many bytes of a packet that is not whole count as a sign of life. */
const KEEP_ALIVE_BYTES = 1024;

/** One socket: bytes in, packets handled one after the other, bytes out. */
export class Connection implements OutletOwner, Holder, UnsentOwner {
  /** Among all connections of the broker. */
  place = -1;
  readonly room: ConnectionRoom;
  readonly transport: Transport;
  readonly chain: string;
  readonly stranger: Stranger;
  readonly out: OutBuffer;
  readonly acknowledgements: Acknowledgements;
  readonly outlet: ConnectionOutlet;
  version: 3 | 4 | 5 = 4;
  phase: number = Phase.NEW;
  /** Whether the peer reads too slowly; until the CONNACK has left, nothing of the session may be written either. */
  congested = true;
  /** Whether packets wait for an answer; then nothing more is read. */
  held = false;
  admission: Admission | null = null;
  pending: Pending | null = null;
  client: GateClient | null = null;
  session: Session | null = null;
  leases: LeaseKeeper | null = null;
  keepAliveSeconds = 0;
  /** Topic of the last PUBLISH, what is done ahead for the next one, and the topics behind aliases. */
  lastTopic: TopicEntry | null = null;
  preparation: Preparation | null = null;
  aliases: (TopicEntry | undefined)[] | null = null;
  aliasBytes = 0;
  authenticationMethod: string | null = null;
  reauthentication: object | null = null;
  reauthenticationStep = 0;
  /** Whether its end publishes the will: a DISCONNECT with success takes it away. */
  publishWill = true;
  /** Session expiry that a DISCONNECT asked for, or null. */
  newExpirySeconds: number | null = null;
  unsent = 0;
  /** Until the CONNACK its deadline, from then on the keep alive. The others are made when first needed. */
  readonly #timer = new WheelTimer(() => this.#due());
  #waitTimer: WheelTimer | null = null;
  #slowTimer: WheelTimer | null = null;
  #challengeTimer: WheelTimer | null = null;
  #lastReceivedAt: number;
  /** Bytes of a packet on its way since the last that counted for the keep alive. */
  #unheardBytes = 0;
  readonly #unread = new Unread();
  #needed = 0;
  /** The CONNECT, while it waits for an answer. */
  #connectBytes = 0;
  #reading = false;
  #peerIsDone = false;
  #waitStartedAt = 0;
  readonly #readPackets: PacketReader;

  constructor(room: ConnectionRoom, transport: Transport, chain: string, readPackets: PacketReader) {
    this.#readPackets = readPackets;
    this.room = room;
    this.transport = transport;
    this.chain = chain;
    this.out = new OutBuffer(transport, room.flusher, () => this.#written());
    this.acknowledgements = new Acknowledgements(this.out, room.custody, () => this.#acknowledged());
    this.outlet = new ConnectionOutlet(this);
    this.#lastReceivedAt = room.wheel.clock.now();
    const { acceptedAt = this.#lastReceivedAt } = transport;
    this.stranger = room.strangers.connect(transport.info, this, acceptedAt);
    room.wheel.schedule(this.#timer, this.stranger.deadlineAt - this.#lastReceivedAt);
  }

  now(): number {
    return this.room.wheel.clock.now();
  }

  countSent(messages: number): void {
    this.room.stats.messagesSent += messages;
  }

  /** Bytes came in. They are the caller's again when this returns: whatever is kept or passed on is copied. */
  received(chunk: Buffer): void {
    if (this.phase === Phase.CLOSED) return;
    this.room.stats.bytesReceived += chunk.length;
    let rest = chunk;
    while (rest.length > 0 && (this.phase as number) !== Phase.CLOSED) {
      if (this.held || this.#reading || this.phase === Phase.ADMITTING) return this.#keep(rest);
      if (this.#unread.length === 0) return this.#read(rest);
      // Only as much as the packet needs is put behind its beginning: what follows it is handled where it lies.
      const missing = Math.max(1, this.#needed - this.#unread.length);
      const part = missing < rest.length ? rest.subarray(0, missing) : rest;
      rest = rest.subarray(missing);
      this.#keep(part);
      if (this.#unread.length >= this.#needed) this.resume();
    }
  }

  /** The kernel has taken everything. */
  drained(): void {
    this.out.flush();
    if (this.unsent !== 0) this.room.unsent.note(this, this.unsentNow);
    if (this.phase !== Phase.OPEN || !this.congested || this.out.blocked) return;
    this.congested = false;
    this.#cancel(this.#slowTimer);
    if (!this.held) this.#unpause();
    this.session?.pump();
  }

  /** The peer has said its last. True when the connection is over; else it ends by itself, behind what waits for the answer to the CONNECT. */
  ended(): boolean {
    this.#peerIsDone = this.phase === Phase.ADMITTING && this.#unread.length > 0;
    if (!this.#peerIsDone) this.closed(null);
    return !this.#peerIsDone;
  }

  /** The socket is gone. */
  closed(error: Error | null): void {
    if (this.phase === Phase.CLOSED) return;
    if (error !== null) this.room.log.debug({ client: this.client?.info.id, error }, 'socket failed');
    this.#finish(ERRORS.socket, ERRORS.socket.reasonCode);
  }

  /** Packets stop being handled until `release`: the one before waits for an answer. */
  hold(pending: Pending | null): void {
    this.pending = pending;
    if (this.held) return;
    this.held = true;
    this.#waitStartedAt = this.now();
    this.transport.pause();
    if (this.phase !== Phase.OPEN) return;
    this.#waitTimer ??= new WheelTimer(() => this.fail(ERRORS.waitTooLong, 'a packet waited too long for an answer'));
    this.room.wheel.schedule(this.#waitTimer, this.room.limits.maxWaitMs);
  }

  /** The answer came; what waited behind it goes on. */
  release(): void {
    this.pending = null;
    if (!this.held || this.phase === Phase.CLOSED) return;
    // Still too many wait for the store; `#acknowledged` comes back here.
    if (this.acknowledgements.waiting >= this.room.limits.maxPendingAcknowledgements) return;
    this.held = false;
    // The client could not be heard while it was not read: that time does not count against its keep alive.
    this.#lastReceivedAt += this.now() - this.#waitStartedAt;
    this.#cancel(this.#waitTimer);
    if (this.congested) return;
    this.#unpause();
  }

  /** The CONNACK has left: from here on the session may write, and packets that waited behind the CONNECT may be handled. */
  opened(): void {
    this.phase = Phase.OPEN;
    this.congested = false;
    this.room.strangers.settled(this.stranger);
    this.room.stats.clientsConnected += 1;
    this.#lastReceivedAt = this.now();
    // [MQTT-3.1.2-24] of 3.1.1: half as long again as the keep alive.
    if (this.keepAliveSeconds > 0) this.room.wheel.schedule(this.#timer, this.keepAliveSeconds * 1500);
    else this.room.wheel.cancel(this.#timer);
  }

  /** [MQTT-3.1.2-24] Whether the client takes packets of this length. */
  takes(bytes: number): boolean {
    return this.outlet.maxPacketBytes === 0 || bytes <= this.outlet.maxPacketBytes;
  }

  /** The client broke the protocol, or has to go: it is told why, as far as its version can, and the connection ends. */
  fail(kind: ErrorKind, detail: string, reasonCode: number = kind.reasonCode): void {
    if (this.phase === Phase.CLOSED) return;
    if (kind.party === 'client' && kind !== ERRORS.takenOver) this.room.stats.protocolErrors += 1;
    this.room.gate.decisions.ended(this.client, this.transport.info.address, kind.code, detail);
    if (this.version === 5 && this.phase === Phase.OPEN) this.out.packet(encodeDisconnect(reasonCode));
    this.#finish(kind, reasonCode);
  }

  /** Ends the connection for a reason of the broker's, a plugin's or an administrator's. */
  end(reasonCode: number, detail: string): void {
    const kind = reasonCode === 0x8e ? ERRORS.takenOver : reasonCode === 0x8b ? ERRORS.shuttingDown : ERRORS.refused;
    this.fail(kind, detail, reasonCode);
  }

  /** Refuses the CONNECT. */
  refuse(reasonCode: number): void {
    if (this.phase === Phase.CLOSED) return;
    const connack = encodeConnack(this.version, false, this.version === 5 ? reasonCode : connectReturnCode(reasonCode));
    if (this.takes(connack.length)) this.out.packet(connack);
    this.#finish(ERRORS.refused, reasonCode);
  }

  /** Ends the connection without a word, at once: it was not accepted yet, and others need the room. */
  destroy(): void {
    this.#finish(ERRORS.refused, ERRORS.refused.reasonCode);
    this.transport.destroy();
  }

  /** The client said goodbye. */
  goodbye(): void {
    this.#finish(null, 0, true);
  }

  #read(buffer: Buffer): void {
    const position = this.#handle(buffer);
    if (this.phase >= Phase.CLOSED) return;
    if (position < buffer.length) this.#unread.putBack(position === 0 ? buffer : buffer.subarray(position));
    this.#bufferedTooMuch();
  }

  /** Handles the packets in a buffer as far as possible. Returns how far it came. */
  #handle(buffer: Buffer): number {
    let position = 0;
    this.#reading = true;
    try {
      position = this.#readPackets(this, buffer);
    } catch (error) {
      // We broke: this connection pays, no other.
      this.room.stats.invariantsBroken += 1;
      this.room.log.error(
        { client: this.client?.info.id, code: ERRORS.invariant.code, error, stack: errorStack(error) },
        'a packet could not be handled',
      );
      this.fail(ERRORS.invariant, errorText(error));
    } finally {
      this.#reading = false;
    }
    if (position > 0) {
      this.#lastReceivedAt = this.now();
      this.#unheardBytes = 0;
    }
    if (this.phase === Phase.ADMITTING && this.#connectBytes === 0) this.#connectBytes = position;
    return position;
  }

  /** How many bytes the next packet needs; set while reading. */
  set needed(bytes: number) {
    this.#needed = bytes;
  }

  /** Handles what waits, if it may be handled now. */
  resume(): void {
    this.#handleUnread();
    if (this.#peerIsDone && !this.held && !this.#reading && this.phase !== Phase.ADMITTING) this.closed(null);
  }

  #handleUnread(): void {
    while (this.#unread.length > 0 && !this.held && !this.#reading && this.phase !== Phase.CLOSED && this.phase !== Phase.ADMITTING) {
      const position = this.#handle(this.#unread.bytes());
      if ((this.phase as number) === Phase.CLOSED) return;
      this.#unread.drop(position);
      this.#bufferedTooMuch();
      if (position === 0 || this.#unread.length < this.#needed) return;
    }
  }

  /** Bytes that wait are bounded: before acceptance by a limit of their own, after it because the socket is not read. */
  #bufferedTooMuch(): void {
    if (this.phase >= Phase.OPEN) return;
    const { limits, strangers } = this.room;
    const bytes = this.#connectBytes + this.#unread.length;
    if (bytes > limits.preAuthBytes) this.fail(ERRORS.preAuthBytes, 'too much was sent before the CONNECT was accepted');
    // It did nothing wrong, and may come again.
    else if (strangers.hold(this.stranger, bytes)) return;
    else if (this.phase === Phase.ADMITTING) this.refuse(ERRORS.preAuthBytes.reasonCode);
    else this.destroy();
  }

  /**
   * [MQTT-3.1.2-22] Packets keep a connection, not bytes: else one byte now and then would hold it for ever. A large packet on its way
   * counts as long as it comes at a pace.
   */
  #keep(bytes: Buffer): void {
    this.#unread.add(bytes);
    this.#unheardBytes += bytes.length;
    if (this.#unheardBytes >= KEEP_ALIVE_BYTES) {
      this.#unheardBytes = 0;
      this.#lastReceivedAt = this.now();
    }
    this.#bufferedTooMuch();
  }

  /** What waits here comes first: whoever has to be stopped again at it need not be read in between. */
  #unpause(): void {
    this.resume();
    if (!this.held && !this.congested && this.phase !== Phase.CLOSED) this.transport.resume();
  }

  get unsentNow(): number {
    return this.transport.buffered + this.out.size;
  }
  #written(): void {
    const buffered = this.unsentNow;
    if (buffered !== this.unsent) this.room.unsent.note(this, buffered);
    if (buffered > this.room.limits.maxSocketBufferBytes || this.room.unsent.tooMuch(buffered)) this.congest();
  }

  congest(): void {
    if (this.phase !== Phase.OPEN || this.congested) return;
    this.congested = true;
    this.transport.pause();
    this.#slowTimer ??= new WheelTimer(() => this.fail(ERRORS.slowConsumer, 'the peer does not read'));
    this.room.wheel.schedule(this.#slowTimer, this.room.limits.slowConsumerTimeoutMs);
  }

  /** Acknowledgements have left that held the reading back, or never will. */
  #acknowledged(): void {
    if (this.acknowledgements.broken || (this.room.custody.failed && this.acknowledgements.waiting > 0)) {
      // What was promised cannot be kept: the client keeps its messages and learns of it.
      if (this.phase === Phase.OPEN) this.fail(ERRORS.store, 'the store failed');
      else this.refuse(0x88);
      return;
    }
    if (this.held && this.pending === null && this.acknowledgements.waiting < this.room.limits.maxPendingAcknowledgements / 2) this.release();
  }

  #cancel(timer: WheelTimer | null): void {
    if (timer !== null) this.room.wheel.cancel(timer);
  }

  #due(): void {
    if (this.phase === Phase.OPEN) return this.#checkKeepAlive();
    this.room.stats.connectTimeouts += 1;
    if (this.phase === Phase.CHALLENGED) this.admission?.challengeTimedOut();
    else if (this.phase === Phase.ADMITTING) this.refuse(0x88);
    else this.fail(ERRORS.connectTimeout, 'no CONNECT was accepted in time');
  }

  #checkKeepAlive(): void {
    const limit = this.keepAliveSeconds * 1500;
    const idle = this.now() - this.#lastReceivedAt;
    if (this.held || this.congested) this.room.wheel.schedule(this.#timer, limit);
    else if (idle >= limit) this.fail(ERRORS.keepAlive, 'nothing was heard for one and a half times the keep alive');
    else this.room.wheel.schedule(this.#timer, limit - idle);
  }

  /** The client of a re-authentication owes an answer; without one it has to go. */
  awaitChallenge(deadlineMs: number): void {
    this.#challengeTimer ??= new WheelTimer(() => this.end(0x87, 'the client left a challenge unanswered'));
    this.room.wheel.schedule(this.#challengeTimer, deadlineMs);
  }

  cancelChallenge(): void {
    this.#cancel(this.#challengeTimer);
  }

  /** Waits for the client's answer to a challenge, no longer than the chain's deadline. */
  challenged(deadlineAt: number): void {
    this.phase = Phase.CHALLENGED;
    this.room.wheel.schedule(this.#timer, Math.min(deadlineAt, this.stranger.deadlineAt) - this.now());
  }

  /** The one exit. */
  #finish(kind: ErrorKind | null, reasonCode: number, peerIsDone = false): void {
    if (this.phase === Phase.CLOSED) return;
    const wasOpen = this.phase === Phase.OPEN;
    this.phase = Phase.CLOSED;
    const { room, session, client } = this;
    room.wheel.cancel(this.#timer);
    this.#cancel(this.#waitTimer);
    this.#cancel(this.#slowTimer);
    this.#cancel(this.#challengeTimer);
    this.admission?.cancel();
    this.pending?.cancel();
    this.leases?.stop();
    this.acknowledgements.stop();
    this.out.finish();
    room.strangers.settled(this.stranger);
    if (this.unsent !== 0) room.unsent.note(this, 0);
    this.transport.end(peerIsDone);
    this.#unread.clear();
    if (wasOpen) room.stats.clientsConnected -= 1;
    if (wasOpen && client !== null && room.gate.hears('clientDisconnected')) {
      const news = { client: client.info, identity: client.identity, tenant: client.tenant, reasonCode, error: kind?.code ?? null };
      room.gate.tell('clientDisconnected', news);
    }
    // A will is that of a client that was accepted.
    if (session !== null) room.registry.closed(session, this.outlet, this.publishWill && wasOpen, this.newExpirySeconds);
    room.forget(this);
  }
}
