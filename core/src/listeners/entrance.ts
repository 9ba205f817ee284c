import type { Socket } from 'node:net';
import type { ConnectionInfo } from '@portcullis/sdk';
import type { WheelTimer } from '../clock.js';
import { ERRORS } from '../errors.js';
import { CertificateHolders } from './certificate-holders.js';
import { Doorkeeper, plainAddress } from './doorkeeper.js';
import { FailureLog } from './failure-log.js';
import { HandshakeBytes } from './handshake-bytes.js';
import type { InForce, ListenerRoom } from './listener.js';
import { readProxyHeader, trustedPeers } from './proxy-header.js';
import type { ProxySource } from './proxy-protocol.js';
import type { Arrival } from './socket-transport.js';
import { type Secured, TlsServer } from './tls-server.js';

const TRANSPORTS = { mqtt: 'tcp', mqtts: 'tls', ws: 'ws', wss: 'wss', unix: 'unix' } as const;

/**
 * The way from an accepted socket to one that may carry MQTT or HTTP: the PROXY header is read, the doorkeeper asked, the TLS handshake done,
 * in this order and within one deadline. Whoever fails at any of it is closed without a byte of ours but TLS alerts.
 */
export class Entrance {
  readonly tls: TlsServer | null;
  /** Those who came by a certificate; null without TLS. */
  readonly holders: CertificateHolders | null;
  readonly #room: ListenerRoom;
  readonly #inForce: InForce;
  readonly #doorkeeper: Doorkeeper;
  readonly #arrived: (arrival: Arrival) => void;
  /** Sockets on their way, with their deadlines. */
  readonly #pending = new Map<Socket, WheelTimer>();
  /** Those whose PROXY header has not come. */
  readonly #awaited = new Set<Socket>();
  readonly #badHeaders: FailureLog;
  readonly #badHandshakes: FailureLog;
  readonly #handshakeBytes: HandshakeBytes;
  #isTrusted: (address: string) => boolean = () => false;

  constructor(room: ListenerRoom, inForce: InForce, arrived: (arrival: Arrival) => void) {
    const { log, wheel, limits } = room.connections;
    const { scheme, tls } = inForce.options;
    this.#room = room;
    this.#inForce = inForce;
    this.#arrived = arrived;
    this.#doorkeeper = new Doorkeeper(room, inForce);
    this.#badHeaders = new FailureLog(log, wheel.clock, 'PROXY header refused');
    this.#badHandshakes = new FailureLog(log, wheel.clock, 'TLS handshake failed');
    this.#handshakeBytes = new HandshakeBytes(room);
    this.tls =
      tls === null
        ? null
        : new TlsServer(tls.material, {
            protocol: scheme === 'wss' ? 'http/1.1' : null,
            handshakeTimeoutMs: limits.connectTimeoutMs,
            wall: () => wheel.clock.wall(),
          });
    const server = this.tls;
    this.holders =
      server === null
        ? null
        : new CertificateHolders(
            room,
            () => this.#inForce.options.name,
            () => server.material,
          );
    this.adopted();
  }

  /** Sockets that the doorkeeper let in. */
  get open(): number {
    return this.#doorkeeper.open;
  }

  /** Other options are in force. */
  adopted(): void {
    this.#isTrusted = trustedPeers(this.#inForce.options.proxyProtocol?.trusted ?? []);
  }

