import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type PostgresServer, startPostgres, type TlsFiles } from './postgres.js';
import { findPostgres } from './postgres-programs.js';
import { type RedisServer, startRedis } from './redis.js';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** A certificate for 127.0.0.1 that vouches for itself. */
async function certificate(): Promise<TlsFiles & { readonly ca: string }> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    keys,
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const key = createPrivateKey({ key: Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)), format: 'der', type: 'pkcs8' });
  const cert = `${made.toString('pem')}\n`;
  return { cert, key: key.export({ format: 'pem', type: 'pkcs8' }).toString(), ca: cert };
}

describe('servers with TLS', () => {
  let own: TlsFiles & { readonly ca: string };
  let other: TlsFiles & { readonly ca: string };
  let postgres: PostgresServer;
  let redis: RedisServer;
  before(async () => {
    [own, other] = [await certificate(), await certificate()];
    [postgres, redis] = await Promise.all([startPostgres({ tls: own }), startRedis({ tls: own, config: { requirepass: 'secret' } })]);
  });
  after(async () => {
    await Promise.all([postgres, redis].map((server) => server?.dispose()));
  });

  const usesTls = async (url: string, ca: string): Promise<unknown> => {
    const client = new pg.Client({ connectionString: url, ssl: { ca } });
    try {
      await client.connect();
      return (await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0]?.ssl;
    } finally {
      await client.end();
    }
  };

  it('show a PostgreSQL client the certificate that they were given', async () => {
    assert.equal(await usesTls(postgres.url(), own.ca), true);
    await assert.rejects(usesTls(postgres.url(), other.ca), /certificate/);
  });

  it('do so with the PostgreSQL of the npm package too', async () => {
    const embedded = await startPostgres({ programs: findPostgres({ folders: [] }), tls: own });
    try {
      assert.equal(await usesTls(embedded.url(), own.ca), true);
    } finally {
      await embedded.dispose();
    }
  });

  it('show a Redis client the certificate that they were given, and speak nothing but TLS', async () => {
    const ping = async (url: string, tls?: { ca: string }): Promise<unknown> => {
      const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000, protocol: 2, ...(tls && { tls }) });
      const trouble = new Promise<never>((_, reject) => client.on('error', reject));
      try {
        return await Promise.race([client.connect().then(() => client.ping()), trouble]);
      } finally {
        client.disconnect();
      }
    };
    assert.equal(redis.url(), `rediss://:secret@127.0.0.1:${redis.port}`);
    assert.equal(await ping(redis.url(), { ca: own.ca }), 'PONG');
    await assert.rejects(ping(redis.url(), { ca: other.ca }), /certificate/);
    await assert.rejects(ping(redis.url().replace('rediss', 'redis')));
    assert.equal(await redis.command('PING'), 'PONG');
  });

  it('are followed by replicas over TLS', async () => {
    const replica = await startRedis({ tls: own, config: { requirepass: 'secret' }, replicaOf: redis });
    try {
      assert.match(String(await replica.command('ROLE')), /^slave,127\.0\.0\.1/);
    } finally {
      await replica.dispose();
    }
  });
});
