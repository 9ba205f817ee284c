import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyPassword } from '@portcullis/sdk/passwords';
import { Bench, runTool } from './tool.test.support.js';
import { USAGE } from './usage.js';

const hashOf = async (bench: Bench, name: string) =>
  String((await bench.rows(`select password_hash from portcullis.users where username = '${name}'`))[0]?.password_hash);
const verifies = async (bench: Bench, name: string, password: string) => verifyPassword(Buffer.from(password), await hashOf(bench, name));

test('users are added, changed, disabled, enabled, listed and deleted', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('group add red');
  assert.equal(await bench.done('user add -b -H sha512 --group red --attribute zone=a=b --disabled ann one'), 'added user ann, disabled\n');
  assert.equal((await bench.run(['user', 'add', 'bob smith'], ['two', 'two'])).out, 'added user bob smith\n');
  assert.deepEqual(await bench.rows('select tenant, username, enabled, attributes from portcullis.users order by id'), [
    { tenant: '', username: 'ann', enabled: false, attributes: { zone: 'a=b' } },
    { tenant: '', username: 'bob smith', enabled: true, attributes: {} },
  ]);
  assert.equal(await verifies(bench, 'ann', 'one'), true);
  assert.equal(await verifies(bench, 'bob smith', 'two'), true);
  assert.equal(await bench.done('user list'), 'ann  (disabled; groups: red)\nbob smith\n2 users\n');
  assert.equal(await bench.done('user enable ann'), 'enabled user ann\n');
  assert.equal(await bench.done('user enable ann'), 'user ann is enabled already\n');
  assert.equal(await bench.done('user disable ann'), 'disabled user ann\n');
  assert.equal((await bench.run(['user', 'passwd', 'ann'], ['three', 'three'])).out, 'changed the password of user ann\n');
  assert.equal(await verifies(bench, 'ann', 'one'), false);
  assert.equal(await verifies(bench, 'ann', 'three'), true);
  assert.equal(await bench.done('user delete ann'), 'deleted user ann, with memberships and rules\n');
  assert.deepEqual(await bench.rows('select username from portcullis.users'), [{ username: 'bob smith' }]);
});

test('groups are added, joined, left, listed and deleted', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  assert.equal(await bench.done('group add red'), 'added group red\n');
  assert.equal(await bench.done('group join red ann'), 'user ann is now in group red\n');
  assert.equal(await bench.done('group join red ann'), 'user ann is in group red already\n');
  await bench.done('rule add --group red allow read news/#');
  assert.equal(await bench.done('group list'), 'red  (members: 1; rules: 1)\n1 group\n');
  assert.equal(await bench.done('group leave red ann'), 'user ann is no longer in group red\n');
  assert.equal(await bench.refused('group leave red ann'), 'user ann is not in group red');
  assert.equal(await bench.done('group delete red'), 'deleted group red, with memberships and rules\n');
  assert.deepEqual(await bench.rows('select * from portcullis.rules'), []);
});

test('rules are added for users, groups and everybody, listed and deleted', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  await bench.done('group add red');
  assert.equal(
    await bench.done('rule add --user ann allow write --qos 1 --no-retain own/%u/#'),
    'added rule 1: user ann: allow publish own/%u/# up to QoS 1, not retained\n',
  );
  await bench.done('rule add --group red allow read,read,subscribe news/#');
  await bench.done('rule add --everybody deny all secret/%{attr.zone}');
  assert.deepEqual(await bench.rows('select user_id, group_id, effect, actions, pattern, max_qos, retain from portcullis.rules order by id'), [
    { user_id: '1', group_id: null, effect: 'allow', actions: ['publish'], pattern: 'own/%u/#', max_qos: 1, retain: false },
    { user_id: null, group_id: '1', effect: 'allow', actions: ['subscribe', 'receive'], pattern: 'news/#', max_qos: null, retain: null },
    {
      user_id: null,
      group_id: null,
      effect: 'deny',
      actions: ['publish', 'subscribe', 'receive'],
      pattern: 'secret/%{attr.zone}',
      max_qos: null,
      retain: null,
    },
  ]);
  const all = await bench.done('rule list');
  assert.match(all, /^1: user ann: .*\n2: group red: .*\n3: everybody: deny publish,subscribe,receive secret\/%\{attr\.zone\}\n3 rules\n$/);
  assert.match(await bench.done('rule list --user ann'), /^1: .*\n1 rule\n$/);
  assert.match(await bench.done('rule list --group red'), /^2: .*\n1 rule\n$/);
  assert.match(await bench.done('rule list --everybody'), /^3: .*\n1 rule\n$/);
  assert.equal(await bench.done('rule delete 2'), 'deleted rule 2\n');
  assert.equal(await bench.refused('rule delete 2'), 'there is no rule 2');
});

