import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@portcullis/testing';
import { CHANGES_KEPT, MAX_CHANGES_PER_STATEMENT } from './first-triggers.js';
import { Scratch } from './scratch.test.support.js';

const PEOPLE = `
  insert into portcullis.users (tenant, username) values ('', 'ann'), ('', 'bob'), ('acme', 'ann');
  insert into portcullis.groups (tenant, name) values ('', 'red'), ('', 'blue'), ('acme', 'red');
  insert into portcullis.memberships (user_id, group_id)
    select u.id, g.id from portcullis.users u join portcullis.groups g on g.tenant = u.tenant where g.name = 'red';
  insert into portcullis.rules (tenant, user_id, effect, actions, pattern)
    select tenant, id, 'allow', '{publish}', 'own/%u' from portcullis.users;
  insert into portcullis.rules (tenant, group_id, effect, actions, pattern)
    select tenant, id, 'allow', '{subscribe,receive}', 'group/#' from portcullis.groups;
  insert into portcullis.rules (tenant, effect, actions, pattern) values ('', 'deny', '{publish}', 'secret/#');
`;
const user = (name: string, tenant = '') => `(select id from portcullis.users where username = '${name}' and tenant = '${tenant}')`;
const group = (name: string, tenant = '') => `(select id from portcullis.groups where name = '${name}' and tenant = '${tenant}')`;

/** What a statement does, and what each version says that it concerns. */
const CASES: readonly [title: string, statement: string, announced: (string[] | null)[]][] = [
  ['users are added', `insert into portcullis.users (username) values ('cat'), ('dan')`, [['user::cat', 'user::dan']]],
  ['a password is changed', `update portcullis.users set password_hash = 'x' where username = 'ann'`, [['user::ann', 'user:acme:ann']]],
  ['a user is disabled', `update portcullis.users set enabled = false where id = ${user('bob')}`, [['user::bob']]],
  ['attributes change', `update portcullis.users set attributes = '{"zone": 1}' where id = ${user('bob')}`, [['user::bob']]],
  ['a user gets another name', `update portcullis.users set username = 'rob' where id = ${user('bob')}`, [['user::bob', 'user::rob']]],
  [
    'two users get the passwords of each other',
    `update portcullis.users set password_hash = username where tenant = ''`,
    [['user::ann', 'user::bob']],
  ],
  ['a user is deleted, with memberships and rules', `delete from portcullis.users where id = ${user('bob')}`, [['user::bob']]],
  ['nothing is changed', `update portcullis.users set enabled = enabled, username = username`, []],
  ['nobody is found', `delete from portcullis.users where username = 'zoe'`, []],
  ['a group is added', `insert into portcullis.groups (tenant, name) values ('acme', 'blue')`, [['group:acme:blue']]],
  ['a group gets another name, its members another group', rename('red', 'pink'), [['group::pink', 'group::red', 'user::ann', 'user::bob']]],
  // Each table by itself, and the group first: a member who is loaded between them has the group's name still, but none of its rules.
  ['a group is deleted', `delete from portcullis.groups where id = ${group('red')}`, [['group::red'], ['user::ann', 'user::bob']]],
  ['a group without members is deleted', `delete from portcullis.groups where id = ${group('blue')}`, [['group::blue']]],
  ['a user joins', `insert into portcullis.memberships (user_id, group_id) select ${user('ann')}, ${group('blue')}`, [['user::ann']]],
  ['a user leaves', `delete from portcullis.memberships where user_id = ${user('bob')}`, [['user::bob']]],
  ['a membership goes to another', `update portcullis.memberships set group_id = ${group('blue')} where user_id = ${user('bob')}`, [['user::bob']]],
  ['a rule of a user', `update portcullis.rules set retain = false where user_id = ${user('ann')}`, [['user::ann']]],
  ['a rule of a group', `update portcullis.rules set pattern = 'x' where group_id = ${group('red', 'acme')}`, [['group:acme:red']]],
  ['a rule of everybody', `delete from portcullis.rules where effect = 'deny'`, [['tenant::']]],
  [
    'a rule goes from a user to everybody',
    `update portcullis.rules set user_id = null where user_id = ${user('ann', 'acme')}`,
    [['tenant:acme:', 'user:acme:ann']],
  ],
  [
    'a rule goes from one user to another',
    `update portcullis.rules set user_id = ${user('bob')} where user_id = ${user('ann')}`,
    [['user::ann', 'user::bob']],
  ],
  ['rules of several owners', `delete from portcullis.rules where tenant = 'acme'`, [['group:acme:red', 'user:acme:ann']]],
  ['a rule is as it was', `update portcullis.rules set max_qos = max_qos`, []],
  ['rules are truncated', 'truncate portcullis.rules', [null]],
  ['all is truncated', 'truncate portcullis.users, portcullis.groups, portcullis.memberships, portcullis.rules', [null, null, null, null]],
  [
    'a user is added or changed by one statement',
    `insert into portcullis.users (username) values ('ann'), ('eve') on conflict (tenant, username) do update set enabled = false`,
    [['user::ann'], ['user::eve']],
  ],
  ['a name is hard to write', `insert into portcullis.users (username) values (E'a"\\\\\\n\\u2028,:é')`, [['user::a"\\\n\u2028,:é']]],
];

