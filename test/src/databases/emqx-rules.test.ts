import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { TestBroker, TestClient } from '@portcullis/testing';
import type pg from 'pg';
import { block, brokerOn, emptyDatabase } from './own-tables.js';

const PAGE = 'coming-from-databases.md';
const EMQX = 'EMQX: authenticator and authorizer `postgresql`';
const SUCCESS = 0;
const NOT_AUTHORIZED = 0x87;
const SALT = 'salt-of-emqx';

type Rule = readonly [permission: string, action: string, topic: string, qos?: string | null, retain?: number];

/** Tables as the documentation of EMQX has them, with these rules for ann. */
async function tables(t: TestContext, qosType: string, rules: readonly Rule[]): Promise<{ readonly db: pg.Client; readonly broker: TestBroker }> {
  const { db, config } = await emptyDatabase(t);
  await db.query(
    `create table mqtt_user (id serial primary key, username text not null unique, password_hash text not null, salt text not null, is_superuser boolean default false);
     create table mqtt_acl (id serial primary key, username text not null, permission text not null, action text not null, topic text not null, qos ${qosType}, retain smallint)`,
  );
  const hash = createHash('sha512').update(`pw${SALT}`).digest('hex');
  for (const name of ['ann', 'root', 'zed']) {
    await db.query('insert into mqtt_user (username, password_hash, salt, is_superuser) values ($1, $2, $3, $4)', [
      name,
      hash,
      SALT,
      name === 'root',
    ]);
  }
  await db.query(block(PAGE, EMQX, 'sql'));
  for (const [permission, action, topic, qos = null, retain = null] of rules) {
    const row = ['ann', permission, action, topic, qos, retain];
    await db.query('insert into mqtt_acl (username, permission, action, topic, qos, retain) values ($1, $2, $3, $4, $5, $6)', row);
  }
  return { db, broker: await brokerOn(t, { ...config, ...JSON.parse(block(PAGE, EMQX, 'json')) }) };
}

async function login(broker: TestBroker, username: string, clientId = 'c1'): Promise<TestClient> {
  const client = await broker.client({ protocol: '5.0' });
  await client.connect({ username, password: 'pw', clientId });
  return client;
}

/** In which ways a client may publish to a topic: the QoS, with `r` where RETAIN is set. Root, who may do everything, hears what is routed. */
async function waysToPublish(client: TestClient, root: TestClient, topic: string): Promise<string> {
  await root.subscribe(topic, 0);
  for (const retain of [false, true]) {
    for (const qos of [0, 1, 2] as const) await client.publish(topic, `${qos}${retain ? 'r' : ''}`, { qos, retain });
  }
  // A ping: all of them have been judged when it is answered.
  await client.expectSilence();
  await root.publish(topic, 'end', { qos: 1 });
  const ways: string[] = [];
  for (;;) {
    const { payload } = await root.expectMessage(topic);
    if (payload === 'end') break;
    ways.push(payload ?? '');
  }
  await root.unsubscribe(topic);
  return ways.sort().join(' ');
}

const EVERY_WAY = '0 0r 1 1r 2 2r';

test("EMQX's rules with QoS and RETAIN become rules that allow no more", async (t) => {
  const { broker } = await tables(t, 'text', [
    ['allow', 'publish', 'plain'],
    ['allow', 'publish', 'q0', '0'],
    ['allow', 'publish', 'q01', '0,1'],
    ['allow', 'publish', 'q012', '0,1,2'],
    ['allow', 'publish', 'q1', '1'],
    ['allow', 'publish', 'q12', '1,2'],
    ['allow', 'publish', 'q02', '0,2'],
    ['allow', 'publish', 'r0', null, 0],
    ['allow', 'publish', 'r1', null, 1],
    ['allow', 'all', 'both', '0', 0],
    ['allow', 'publish', 'denied/#'],
    ['deny', 'publish', 'denied/qos', '2'],
    ['deny', 'publish', 'denied/retained', null, 1],
    ['allow', 'subscribe', 's0', '0', 1],
    ['allow', 'subscribe', 's12', '1,2'],
  ]);
  const [ann, root] = [await login(broker, 'ann'), await login(broker, 'root', 'c2')];
  const ways: Record<string, string> = {};
  for (const topic of ['plain', 'q0', 'q01', 'q012', 'q1', 'q12', 'q02', 'r0', 'r1', 'both', 'denied/not', 'denied/qos', 'denied/retained', 's0']) {
    ways[topic] = await waysToPublish(ann, root, topic);
  }
  assert.deepEqual(ways, {
    plain: EVERY_WAY,
    q0: '0 0r',
    q01: '0 0r 1 1r',
    q012: EVERY_WAY,
    q1: '',
    q12: '',
    q02: '0 0r',
    r0: '0 1 2',
    r1: '',
    both: '0',
    'denied/not': EVERY_WAY,
    'denied/qos': '',
    'denied/retained': '',
    s0: '',
  });
  assert.equal(await ann.subscribe('s0', 2), 0, 'at QoS 0 and no higher');
  for (const filter of ['s12', 'plain', 'q0']) assert.equal(await ann.subscribe(filter, 1), NOT_AUTHORIZED, filter);
});

test("topics of EMQX's rules mean what they meant: variables, percent signs, and what is to be taken literally", async (t) => {
  const { db, broker } = await tables(t, 'smallint', [
    ['allow', 'publish', `own/\${username}/\${clientid}`],
    ['allow', 'publish', 'percent/%u'],
    ['allow', 'publish', `eq literal/\${username}/%c`],
    ['allow', 'subscribe', 'eq wild/#'],
    ['allow', 'subscribe', 'read/#'],
    ['deny', 'subscribe', 'eq read/secret/#'],
    ['allow', 'publish', 'single', '1'],
    ['allow', 'publish', 'lowest', '0'],
  ]);
  const [ann, root] = [await login(broker, 'ann'), await login(broker, 'root', 'c2')];
  const may = async (topic: string): Promise<boolean> => (await ann.publish(topic, 'v', { qos: 1 })) === SUCCESS;
  for (const topic of ['own/ann/c1', 'percent/%u', `literal/\${username}/%c`]) assert.equal(await may(topic), true, topic);
  for (const topic of ['own/bob/c1', 'own/ann/c2', `own/\${username}/\${clientid}`, 'percent/ann', 'literal/ann/%c', 'literal/ann/c1', 'read/x']) {
    assert.equal(await may(topic), false, topic);
  }
  assert.equal(await waysToPublish(ann, root, 'single'), '');
  assert.equal(await waysToPublish(ann, root, 'lowest'), '0 0r');
  for (const filter of ['wild/#', 'wild/a', 'read/secret/a', 'own/ann/c1']) assert.equal(await ann.subscribe(filter), NOT_AUTHORIZED, filter);
  assert.equal(await ann.subscribe('read/#'), 0);
  for (const topic of ['read/secret/a', 'read/open']) await root.publish(topic, 'v', { qos: 1 });
  await ann.expectMessage('read/open');
  await ann.expectSilence();
  // A placeholder that stands for nothing here must not become text that a deny would never meet.
  await db.query(`insert into mqtt_acl (username, permission, action, topic) values ('zed', 'deny', 'all', $1)`, [`\${zone}/#`]);
  for (const [protocol, code] of [
    ['3.1.1', 3],
    ['5.0', 0x88],
  ] as const) {
    const zed = await broker.client({ protocol });
    assert.equal(await zed.connectRefused({ username: 'zed', password: 'pw' }), code);
  }
});
