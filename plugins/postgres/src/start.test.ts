import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { after, describe, test } from 'node:test';
import { startPostgres } from '@portcullis/test-servers';
import { faultProxy, startTestBroker, type TestBrokerOptions } from '@portcullis/testing';
import plugin from './index.js';
import { CONNACK, ending, login, Scene, soon, VERSIONS } from './scene.test.support.js';
import { type PoolerHabit, pooler } from './tool/pooler.test.support.js';

/** Why the broker does not start. */
async function refusal(config: Readonly<Record<string, unknown>>, options: Partial<TestBrokerOptions> = {}): Promise<string> {
  try {
    const broker = await startTestBroker({ plugin, clock: 'system', config, ...options });
    await broker.stop();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the broker has started');
}

const OWN = {
  user: 'select username, hash as password_hash from people where $1::text = $1 and username = $2',
  rules: 'select effect, actions, pattern from rights where $1::text = $1 and who = $2',
};

describe('the start of the plugin postgres', async () => {
  const scene = await Scene.open(ending({ after }));
  await scene.sql('create table people (username text, hash text, enabled text, number int, flags bigint, groups text, labels text[])');
  await scene.sql('create table rights (who text, effect text, actions text[], pattern text, max_qos text, retain int)');
  await scene.sql(`grant select on people, rights to ${scene.role}`);
  const own = (queries: object, more: object = {}): Record<string, unknown> =>
    scene.config({ queries: { ...OWN, ...queries }, push: false, ...more });

  test('takes statements that are as they must be', async () => {
    await scene.broker({ config: own({}) });
    await scene.broker({
      config: own({ user: `${OWN.user};  `, groupRules: 'select effect, actions, pattern from rights where $1 || $2 = who -- $3' }),
    });
  });

  const wrong: [what: string, queries: Record<string, string>, says: RegExp][] = [
    ['a missing column', { user: 'select username from people where $1 = $2' }, /queries\.user: gives no column "password_hash" \(text\)/],
    [
      'a column of another type',
      { user: 'select username, number as password_hash from people where $1 = $2' },
      /queries\.user: the column "password_hash" is of type integer, and text is needed/,
    ],
    [
      'a flag that is text',
      { user: 'select username, hash as password_hash, enabled from people where $1 = $2' },
      /"enabled" is of type text, and boolean is needed/,
    ],
    [
      'a flag that is a number',
      { user: 'select username, hash as password_hash, flags as enabled from people where $1 = $2' },
      /"enabled" is of type bigint, and boolean is needed/,
    ],
    [
      'a list that is text',
      { user: 'select username, hash as password_hash, groups from people where $1 = $2' },
      /"groups" is of type text, and text\[\] is needed/,
    ],
    [
      'attributes that are a list',
      { user: 'select username, hash as password_hash, labels as attributes from people where $1 = $2' },
      /"attributes" is of type text\[\], and json is needed/,
    ],
    [
      'a limit that is text',
      { rules: 'select effect, actions, pattern, max_qos from rights where $1 = $2' },
      /queries\.rules: the column "max_qos" is of type text, and integer is needed/,
    ],
    ['a column twice', { user: 'select username, username as username, hash as password_hash from people where $1 = $2' }, /"username" twice/],
    [
      'a placeholder within quotes',
      { user: `select username, hash as password_hash from people where $1 = '$2'` },
      /queries\.user: a placeholder within quotes is text .*'\$2'/,
    ],
    [
      'a parameter that is missing',
      { user: 'select username, hash as password_hash from people where username = $1' },
      /takes the parameter \$1 where the parameters \$1 to \$2/,
    ],
    ['a parameter that is not used', { user: 'select username, hash as password_hash from people where username = $2' }, /\$1::text = \$1/],
    [
      'a parameter too many',
      { user: 'select username, hash as password_hash from people where $1 = $2 and hash = $3' },
      /takes the parameters \$1 to \$3/,
    ],
    [
      'a parameter that is no text',
      { user: 'select username, hash as password_hash from people where $1 = $1::text and number = $2' },
      /parameter \$2 is compared with something that is no text/,
    ],
    ['several statements', { user: `${OWN.user}; select 1` }, /queries\.user: syntax error/],
    [
      'a way out of its brackets',
      { user: `${OWN.user}) q; drop table people; select * from (select 1` },
      /queries\.user: cannot insert multiple commands/,
    ],
    [
      'a statement that writes',
      { user: 'delete from people where $1 = $2 returning username, hash as password_hash' },
      /queries\.user: syntax error/,
    ],
    ['a table that is not there', { user: 'select username, hash as password_hash from nobody where $1 = $2' }, /relation "nobody" does not exist/],
    ['a table that may not be read', { user: 'select username, password_hash from portcullis.migrations where $1 = $2' }, /queries\.user: /],
  ];
  for (const [what, queries, says] of wrong) {
    test(`refuses ${what}, and names it`, async () => {
      assert.match(await refusal(own(queries)), says);
    });
  }

  const options: [what: string, config: () => Record<string, unknown>, says: RegExp, options?: Partial<TestBrokerOptions>][] = [
    [
      'a statement that may take as long as its question',
      () => scene.config({ statementTimeoutMs: 2000 }),
      /statementTimeoutMs \(2000\) must be less than timeoutMs of the entry \(2000\)/,
    ],
    ['a long lease without push', () => scene.config({ push: false, leaseSeconds: 61 }), /without push .* 60 or less/],
    ['own tables of which nobody says how they change', () => scene.config({ queries: OWN }), /"notifications"/],
    ['notifications for the schema', () => scene.config({ notifications: { channel: 'x' } }), /the schema has its own/],
    ['notifications that nobody hears', () => own({}, { notifications: { channel: 'x' } }), /hears no notifications/],
    ['replicas without push', () => scene.config({ push: false, replicas: ['127.0.0.1:1'] }), /replicas need push/],
    [
      'replicas of tables without versions',
      () => own({}, { push: true, notifications: { channel: 'x' }, replicas: ['127.0.0.1:1'] }),
      /queries\.version/,
    ],
    ['the name of a schema that could be anything', () => scene.config({ schema: 'a"b' }), /schema: "a\\"b" is not/],
    ['a host that is none', () => scene.config({ host: 'http://db' }), /host: "http:\/\/db" is neither/],
    ['a certificate without its key', () => scene.config({ tls: { cert: 'c.pem' } }), /"cert" and "key" go together/, { files: { 'c.pem': 'x' } }],
    ['an unknown option', () => scene.config({ hots: 'db' }), /hots/],
    ['a password in plain text', () => scene.config({ password: 'plain' }), /\$env/],
    ['a schema that was not made', () => scene.config({ schema: 'elsewhere' }), /there is no schema elsewhere .*portcullis-postgres init/],
    ['a database that is not there', () => scene.config({ database: 'nowhere' }), /database "nowhere" does not exist .*check "database"/],
    ['a role that is not there', () => scene.config({ user: 'nobody-here' }), /role "nobody-here" does not exist .*check "user"/],
  ];
  for (const [what, config, says, more] of options) {
    test(`refuses ${what}, and says what to do`, async () => {
      assert.match(await refusal(config(), more), says);
    });
  }

  test('refuses a role that may not read the tables, and says what lets it', async () => {
    const stranger = `${scene.role}_stranger`;
    await scene.sql(`create role ${stranger} login`);
    try {
      const lets = /permission denied .*\(42501\); the role of "user" needs to read it: "portcullis-postgres init --grant-to <role>" lets it/;
      for (const config of [scene.config({ user: stranger }), own({}, { user: stranger })]) assert.match(await refusal(config), lets);
    } finally {
      await scene.sql(`drop role ${stranger}`);
    }
  });

  test('refuses a balancer that hands connections to several servers: nothing that is announced would be heard', async (t) => {
    const end = ending(t);
    const server = await startPostgres();
    end.after(() => server.dispose());
    const other = await Scene.open(end, server, { database: scene.url.pathname.slice(1), role: scene.role });
    let connections = 0;
    const balancer = createServer((socket) => {
      const to = createConnection(Number(connections++ % 2 === 0 ? scene.url.port : other.url.port), '127.0.0.1');
      for (const [from, into] of [
        [socket, to],
        [to, socket],
      ] as const) {
        from.on('error', () => into.destroy());
        from.on('close', () => into.destroy());
        from.pipe(into);
      }
    });
    balancer.listen(0, '127.0.0.1');
    end.after(() => void balancer.close());
    await once(balancer, 'listening');
    const { port } = balancer.address() as AddressInfo;
    assert.match(await refusal(scene.config({ port })), /a notification did not arrive: a connection pooler, or a proxy to several servers/);
  });

  test('refuses a pooler that swallows notifications', async (t) => {
    const port = await pooler(t, Number(scene.url.port), 'swallows notifications');
    assert.match(await refusal(scene.config({ port })), /a notification did not arrive: a connection pooler/);
  });

  for (const version of VERSIONS) {
    test(`takes a server that says nothing while a notification is awaited for one that may come back (${version})`, async (t) => {
      let habit: PoolerHabit | null = 'falls silent';
      const port = await pooler(t, Number(scene.url.port), () => habit);
      await scene.user(`patient ${version}`);
      const broker = await scene.broker({ config: scene.config({ port }) });
      assert.match(await login(broker, version, `patient ${version}`), CONNACK.unavailable[version]);
      habit = null;
      await soon('the user to be let in', async () => CONNACK.accepted[version].test(await login(broker, version, `patient ${version}`)), 20_000);
      await broker.stop();
    });
  }

  for (const version of VERSIONS) {
    test(`with a database that is down lets nobody in until it is there (${version})`, async (t) => {
      const proxy = await faultProxy({ target: { host: scene.url.hostname, port: Number(scene.url.port) }, mode: { kind: 'refuse' } });
      ending(t).after(() => proxy.close());
      const broker = await scene.broker({ config: scene.config({ port: proxy.port }) });
      await scene.user(`late ${version}`);
      assert.match(await login(broker, version, `late ${version}`), CONNACK.unavailable[version]);
      assert.match(await login(broker, version, 'stranger'), CONNACK.unavailable[version]);
      await proxy.set('pass');
      await soon('the user to be let in', async () => CONNACK.accepted[version].test(await login(broker, version, `late ${version}`)));
      await broker.stop();
    });
  }
});
