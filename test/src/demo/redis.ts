import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis } from '@portcullis/test-servers';
import { documentedRights } from '../databases/redis-page.js';
import { demoClient, runDemo } from './demo.js';

// `npm run demo:redis`: users, groups and rules in a Redis that lives as long as the demonstration.

const TOOL = fileURLToPath(new URL('../../../plugins/redis/bin/portcullis-redis.js', import.meta.url));

/** Runs the tool as its users do, with a password from a pipe. */
function tool(url: string, args: readonly string[], password = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [TOOL, ...args], {
      env: { ...process.env, PORTCULLIS_REDIS_URL: url },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`portcullis-redis ${args.join(' ')} ended with ${code}`))));
    child.stdin.end(`${password}\n${password}\n`);
  });
}

async function fill(url: string): Promise<void> {
  for (const [group, user] of [
    ['operators', 'alice'],
    ['sensors', 'sensor-1'],
  ] as const) {
    await tool(url, ['group', 'add', group]);
    await tool(url, ['user', 'add', user, '--group', group], `${user}-pw`);
  }
  await tool(url, ['rule', 'add', '--group', 'sensors', 'allow', 'write', 'site/%u/#']);
  await tool(url, ['rule', 'add', '--group', 'operators', 'allow', 'read', 'site/#']);
}

process.stdout.write('Starting Redis and making some users …\n');
// The password of the broker's user is made anew and goes to the broker in a file, as it would from a secret of yours.
const brokerPassword = randomBytes(18).toString('hex');
const server = await startRedis({
  config: { requirepass: randomBytes(18).toString('hex'), user: [`broker ${documentedRights('broker', brokerPassword)}`] },
});
try {
  await fill(server.url());
  process.exitCode = await runDemo({
    title: `Users, groups and rules are in ${server.url()}: look at them with redis-cli or anything else.`,
    files: {
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: {
          users: {
            use: '@portcullis/plugin-redis',
            config: { host: server.host, port: server.port, username: 'broker', password: { $file: 'broker-password' } },
          },
        },
        chains: { default: { authenticate: ['users'], authorize: ['users'] } },
        control: { socket: 'control.sock' },
      },
      'broker-password': brokerPassword,
    },
    steps({ port }) {
      const { publish, subscribe } = demoClient();
      const as = (username: string) => ({ port: port('local'), username, password: `${username}-pw` });
      const run = (...args: readonly string[]) => `node ${relative(process.cwd(), TOOL)} ${args.join(' ')}`;
      return [
        {
          title: 'Log in as alice and leave it running; publish from a third terminal as a sensor.',
          commands: [subscribe(as('alice'), 'site/#'), publish(as('sensor-1'), 'site/sensor-1/temperature', '21')],
          shows: 'site/sensor-1/temperature 21',
        },
        {
          title: 'Change a right, with the server in the environment: what the operators may not read any more stays away at once.',
          commands: [
            `export PORTCULLIS_REDIS_URL=${server.url()}`,
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
