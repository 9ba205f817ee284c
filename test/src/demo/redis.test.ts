import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '@portcullis/testing';
import mqtt from 'mqtt';
import { BrokerProcess } from '../support/broker-process.js';

const DEMO = fileURLToPath(new URL('./redis.js', import.meta.url));
const TOOL = fileURLToPath(new URL('../../../plugins/redis/bin/portcullis-redis.js', import.meta.url));

function tool(address: string, ...args: readonly string[]) {
  // Where the tool's own password is in the environment, as the demonstration says.
  return spawnSync(process.execPath, [TOOL, ...args], { env: { ...process.env, PORTCULLIS_REDIS_URL: address }, encoding: 'utf8' });
}

test('the demonstration of Redis shows what it says, and leaves nothing running', async () => {
  const demo = new BrokerProcess({ command: DEMO, args: [] });
  // Users are made first, each by a process of its own, which a busy machine takes its time for.
  await until('the last step', () => /user disable alice/.test(demo.output), 90_000);
  const [, address = ''] = await demo.waitForOutput(/export PORTCULLIS_REDIS_URL=(\S+)/);
  const url = demo.url('local');
  const alice = await mqtt.connectAsync(url, { username: 'alice', password: 'alice-pw', reconnectPeriod: 0, protocolVersion: 5 });
  const came: string[] = [];
  alice.on('message', (topic) => came.push(topic));
  await alice.subscribeAsync('site/#');
  const sensor = await mqtt.connectAsync(url, { username: 'sensor-1', password: 'sensor-1-pw', reconnectPeriod: 0 });
  await sensor.publishAsync('site/sensor-1/temperature', '21', { qos: 1 });
  await until('the first message', () => came.length === 1);
  assert.equal(tool(address, 'rule', 'add', '--group', 'operators', 'deny', 'read', 'site/+/temperature').status, 0);
  // The news of it was published before the tool ended; the broker may have yet to read the group.
  await until('the denial', async () => {
    const before = came.length;
    await sensor.publishAsync('site/sensor-1/temperature', '22', { qos: 1 });
    await sensor.publishAsync('site/sensor-1/humidity', '40', { qos: 1 });
    await until('the humidity', () => came.at(-1) === 'site/sensor-1/humidity' && came.length > before);
    return came.length === before + 1;
  });
  const ended = new Promise<number | undefined>((resolve) => {
    alice.once('disconnect', ({ reasonCode }) => resolve(reasonCode));
  });
  const disabled = tool(address, 'user', 'disable', 'alice');
  assert.match(disabled.stdout, /^user alice disabled /, disabled.stderr);
  assert.equal(await ended, 0x87);
  await assert.rejects(mqtt.connectAsync(url, { username: 'alice', password: 'alice-pw', reconnectPeriod: 0, connectTimeout: 5000 }));
  await sensor.endAsync();
  demo.signal('SIGINT');
  assert.equal(await demo.exited(), 0, demo.output);
  assert.match(tool(address, 'user', 'list').stderr, /cannot be reached \(ECONNREFUSED\)/);
  const [folder = ''] = /\S*portcullis-demo-\w+/.exec(demo.output) ?? [];
  assert.ok(folder === '' || !existsSync(folder));
});
