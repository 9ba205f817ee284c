import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '@portcullis/testing';
import mqtt from 'mqtt';
import { BrokerProcess } from '../support/broker-process.js';
import { POSTGRES_TOOL } from '../support/postgres-tool.js';

const DEMO = fileURLToPath(new URL('./postgres.js', import.meta.url));

test('the demonstration of PostgreSQL shows what it says, and leaves nothing running', async () => {
  const demo = new BrokerProcess({ command: DEMO, args: [] });
  // A database is made first, which a busy machine takes its time for.
  await until('the last step', () => /user disable alice/.test(demo.output), 90_000);
  const [, address = ''] = await demo.waitForOutput(/export PORTCULLIS_POSTGRES_URL=(\S+)/);
  const url = demo.url('local');
  const alice = await mqtt.connectAsync(url, { username: 'alice', password: 'alice-pw', reconnectPeriod: 0, protocolVersion: 5 });
  const came: string[] = [];
  const first = new Promise<void>((resolve) => {
    alice.on('message', (topic) => {
      came.push(topic);
      if (topic.endsWith('/humidity')) resolve();
    });
  });
  await alice.subscribeAsync('site/#');
  const sensor = await mqtt.connectAsync(url, { username: 'sensor-1', password: 'sensor-1-pw', reconnectPeriod: 0 });
  await sensor.publishAsync('site/sensor-1/temperature', '21', { qos: 1 });
  await sensor.publishAsync('site/sensor-1/humidity', '40', { qos: 1 });
  await first;
  assert.deepEqual(came, ['site/sensor-1/temperature', 'site/sensor-1/humidity']);
  const ended = new Promise<number | undefined>((resolve) => {
    alice.once('disconnect', ({ reasonCode }) => resolve(reasonCode));
  });
  // Where the tool's own password is in the environment, as the demonstration says.
  const disabled = spawnSync(process.execPath, [POSTGRES_TOOL, 'user', 'disable', 'alice'], {
    env: { ...process.env, PORTCULLIS_POSTGRES_URL: address },
    encoding: 'utf8',
  });
  assert.equal(disabled.stdout, 'disabled user alice\n', disabled.stderr);
  assert.equal(await ended, 0x87);
  await assert.rejects(mqtt.connectAsync(url, { username: 'alice', password: 'alice-pw', reconnectPeriod: 0, connectTimeout: 5000 }));
  await sensor.endAsync();
  demo.signal('SIGINT');
  assert.equal(await demo.exited(), 0, demo.output);
  const again = spawnSync(process.execPath, [POSTGRES_TOOL, 'user', 'list'], {
    env: { ...process.env, PORTCULLIS_POSTGRES_URL: address },
    encoding: 'utf8',
  });
  assert.match(again.stderr, /the connection was refused/);
  const [folder = ''] = /\S*portcullis-demo-\w+/.exec(demo.output) ?? [];
  assert.ok(folder === '' || !existsSync(folder));
});
