import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import type { TlsMaterial } from './tls-material.js';
import { TlsServer } from './tls-server.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

async function keys(): Promise<{ readonly pair: webcrypto.CryptoKeyPair; readonly pem: string }> {
  const pair = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  return { pair, pem: `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n` };
}

test('A session is not resumed once an authority is over, though the certificate that it had signed is not.', { timeout: 20_000 }, async (t) => {
  x509.cryptoProvider.set(webcrypto);
  const [above, below] = [await keys(), await keys()];
  const begin = Date.now() - HOUR_MS;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=authority',
    keys: above.pair,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(begin),
    notAfter: new Date(begin + 3 * HOUR_MS),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const device = await x509.X509CertificateGenerator.create({
    subject: 'CN=device',
    issuer: 'CN=authority',
    publicKey: below.pair.publicKey,
    signingKey: above.pair.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(begin),
    notAfter: new Date(begin + 9 * HOUR_MS),
  });
  const own = { cert: device.toString('pem'), key: below.pem };
  const material: TlsMaterial = {
    clientCertificate: 'required',
    context: { ...own, ca: [authority.toString('pem')] },
    revocation: null,
    names: new Map(),
    unknownName: 'default',
    resumes: true,
    digest: 'a',
    warnings: [],
  };
  let wall = Date.now();
  const server = new TlsServer(material, { protocol: null, handshakeTimeoutMs: 5000, wall: () => wall });
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
  t.after(() => front.close());

  async function dial(version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer): Promise<{ readonly reused: boolean; readonly session: Buffer | undefined }> {
    const { port } = front.address() as AddressInfo;
    const options = { port, servername: 'localhost', rejectUnauthorized: false, minVersion: version, maxVersion: version, ...own } as const;
    const socket = connect({ ...options, ...(session === undefined ? {} : { session }) });
    let ticket: Buffer | undefined;
    socket.on('session', (given: Buffer) => {
      ticket = given;
    });
    await once(socket, 'data');
    const reused = socket.isSessionReused();
    // In TLS 1.3 tickets are messages of their own.
    if (!reused && ticket === undefined) await once(socket, 'session');
    socket.destroy();
    return { reused, session: ticket };
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    wall = Date.now();
    server.use({ ...material, digest: version });
    const first = await dial(version);
    assert.equal((await dial(version, first.session)).reused, true, version);
    wall = begin + 3 * HOUR_MS;
    const late = await dial(version, first.session);
    assert.equal(late.reused, false, version);
    // The others that are left go on.
    assert.equal((await dial(version, late.session)).reused, true, version);
  }
});
