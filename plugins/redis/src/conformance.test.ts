import { after, before, describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';
import { Administrator, allow, OTHER_HASH, OTHER_PASSWORD, PASSWORD, type RedisServer, startRedis } from './redis.test.support.js';

describe('the plugin redis', async () => {
  const server: RedisServer = await startRedis();
  const admin = new Administrator(server.url());

  before(async () => {
    await admin.putGroup('home', [allow('home/#'), { effect: 'deny', actions: ['publish', 'subscribe', 'receive'], pattern: 'home/cellar' }]);
    await admin.putGroup('', [allow('own/%u/#')]);
    await admin.putUser('alice', { groups: ['home'], rules: [allow('dev/%c/state', 'publish')] });
    await admin.putUser('bob', { hash: OTHER_HASH });
    await admin.putUser('off', { enabled: false });
    await admin.putUser('none', { hash: '' });
  });

  after(async () => {
    admin.close();
    await server.dispose();
  });

  const cases = conformanceCases(plugin, {
    config: { port: server.port, commandTimeoutMs: 300 },
    entries: { plugin: { timeoutMs: 1000 } },
    validCredentials: [
      { username: 'alice', password: PASSWORD },
      { username: 'bob', password: OTHER_PASSWORD },
    ],
    invalidCredentials: [
      { username: 'alice', password: OTHER_PASSWORD },
      { username: 'Alice', password: PASSWORD },
      { username: 'off', password: PASSWORD },
      { username: 'none', password: '' },
      { username: 'user:alice', password: PASSWORD },
    ],
    rights: [
      { username: 'alice', action: 'publish', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'publish', topic: 'home/cellar', allowed: false },
      { username: 'alice', action: 'publish', topic: 'own/alice/x', allowed: true },
      { username: 'alice', action: 'publish', topic: 'own/bob/x', allowed: false },
      { username: 'alice', action: 'subscribe', topic: 'own/alice/#', allowed: true },
      { username: 'alice', action: 'subscribe', topic: 'home/#', allowed: false },
      { username: 'alice', action: 'receive', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'receive', topic: 'home/cellar', allowed: false },
      { username: 'alice', clientId: 'a1', action: 'publish', topic: 'dev/a1/state', allowed: true },
      { username: 'alice', clientId: 'a1', action: 'publish', topic: 'dev/a2/state', allowed: false },
      { username: 'bob', action: 'publish', topic: 'home/light', allowed: false },
      { username: '+', action: 'publish', topic: 'own/bob/x', allowed: false },
    ],
    backend: {
      target: { port: server.port },
      config: ({ host, port }) => ({ host, port, commandTimeoutMs: 200, heartbeatMs: 100 }),
      healsWithinMs: 5000,
    },
  });
  for (const { title, run } of cases) test(title, run);
});
