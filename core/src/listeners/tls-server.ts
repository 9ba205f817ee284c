import { constants, randomBytes, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { certificateBlocks } from '../x509/index.js';
import { type Proof, plainServerName, proofOf } from './tls-evidence.js';
import { nameAmong, pairFor, type TlsMaterial } from './tls-material.js';

interface Handshake {
  readonly socket: Socket;
  readonly done: (secured: Secured) => void;
  /** Why it failed, as far as is known. */
  detail: string;
}

/** A socket with its handshake behind it. */
export interface Secured extends Proof {
  readonly socket: TLSSocket;
}

export interface TlsServerOptions {
  /** Protocol that is agreed on by ALPN; null leaves it to the client. */
  readonly protocol: string | null;
  readonly handshakeTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
}

/** What revocation lists make of a certificate that OpenSSL has accepted. */
const REFUSALS = {
  revoked: 'the client certificate is revoked',
  unproven: 'no revocation list in force covers the client certificate',
} as const;

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
  /** When the next authority is over, in milliseconds since 1970. */
  #authorityEndsAt: number;

  constructor(material: TlsMaterial, options: TlsServerOptions) {
    this.#options = options;
    this.#material = material;
    this.#server = this.#make(material);
    this.#authorityEndsAt = nextEnd(material, options.wall());
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Puts other material in force for new handshakes. Throws, and changes nothing, when it cannot be used. Tells whether it is another. */
  use(material: TlsMaterial): boolean {
    if (material.digest === this.#material.digest) return false;
    // A new context has ticket keys of its own: what was verified by a former `ca` or `crl` is not resumed but verified again.
    const server = this.#make(material);
    const authorityEndsAt = nextEnd(material, this.#options.wall());
    this.#server = server;
    this.#material = material;
    this.#authorityEndsAt = authorityEndsAt;
    return true;
  }

  /** Makes tickets that were given out so far worthless: whoever holds a stolen key reads no more than what was encrypted since. */
  rotateTickets(): void {
    this.#server.setTicketKeys(randomBytes(48));
  }

  /** Begins the handshake on a socket. `done` is called when everything is proven that had to be, `failed` when the socket is gone before. */
  secure(socket: Socket, done: Handshake['done'], failed: (detail: string) => void): void {
    const wall = this.#options.wall();
    if (wall >= this.#authorityEndsAt) {
      // Of a session that is resumed TLS does not look at dates again, and it does not tell who had signed.
      this.rotateTickets();
      this.#authorityEndsAt = nextEnd(this.#material, wall);
    }
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

  #make(material: TlsMaterial): Server {
    const { protocol, handshakeTimeoutMs } = this.#options;
    const { clientCertificate, context, names } = material;
    const tickets = material.resumes ? 0 : constants.SSL_OP_NO_TICKET;
    const server = createServer({
      ...context,
      honorCipherOrder: true,
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: clientCertificate !== 'none',
      // Without a certificate the handshake itself fails, with an alert that clients can read.
      rejectUnauthorized: clientCertificate === 'required',
      // Renegotiation costs the server far more than the peer that asks for it. No client of MQTT needs it.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | tickets,
      ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
      ...(names.size === 0 ? {} : { SNICallback: chooser(material) }),
    });
    server.on('secureConnection', (socket) => this.#secured(socket));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const handshake = this.#handshakes.get(keyOf(socket));
      // A certificate that does not verify ends the connection without an error of its own.
      const { authorizationError } = socket as { readonly authorizationError?: unknown };
      if (handshake !== undefined) handshake.detail = typeof authorizationError === 'string' ? authorizationError : (error.code ?? error.message);
    });
    return server;
  }

  #secured(socket: TLSSocket): void {
    // Before anything else: a socket without a listener for its errors would end the process.
    socket.on('error', () => {});
    const key = keyOf(socket);
    const handshake = this.#handshakes.get(key);
    if (handshake === undefined || handshake.socket.destroyed) return void socket.destroy();
    const secured = this.#judge(socket, handshake);
    if (secured === null) return void socket.destroy();
    this.#handshakes.delete(key);
    handshake.done(secured);
  }

  /** Judges by what is in force at this moment: that may be newer than what the handshake began with, and a session may have been resumed. */
  #judge(socket: TLSSocket, handshake: Handshake): Secured | null {
    const proof = proofOf(socket);
    if (proof === null || (this.#material.clientCertificate === 'required' && proof.evidence.certificate === null)) {
      handshake.detail = String(socket.authorizationError ?? 'the client certificate was not verified, or cannot be read');
      return null;
    }
    const { evidence, id } = proof;
    // Of a session that is resumed TLS does not look at the dates again.
    if (evidence.certificate !== null && evidence.certificate.validTo <= this.#options.wall()) {
      handshake.detail = 'the client certificate is over';
      return null;
    }
    const pair = pairFor(this.#material, evidence.serverName);
    if (pair === null) {
      handshake.detail = 'the client asked for no server name that is served';
      return null;
    }
    const standing = id === null ? 'good' : (pair.revocation?.judge(id, this.#options.wall()) ?? 'good');
    if (standing !== 'good') {
      const { serialNumber, subject } = evidence.certificate ?? {};
      handshake.detail = `${REFUSALS[standing]}: serial ${serialNumber}, subject ${subject}`;
      return null;
    }
    return { socket, evidence, id };
  }
}

/** Chooses the context by the server name. Whatever it is asked, it answers: an error that escaped here would end the process. */
function chooser(material: TlsMaterial): (serverName: string, done: (error: Error | null, context?: SecureContext) => void) => void {
  const contexts = new Map([...material.names].map(([name, { context }]) => [name, createSecureContext(context)]));
  return (serverName, done) => {
    const name = nameAmong(contexts, plainServerName(serverName));
    const context = name === null ? undefined : contexts.get(name);
    if (context !== undefined) done(null, context);
    else if (material.unknownName === 'refuse') done(new Error('the client asked for no server name that is served'));
    // Without a context, the server's own is used.
    else done(null);
  };
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** The next moment at which a certificate of `ca` is over; infinity for none. Where there are `names`, nothing is resumed. */
function nextEnd({ context: { ca = [] } }: TlsMaterial, now: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const text of [ca].flat()) {
    for (const pem of certificateBlocks(String(text))) {
      const end = Date.parse(new X509Certificate(pem).validTo);
      if (end > now && end < next) next = end;
    }
  }
  return next;
}