test('a tenant is a world of its own', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  assert.equal(await bench.done('user add --tenant acme -b -H sha512 ann other'), 'added user ann of tenant acme\n');
  await bench.done('group add --tenant acme red');
  assert.equal(await bench.refused('group join red ann'), 'there is no group red');
  await bench.done('group join --tenant acme red ann');
  await bench.done('rule add --tenant acme --user ann allow write a');
  assert.equal(await bench.done('user list'), 'ann\n1 user\n');
  assert.equal(await bench.done('user list --tenant acme'), 'ann  (groups: red)\n1 user of tenant acme\n');
  assert.equal(await bench.done('rule list'), '0 rules\n');
  assert.equal(await bench.refused('rule delete 1'), 'there is no rule 1');
  assert.equal(
    await bench.refused('user list --tenant a/b'),
    'the tenant "a/b" is not 1 to 64 letters, digits, ".", "_" and "-" that begin with a letter',
  );
  await bench.done('user disable --tenant acme ann');
  assert.deepEqual(await bench.rows('select tenant, enabled from portcullis.users order by id'), [
    { tenant: '', enabled: true },
    { tenant: 'acme', enabled: false },
  ]);
});

test('each mistake is told in one line, and changes nothing', async (t) => {
  const bench = await Bench.open(t);
  await bench.done('user add -b -H sha512 ann pw');
  await bench.done('group add red');
  const [before] = await bench.rows('select version from portcullis.state');
  const rule = (...rest: string[]) => ['rule', 'add', '--user', 'ann', ...rest];
  const cases: readonly [command: string | string[], line: RegExp][] = [
    ['user add ann', /^user ann is there already; user passwd changes the password$/],
    ['user add -b -H sha512 ann x', /is there already/],
    ['user add -b -H sha512 --group blue bob x', /^there is no group blue$/],
    ['user add bob', /^no password was given$/],
    [['user', 'add', '-b', 'bob', ''], /^the password is empty$/],
    [['user', 'add', '-b', '', 'x'], /^the name of the user is empty$/],
    [['user', 'add', '-b', 'x'.repeat(1001), 'x'], /longer than 1000 bytes/],
    [['user', 'add', '-b', '\ud800', 'x'], /no text that a client could send/],
    [['user', 'add', '-b', '-H', 'bcrypt', 'bob', 'x'.repeat(73)], /bcrypt.*72 bytes/],
    ['user passwd zoe', /^there is no user zoe$/],
    ['user disable zoe', /^there is no user zoe$/],
    ['user enable zoe', /^there is no user zoe$/],
    ['user delete zoe', /^there is no user zoe$/],
    [['user', 'delete', 'a\u001b[2Jb'], /^there is no user "a\\u001b\[2Jb"$/],
    ['group add red', /^group red is there already$/],
    ['group delete blue', /^there is no group blue$/],
    ['group join blue ann', /^there is no group blue$/],
    ['group join red zoe', /^there is no user zoe$/],
    ['group leave red ann', /^user ann is not in group red$/],
    ['rule add --user zoe allow write a', /^there is no user zoe$/],
    ['rule add --group blue allow write a', /^there is no group blue$/],
    [rule('permit', 'write', 'a'), /^the rule was not added: the effect is neither "allow" nor "deny"$/],
    [rule('allow', 'sing', 'a'), /an action is none of/],
    [rule('allow', 'write', 'a/#/b'), /the pattern has # before its end \(at character 3\)$/],
    [rule('allow', 'write', 'a/b+'), /\+ or # next to other text in a level \(at character 4\)$/],
    [rule('allow', 'write', 'a/%x'), /begins no variable.*\(at character 3\)$/],
    [rule('allow', 'read', '$share/g/a'), /begins with \$share/],
    [rule('allow', 'write', ''), /the pattern is empty/],
    [rule('deny', 'write', 'a', '--qos', '1'), /a deny rule refuses altogether/],
    [rule('allow', 'read', 'a', '--no-retain'), /retain limits publish/],
    ['rule delete 99', /^there is no rule 99$/],
    ['user list --schema Other', /^the schema name "Other" is not 1 to 63 of a-z/],
    ['user list --schema other', /^there is no schema other of Portcullis in this database; portcullis-postgres init makes it$/],
    ['migrate --schema other', /init makes it$/],
    ['init --grant-to nobody_at_all', /^there is no role "nobody_at_all"; create it first/],
  ];
  for (const [command, line] of cases) assert.match(await bench.refused(command), line, String(command).slice(0, 80));
  assert.deepEqual(await bench.rows('select version from portcullis.state'), [before]);
  assert.equal((await bench.run(['user', 'add', 'bob'], ['one', 'two'])).error, 'portcullis-postgres: the passwords do not match\n');
  assert.deepEqual(await bench.rows('select version from portcullis.state'), [before]);
});

test('what cannot be understood is refused before anything is connected to', async () => {
  const cases: readonly [args: string[], line: RegExp][] = [
    [[], /^a command is needed/],
    [['frob'], /^there is no command "frob"/],
    [['user'], /^"user" is followed by add, passwd/],
    [['user', 'frob'], /^"user" is followed by add, passwd/],
    [['user', 'add'], /^"user add" needs a name/],
    [['user', 'add', 'ann', 'pw'], /^"user add" asks for the password; -b takes it/],
    [['user', 'add', '-b', 'ann'], /^"user add" needs the password/],
    [['user', 'passwd', '-b', 'ann', 'a', 'b'], /^"user passwd" takes no argument after the password/],
    [['user', 'list', 'ann'], /^"user list" takes no argument after it/],
    [['user', 'list', '--disabled'], /^"user list" has no option --disabled/],
    [['user', 'add', '--frob', 'ann'], /^unknown option '--frob'/],
    [['user', 'add', '-H', 'md5', 'ann'], /^-H is one of sha512,/],
    [['user', 'add', '--attribute', 'x', 'ann'], /^--attribute is name=value/],
    [['user', 'add', '--attribute', 'x=1', '--attribute', 'x=2', 'ann'], /^--attribute gives "x" twice/],
    [['user', 'add', '--tenant', '', 'ann'], /^--tenant needs a value/],
    [['init', '--tenant', 'acme'], /^"init" has no option --tenant/],
    [['check', '--tenant', 'acme'], /^"check" has no option --tenant/],
    [['rule', 'add', 'allow', 'write', 'a'], /^"rule add" needs --user, --group or --everybody/],
    [['rule', 'add', '--user', 'a', '--everybody', 'allow', 'write', 'a'], /^a rule has one owner/],
    [['rule', 'add', '--group', 'a', '--group', 'b', 'allow', 'write', 'a'], /^a rule has one owner/],
    [['rule', 'add', '--user', 'a', 'allow', 'write'], /^"rule add" needs a pattern/],
    [['rule', 'add', '--user', 'a', '--qos', '3', 'allow', 'write', 'a'], /^--qos is 0, 1 or 2/],
    [['rule', 'delete', '1;drop'], /^"rule delete" needs the number/],
    [['--url', 'postgres://x', '-c', 'plugins.json', 'check'], /^--url and --config both say/],
    [['--plugin', 'x', 'check'], /^--plugin names an entry of a --config/],
  ];
  for (const [args, line] of cases) {
    const said = await runTool(args, { env: { PORTCULLIS_POSTGRES_URL: 'postgres://127.0.0.1:1/none' } });
    assert.equal(said.status, 2, args.join(' '));
    assert.equal(said.out, '');
    const [only = '', end] = said.error.split('\n');
    assert.equal(end, '');
    assert.match(only.slice('portcullis-postgres: '.length), line);
    assert.match(only, /; --help shows all commands$/);
  }
  assert.deepEqual(await runTool(['--help']), { status: 0, out: USAGE, error: '' });
  assert.deepEqual(await runTool(['-h']), { status: 0, out: USAGE, error: '' });
});

test('names that are hard to quote are kept as they are, and shown so that no terminal obeys them', async (t) => {
  const bench = await Bench.open(t);
  const names = ["o'neil", '"; drop table users; --', '%_\\', 'constructor', '__proto__', 'a\u001b[31mb', 'é', '\u202egnp', '$1'];
  for (const name of names) assert.equal((await bench.run(['user', 'add', '-b', '-H', 'sha512', name, 'pw'])).status, 0, name);
  const kept = await bench.rows('select username from portcullis.users order by id');
  assert.deepEqual(
    kept.map(({ username }) => username),
    names,
  );
  const listed = await bench.done('user list');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.doesNotMatch(listed, /[\u001b\u202e]/);
  assert.match(listed, /"a\\u001b\[31mb"/);
  assert.match(listed, /"\\u\{202e\}gnp"/);
});

test('a long list comes whole', async (t) => {
  const bench = await Bench.open(t);
  await bench.db.query(`
    insert into portcullis.users (username) select 'u' || n from generate_series(1, 2500) n;
    insert into portcullis.rules (effect, actions, pattern) select 'allow', '{publish}', 'a/' || n from generate_series(1, 2000) n`);
  const users = (await bench.done('user list')).split('\n');
  assert.equal(new Set(users).size, 2502);
  assert.equal(users.at(-2), '2500 users');
  const rules = (await bench.done('rule list')).split('\n');
  assert.equal(rules.length, 2002);
  assert.equal(rules.at(-2), '2000 rules');
});

test('of two tools that add the same user at once, one does', async (t) => {
  const bench = await Bench.open(t);
  const said = await Promise.all(Array.from({ length: 4 }, (_, i) => bench.run(['user', 'add', '-b', '-H', 'sha512', 'ann', `pw${i}`])));
  assert.deepEqual(said.map(({ status }) => status).sort(), [0, 1, 1, 1]);
  for (const { status, error } of said) if (status === 1) assert.match(error, /user ann is there already/);
  const winner = said.findIndex(({ status }) => status === 0);
  assert.equal(await verifies(bench, 'ann', `pw${winner}`), true);
});

test('tools that make the schema at once make one', async (t) => {
  const bench = await Bench.open(t, { init: false });
  const said = await Promise.all(Array.from({ length: 4 }, () => bench.run(['init'])));
  assert.deepEqual(said.map(({ status, out }) => [status, out.split(',')[0]]).sort(), [
    [0, 'made the schema portcullis'],
    [0, 'the schema portcullis is there already'],
    [0, 'the schema portcullis is there already'],
    [0, 'the schema portcullis is there already'],
  ]);
});
