import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword } from '@portcullis/sdk/passwords';
import { block, brokerOn, emptyDatabase } from './own-tables.js';

const SUCCESS = 0;
const GRANTED = 0;
const NOT_AUTHORIZED = 0x87;

test("the page's own tables let devices in, and what is changed in them counts at once", async (t) => {
  const { db, config } = await emptyDatabase(t);
  await db.query(block('postgresql.md', 'Your own tables', 'sql'));
  const hash = await hashPassword('pw', { format: 'sha512' });
  await db.query(`insert into device values ('d1', $1, true, 'sensor'), ('d2', null, true, 'sensor')`, [hash]);
  await db.query(`insert into device_topic values ('d1', 2, 'up/%u/#'), ('d1', 1, 'down/%u')`);
  const started = await brokerOn(t, { ...config, ...JSON.parse(block('postgresql.md', 'Your own tables', 'json')) });
  const without = await started.client({ protocol: '5.0' });
  assert.equal(await without.connectRefused({ username: 'd2', password: 'pw' }), 0x86);
  const device = await started.client({ protocol: '5.0' });
  await device.connect({ username: 'd1', password: 'pw' });
  assert.equal(await device.subscribe('down/d1', 0), GRANTED);
  assert.equal(await device.subscribe('up/d1/x', 0), NOT_AUTHORIZED);
  assert.equal(await device.publish('up/d1/x', 'v', { qos: 1 }), SUCCESS);
  assert.equal(await device.publish('up/d2/x', 'v', { qos: 1 }), NOT_AUTHORIZED);
  await db.query(`insert into device_topic values ('d1', 2, 'up/d2/#')`);
  const until = performance.now() + 5000;
  let code = NOT_AUTHORIZED;
  while (code !== SUCCESS && performance.now() < until) code = await device.publish('up/d2/x', 'v', { qos: 1 });
  assert.equal(code, SUCCESS);
  await db.query('update device set active = false');
  await device.expectExpelled(NOT_AUTHORIZED);
});
