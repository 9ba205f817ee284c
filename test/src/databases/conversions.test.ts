import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { isPasswordHash, verifyPassword } from '@portcullis/sdk/passwords';
import type { TestBroker, TestClient } from '@portcullis/testing';
import type pg from 'pg';
import { block, blocks, brokerOn, emptyDatabase, section } from './own-tables.js';

const PAGE = 'coming-from-databases.md';
const GO_AUTH = 'mosquitto-go-auth: `auth_opt_pg_…`';
const GO_AUTH_BOTH = 'mosquitto-go-auth: both backends';
const EMQX = 'EMQX: authenticator and authorizer `postgresql`';

const SUCCESS = 0;
const GRANTED = 0;
const NOT_AUTHORIZED = 0x87;
const REFUSED_IN_3 = 0x80;
const SALT = 'a salt of 16 b..';

/** What mosquitto-go-auth writes; with the salt as text if told so by `hasher_salt_encoding utf-8`. */
function goAuthHash(saltEncoding: 'base64' | 'utf8', salt = SALT, keyBytes = 64): string {
  const key = pbkdf2Sync('pw', salt, 1000, keyBytes, 'sha512').toString('base64');
  return `PBKDF2$sha512$1000$${Buffer.from(salt).toString(saltEncoding)}$${key}`;
}

async function login(broker: TestBroker, username: string, protocol: '3.1.1' | '5.0' = '5.0'): Promise<TestClient> {
  const client = await broker.client({ protocol });
  await client.connect({ username, password: 'pw' });
  return client;
}

async function maySubscribe(client: TestClient, filter: string): Promise<boolean> {
  const code = await client.subscribe(filter);
  assert.ok(code === GRANTED || code === NOT_AUTHORIZED || code === REFUSED_IN_3, `${filter}: ${code}`);
  return code === GRANTED;
}

/** Of a client of MQTT 5.0, which is told. */
async function mayPublish(client: TestClient, topic: string, fields: { readonly qos?: 1 | 2; readonly retain?: boolean } = {}): Promise<boolean> {
  const code = await client.publish(topic, 'v', { qos: 1, ...fields });
  assert.ok(code === SUCCESS || code === NOT_AUTHORIZED, `${topic}: ${code}`);
  return code === SUCCESS;
}

/** Tables as the documentation of mosquitto-go-auth has them, with a row for each number of access. */
async function goAuthTables(db: pg.Client): Promise<void> {
  await db.query(
    'create table account (username varchar(100), password_hash varchar(200), is_admin boolean); create table acl (username varchar(100), topic varchar(200), rw int)',
  );
  await db.query(`insert into account values ('ann', $1, false), ('root', $1, true)`, [goAuthHash('base64')]);
  for (const rw of [0, 1, 2, 3, 4, null]) await db.query('insert into acl values ($1, $2, $3)', ['ann', `t${rw}/%u`, rw]);
  await db.query(`insert into acl values ('ann', 'ok', 1), ('ann', 'ok', 4), ('ann', 'ok', 4), ('ann', '#', 4), ('ann', 'p/%{clientId}%', 2)`);
  await db.query(blocks(PAGE, GO_AUTH_BOTH, 'sql')[0] as string);
}

/** What the page says comes of a row with each number of access, by the condition that the old query has. */
function pageMatrix(): ReadonlyMap<string, readonly string[]> {
  const text = section(PAGE, GO_AUTH);
  const lines = text.split('\n');
  const at = lines.indexOf('| condition | 1 | 2 | 3 | 4 |');
  const rows = lines.slice(at + 2, at + 5).map((line) => line.split(' | '));
  return new Map(rows.map(([condition = '', ...cells]) => [condition.replace(/^\| `|`$/g, ''), cells.map((cell) => cell.replace(/ \|$/, ''))]));
}

test('a row of mosquitto-go-auth gives the rights that the page says, whatever the old query makes of its number', async (t) => {
  const { db } = await emptyDatabase(t);
  await goAuthTables(db);
  const { queries } = JSON.parse(block(PAGE, GO_AUTH, 'json')) as { readonly queries: { readonly rules: string } };
  assert.ok(queries.rules.includes('and rw = access.acc)'));
  const matrix = pageMatrix();
  assert.deepEqual([...matrix.keys()], ['rw = $2', '(rw = $2 or rw = 3)', 'rw >= $2']);
  for (const [condition, cells] of matrix) {
    const statement = queries.rules.replace('rw = access.acc', () => condition.replace('$2', 'access.acc'));
    const { rows } = await db.query<{ pattern: string; actions: string[] }>(statement, ['', 'ann']);
    const found = (number: number | null): string[] => rows.find(({ pattern }) => pattern === `t${number}/%u`)?.actions.sort() ?? [];
    cells.forEach((cell, index) => {
      assert.deepEqual(found(index + 1), cell === 'nothing' ? [] : cell.split(', ').sort(), `${condition}, ${index + 1}`);
    });
    for (const number of [0, null]) assert.deepEqual(found(number), [], `${condition}, ${number}`);
  }
});

