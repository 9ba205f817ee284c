import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pooler } from './pooler.test.support.js';
import { Bench, runTool } from './tool.test.support.js';

const lines = async (bench: Bench, ...more: string[]) => {
  const { status, out, error } = await bench.run(['check', ...more]);
  assert.equal(error, '');
  return { status, lines: out.split('\n').slice(0, -1) };
};

test('a sound database passes', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  await bench.done('rule add --everybody allow read a/#');
  const { status, lines: said } = await lines(bench);
  assert.equal(status, 0);
  for (const expected of [
    /^ok {4}connected to 127\.0\.0\.1:\d+\/\w+ as /,
    /^ok {4}no TLS, and the connection does not leave this machine$/,
    /^ok {4}PostgreSQL \d+/,
    /^ok {4}encoding UTF8$/,
    /^ok {4}schema portcullis, version 1$/,
    /^ok {4}every trigger that announces changes is there and enabled$/,
    /^ok {4}the role \w+ may read all tables$/,
    /^warn {2}the role \w+ is a superuser/,
    /^ok {4}version 3 of epoch [0-9a-f-]{36}$/,
    /^ok {4}1 users, 0 of them without a password$/,
    /^ok {4}1 rules$/,
    /^ok {4}LISTEN works through this connection$/,
    /^nothing failed$/,
  ]) {
    assert.equal(said.filter((line) => expected.test(line)).length, 1, `${expected} in\n${said.join('\n')}`);
  }
  assert.equal(said.length, 13);
});

test('everything that would be a fault later is named', async (t) => {
  const bench = await Bench.open(t);
  await bench.db.query(`
    insert into portcullis.users (username, password_hash) values
      ('plain', 'secret-in-plain-text'), ('md5', '$1$abcdefgh$xxxxxxxxxxxxxxxxxxxxxx'), ('broken', '$2b$10$tooshort'), ('none', null), ('empty', ''),
      ('costly', '$7$2147483648$c2FsdHNhbHRzYWx0$c2FsdA==');
    insert into portcullis.users (tenant, username, password_hash) select 'acme', 'u' || n, 'x' from generate_series(1, 20) n;
    insert into portcullis.groups (name) select 'g' || n from generate_series(1, 1001) n;
    insert into portcullis.memberships (user_id, group_id) select (select id from portcullis.users where username = 'none'), id from portcullis.groups;
    insert into portcullis.rules (effect, actions, pattern) values ('allow', '{publish}', 'a/#/b'), ('allow', '{publish}', 'a/%x'), ('allow', '{publish}', 'ok/%u');
    insert into portcullis.rules (effect, actions, pattern, max_qos) values ('allow', '{receive}', 'a', 0);
    alter table portcullis.users disable trigger note_update;
    drop trigger lock_state on portcullis.rules;
    alter table portcullis.rules enable row level security`);
  const { status, lines: said } = await lines(bench);
  assert.equal(status, 1);
  const failed = said.filter((line) => line.startsWith('FAIL')).map((line) => line.slice(6));
  assert.deepEqual(failed.slice(0, 2), [
    'the trigger users.note_update is disabled; alter table portcullis.users enable always trigger note_update: changes would not reach live clients',
    'the trigger rules.lock_state is missing; restore the schema: changes would not reach live clients',
  ]);
  assert.match(failed[2] ?? '', /^the table rules has row-level security: /);
  failed.splice(2, 1);
  assert.deepEqual(failed.slice(2, 8), [
    'user plain can never log in: the password hash has no format that is known',
    'user md5 can never log in: the password hash has no format that is known',
    'user broken can never log in: the bcrypt hash is damaged, or its cost beyond all measure',
    'user none is in 1001 groups; 1000 are the most',
    'user costly can never log in: the pbkdf2-sha512 hash is damaged, or its cost beyond all measure',
    '20 more users of that kind',
  ]);
  assert.match(failed[8] ?? '', /^rule 1 refuses everybody whom it concerns: the pattern has # before its end \(at character 3\)$/);
  assert.match(failed[9] ?? '', /^rule 2 .*begins no variable/);
  assert.match(failed[10] ?? '', /^rule 4 .*maxQos limits publish and subscribe/);
  assert.equal(said.at(-1), '12 failed');
  assert.ok(!said.some((line) => line.includes('secret-in-plain-text')));
  // The statement that is advised can be run.
  await bench.db.query('alter table portcullis.users enable always trigger note_update');
  assert.ok(!(await lines(bench)).lines.some((line) => line.includes('note_update')));
});

test('a schema that is missing, old, or new is named, and LISTEN is tried all the same', async (t) => {
  const bench = await Bench.open(t, { init: false });
  const first = await lines(bench);
  assert.equal(first.status, 1);
  assert.ok(first.lines.some((line) => /^FAIL {2}there is no schema portcullis .* init makes it$/.test(line)));
  assert.ok(first.lines.some((line) => /^ok {4}LISTEN works/.test(line)));
  await bench.done('init');
  await bench.db.query(`insert into portcullis.migrations (number, name) values (2, 'later')`);
  assert.ok((await lines(bench)).lines.some((line) => /^FAIL {2}the schema portcullis has version 2, and this program knows 1 at most/.test(line)));
});

test("the role of the broker is looked at before it is the broker's", async (t) => {
  const bench = await Bench.open(t);
  const role = `broker_${process.pid}_${Date.now()}`;
  await bench.db.query(`create role ${role}`);
  try {
    const before = await lines(bench, '--role', role);
    assert.equal(before.status, 1);
    assert.ok(before.lines.includes(`FAIL  the role ${role} has no usage of the schema; init --grant-to ${role} gives it`));
    assert.ok(before.lines.includes(`FAIL  the role ${role} may not read rules; init --grant-to ${role} lets it`));
    assert.equal(await bench.done(`init --grant-to ${role}`), `the schema portcullis is there already, version 1; ${role} may read it\n`);
    const after = await lines(bench, '--role', role);
    assert.equal(after.status, 0);
    assert.ok(after.lines.includes(`ok    the role ${role} may read all tables`));
    assert.ok(!after.lines.some((line) => line.startsWith('warn')));
    await bench.db.query(`grant update on portcullis.users to ${role}`);
    assert.ok((await lines(bench, '--role', role)).lines.includes(`warn  the role ${role} may change users; the broker need not`));
    assert.equal((await lines(bench, '--role', 'nobody_at_all')).status, 1);
  } finally {
    await bench.db.query(`drop owned by ${role}; drop role ${role}`);
  }
});

test('a lost row of state, and a log that is newer than the version, are named', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  await bench.db.query('update portcullis.state set version = 1');
  assert.ok((await lines(bench)).lines.some((line) => /^FAIL {2}the log holds changes that are newer than the version/.test(line)));
  await bench.db.query('delete from portcullis.state');
  assert.ok((await lines(bench)).lines.some((line) => /^FAIL {2}portcullis\.state has no row/.test(line)));
});

