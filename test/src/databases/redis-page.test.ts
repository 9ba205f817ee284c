import assert from 'node:assert/strict';
import { test } from 'node:test';
import plugin from '@portcullis/plugin-redis';
import { startRedis } from '@portcullis/test-servers';
import { startTestBroker } from '@portcullis/testing';
import { Redis } from 'ioredis';
import { documentedScript } from './redis-page.js';

/** Of "correct horse", as mosquitto_passwd makes it. */
const HASH = '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==';
const LOGIN = { username: 'ann@home', password: 'correct horse' };

test('the script on the page writes what the broker reads, and is heard', async () => {
  const server = await startRedis();
  const client = new Redis(server.port, '127.0.0.1', { protocol: 2 });
  const write = async (fields: Readonly<Record<string, string>>): Promise<void> => {
    const keys = ['portcullis:{-}:user:ann%40home', 'portcullis:{-}:version', 'portcullis:{-}:epoch'];
    const message = ['{"v":', ',"kind":"user","tenant":"","name":"ann@home"}', 'history-1'];
    await client.eval(documentedScript(), keys.length, ...keys, ...message, ...Object.entries(fields).flat());
  };
  const user = { hash: HASH, enabled: '1', groups: '[]', attributes: '{}', rules: '[{"effect":"allow","actions":["publish"],"pattern":"zone/#"}]' };
  const chain = { authenticate: ['plugin'], authorize: ['plugin'] };
  const broker = await startTestBroker({ plugin, config: { port: server.port, heartbeatMs: 60_000 }, chain, clock: 'system' });
  try {
    await write(user);
    const ann = await broker.client({ protocol: '5.0' });
    await ann.connect(LOGIN);
    assert.equal(await ann.publish('zone/1', 'x', { qos: 1 }), 0);
    await write({ ...user, enabled: '0' });
    await ann.expectExpelled(0x87);
  } finally {
    await broker.stop();
    client.disconnect();
    await server.dispose();
  }
});
