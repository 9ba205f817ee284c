import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { hashPassword } from '@portcullis/sdk/passwords';
import { startPostgres } from '@portcullis/test-servers';
import pg from 'pg';
import { POSTGRES_TOOL, postgresTool } from '../support/postgres-tool.js';
import { demoClient, runDemo } from './demo.js';

// `npm run demo:postgres`: users, groups and rules in a PostgreSQL that lives as long as the demonstration.

const BROKER_ROLE = 'portcullis_broker';

/** Any program may fill the tables; this one does it by SQL. */
async function fill(url: string, rolePassword: string): Promise<void> {
  const admin = new pg.Client(url);
  await admin.connect();
  try {
    await admin.query(`create role ${BROKER_ROLE} login password '${rolePassword}'`);
    await postgresTool(url, 'init', '--grant-to', BROKER_ROLE);
    await admin.query(`insert into portcullis.groups (name) values ('operators'), ('sensors')`);
    for (const [group, name] of [
      ['operators', 'alice'],
      ['sensors', 'sensor-1'],
    ] as const) {
      const hash = await hashPassword(`${name}-pw`, { format: 'argon2id' });
      await admin.query('insert into portcullis.users (username, password_hash) values ($1, $2)', [name, hash]);
      await admin.query(
        `insert into portcullis.memberships (user_id, group_id)
         select u.id, g.id from portcullis.users u, portcullis.groups g where u.username = $1 and g.name = $2`,
        [name, group],
      );
    }
    await admin.query(`
      insert into portcullis.rules (group_id, effect, actions, pattern)
        select id, 'allow', '{publish}', 'site/%u/#' from portcullis.groups where name = 'sensors';
      insert into portcullis.rules (group_id, effect, actions, pattern)
        select id, 'allow', '{subscribe,receive}', 'site/#' from portcullis.groups where name = 'operators'`);
  } finally {
    await admin.end();
  }
}

process.stdout.write('Starting PostgreSQL, making the schema and some users …\n');
// The role's password is made anew and goes to the broker in its environment, as it would from a secret of yours.
const rolePassword = randomBytes(18).toString('hex');
const server = await startPostgres({ auth: 'scram-sha-256', password: randomBytes(18).toString('hex') });
try {
  await fill(server.url(), rolePassword);
  process.exitCode = await runDemo({
    title: `Users, groups and rules are in ${server.url()}: look at them with psql or anything else.`,
    files: {
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: {
          users: {
            use: '@portcullis/plugin-postgres',
            config: { host: server.host, port: server.port, database: 'postgres', user: BROKER_ROLE, password: { $file: 'role-password' } },
          },
        },
        chains: { default: { authenticate: ['users'], authorize: ['users'] } },
        control: { socket: 'control.sock' },
      },
      'role-password': rolePassword,
    },
    steps({ port }) {
      const { publish, subscribe } = demoClient();
      const as = (username: string) => ({ port: port('local'), username, password: `${username}-pw` });
      const run = (...args: readonly string[]) => `node ${relative(process.cwd(), POSTGRES_TOOL)} ${args.join(' ')}`;
      return [
        {
          title: 'Log in as alice and leave it running; publish from a third terminal as a sensor.',
          commands: [subscribe(as('alice'), 'site/#'), publish(as('sensor-1'), 'site/sensor-1/temperature', '21')],
          shows: 'site/sensor-1/temperature 21',
        },
        {
          title: 'Change a right, with the database in the environment: what the operators may not read any more stays away at once.',
          commands: [
            `export PORTCULLIS_POSTGRES_URL=${server.url()}`,
            run('rule', 'add', '--group', 'operators', 'deny', 'read', "'site/+/temperature'"),
            publish(as('sensor-1'), 'site/sensor-1/temperature', '22'),
            publish(as('sensor-1'), 'site/sensor-1/humidity', '40'),
          ],
          shows: 'site/sensor-1/humidity 40, and no second temperature',
        },
        {
          title: 'Revoke alice: her connection ends, and she does not get in again.',
          commands: [run('user', 'disable', 'alice'), subscribe(as('alice'), 'site/#')],
          shows: 'the client is disconnected, and refused when it tries again',
        },
      ];
    },
  });
} finally {
  await server.dispose();
}