  /** A socket was accepted. */
  accept(socket: Socket): void {
    // Before anything else: a socket without a listener for its errors would end the process.
    socket.on('error', () => {});
    const { wheel, limits } = this.#room.connections;
    const acceptedAt = wheel.clock.now();
    this.#pending.set(
      socket,
      wheel.after(limits.connectTimeoutMs, () => this.#expired(socket)),
    );
    socket.once('close', () => this.#settled(socket));
    if (this.#inForce.options.proxyProtocol === null) this.#admit(socket, acceptedAt, null);
    else this.#awaitHeader(socket, acceptedAt);
  }

  /** Lets nobody further who is still on the way. */
  close(): void {
    for (const socket of [...this.#pending.keys()]) socket.destroy();
  }

  #awaitHeader(socket: Socket, acceptedAt: number): void {
    const { stats, limits } = this.#room.connections;
    const peer = plainAddress(socket.remoteAddress ?? '');
    // Who may connect to a Unix socket, its mode says.
    if (this.#inForce.options.scheme !== 'unix' && !this.#isTrusted(peer)) return this.#headerRefused(socket, 'the peer is not a trusted proxy');
    if (!this.#doorkeeper.hasDescriptor(peer)) return void socket.destroy();
    if (stats.proxyHeadersAwaited >= limits.maxProxyHeadersAwaited) return this.#headerRefused(socket, 'too many connections without a header');
    stats.proxyHeadersAwaited += 1;
    this.#awaited.add(socket);
    const over = (): boolean => {
      if (!this.#awaited.delete(socket)) return false;
      stats.proxyHeadersAwaited -= 1;
      return true;
    };
    socket.once('close', () => {
      if (over()) this.#headerRefused(socket, 'it ended before the PROXY header was whole');
    });
    readProxyHeader(
      socket,
      limits.maxProxyHeaderBytes,
      (source) => {
        over();
        this.#admit(socket, acceptedAt, source);
      },
      (detail) => {
        over();
        this.#headerRefused(socket, detail);
      },
    );
  }

  /** Its place is free at once: those that wait for it may be here before its end is told. */
  #expired(socket: Socket): void {
    this.#room.connections.stats.connectTimeouts += 1;
    if (this.#awaited.delete(socket)) {
      this.#room.connections.stats.proxyHeadersAwaited -= 1;
      this.#headerRefused(socket, 'its time was up before the PROXY header was whole');
    }
    socket.destroy();
  }

  #headerRefused(socket: Socket, detail: string): void {
    const { stats } = this.#room.connections;
    stats.connectionsAccepted += 1;
    stats.connectionsRefused += 1;
    stats.proxyHeadersRefused += 1;
    const address = plainAddress(socket.remoteAddress ?? '');
    this.#badHeaders.note({ listener: this.#inForce.options.name, address, code: ERRORS.proxyHeader.code, detail });
    socket.destroy();
  }

  #admit(socket: Socket, acceptedAt: number, source: ProxySource | null): void {
    const { scheme } = this.#inForce.options;
    const [address, port] = source !== null ? [source.address, source.port] : scheme === 'unix' ? ['', 0] : [socket.remoteAddress, socket.remotePort];
    const info = this.#doorkeeper.admit(TRANSPORTS[scheme], address, port, socket, acceptedAt);
    if (info === null) return void socket.destroy();
    socket.once('close', () => this.#doorkeeper.left(info));
    if (this.tls === null) return this.#arrived({ socket, info, tls: null, acceptedAt, settled: () => this.#settled(socket) });
    const arrive = (secured: Secured): void => {
      this.holders?.add(secured);
      const settled: Arrival['settled'] = (connection) => {
        this.#settled(socket);
        this.holders?.carries(secured.socket, connection);
      };
      this.#arrived({ socket: secured.socket, info, tls: secured.evidence, acceptedAt, settled });
    };
    let cause: string | null = null;
    this.#handshakeBytes.begin(socket, info, (detail) => {
      cause = detail;
    });
    const over = (): void => this.#handshakeBytes.end(socket);
    this.tls.secure(
      socket,
      (secured) => {
        over();
        arrive(secured);
      },
      (detail) => {
        over();
        this.#handshakeFailed(info, cause ?? detail);
      },
    );
  }

  #handshakeFailed({ address }: ConnectionInfo, detail: string): void {
    this.#room.connections.stats.tlsHandshakesFailed += 1;
    this.#badHandshakes.note({ listener: this.#inForce.options.name, address, code: ERRORS.tlsHandshake.code, detail });
  }

  /** Another looks after the socket, or it is gone: its deadline is no concern of ours any more. */
  #settled(socket: Socket): void {
    const timer = this.#pending.get(socket);
    if (timer === undefined) return;
    this.#pending.delete(socket);
    this.#room.connections.wheel.cancel(timer);
  }
}
