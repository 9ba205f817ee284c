import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readerGrants } from './grants.js';
import { migrate, requireSchema, schemaVersion } from './migrate.js';
import { SCHEMA_VERSION } from './migrations.js';
import { schemaNameProblem } from './names.js';
import { Scratch } from './scratch.test.support.js';

const dump = `select c.relname, c.relkind, array(select a.attname || ' ' || a.atttypid::regtype from pg_attribute a where a.attrelid = c.oid order by 1) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'portcullis' order by 1`;

test('a schema is made once; whoever comes later finds nothing to do', async (t) => {
  const scratch = await Scratch.open(t, { init: false });
  assert.equal(await schemaVersion(scratch.db, 'portcullis'), 0);
  await assert.rejects(migrate(scratch.db, 'portcullis', { create: false }), /there is no schema portcullis .* portcullis-postgres init makes it/);
  assert.deepEqual(await migrate(scratch.db, 'portcullis', { create: true }), { from: 0, to: SCHEMA_VERSION });
  const before = await scratch.rows(dump);
  assert.deepEqual(await migrate(scratch.db, 'portcullis', { create: true }), { from: SCHEMA_VERSION, to: SCHEMA_VERSION });
  assert.deepEqual(await migrate(scratch.db, 'portcullis', { create: false }), { from: SCHEMA_VERSION, to: SCHEMA_VERSION });
  assert.deepEqual(await scratch.rows(dump), before);
  await requireSchema(scratch.db, 'portcullis');
});

test('several at once make one schema', async (t) => {
  const scratch = await Scratch.open(t, { init: false });
  const others = await Promise.all(Array.from({ length: 4 }, () => scratch.connect()));
  const made = await Promise.all(others.map((db) => migrate(db, 'portcullis', { create: true })));
  assert.deepEqual(made.map(({ from }) => from).sort(), [0, SCHEMA_VERSION, SCHEMA_VERSION, SCHEMA_VERSION]);
  assert.equal(await scratch.version(), 1);
});

test('a migration that fails leaves nothing behind', async (t) => {
  const scratch = await Scratch.open(t, { init: false });
  const failing = {
    query: (text: string, values?: readonly unknown[]) => scratch.db.query(text.replace('create trigger', 'create nonsense'), values as unknown[]),
  };
  await assert.rejects(migrate(failing, 'portcullis', { create: true }), /syntax error/);
  assert.deepEqual(await scratch.rows(`select 1 from pg_namespace where nspname = 'portcullis'`), []);
  assert.deepEqual(await migrate(scratch.db, 'portcullis', { create: true }), { from: 0, to: SCHEMA_VERSION });
});

test('a newer schema is left alone, and one with gaps is not trusted', async (t) => {
  const scratch = await Scratch.open(t);
  await scratch.db.query(`insert into portcullis.migrations (number, name) values (${SCHEMA_VERSION + 1}, 'from the future')`);
  await assert.rejects(
    migrate(scratch.db, 'portcullis', { create: true }),
    /has version 2, and this program knows 1 at most; install the newer program/,
  );
  await assert.rejects(requireSchema(scratch.db, 'portcullis'), /knows 1 at most/);
  await scratch.db.query('delete from portcullis.migrations where number = 1');
  await assert.rejects(requireSchema(scratch.db, 'portcullis'), /does not hold each number from 1 once/);
  await scratch.db.query('delete from portcullis.migrations');
  await assert.rejects(requireSchema(scratch.db, 'portcullis'), /init makes it/);
});

test('a schema with tables of others is not taken over', async (t) => {
  const scratch = await Scratch.open(t, { init: false });
  await scratch.db.query('create schema portcullis; create table portcullis.users (id int)');
  await assert.rejects(migrate(scratch.db, 'portcullis', { create: true }), /holds tables that are not Portcullis's/);
});

test('a schema may have another name, beside the first', async (t) => {
  const scratch = await Scratch.open(t, { schema: 'second' });
  await migrate(scratch.db, 'portcullis', { create: true });
  await scratch.db.query(`insert into portcullis.users (username) values ('ann'); insert into second.users (username) values ('bob')`);
  await scratch.db.query('select 1');
  assert.deepEqual(
    scratch.notes.map(({ c }) => c),
    [[['user', '', 'bob']]],
  );
  for (const [name, problem] of [
    ['Portcullis', /is not 1 to 63/],
    ['a"b', /is not 1 to 63/],
    ['x'.repeat(64), /is not 1 to 63/],
    ['', /is not 1 to 63/],
    ['pg_mine', /belongs to PostgreSQL/],
    ['information_schema', /belongs to PostgreSQL/],
  ] as const) {
    assert.match(schemaNameProblem(name) ?? '', problem);
    await assert.rejects(migrate(scratch.db, name, { create: true }), problem);
  }
});

test("the broker's role reads everything and changes nothing", async (t) => {
  const scratch = await Scratch.open(t);
  const role = `"Reader ""${process.pid}_${Date.now()}"`;
  await scratch.db.query(`create role ${role}`);
  for (const grant of readerGrants('portcullis', role.slice(1, -1).replaceAll('""', '"'))) await scratch.db.query(grant);
  await scratch.asRole(role, async () => {
    for (const table of ['users', 'groups', 'memberships', 'rules', 'state', 'changes', 'migrations']) {
      await scratch.db.query(`select * from portcullis.${table}`);
      await assert.rejects(scratch.db.query(`delete from portcullis.${table}`), /permission denied/, table);
    }
    await scratch.db.query('listen portcullis');
  });
});