for (const protocol of ['3.1.1', '5.0'] as const) {
  test(`who could only read, only write or only subscribe with mosquitto-go-auth can do no more here (${protocol})`, async (t) => {
    const { db, config } = await emptyDatabase(t);
    await goAuthTables(db);
    await db.query(`delete from acl where topic = '#'`);
    const broker = await brokerOn(t, { ...config, ...JSON.parse(block(PAGE, GO_AUTH, 'json')) });
    const [ann, root, listener] = [await login(broker, 'ann', protocol), await login(broker, 'root'), await login(broker, 'root')];
    const published: string[] = [];
    const subscribed: string[] = [];
    for (const number of [0, 1, 2, 3, 4, null]) {
      const topic = `t${number}/ann`;
      assert.equal(await maySubscribe(listener, topic), true);
      // Acknowledged in 3.1.1 also when it is dropped: whether it was routed, the listener hears.
      await ann.publish(topic, 'of ann', { qos: 1 });
      assert.equal(await mayPublish(root, topic), true);
      const { payload } = await listener.expectMessage(topic);
      if (payload === 'of ann') {
        published.push(topic);
        await listener.expectMessage(topic, 'v');
      }
      if (await maySubscribe(ann, topic)) subscribed.push(topic);
    }
    assert.deepEqual({ published, subscribed }, { published: ['t2/ann'], subscribed: ['t4/ann'] });
    assert.equal(await maySubscribe(ann, 'ok'), true);
    for (const topic of ['t4/ann', 'ok']) assert.equal(await mayPublish(root, topic), true);
    await ann.expectMessage('ok');
    await ann.expectSilence();
  });
}

test('who may subscribe to everything there gets here what he may read, and nothing else', async (t) => {
  const { db, config } = await emptyDatabase(t);
  await goAuthTables(db);
  const broker = await brokerOn(t, { ...config, ...JSON.parse(block(PAGE, GO_AUTH, 'json')) });
  const [ann, root] = [await login(broker, 'ann'), await login(broker, 'root')];
  assert.equal(await maySubscribe(ann, '#'), true);
  for (const topic of ['other', 't1/ann', 't2/ann', 't4/ann', 'ok']) assert.equal(await mayPublish(root, topic), true);
  await ann.expectMessage('t1/ann');
  await ann.expectMessage('ok');
  await ann.expectSilence();
  assert.equal(await mayPublish(ann, 't2/ann'), true);
  assert.equal(await mayPublish(ann, 'p/%{clientId}%'), true, 'a percent sign that begins no variable there is one here');
  for (const topic of ['t1/ann', 't2/bob', 't3/ann', 't4/ann', 'ok', 'p/c']) assert.equal(await mayPublish(ann, topic), false, topic);
});

test('hashes of mosquitto-go-auth fit the passwords that they fitted, with their salts in either encoding', async (t) => {
  const { db } = await emptyDatabase(t);
  const [ofBase64 = '', ofText = ''] = blocks(PAGE, GO_AUTH_BOTH, 'sql');
  const long = 'salz mit ümläuten und so lang, dass die Zeile umbricht: 0123456789';
  await db.query('create table account (username text, password_hash text)');
  for (const [update, old] of [
    [ofBase64, goAuthHash('base64')],
    [ofText, goAuthHash('utf8')],
    [ofText, goAuthHash('utf8', long)],
  ] as const) {
    await db.query('truncate account');
    await db.query(`insert into account values ('ann', $1), ('short', $2), ('other', '$2b$10$x')`, [old, goAuthHash('base64', SALT, 32)]);
    await db.query(update);
    await db.query(update);
    const { rows } = await db.query<{ password_hash: string }>('select password_hash from account order by username');
    const [ann = '', other, short = ''] = rows.map(({ password_hash }) => password_hash);
    assert.equal(await verifyPassword(Buffer.from('pw'), ann), true, ann);
    assert.equal(await verifyPassword(Buffer.from('pW'), ann), false);
    assert.equal(other, '$2b$10$x');
    assert.equal(isPasswordHash(short), false, 'of another length than this kind of hash has');
  }
  await db.query('update account set password_hash = $1', [goAuthHash('utf8')]);
  await db.query(ofBase64);
  const { rows } = await db.query<{ password_hash: string }>('select password_hash from account');
  assert.equal(await verifyPassword(Buffer.from('pw'), rows[0]?.password_hash ?? ''), false, 'the other way round it would fit nobody');
});

test("EMQX's salted hashes become those of Mosquitto", async (t) => {
  const { db } = await emptyDatabase(t);
  const update = block(PAGE, EMQX, 'sql');
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
