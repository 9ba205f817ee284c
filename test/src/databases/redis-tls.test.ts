import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import plugin from '@portcullis/plugin-redis';
import { type RedisServer, SENTINEL_NAME, startRedis, type TlsFiles } from '@portcullis/test-servers';
import { startTestBroker } from '@portcullis/testing';
import { Cluster, Redis } from 'ioredis';
import { Authority, selfSigned } from '../support/certificates.js';
import { documentedScript } from './redis-page.js';

/** Of "correct horse", as mosquitto_passwd makes it. */
const HASH = '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==';
const PASSWORD = 'correct horse';

const servers: RedisServer[] = [];
let authority: Authority;
let tls: TlsFiles;
let otherCa: string;

before(async () => {
  authority = await Authority.create();
  tls = { ...(await authority.issue({ names: [{ type: 'ip', value: '127.0.0.1' }] })), ca: authority.pem };
  otherCa = (await selfSigned()).cert;
});

after(async () => {
  for (const server of servers.reverse()) await server.dispose();
});

async function started(options: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const server = await startRedis({ tls, ...options });
  servers.push(server);
  return server;
}

async function putAlice(client: Redis | Cluster): Promise<void> {
  const fields = { hash: HASH, enabled: '1', groups: '[]', attributes: '{}', rules: '[]' };
  const keys = ['user:alice', 'version', 'epoch'].map((key) => `portcullis:{-}:${key}`);
  const message = ['{"v":', ',"kind":"user","tenant":"","name":"alice"}', 'history-1'];
  try {
    await client.eval(documentedScript(), keys.length, ...keys, ...message, ...Object.entries(fields).flat());
  } finally {
    client.disconnect();
  }
}

/** What a login gets from a broker with these options, which may read `ca.pem` and `other.pem`. */
async function codeWith(config: Readonly<Record<string, unknown>>): Promise<number | null> {
  const broker = await startTestBroker({
    ...{ plugin, config, clock: 'system', chain: { authenticate: ['plugin'], authorize: ['plugin'] } },
    files: { 'ca.pem': authority.pem, 'other.pem': otherCa },
  });
  try {
    const client = await broker.client({ protocol: '5.0' });
    client.sendConnect({ username: 'alice', password: PASSWORD });
    return (await client.expectPacket((packet) => packet.type === 2)).code;
  } finally {
    await broker.stop();
  }
}

test('TLS with verified certificates goes to sentinels and to the primary that they name', async () => {
  const primary = await started({});
  const sentinel = await started({ sentinelOf: primary });
  await putAlice(new Redis(primary.port, '127.0.0.1', { protocol: 2, tls: { ca: authority.pem } }));
  const where = { sentinel: { name: SENTINEL_NAME, nodes: [`127.0.0.1:${sentinel.port}`] } };
  assert.equal(await codeWith({ ...where, tls: { ca: 'ca.pem' } }), 0);
  assert.equal(await codeWith({ ...where, tls: { ca: 'other.pem' } }), 0x88);
  assert.equal(await codeWith({ ...where, tls: { ca: 'ca.pem', servername: 'other.example' } }), 0x88);
  assert.equal(await codeWith(where), 0x88);
});

test('TLS with verified certificates goes to all nodes of a cluster', async () => {
  const cluster = await started({ cluster: true });
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }));
  await putAlice(new Cluster(nodes, { redisOptions: { protocol: 2, tls: { ca: authority.pem } } }));
  for (const { host, port } of nodes) {
    const where = { cluster: { nodes: [`${host}:${port}`] } };
    assert.equal(await codeWith({ ...where, tls: { ca: 'ca.pem' } }), 0, 'wherever it begins');
  }
  const where = { cluster: { nodes: nodes.map(({ host, port }) => `${host}:${port}`) } };
  assert.equal(await codeWith({ ...where, tls: { ca: 'other.pem' } }), 0x88);
  assert.equal(await codeWith(where), 0x88);
});