function rename(from: string, to: string): string {
  return `update portcullis.groups set name = '${to}' where id = ${group(from)}`;
}

test('every statement that changes something adds one to the version and says whom it concerns', async (t) => {
  const scratch = await Scratch.open(t);
  for (const [title, statement, announced] of CASES) {
    await scratch.db.query('truncate portcullis.users, portcullis.groups, portcullis.memberships, portcullis.rules');
    await scratch.db.query(PEOPLE);
    const before = await scratch.version();
    assert.deepEqual(await scratch.announced(statement), announced, title);
    const logged = await scratch.rows('select version::int, kind, tenant, name from portcullis.changes where version > $1 order by seq', [before]);
    for (const [index, note] of scratch.notes.entries()) {
      assert.equal(note.v, before + index + 1, title);
      const own = logged.filter(({ version }) => version === note.v).map(({ kind, tenant, name }) => `${kind}:${tenant}:${name}`);
      assert.deepEqual(own.sort(), announced[index] ?? ['all::'], title);
    }
  }
});

test('a copy of many rows is one version', async (t) => {
  const scratch = await Scratch.open(t);
  // The rows that COPY reads come from a file of the server, so that no client of the copy protocol is needed here.
  const [folder] = await scratch.rows('show data_directory');
  const file = `${folder?.data_directory}/copied-${process.pid}`;
  await scratch.db.query(`copy (select 'sensor-' || n from generate_series(1, 5000) n) to '${file}'`);
  assert.deepEqual(await scratch.announced(`copy portcullis.users (username) from '${file}'`), [null]);
  assert.deepEqual(await scratch.rows('select count(*)::int from portcullis.changes'), [{ count: 5000 }]);
});

test('a statement over many rows is one version; beyond the limit it concerns whole tenants, and with too many of those, all', async (t) => {
  const scratch = await Scratch.open(t);
  const many = (tenant: string, from: number, to: number) =>
    `insert into portcullis.users (tenant, username) select ${tenant}, 'u' || n from generate_series(${from}, ${to}) n`;
  const changes = () =>
    scratch.rows(
      'select kind, count(*)::int, min(tenant) as tenant from portcullis.changes c, portcullis.state s where c.version = s.version group by kind',
    );
  assert.deepEqual(await scratch.announced(many(`''`, 1, MAX_CHANGES_PER_STATEMENT)), [null]);
  assert.deepEqual(await changes(), [{ kind: 'user', count: MAX_CHANGES_PER_STATEMENT, tenant: '' }]);
  assert.deepEqual(await scratch.announced(many(`'acme'`, 1, MAX_CHANGES_PER_STATEMENT + 1)), [['tenant:acme:']]);
  assert.deepEqual(await scratch.announced(many(`'t' || n`, 1, MAX_CHANGES_PER_STATEMENT + 1)), [null]);
  assert.deepEqual(await changes(), [{ kind: 'all', count: 1, tenant: '' }]);
});

test('names that do not fit into a notification are in the log alone', async (t) => {
  const scratch = await Scratch.open(t);
  const long = (names: number) => `insert into portcullis.users (username) select repeat('é', 490) || n from generate_series(1, ${names}) n`;
  const [seven] = await scratch.announced(long(7));
  assert.equal(seven?.length, 7);
  assert.deepEqual(await scratch.announced(`${long(8)} on conflict do nothing; delete from portcullis.users`), [[`user::${'é'.repeat(490)}8`], null]);
});

