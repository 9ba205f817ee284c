import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { connectionRig } from '../connection/connection.test.support.js';
import type { ConnectionRoom } from '../connection/index.js';
import { Logger } from '../log.js';
import { Revocation } from '../x509/index.js';
import { Certificates } from './certificates.js';
import { listen } from './index.js';
import type { TlsMaterial } from './tls-material.js';
import { TlsServer } from './tls-server.js';

const HOUR_MS = 3_600_000;

async function material(): Promise<TlsMaterial> {
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=localhost', keys, signingAlgorithm: algorithm });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const context = { cert: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
  return {
    clientCertificate: 'none',
    context,
    revocation: null,
    names: new Map(),
    unknownName: 'default',
    resumes: true,
    digest: context.cert,
    warnings: [],
  };
}

test('A ticket is good for a resumed session until the keys change, once an hour.', { timeout: 20_000 }, async (t) => {
  const { room, clock } = connectionRig();
  const first = await material();
  const server = new TlsServer(first, { protocol: null, handshakeTimeoutMs: 5000, wall: Date.now });
  const source = { material: first, files: [], lists: [], read: async () => ({ material: first, problems: [], gone: [] }) };
  const certificates = new Certificates('tls', server, source, room.wheel, new Logger(() => {}));
  const front = createServer((socket) => {
    socket.on('error', () => {});
    server.secure(
      socket,
      ({ socket: secured }) => secured.end('x'),
      () => {},
    );
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  t.after(() => {
    certificates.stop();
    front.close();
  });

  /** Connects with a ticket; tells whether it was taken, and gives the next. */
  async function resume(session: Buffer | undefined): Promise<{ readonly reused: boolean; readonly next: Buffer }> {
    const options = {
      port: (front.address() as AddressInfo).port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
      servername: 'localhost',
    } as const;
    const socket = connect({ ...options, ...(session === undefined ? {} : { session }) });
    await once(socket, 'data');
    const result = { reused: socket.isSessionReused(), next: socket.getSession() ?? Buffer.alloc(0) };
    socket.destroy();
    return result;
  }

  const { reused, next } = await resume(undefined);
  assert.equal(reused, false);
  assert.equal((await resume(next)).reused, true);
  clock.advance(HOUR_MS - 1000);
  assert.equal((await resume(next)).reused, true);
  clock.advance(1100);
  const again = await resume(next);
  assert.equal(again.reused, false);
  assert.equal((await resume(again.next)).reused, true);
  server.use({ ...first, digest: 'changed' });
  assert.equal((await resume(again.next)).reused, false);
});

/** A listener of MQTT over TLS on any free port. */
async function listenTls(connections: ConnectionRoom) {
  const first = await material();
  const listener = await listen(
    { connections, opened: () => () => {} },
    {
      name: 'tls',
      scheme: 'mqtts',
      host: '127.0.0.1',
      port: 0,
      path: '',
      chain: 'default',
      maxConnections: null,
      origins: null,
      tls: { material: first, files: [], lists: [], read: async () => ({ material: first, problems: [], gone: [] }) },
      proxyProtocol: null,
      mode: 0o600,
    },
  );
  return { listener, port: Number(new URL(listener.url.replace('mqtts:', 'http:')).port) };
}

test('The deadline counts from accept: what the handshake used of it, the CONNECT has no more.', { timeout: 20_000 }, async (t) => {
  const { room, clock, stats } = connectionRig();
  const { listener, port } = await listenTls(room);
  const raw = connectTcp({ host: '127.0.0.1', port });
  t.after(async () => {
    raw.destroy();
    await listener.close();
  });
  // It counts as a connection before a byte of TLS was sent.
  while (stats.connectionsOpen === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(9000);
  const secured = connect({ socket: raw, servername: 'localhost', rejectUnauthorized: false });
  secured.on('error', () => {});
  await once(secured, 'secureConnect');
  secured.write(Buffer.from('10', 'hex'));
  while (stats.bytesReceived === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = once(secured, 'close');
  secured.resume();
  clock.advance(1050);
  await closed;
  while (stats.connectionsOpen > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stats.tlsHandshakesFailed, 0);
});

/** The beginning of a ClientHello that announces 130,000 bytes: so many of them, in records of 16 KiB. */
function greatHello(length: number): Buffer {
  const hello = Buffer.concat([Buffer.from('0101fbd00303', 'hex'), Buffer.alloc(length - 6)]);
  const records: Buffer[] = [];
  for (let at = 0; at < length; at += 16_384) {
    const part = hello.subarray(at, at + 16_384);
    records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}

test('Handshakes are bounded in their bytes, each by maxTlsHandshakeBytes and all by maxPreAuthTotalBytes.', { timeout: 20_000 }, async (t) => {
  const { room, clock, stats } = connectionRig({ limits: { maxTlsHandshakeBytes: 40_000, maxPreAuthTotalBytes: 70_000 } });
  const { listener, port } = await listenTls(room);
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await listener.close();
  });
  const dial = (bytes: Buffer): void => {
    const socket = connectTcp({ host: '127.0.0.1', port });
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(bytes);
  };
  /** Lets the broker look until something that it saw makes the condition true. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(0.25);
    }
  };
  dial(greatHello(30_000));
  await until(() => stats.preAuthBytes > 30_000);
  dial(greatHello(30_000));
  await until(() => stats.preAuthBytes > 60_000);
  // Too much for all, not for one.
  dial(greatHello(30_000));
  await until(() => stats.closedPreAuthBytes === 1 && stats.connectionsOpen === 2);
  sockets[0]?.destroy();
  await until(() => stats.connectionsOpen === 1 && stats.preAuthBytes < 40_000);
  // Too much for one, not for all.
  dial(greatHello(41_000));
  await until(() => stats.closedPreAuthBytes === 2 && stats.connectionsOpen === 1);
  assert.equal(stats.tlsHandshakesFailed, 3);
  // A handshake that comes to its end holds nothing.
  sockets[1]?.destroy();
  await until(() => stats.connectionsOpen === 0);
  const secured = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
  sockets.push(secured);
  secured.on('error', () => {});
  await once(secured, 'secureConnect');
  secured.write(Buffer.from('10', 'hex'));
  await until(() => stats.bytesReceived > 0);
  assert.equal(stats.preAuthBytes, 1);
});

test('A certificate that is revoked during its handshake is refused at the end of it.', { timeout: 20_000 }, async (t) => {
  const first = await material();
  const { cert, key } = first.context as { readonly cert: string; readonly key: string };
  // The same pair is certificate and authority of both sides.
  const asked: TlsMaterial = { ...first, clientCertificate: 'required', context: { cert, key, ca: cert } };
  const server = new TlsServer(asked, { protocol: null, handshakeTimeoutMs: 5000, wall: Date.now });
  let accepted = 0;
  const ends: string[] = [];
  const front = createServer((socket) => {
    socket.on('error', () => {});
    accepted += 1;
    server.secure(
      socket,
      ({ socket: secured }) => secured.end('x'),
      (detail) => ends.push(detail),
    );
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  t.after(() => front.close());
  const dial = async (): Promise<Socket> => {
    const before = accepted;
    const socket = connectTcp({ host: '127.0.0.1', port: (front.address() as AddressInfo).port });
    while (accepted === before) await new Promise((resolve) => setImmediate(resolve));
    return socket;
  };
  const secure = async (socket: Socket): Promise<string> => {
    const secured = connect({ socket, servername: 'localhost', rejectUnauthorized: false, cert, key });
    let bytes = '';
    secured.on('error', () => {});
    secured.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
    });
    secured.resume();
    await once(secured, 'close');
    return bytes;
  };
  assert.equal(await secure(await dial()), 'x');
  const underWay = await dial();
  class Revoked extends Revocation {
    override judge(): 'revoked' {
      return 'revoked';
    }
  }
  server.use({ ...asked, revocation: new Revoked([], []), digest: 'another' });
  assert.equal(await secure(underWay), '');
  assert.match(ends.join(), /the client certificate is revoked: serial [0-9A-F]+, subject CN=localhost/);
});
