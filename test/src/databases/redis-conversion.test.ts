import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import plugin from '@portcullis/plugin-redis';
import { startRedis } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import { Redis } from 'ioredis';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { block } from './own-tables.js';

const TOOL = fileURLToPath(new URL('../../../plugins/redis/bin/portcullis-redis.js', import.meta.url));
const SCRIPT = block('coming-from-databases.md', 'mosquitto-go-auth: `auth_opt_redis_…`', 'sh');
const NOT_AUTHORIZED = 0x87;
const REFUSED_IN_3 = 0x80;

/** The one command of `redis-cli` that the script gives, as that program answers it: a machine for tests may lack it. */
const REDIS_CLI = `#!${process.execPath}
import { Redis } from 'ioredis';
const [, , option, number, raw, command, key] = process.argv;
if (option !== '-n' || raw !== '--raw' || command !== 'smembers') throw new Error(process.argv.join(' '));
const client = new Redis(process.env.PORTCULLIS_REDIS_URL, { db: Number(number) });
process.stdout.write((await client.smembers(key)).join('\\n') + '\\n');
client.disconnect();
`;

async function connected(broker: TestBroker, username: string, protocol: '3.1.1' | '5.0', clientId = 'c1'): Promise<TestClient> {
  const client = await broker.client({ protocol });
  await client.connect({ username, password: 'pw', clientId });
  return client;
}

test("the page's script gives each user of mosquitto-go-auth what the old sets gave, and nothing else", { timeout: 120_000 }, async () => {
  const server = await startRedis();
  const old = new Redis(server.port, '127.0.0.1', { db: 1 });
  const folder = temporaryFolder();
  writeFiles(folder, { 'redis-cli': REDIS_CLI, 'package.json': { type: 'module' } });
  symlinkSync(join(dirname(TOOL), '..', '..', '..', 'node_modules'), join(folder, 'node_modules'));
  symlinkSync(TOOL, join(folder, 'portcullis-redis'));
  chmodSync(join(folder, 'redis-cli'), 0o755);
  const env = { PATH: `${folder}:${dirname(process.execPath)}:${process.env.PATH}`, PORTCULLIS_REDIS_URL: `redis://127.0.0.1:${server.port}` };
  const sh = async (script: string): Promise<string> => (await promisify(execFile)('/bin/sh', ['-ec', script], { env, timeout: 60_000 })).stdout;
  let broker: TestBroker | null = null;
  try {
    await old.sadd('alice:racls', 'read', 'mine/%u');
    await old.sadd('alice:wacls', 'write/#');
    await old.sadd('alice:rwacls', 'both');
    await old.sadd('alice:sacls', 'filter/#');
    await old.sadd('common:wacls', 'of/%u/%c', '100%');
    await old.sadd('common:sacls', 'news/#');
    await old.sadd('common:racls', 'news/open');
    await sh('for name in alice root; do portcullis-redis user add $name -b pw; done; portcullis-redis rule add --user root allow all "#"');
    await sh(SCRIPT);
    broker = await startTestBroker({
      plugin,
      config: { port: server.port },
      chain: { authenticate: ['plugin'], authorize: ['plugin'] },
      clock: 'system',
    });
    const root = await connected(broker, 'root', '5.0', 'c2');
    for (const protocol of ['3.1.1', '5.0'] as const) {
      const alice = await connected(broker, 'alice', protocol);
      const published: string[] = [];
      const subscribed: string[] = [];
      const topics = ['read', 'mine/%u', 'mine/alice', 'write/x', 'both', 'filter/x', 'of/alice/c1', 'of/bob/c1', '100%', 'news/open', 'news/shut'];
      for (const topic of topics) {
        await root.subscribe(topic);
        await alice.publish(topic, 'of alice', { qos: 1 });
        await root.publish(topic, 'end', { qos: 1 });
        const { payload } = await root.expectMessage(topic);
        if (payload === 'of alice') {
          published.push(topic);
          await root.expectMessage(topic, 'end');
        }
        await root.unsubscribe(topic);
        const code = await alice.subscribe(topic);
        assert.ok(code === 0 || code === (protocol === '5.0' ? NOT_AUTHORIZED : REFUSED_IN_3), `${topic}: ${code}`);
        if (code === 0) subscribed.push(topic);
      }
      assert.deepEqual(published, ['write/x', 'both', 'of/alice/c1', '100%'], protocol);
      assert.deepEqual(subscribed, ['filter/x', 'news/open', 'news/shut'], protocol);
      for (const topic of ['filter/x', 'news/shut', 'news/open']) await root.publish(topic, 'v', { qos: 1 });
      await alice.expectMessage('news/open');
      await alice.expectSilence();
      await alice.disconnect();
    }
  } finally {
    await broker?.stop();
    old.disconnect();
    await server.dispose();
  }
});