test('a pooler that loses notifications, or gives each transaction another connection, is found', async (t) => {
  const bench = await Bench.open(t);
  for (const [habit, line] of [
    ['swallows notifications', /^FAIL {2}a notification did not arrive within 3000 ms: connect past the pooler/],
    ['changes connections', /^FAIL {2}each transaction comes to another connection of the server: connect past the pooler/],
  ] as const) {
    const url = new URL(bench.url);
    url.port = String(await pooler(t, Number(url.port), habit));
    const { status, out } = await runTool(['check'], { env: { PORTCULLIS_POSTGRES_URL: url.href } });
    assert.equal(status, 1, out);
    assert.equal(out.split('\n').filter((said) => line.test(said)).length, 1, out);
    assert.match(out, /^1 failed$/m);
  }
});

test('an owner of more rules than the broker takes, or of longer ones, is named', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('group add red');
  await bench.db.query(
    `insert into portcullis.rules (group_id, effect, actions, pattern) select 1, 'allow', '{publish}', 'a/' || n from generate_series(1, 10001) n`,
  );
  const { status, lines: said } = await lines(bench);
  assert.equal(status, 1);
  assert.ok(said.includes('FAIL  group red has 10001 rules; 10000 are the most'), said.join('\n'));
  await bench.db.query(`delete from portcullis.rules where id > 100; update portcullis.rules set pattern = repeat('a', 50000)`);
  assert.ok((await lines(bench)).lines.includes('FAIL  the patterns of group red take 5000000 bytes; 4194304 are the most'));
});

test('after a restore brokers are told to forget', async (t) => {
  const bench = await Bench.open(t);
  const [before] = await bench.rows('select version::int, epoch from portcullis.state');
  const heard: string[] = [];
  bench.db.on('notification', ({ payload = '' }) => heard.push(payload));
  await bench.db.query('listen portcullis');
  assert.equal(await bench.done('restored'), 'brokers will forget what they knew and read everything again\n');
  const [after] = await bench.rows('select version::int, epoch from portcullis.state');
  assert.equal(after?.version, Number(before?.version) + 1);
  assert.notEqual(after?.epoch, before?.epoch);
  assert.deepEqual(
    heard.map((payload) => JSON.parse(payload)),
    [{ v: after?.version, e: after?.epoch, c: null }],
  );
  assert.deepEqual(await bench.rows(`select kind, tenant, name from portcullis.changes`), [{ kind: 'all', tenant: '', name: '' }]);
});
