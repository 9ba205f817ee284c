import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import plugin from '@portcullis/plugin-postgres';
import { hashPassword, verifyPassword } from '@portcullis/sdk/passwords';
import { freshDatabase } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker } from '@portcullis/testing';
import pg from 'pg';
import { ROOT } from '../documentation/sdk-source.js';

const SUCCESS = 0;
const GRANTED = 0;
const NOT_AUTHORIZED = 0x87;

/** The first block of a language below a heading of a page. */
function block(page: string, heading: string, language: string): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  const found = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(section.split('\n## ')[0] ?? '')?.[1];
  if (found === undefined) throw new Error(`docs/${page} has no ${language} below "${heading}"`);
  return found;
}

async function database(t: TestContext): Promise<{ db: pg.Client; config: Record<string, unknown> }> {
  const fresh = await freshDatabase();
  const db = new pg.Client(fresh.url);
  db.on('error', () => undefined);
  await db.connect();
  t.after(async () => {
    await db.end();
    await fresh.drop();
  });
  const { hostname, port, pathname, username, password } = new URL(fresh.url);
  return {
    db,
    config: { host: hostname, port: Number(port), database: pathname.slice(1), user: username, ...(password !== '' && { password }) },
  };
}

async function broker(t: TestContext, config: Record<string, unknown>): Promise<TestBroker> {
  const { password, ...rest } = config;
  const started = await startTestBroker({
    plugin,
    config: { ...rest, ...(password !== undefined && { password: { $env: 'DATABASE_PASSWORD' } }) },
    env: { DATABASE_PASSWORD: String(password ?? '') },
    clock: 'system',
  });
  t.after(() => started.stop());
  return started;
}

test("the page's own tables let devices in, and what is changed in them counts at once", async (t) => {
  const { db, config } = await database(t);
  await db.query(block('postgresql.md', 'Your own tables', 'sql'));
  const hash = await hashPassword('pw', { format: 'sha512' });
  await db.query(`insert into device values ('d1', $1, true, 'sensor'), ('d2', null, true, 'sensor')`, [hash]);
  await db.query(`insert into device_topic values ('d1', 2, 'up/%u/#'), ('d1', 1, 'down/%u')`);
  const started = await broker(t, { ...config, ...JSON.parse(block('postgresql.md', 'Your own tables', 'json')) });
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

test('the tables and queries of mosquitto-go-auth work as they are told to', async (t) => {
  const { db, config } = await database(t);
  const dk = pbkdf2Sync('pw', Buffer.from('a salt of 16 b..'), 1000, 64, 'sha512').toString('base64');
  const old = `PBKDF2$sha512$1000$${Buffer.from('a salt of 16 b..').toString('base64')}$${dk}`;
  await db.query('create table account (username text, password_hash text, is_admin boolean); create table acl (username text, topic text, rw int)');
  await db.query(`insert into account values ('ann', $1, false), ('root', $1, true)`, [old]);
  await db.query(`insert into acl values ('ann', 'w/%u', 2), ('ann', 'r/#', 1)`);
  await db.query(block('coming-from-databases.md', 'mosquitto-go-auth: `auth_opt_pg_…`', 'sql'));
  const started = await broker(t, { ...config, ...JSON.parse(block('coming-from-databases.md', 'mosquitto-go-auth: `auth_opt_pg_…`', 'json')) });
  const ann = await started.client({ protocol: '5.0' });
  await ann.connect({ username: 'ann', password: 'pw' });
  assert.equal(await ann.publish('w/ann', 'v', { qos: 1 }), SUCCESS);
  assert.equal(await ann.publish('r/x', 'v', { qos: 1 }), NOT_AUTHORIZED);
  assert.equal(await ann.subscribe('r/#', 0), GRANTED);
  const root = await started.client({ protocol: '5.0' });
  await root.connect({ username: 'root', password: 'pw' });
  assert.equal(await root.publish('anything/at/all', 'v', { qos: 1 }), SUCCESS);
});

test("EMQX's salted hashes become those of Mosquitto", async (t) => {
  const { db } = await database(t);
  const update = block('coming-from-databases.md', 'EMQX: authenticator and authorizer `postgresql`', 'sql');
  const salt = 'salt-of-emqx';
  await db.query('create table mqtt_user (password_hash text, salt text, iterations int)');
  for (const [hash, statement] of [
    [createHash('sha512').update(`pw${salt}`).digest('hex'), update],
    [pbkdf2Sync('pw', salt, 1000, 64, 'sha512').toString('hex'), update.replace("'$6$'", () => "'$7$' || iterations || '$'")],
  ] as const) {
    await db.query('truncate mqtt_user');
    await db.query('insert into mqtt_user values ($1, $2, 1000)', [hash, salt]);
    await db.query(statement);
    const { rows } = await db.query<{ password_hash: string }>('select password_hash from mqtt_user');
    const stored = rows[0]?.password_hash ?? '';
    assert.equal(await verifyPassword(Buffer.from('pw'), stored), true, stored);
    assert.equal(await verifyPassword(Buffer.from('pW'), stored), false);
  }
});
