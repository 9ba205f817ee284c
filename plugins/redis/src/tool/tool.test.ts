import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { verifyPassword } from '@portcullis/sdk/passwords';
import { type RedisServer, startRedis } from '@portcullis/test-servers';
import { Redis } from 'ioredis';
import { readChange } from '../change-message.js';
import { Layout } from '../layout.js';
import { runRedisTool } from './tool.js';

const CANARY = 'canary-password-7';
const layout = new Layout('portcullis');

let server: RedisServer;
let client: Redis;

before(async () => {
  server = await startRedis();
  client = new Redis(server.port, '127.0.0.1', { protocol: 2 });
});

after(async () => {
  client.disconnect();
  await server.dispose();
});

beforeEach(async () => {
  await client.flushall();
});

interface Run {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

async function run(args: readonly string[], secrets: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  let out = '';
  let error = '';
  const left = [...secrets];
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    error: (text: string) => {
      error += text;
    },
    secret: async () => {
      const next = left.shift();
      return next === undefined ? null : Buffer.from(next);
    },
  };
  const status = await runRedisTool(args, terminal, { PORTCULLIS_REDIS_URL: server.url(), ...env });
  return { status, out, error };
}

async function done(...args: readonly string[]): Promise<string> {
  const { status, out, error } = await run(args, [CANARY, CANARY]);
  assert.deepEqual([status, error], [0, '']);
  return out;
}

async function fails(status: number, message: RegExp, args: readonly string[], secrets: readonly string[] = [CANARY, CANARY]): Promise<void> {
  const result = await run(args, secrets);
  assert.deepEqual([result.status, result.out], [status, '']);
  assert.match(result.error, message);
  assert.match(result.error, /^portcullis-redis: [^\n]+\n$/);
  assert.ok(!result.error.includes(CANARY));
}

test('a user is written as a whole, with a hash that verifies, a version, and the news of it', async () => {
  const listener = client.duplicate();
  const heard: string[] = [];
  listener.on('message', (_channel, text) => heard.push(text));
  await listener.subscribe(layout.channel);
  await done('group', 'add', 'crew');
  assert.equal(await done('user', 'add', 'alice', '--group', 'crew', '--attribute', 'site=north'), 'user alice added (version 2)\n');
  const { hash = '', ...fields } = await client.hgetall(layout.user(null, 'alice'));
  assert.deepEqual(fields, { v: '2', enabled: '1', groups: '["crew"]', attributes: '{"site":"north"}', rules: '[]' });
  assert.ok(await verifyPassword(Buffer.from(CANARY), hash));
  assert.equal(await client.get(layout.version(null)), '2');
  await client.ping();
  assert.deepEqual(heard.map(readChange), [
    { version: 1, kind: 'group', tenant: null, name: 'crew' },
    { version: 2, kind: 'user', tenant: null, name: 'alice' },
  ]);
  listener.disconnect();
});

test('a user is disabled, enabled, given another password, shown, listed and deleted', async () => {
  await done('user', 'add', 'alice');
  const before = await client.hget(layout.user(null, 'alice'), 'hash');
  await done('user', 'disable', 'alice');
  assert.equal(await done('user', 'list'), 'alice  disabled\n');
  await done('user', 'enable', 'alice');
  await done('user', 'passwd', 'alice');
  assert.notEqual(await client.hget(layout.user(null, 'alice'), 'hash'), before);
  await done('user', 'add', 'door', '--no-password', '--disabled');
  assert.match(await done('user', 'show', 'alice'), /^user {8}alice\nenabled {5}yes\npassword {4}argon2id\ngroups {6}none\n/);
  assert.match(await done('user', 'show', 'door'), /enabled {5}no\npassword {4}none\n/);
  await done('user', 'delete', 'alice');
  assert.equal(await done('user', 'list'), 'door  disabled\n');
  const stone = await client.hgetall(layout.user(null, 'alice'));
  assert.deepEqual(stone, { v: '6', deleted: '1' });
  assert.ok((await client.ttl(layout.user(null, 'alice'))) > 600_000);
  await done('user', 'add', 'alice');
  assert.equal(await client.ttl(layout.user(null, 'alice')), -1);
});

test('groups are joined and left, and one that has members is not deleted', async () => {
  await done('group', 'add', 'crew');
  await done('user', 'add', 'alice');
  await done('group', 'join', 'crew', 'alice');
  await fails(1, /in the group crew already/, ['group', 'join', 'crew', 'alice']);
  await fails(1, /not empty: alice; take them out/, ['group', 'delete', 'crew']);
  await done('group', 'leave', 'crew', 'alice');
  await fails(1, /alice is not in the group/, ['group', 'leave', 'crew', 'alice']);
  assert.equal(await done('group', 'list'), 'crew\n');
  await done('group', 'delete', 'crew');
  assert.equal(await done('group', 'list'), 'there is no group\n');
  await fails(1, /no group crew/, ['group', 'join', 'crew', 'alice']);
  await fails(1, /no group crew/, ['user', 'add', 'bob', '--group', 'crew']);
});

