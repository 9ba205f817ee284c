import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type RedisServer, startRedis } from '@portcullis/test-servers';
import { TestClient, WireClient } from '@portcullis/testing';
import { BrokerProcess, runCommand } from '../support/broker-process.js';
import { Authority, selfSigned } from '../support/certificates.js';
import { documentedRights } from './redis-page.js';

const TOOL = fileURLToPath(new URL('../../../plugins/redis/bin/portcullis-redis.js', import.meta.url));
const SECRET = 'canary-of-the-broker';
const ADMIN_SECRET = 'canary-of-the-admin';
const PASSWORD = 'canary-of-alice';
let authority: Authority;
let server: RedisServer;

before(async () => {
  authority = await Authority.create();
  const { cert, key } = await authority.issue();
  server = await startRedis({
    tls: { cert, key },
    config: { user: [`broker ${documentedRights('broker', SECRET)}`, `admin on >${ADMIN_SECRET} ~* &* +@all`] },
  });
});

after(() => server.dispose());

function pluginsJson(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    version: 1,
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: {
      users: {
        use: '@portcullis/plugin-redis',
        config: { host: 'localhost', port: server.port, username: 'broker', password: { $file: 'secret' }, ...config },
      },
    },
    chains: { default: { authenticate: ['users'], authorize: ['users'] } },
  };
}

async function tool(...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env.PATH, PORTCULLIS_REDIS_URL: `rediss://admin@localhost:${server.port}`, PORTCULLIS_REDIS_PASSWORD: ADMIN_SECRET };
  const child = promisify(execFile)(process.execPath, [TOOL, ...args], { env, timeout: 20_000 });
  child.child.stdin?.end(`${PASSWORD}\n${PASSWORD}\n`);
  return (await child).stdout;
}

async function client(broker: BrokerProcess): Promise<TestClient> {
  return new TestClient(await WireClient.connect(broker.port('local')), { protocol: '5.0' });
}

test('the real commands: a user of the ACL that may only read serves the broker over TLS, and the tool changes what is in force', async () => {
  const files = { 'plugins.json': pluginsJson({ tls: { ca: 'ca.pem' } }), 'ca.pem': authority.pem, secret: `${SECRET}\n` };
  const broker = await BrokerProcess.start({ files });
  try {
    const ca = `${broker.folder}/ca.pem`;
    assert.match(await tool('user', 'add', 'alice', '--ca', ca), /^user alice added \(version 1\)\n$/);
    await tool('rule', 'add', '--user', 'alice', 'allow', 'all', 'home/#', '--ca', ca);
    const alice = await client(broker);
    await alice.connect({ username: 'alice', password: PASSWORD });
    assert.equal(await alice.publish('home/light', 'x', { qos: 1 }), 0);
    await tool('user', 'disable', 'alice', '--ca', ca);
    await alice.expectExpelled(0x87);
    const again = await client(broker);
    assert.equal(await again.connectRefused({ username: 'alice', password: PASSWORD }), 0x86);
    assert.match(await tool('check', '--ca', ca), /by TLS with a verified certificate[\s\S]*\n0 problems, /);
    for (const secret of [SECRET, ADMIN_SECRET, PASSWORD]) assert.ok(!broker.output.includes(secret));
  } finally {
    assert.equal(await broker.stop(), 0);
  }
});

test('a server whose certificate is not vouched for, is for another name, or that speaks no TLS, is never asked', async () => {
  const { cert } = await selfSigned();
  const cases: readonly (readonly [config: Readonly<Record<string, unknown>>, ca: string, message: RegExp])[] = [
    [
      { tls: { ca: 'ca.pem' } },
      cert,
      /cannot be reached \((?:UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|CERT_SIGNATURE_FAILURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|DEPTH_ZERO_SELF_SIGNED_CERT)\)/,
    ],
    [{ tls: { ca: 'ca.pem', servername: 'other.example' } }, authority.pem, /cannot be reached \(ERR_TLS_CERT_ALTNAME_INVALID\)/],
    [{}, authority.pem, /cannot be reached/],
  ];
  for (const [config, ca, message] of cases) {
    const document = pluginsJson(config);
    const users = (document.plugins as { readonly users: object }).users;
    const files = { 'plugins.json': { ...document, plugins: { users: { ...users, startup: 'exit' } } }, 'ca.pem': ca, secret: SECRET };
    const { code, output } = await runCommand({ files });
    assert.equal(code, 1);
    assert.match(output, message);
    assert.ok(!output.includes(SECRET));
  }
});

test('what would go over a network in the clear has to be said', async () => {
  const files = { 'plugins.json': pluginsJson({ host: 'redis.example' }), secret: SECRET };
  const { code, output } = await runCommand({ files });
  assert.equal(code, 1);
  assert.match(output, /"tls" must be said for redis\.example/);
});
