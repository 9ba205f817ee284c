import { after, describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';
import { ending, PASSWORD, Scene } from './scene.test.support.js';

describe('the plugin postgres', async () => {
  const scene = await Scene.open(ending({ after }));
  await scene.user('alice', { groups: ['home'], attributes: { site: 'north' } });
  await scene.user('bob', { hash: null });
  await scene.user("o'hara%_\\");
  await scene.user('constructor');
  await scene.rule('news/#');
  await scene.rule('home/#', { group: 'home' });
  await scene.rule('home/cellar', { group: 'home', effect: 'deny' });
  await scene.rule('own/%u/#', { user: 'alice' });
  await scene.rule('site/%{attr.site}', { user: 'alice' });
  const cases = conformanceCases(plugin, {
    config: scene.config(),
    validCredentials: [
      { username: 'alice', password: PASSWORD },
      { username: "o'hara%_\\", password: PASSWORD },
      { username: 'constructor', password: PASSWORD },
    ],
    invalidCredentials: [
      { username: 'bob', password: PASSWORD },
      { username: 'Alice', password: PASSWORD },
      { username: 'alic_', password: PASSWORD },
      { username: 'alice%', password: PASSWORD },
      { username: '%', password: PASSWORD },
      { username: '__proto__', password: PASSWORD },
      { username: 'toString', password: PASSWORD },
    ],
    rights: [
      { username: 'alice', action: 'publish', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'publish', topic: 'home/cellar', allowed: false },
      { username: 'alice', action: 'receive', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'receive', topic: 'home/cellar', allowed: false },
      { username: 'alice', action: 'subscribe', topic: 'home/#', allowed: false },
      { username: 'alice', action: 'subscribe', topic: 'own/alice/#', allowed: true },
      { username: 'alice', action: 'publish', topic: 'own/bob/x', allowed: false },
      { username: 'bob', action: 'publish', topic: 'own/bob/x', allowed: false },
      { username: 'bob', action: 'publish', topic: 'home/light', allowed: false },
      { username: 'bob', action: 'subscribe', topic: 'news/#', allowed: true },
      { username: 'nobody', action: 'subscribe', topic: 'news/#', allowed: true },
      { username: 'nobody', action: 'publish', topic: 'home/light', allowed: false },
      { action: 'subscribe', topic: 'news/#', allowed: true },
      { action: 'publish', topic: 'home/light', allowed: false },
    ],
    entries: { plugin: { timeoutMs: 1000 } },
    backend: {
      target: { host: scene.url.hostname, port: Number(scene.url.port) },
      config: ({ host, port }) => scene.config({ host, port, statementTimeoutMs: 200 }),
      healsWithinMs: 5000,
    },
  });
  for (const { title, run } of cases) test(title, run);
});
