import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scratch } from './scratch.test.support.js';

const rule = (columns: string, values: string) => `insert into portcullis.rules (${columns}) values (${values})`;
const plain = (effect: string, actions: string, more = '', value = '') =>
  rule(`effect, actions, pattern${more}`, `'${effect}', '${actions}', 'a/#'${value}`);

/** What a hand that slips would write, and what refuses it. */
const REFUSED: readonly [statement: string, by: RegExp][] = [
  [`insert into portcullis.users (username) values ('')`, /users_username/],
  [`insert into portcullis.users (username) values (repeat('x', 1001))`, /users_username/],
  [`insert into portcullis.users (username) values (null)`, /not-null/],
  [`insert into portcullis.users (username) values ('ann')`, /users_tenant_username_key/],
  [`insert into portcullis.users (tenant, username) values ('two words', 'x')`, /users_tenant/],
  [`insert into portcullis.users (username, attributes) values ('x', '[]')`, /users_attributes/],
  [`insert into portcullis.users (username, attributes) values ('x', '{"a": [1]}')`, /users_attributes/],
  [`insert into portcullis.users (username, attributes) values ('x', '{"a": {}}')`, /users_attributes/],
  [`insert into portcullis.users (username, attributes) values ('x', '{"a": null}')`, /users_attributes/],
  [`insert into portcullis.groups (name) values ('')`, /groups_name/],
  [`insert into portcullis.groups (name) values ('red')`, /groups_tenant_name_key/],
  [plain('grant', '{publish}'), /rules_effect/],
  [plain('allow', '{}'), /rules_actions/],
  [plain('allow', '{write}'), /rules_actions/],
  [plain('allow', '{publish,NULL}'), /rules_actions/],
  [plain('allow', '{publish,publish}'), /rules_actions/],
  [plain('allow', '{{publish},{receive}}'), /rules_actions/],
  [plain('allow', '{publish}', ', max_qos', ', 3'), /rules_max_qos/],
  [plain('deny', '{publish}', ', max_qos', ', 1'), /rules_limits/],
  [plain('deny', '{publish}', ', retain', ', false'), /rules_limits/],
  [rule('effect, actions, pattern', `'allow', '{publish}', ''`), /rules_pattern/],
  [rule('effect, actions, pattern, user_id, group_id', `'allow', '{publish}', 'a', 1, 1`), /rules_one_owner/],
  [rule('effect, actions, pattern, user_id', `'allow', '{publish}', 'a', 99`), /rules_user/],
  [rule('tenant, effect, actions, pattern, user_id', `'acme', 'allow', '{publish}', 'a', 1`), /rules_user/],
  [rule('tenant, effect, actions, pattern, group_id', `'acme', 'allow', '{publish}', 'a', 1`), /rules_group/],
  [`insert into portcullis.memberships (user_id, group_id) values (1, 2)`, /memberships_group/],
  [`insert into portcullis.memberships (user_id, group_id) values (99, 1)`, /memberships_user/],
  [`insert into portcullis.memberships (tenant, user_id, group_id) values ('acme', 1, 2)`, /memberships_group/],
  [`insert into portcullis.state (version, epoch) values (2, gen_random_uuid())`, /state_pkey/],
  [`update portcullis.state set version = 0`, /state_version/],
];

test('rows that would be faults to the broker are refused by the database', async (t) => {
  const { db } = await Scratch.open(t);
  await db.query(
    `insert into portcullis.users (username) values ('ann'); insert into portcullis.groups (tenant, name) values ('', 'red'), ('acme', 'red')`,
  );
  for (const [statement, by] of REFUSED) await assert.rejects(db.query(statement), by, statement);
});

test('what is allowed is kept as it was written', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`
    insert into portcullis.users (username, attributes) values ('%_\\''', '{"a": "x", "b": 1.5, "c": false}'), ('constructor', '{}'), ('__proto__', '{}');
    ${plain('allow', '{receive,publish,subscribe}', ', max_qos, retain', ', 0, false')}; ${plain('deny', '{subscribe}', ', max_qos, retain', ', 2, true')}`);
  assert.deepEqual(await scratch.rows('select username, attributes, enabled, password_hash, tenant from portcullis.users order by id'), [
    { username: "%_\\'", attributes: { a: 'x', b: 1.5, c: false }, enabled: true, password_hash: null, tenant: '' },
    { username: 'constructor', attributes: {}, enabled: true, password_hash: null, tenant: '' },
    { username: '__proto__', attributes: {}, enabled: true, password_hash: null, tenant: '' },
  ]);
  assert.deepEqual(await scratch.rows('select actions, max_qos, retain from portcullis.rules order by id'), [
    { actions: ['receive', 'publish', 'subscribe'], max_qos: 0, retain: false },
    { actions: ['subscribe'], max_qos: 2, retain: true },
  ]);
});

test('names are compared byte by byte', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`insert into portcullis.users (username) values ('é'), (E'e\\u0301'), ('E'), ('e')`);
  assert.deepEqual(await scratch.rows(`select username from portcullis.users where username = 'é'`), [{ username: 'é' }]);
  assert.deepEqual(await scratch.rows(`select username from portcullis.users where username = 'e'`), [{ username: 'e' }]);
});

test('a user who goes to another tenant takes his rules along, and cannot keep the groups of the old one', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`
    insert into portcullis.users (username) values ('ann'); insert into portcullis.groups (name) values ('red');
    insert into portcullis.memberships (user_id, group_id) values (1, 1);
    ${rule('effect, actions, pattern, user_id', `'allow', '{publish}', 'a', 1`)}`);
  await assert.rejects(scratch.db.query(`update portcullis.users set tenant = 'acme'`), /memberships_group/);
  await scratch.db.query('delete from portcullis.memberships');
  // The rule's own statement comes first, when its owner is there under the new name only.
  assert.deepEqual(await scratch.announced(`update portcullis.users set tenant = 'acme'`), [['user::ann', 'user:acme:ann'], ['user:acme:ann']]);
  assert.deepEqual(await scratch.rows('select tenant from portcullis.rules'), [{ tenant: 'acme' }]);
});