test('versions grow in the order of commits, and whoever has seen one sees all that it says', async (t) => {
  const scratch = await Scratch.open(t);
  const [first, second] = await Promise.all([scratch.connect(), scratch.connect()]);
  await first.query('begin');
  await first.query(`insert into portcullis.users (username) values ('slow')`);
  let done = false;
  const waiting = second.query(`insert into portcullis.users (username) values ('fast')`).then(() => {
    done = true;
  });
  await until(
    'the second writer to wait',
    async () => (await scratch.rows(`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length === 1,
  );
  assert.equal(done, false);
  assert.equal(await scratch.version(), 1);
  await first.query('commit');
  await waiting;
  await until('both announcements', () => scratch.notes.length === 2);
  assert.deepEqual(
    scratch.notes.map(({ v, c }) => [v, c?.[0]?.[2]]),
    [
      [2, 'slow'],
      [3, 'fast'],
    ],
  );
});

test('many writers at once lose no version, deadlock on nothing, and are announced in order', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`insert into portcullis.users (username) select 'u' || n from generate_series(1, 20) n`);
  const writers = await Promise.all(Array.from({ length: 6 }, () => scratch.connect()));
  const before = await scratch.version();
  const PER_WRITER = 25;
  await Promise.all(
    writers.map(async (db, writer) => {
      for (let i = 0; i < PER_WRITER; i++) {
        // Rows in contrary orders: without a queue in front of the rows, such transactions wait for each other.
        const order = (writer + i) % 2 === 0 ? [1, 2] : [2, 1];
        await db.query('begin');
        for (const n of order) await db.query(`update portcullis.users set attributes = $1 where username = $2`, [{ writer, i }, `u${n}`]);
        await db.query(i % 5 === 4 ? 'rollback' : 'commit');
      }
    }),
  );
  const after = await scratch.version();
  assert.equal(after - before, 6 * 20 * 2);
  await until('all announcements', () => scratch.notes.length === after - before + 1);
  assert.deepEqual(
    scratch.notes.map(({ v }) => v),
    Array.from({ length: after - before + 1 }, (_, i) => before + i),
  );
});

test('what is announced can be read by then', async (t) => {
  const scratch = await Scratch.open(t);
  const [writer, reader] = await Promise.all([scratch.connect(), scratch.connect()]);
  for (let v = 2; v <= 9; v++) {
    const written = writer.query(`insert into portcullis.users (username) values ('u${v}')`);
    // The writer himself may not have heard of his commit when others hear of the change.
    await until('the announcement', () => scratch.notes.some((note) => note.v === v));
    const { rows } = await reader.query('select s.version::int, (select max(username) from portcullis.users) as newest from portcullis.state s');
    assert.deepEqual(rows, [{ version: v, newest: `u${v}` }]);
    await written;
  }
});

test('the log keeps the newest changes, and of what it keeps whole versions', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`
    insert into portcullis.changes (version, tenant, kind, name) select 2 + n / 7, '', 'user', 'u' || n from generate_series(0, ${CHANGES_KEPT + 1990}) n;
    update portcullis.state set version = (select max(version) from portcullis.changes)`);
  await scratch.db.query(`insert into portcullis.users (username) select 'n' || n from generate_series(1, 10) n`);
  const [{ count, oldest, rows } = {}] = await scratch.rows(`
    select count(*)::int, min(version)::int as oldest, count(*) filter (where version = (select min(version) from portcullis.changes))::int as rows
    from portcullis.changes`);
  assert.ok(Number(count) <= CHANGES_KEPT && Number(count) > CHANGES_KEPT - 10, String(count));
  assert.equal(rows, 7, `version ${oldest} is there in part`);
});

test('changes are announced from sessions that have switched triggers off, too', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query('set session_replication_role = replica');
  assert.deepEqual(await scratch.announced(`insert into portcullis.users (username) values ('ann')`), [['user::ann']]);
});

test('without its row in state nothing can be changed', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query('delete from portcullis.state');
  await assert.rejects(scratch.db.query(`insert into portcullis.users (username) values ('ann')`), /portcullis\.state has lost its row/);
});

test('who may write users need not have rights on versions, and cannot forge changes', async (t) => {
  const scratch = await Scratch.open(t);
  const role = `writer_${process.pid}_${Date.now()}`;
  await scratch.db.query(`
    create role ${role};
    grant usage on schema portcullis to ${role};
    grant select, insert, update, delete on portcullis.users, portcullis.groups, portcullis.memberships, portcullis.rules to ${role}`);
  await scratch.asRole(role, async () => {
    await scratch.db.query(PEOPLE);
    await scratch.db.query('update portcullis.rules set retain = false where user_id is not null');
    await assert.rejects(scratch.db.query('update portcullis.state set version = 1'), /permission denied/);
    await assert.rejects(scratch.db.query(`select portcullis.note_changes('{}')`), /permission denied/);
    await assert.rejects(scratch.db.query('alter table portcullis.users disable trigger user'), /must be owner/);
  });
  assert.equal(await scratch.version(), 8);
});