test('rules of users, groups and everybody are added, listed by number and deleted', async () => {
  await done('user', 'add', 'alice');
  await done('group', 'add', 'crew');
  for (const owner of [['--user', 'alice'], ['--group', 'crew'], ['--everybody']]) {
    await done('rule', 'add', ...owner, 'allow', 'read', 'news/#');
    await done('rule', 'add', ...owner, 'allow', 'write', 'dev/%u/x', '--qos', '1', '--no-retain');
    await done('rule', 'add', ...owner, 'deny', 'all', 'secret/#');
    const lines = [
      '    1  allow subscribe,receive  news/#',
      '    2  allow publish  dev/%u/x  (QoS 1 at most, not retained)',
      '    3  deny publish,subscribe,receive  secret/#',
    ];
    assert.equal(await done('rule', 'list', ...owner), `${lines.join('\n')}\n`);
    await done('rule', 'delete', ...owner, '2');
    await fails(1, /has no rule 3/, ['rule', 'delete', ...owner, '3']);
  }
  assert.match(await done('user', 'show', 'alice'), /rules\n {4}1 {2}allow subscribe,receive {2}news\/#\n/);
});

test('each mistake is one clear line, and changes nothing', async () => {
  await done('user', 'add', 'alice');
  const before = await client.get(layout.version(null));
  const mistakes: readonly (readonly [status: number, message: RegExp, args: readonly string[], secrets?: readonly string[]])[] = [
    [2, /a command is needed/, []],
    [2, /no command "usr"/, ['usr', 'add']],
    [2, /"user" is followed by add, passwd/, ['user']],
    [2, /needs a name/, ['user', 'add']],
    [2, /-b takes it from the command line/, ['user', 'passwd', 'alice', CANARY]],
    [2, /arguments that begin with "-" stand behind "--"/, ['user', 'add', 'bob', '-b', `--${CANARY}`]],
    [2, /name of the user is longer than 1024 bytes/, ['user', 'add', 'x'.repeat(1025)]],
    [2, /--tenant is a letter/, ['user', 'list', '--tenant', '{x}']],
    [2, /--prefix is/, ['user', 'list', '--prefix', 'a{b}']],
    [2, /no option --qos/, ['user', 'list', '--qos', '1']],
    [2, /--qos is 0, 1 or 2/, ['rule', 'add', '--everybody', 'allow', 'read', 'x', '--qos', '3']],
    [2, /needs one of --user, --group and --everybody/, ['rule', 'add', '--everybody', '--user', 'alice', 'allow', 'read', 'x']],
    [2, /-H is one of/, ['user', 'add', 'bob', '-H', 'md5']],
    [2, /begins with redis:\/\//, ['user', 'list', '--url', 'http://x']],
    [2, /shows its password to other users/, ['user', 'list', '--url', `redis://:${CANARY}@127.0.0.1`]],
    [2, /belong together/, ['user', 'list', '--cert', 'x']],
    [2, /begins with rediss/, ['user', 'list', '--ca', 'x']],
    [1, /x: cannot be read \(ENOENT\)/, ['user', 'list', '--url', 'rediss://127.0.0.1', '--ca', '/nowhere/x']],
    [1, /a user alice already/, ['user', 'add', 'alice']],
    [1, /do not match/, ['user', 'passwd', 'alice'], [CANARY, 'other']],
    [1, /no password was given/, ['user', 'passwd', 'alice'], []],
    [1, /password is empty/, ['user', 'passwd', 'alice'], ['', '']],
    [1, /no user bob/, ['user', 'passwd', 'bob']],
    [1, /no user bob/, ['user', 'delete', 'bob']],
    [1, /no user bob/, ['user', 'show', 'bob']],
    [1, /no user bob/, ['rule', 'add', '--user', 'bob', 'allow', 'read', 'x']],
    [1, /no group g/, ['rule', 'list', '--group', 'g']],
    [1, /neither "allow" nor "deny"/, ['rule', 'add', '--user', 'alice', 'permit', 'read', 'x']],
    [1, /none of "publish"/, ['rule', 'add', '--user', 'alice', 'allow', 'red', 'x']],
    [1, /# before its end \(at character 3\)/, ['rule', 'add', '--user', 'alice', 'allow', 'read', 'a/#/b']],
    [1, /takes neither maxQos nor retain/, ['rule', 'add', '--user', 'alice', 'deny', 'read', 'x', '--qos', '0']],
    [1, /cannot be reached \(ECONNREFUSED\)/, ['user', 'list', '--url', 'redis://127.0.0.1:1']],
  ];
  for (const [status, message, args, secrets] of mistakes) await fails(status, message, args, secrets);
  assert.equal(await client.get(layout.version(null)), before);
});

test('an object that is malformed is neither changed nor hidden, but can be deleted', async () => {
  await client.hset(layout.user(null, 'odd'), { v: '1', hash: CANARY, enabled: 'yes' });
  await client.set(layout.user(null, 'text'), CANARY);
  await fails(1, /user:odd: field "groups" is missing/, ['user', 'disable', 'odd']);
  await fails(1, /another type/, ['user', 'delete', 'text']);
  assert.equal(await done('user', 'delete', 'odd'), 'user odd deleted (version 2)\n');
  assert.equal(await client.get(layout.version(null)), '2');
});

test('names and tenants keep apart, and what is shown cannot move the cursor', async () => {
  for (const name of ['a:b', '*', 'x\r\ny', '{t}', '%41', 'constructor', '__proto__']) await done('user', 'add', name, '--no-password');
  await done('user', 'add', 'a', '--no-password', '--tenant', 'acme');
  assert.equal(await done('user', 'list', '--tenant', 'acme'), 'a  enabled\n');
  const list = await done('user', 'list');
  assert.equal(list.split('\n').length, 8);
  assert.ok(list.includes('"x\\r\\ny"  enabled\n'));
  await done('user', 'delete', '*');
  assert.equal((await done('user', 'list')).split('\n').length, 7);
});

test('of many who change one user at once, no change is lost', async () => {
  await done('user', 'add', 'alice', '--no-password');
  const runs = await Promise.all([1, 2, 3, 4].map((n) => run(['rule', 'add', '--user', 'alice', 'allow', 'read', `topic/${n}`])));
  const written = runs.filter(({ status }) => status === 0).length;
  for (const { status, error } of runs) if (status !== 0) assert.match(error, /try again/);
  assert.equal(JSON.parse((await client.hget(layout.user(null, 'alice'), 'rules')) ?? '').length, written);
  assert.ok(written > 0);
});

test('a counter that a failover has set back is moved on, so that versions of an object never fall', async () => {
  await done('user', 'add', 'alice', '--no-password');
  for (let times = 0; times < 5; times += 1) await done('user', 'disable', 'alice');
  await client.set(layout.version(null), '2');
  assert.equal(await done('user', 'enable', 'alice'), 'user alice enabled (version 7)\n');
  assert.equal(await client.get(layout.version(null)), '7');
});

test('a restore begins another history above all versions that are there', async () => {
  await done('user', 'add', 'alice', '--no-password');
  const before = await client.get(layout.epoch(null));
  await client.hset(layout.user(null, 'alice'), 'v', '40');
  await client.del(layout.version(null));
  assert.equal(await done('restored'), 'clients without a tenant: what stands in Redis counts from now on (version 41)\n');
  assert.notEqual(await client.get(layout.epoch(null)), before);
});

test('the check finds what would be a fault, and says where', async () => {
  await done('group', 'add', 'crew');
  await done('user', 'add', 'alice', '--group', 'crew');
  const sound = await run(['check']);
  assert.deepEqual([sound.status, sound.error], [0, '']);
  assert.match(sound.out, /ok {7}1 users and 1 groups were read\n0 problems, \d warnings\n$/);
  assert.match(sound.out, /is heard\n/);
  const good = { v: '1', hash: '', enabled: '1', groups: '[]', attributes: '{}', rules: '[]' };
  await client.hset(layout.user('acme', 'one'), { ...good, enabled: 'yes' });
  await client.hset(layout.user(null, 'two'), { ...good, rules: '[{"effect":"allow","actions":["publish"],"pattern":"a/#/b"}]' });
  await client.hset(layout.user(null, 'three'), { ...good, groups: '["nobody"]' });
  await client.hset(layout.user(null, 'four'), { ...good, v: '77' });
  await client.hset(layout.user(null, 'five'), { ...good, hash: CANARY });
  await client.set(layout.group(null, 'six'), CANARY);
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { status, out } = await run(['check']);
  await client.config('SET', 'maxmemory-policy', 'noeviction');
  assert.equal(status, 1);
  for (const line of [
    /problem {2}portcullis:\{acme\}:user:one: field "enabled" is neither 1 nor 0\n/,
    /problem {2}portcullis:\{-\}:user:two rules\[0\]: the pattern has # before its end/,
    /problem {2}portcullis:\{-\}:user:three: is in a group that is not there/,
    /problem {2}portcullis:\{-\}:user:four: has version 77, but its tenant only 2/,
    /warning {2}portcullis:\{-\}:user:five: the password hash is damaged/,
    /problem {2}portcullis:\{-\}:group:six: a key holds another type/,
    /warning {2}maxmemory-policy allkeys-lru throws away users/,
    /problem {2}portcullis:\{acme\}:epoch: is missing, and brokers refuse everybody of the tenant; .*run: portcullis-redis restored --tenant acme\n/,
    /7 problems/,
  ]) {
    assert.match(out, line);
  }
  assert.ok(!out.includes(CANARY));
});

/** The lines of docs/redis.md that give rights to users of Redis, by the name of the user. */
function documentedRights(user: string): readonly string[] {
  const page = readFileSync(new URL('../../../../docs/redis.md', import.meta.url), 'utf8');
  const rights = new RegExp(`^ACL SETUSER ${user} (.+)$`, 'm').exec(page)?.[1] ?? '';
  return rights.replace('>…', '>secret').split(' ');
}

function as(user: string): Readonly<Record<string, string>> {
  return { PORTCULLIS_REDIS_URL: `redis://${user}@127.0.0.1:${server.port}`, PORTCULLIS_REDIS_PASSWORD: 'secret' };
}

test('a user of the ACL with the rights that are documented for the tool can do everything, and one with those of the broker nothing', async () => {
  await client.call('ACL', 'SETUSER', 'writer', ...documentedRights('writer'));
  await client.call('ACL', 'SETUSER', 'broker', ...documentedRights('broker'));
  for (const line of [
    'group add g',
    'user add alice --no-password --group g',
    'rule add --everybody allow read x',
    'user disable alice',
    'user list',
    'restored',
  ]) {
    assert.equal((await run(line.split(' '), [], as('writer'))).error, '', line);
  }
  const sound = await run(['check'], [], as('writer'));
  assert.equal(sound.status, 0, sound.out);
  for (const line of ['user delete alice', 'restored']) {
    const result = await run(line.split(' '), [], as('broker'));
    assert.equal(result.status, 1);
    assert.match(result.error, /does not let this user .*\(NOPERM\)/);
  }
  const wrong = await run(['user', 'list'], [], { ...as('writer'), PORTCULLIS_REDIS_PASSWORD: CANARY });
  assert.match(wrong.error, /refuses the username or password \(WRONGPASS\)/);
  assert.ok(!wrong.error.includes(CANARY));
  await client.call('ACL', 'DELUSER', 'broker', 'writer');
});

test('a user of Redis who may not do one part of a change changes nothing', async () => {
  const commands = ['hset', 'del', 'incr', 'exists', 'type', 'eval', 'publish'];
  await done('user', 'add', 'alice');
  const before = await client.hgetall(layout.user(null, 'alice'));
  const epoch = await client.get(layout.epoch(null));
  const url = server.url().replace('redis://', 'redis://writer:secret@');
  const base = ['SETUSER', 'writer', 'reset', 'on', '>secret', '~*', '+@all'];
  for (const rule of ['resetchannels', ...commands.map((name) => `-${name}`)]) {
    await client.call('ACL', ...base, 'allchannels', rule);
    const result = await run(['user', 'disable', 'alice'], [], { PORTCULLIS_REDIS_URL: url });
    assert.equal(result.status, 1, `without a permission: ${rule}`);
    assert.deepEqual(await client.hgetall(layout.user(null, 'alice')), before, rule);
  }
  await client.call('ACL', ...base, 'resetchannels');
  assert.equal((await run(['restored'], [], { PORTCULLIS_REDIS_URL: url })).status, 1);
  assert.equal(await client.get(layout.epoch(null)), epoch);
  await client.call('ACL', ...base, 'allchannels');
  assert.deepEqual(await run(['user', 'disable', 'alice'], [], { PORTCULLIS_REDIS_URL: url }).then(({ status }) => status), 0);
  await client.call('ACL', 'DELUSER', 'writer');
});

test('a counter of a tenant that is no number is found by the check: nobody of the tenant could come in', async () => {
  await done('user', 'add', 'alice');
  await client.set(layout.version(null), 'many');
  const { status, out } = await run(['check']);
  assert.equal(status, 1);
  assert.match(out, /^problem +portcullis:\{-\}:version: field "v" is no version$/m);
});

test('a database that the server has not is not taken for another one: nothing is read or written there', async () => {
  const { status, out, error } = await run(['group', 'add', 'sensors'], [], { PORTCULLIS_REDIS_URL: `${server.url().replace(/\/$/, '')}/99` });
  assert.deepEqual([status, out], [1, '']);
  assert.match(error, /has no database 99, or does not let this user choose it \(ERR\)/);
  assert.equal(await client.dbsize(), 0);
});
