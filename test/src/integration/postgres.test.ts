import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hashPassword } from '@portcullis/sdk/passwords';
import { type PostgresServer, startPostgres } from '@portcullis/test-servers';
import pg from 'pg';
import { BrokerProcess, type FolderFiles, runCommand } from '../support/broker-process.js';
import { connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const TOOL = fileURLToPath(new URL('../../../plugins/postgres/bin/portcullis-postgres.js', import.meta.url));
const SECRET = 'the secret of alice';
const HEALS_WITHIN_MS = 5000;

function files(server: PostgresServer, entry: object = {}): FolderFiles {
  return {
    'plugins.json': {
      version: 1,
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
      plugins: {
        db: {
          use: '@portcullis/plugin-postgres',
          ...entry,
          config: { host: `127.0.0.1:${server.port}`, database: 'postgres', user: server.user, password: { $env: 'DB_PASSWORD' } },
        },
      },
      chains: { default: { authenticate: ['db'], authorize: ['db'] } },
      control: { socket: 'control.sock' },
    },
  };
}

/** The answer to a CONNECT, byte by byte. */
async function answer(broker: BrokerProcess, packet: string): Promise<string> {
  const client = await WireClient.connect(broker.port('local'));
  client.send(packet);
  const hex = await client.readPacket();
  client.close();
  return hex;
}

describe('portcullis serve with users in PostgreSQL', () => {
  let server: PostgresServer;
  let sql: pg.Client;
  const env = { DB_PASSWORD: 'the password of the role' };
  const brokers: BrokerProcess[] = [];
  const started = async (entry: object = {}): Promise<BrokerProcess> => {
    const broker = await BrokerProcess.start({ files: files(server, entry), env });
    brokers.push(broker);
    return broker;
  };

  before(async () => {
    server = await startPostgres({ auth: 'scram-sha-256', password: env.DB_PASSWORD });
    const init = await runCommand({ command: TOOL, args: ['init'], env: { PORTCULLIS_POSTGRES_URL: server.url() } });
    assert.equal(init.code, 0, init.output);
    await connectAgain();
    await sql.query('insert into portcullis.users (username, password_hash) values ($1, $2)', [
      'alice',
      await hashPassword(SECRET, { format: 'sha512' }),
    ]);
  });

  after(async () => {
    for (const broker of brokers) await broker.stop();
    await sql.end();
    await server.dispose();
  });

  async function connectAgain(): Promise<void> {
    sql = new pg.Client(server.url());
    sql.on('error', () => {});
    await sql.connect();
  }

  const alice5 = connect5({ clientId: 'a5', username: 'alice', password: SECRET });
  const alice3 = connect311({ clientId: 'a3', username: 'alice', password: SECRET });

  it('lets in, refuses, and refuses as unavailable while the server is gone; it heals within 5 s, and no secret is printed', async () => {
    const broker = await started();
    assert.match(await answer(broker, alice5), /^20 .. 00 00/);
    assert.equal(await answer(broker, alice3), '20 02 00 00');
    assert.equal(await answer(broker, connect311({ clientId: 'x', username: 'alice', password: 'wrong' })), '20 02 00 04');
    assert.equal(await answer(broker, connect5({ clientId: 'x', username: 'mallory', password: SECRET })), '20 03 00 86 00');
    await server.kill();
    await broker.waitForOutput(/changes are no longer heard/);
    assert.equal(await answer(broker, alice3), '20 02 00 03');
    assert.equal(await answer(broker, alice5), '20 03 00 88 00');
    await server.start();
    await connectAgain();
    const end = performance.now() + HEALS_WITHIN_MS;
    while ((await answer(broker, alice3)) !== '20 02 00 00') assert.ok(performance.now() < end, broker.output);
    await broker.waitForOutput(/changes are heard again/);
    assert.ok(!broker.output.includes(SECRET) && !broker.output.includes(env.DB_PASSWORD));
  });

  it('ends the session of a user that is disabled by SQL', async () => {
    const broker = await started();
    const client = await WireClient.connect(broker.port('local'));
    client.send(alice5);
    await client.readPacket();
    await sql.query(`update portcullis.users set enabled = false where username = 'alice'`);
    assert.equal(await client.readPacket(), 'e0 01 87');
    await client.expectClosed();
    assert.equal(await answer(broker, alice5), '20 03 00 86 00');
    await sql.query(`update portcullis.users set enabled = true where username = 'alice'`);
  });

  it('begins as "startup" says while the server is down', async () => {
    await server.stop();
    try {
      const gate = await started({ startup: 'gate' });
      assert.equal(await answer(gate, alice3), '20 02 00 03');
      assert.equal(await answer(gate, alice5), '20 03 00 88 00');
      const exit = await runCommand({ files: files(server, { startup: 'exit' }), env });
      assert.notEqual(exit.code, 0);
      await server.start();
      const end = performance.now() + HEALS_WITHIN_MS;
      while ((await answer(gate, alice3)) !== '20 02 00 00') assert.ok(performance.now() < end, gate.output);
    } finally {
      await server.stop();
      await server.start();
      await connectAgain();
    }
  });

  it('is judged by "portcullis check --probe"', async () => {
    const good = await runCommand({ args: ['check', '--probe', '-c', 'plugins.json'], files: files(server), env });
    assert.equal(good.code, 0, good.output);
    const bad = await runCommand({
      args: ['check', '--probe', '-c', 'plugins.json'],
      files: files(server),
      env: { DB_PASSWORD: 'not the password' },
    });
    assert.equal(bad.code, 1);
    assert.match(bad.output, /password authentication failed/);
    assert.ok(!bad.output.includes('not the password'));
  });
});
