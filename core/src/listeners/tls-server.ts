import { constants, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { TlsEvidence } from '@portcullis/sdk';
import { evidenceOf } from './tls-evidence.js';

/** Certificates and settings for handshakes, read from their files and judged. */
export interface TlsMaterial {
  readonly clientCertificate: 'none' | 'optional' | 'required';
  /** Certificates, keys, suites and versions, as `node:tls` takes them. */
  readonly context: SecureContextOptions;
  /** The same for two that are alike, without telling what they hold. */
  readonly digest: string;
  /** What is odd about them and no reason to refuse them. */
  readonly warnings: readonly string[];
}

/** Where a listener's certificates come from. Made by the configuration, which has judged the first of them already. */
export interface TlsSource {
  readonly material: TlsMaterial;
  /** Files that are worth a new reading when they change. */
  readonly files: readonly string[];
  /** Reads the files again; rejects with an error of one line when they cannot be used. */
  read(): Promise<TlsMaterial>;
}

interface Handshake {
  readonly socket: Socket;
  readonly done: (socket: TLSSocket, evidence: TlsEvidence) => void;
  /** Why it failed, as far as is known. */
  detail: string;
}

export interface TlsServerOptions {
  /** Protocol that is agreed on by ALPN; null leaves it to the client. */
  readonly protocol: string | null;
  readonly handshakeTimeoutMs: number;
}

/**
 * Does the handshakes of one listener. It is bound to nothing: sockets are handed over when their PROXY header has been read and they were
 * admitted. New material makes a new server of Node's for later sockets, so that no connection, and no handshake under way, notices.
 */
export class TlsServer {
  readonly #options: TlsServerOptions;
  /** By the addresses of both ends, which is all that the socket before the handshake and the one after it have in common in public. */
  readonly #handshakes = new Map<string, Handshake>();
  #server: Server;
  #material: TlsMaterial;

  constructor(material: TlsMaterial, options: TlsServerOptions) {
    this.#options = options;
    this.#material = material;
    this.#server = this.#make(material);
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Puts other material in force for new handshakes. Throws, and changes nothing, when it cannot be used. */
  use(material: TlsMaterial): void {
    if (material.digest === this.#material.digest) return;
    // A new context has ticket keys of its own: what was verified by a former `ca` is not resumed but verified again.
    this.#server = this.#make(material);
    this.#material = material;
  }

  /** Makes tickets that were given out so far worthless: whoever holds a stolen key reads no more than what was encrypted since. */
  rotateTickets(): void {
    this.#server.setTicketKeys(randomBytes(48));
  }

  /** Begins the handshake on a socket. `done` is called when everything is proven that had to be, `failed` when the socket is gone before. */
  secure(socket: Socket, done: Handshake['done'], failed: (detail: string) => void): void {
    const key = keyOf(socket);
    const handshake: Handshake = { socket, done, detail: 'the connection ended during the handshake' };
    this.#handshakes.set(key, handshake);
    socket.once('close', () => {
      if (this.#handshakes.get(key) !== handshake) return;
      this.#handshakes.delete(key);
      failed(handshake.detail);
    });
    this.#server.emit('connection', socket);
  }

  #make({ clientCertificate, context }: TlsMaterial): Server {
    const { protocol, handshakeTimeoutMs } = this.#options;
    const server = createServer({
      ...context,
      honorCipherOrder: true,
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: clientCertificate !== 'none',
      // Without a certificate the handshake itself fails, with an alert that clients can read.
      rejectUnauthorized: clientCertificate === 'required',
      // Renegotiation costs the server far more than the peer that asks for it. No client of MQTT needs it.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
    });
    server.on('secureConnection', (socket) => this.#secured(socket, clientCertificate));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const handshake = this.#handshakes.get(keyOf(socket));
      if (handshake !== undefined) handshake.detail = error.code ?? error.message;
    });
    return server;
  }

  #secured(socket: TLSSocket, clientCertificate: TlsMaterial['clientCertificate']): void {
    // Before anything else: a socket without a listener for its errors would end the process.
    socket.on('error', () => {});
    const key = keyOf(socket);
    const handshake = this.#handshakes.get(key);
    if (handshake === undefined || handshake.socket.destroyed) return void socket.destroy();
    const evidence = evidenceOf(socket);
    if (evidence === null || (clientCertificate === 'required' && evidence.certificate === null)) {
      handshake.detail = String(socket.authorizationError ?? 'the client certificate was not verified, or cannot be read');
      socket.destroy();
      return;
    }
    this.#handshakes.delete(key);
    handshake.done(socket, evidence);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
