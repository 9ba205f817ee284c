import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import plugin from '@portcullis/plugin-postgres';
import { freshDatabase } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker, type TestClient, until } from '@portcullis/testing';
import pg from 'pg';
import { postgresTool } from '../support/postgres-tool.js';

const SUCCESS = 0;
const BAD_CREDENTIALS = 0x86;
const NOT_AUTHORIZED = 0x87;

interface Scene {
  readonly db: pg.Client;
  readonly broker: TestBroker;
  tool(command: string): Promise<void>;
  login(password?: string): Promise<TestClient>;
}

async function open(t: TestContext): Promise<Scene> {
  const { url, drop } = await freshDatabase();
  const db = new pg.Client(url);
  db.on('error', () => undefined);
  await db.connect();
  const tool = (command: string) => postgresTool(url, ...command.split(' '));
  await tool('init');
  await tool('user add -b -H sha512 ann pw');
  const { hostname, port, pathname, username, password } = new URL(url);
  const broker = await startTestBroker({
    plugin,
    config: {
      host: hostname,
      port: Number(port),
      database: pathname.slice(1),
      user: username,
      ...(password !== '' && { password: { $env: 'DATABASE_PASSWORD' } }),
    },
    env: { DATABASE_PASSWORD: decodeURIComponent(password) },
    clock: 'system',
  });
  t.after(async () => {
    await broker.stop();
    await db.end();
    await drop();
  });
  const login = async (secret = 'pw'): Promise<TestClient> => {
    const client = await broker.client({ protocol: '5.0' });
    await client.connect({ username: 'ann', password: secret });
    return client;
  };
  return { db, broker, tool, login };
}

function publishes(client: TestClient, code: number): Promise<void> {
  return until(`a publish to end with ${code}`, async () => (await client.publish('site/ann', 'x', { qos: 1 })) === code);
}

test('what the tool changes counts on live clients', async (t) => {
  const { broker, tool, login } = await open(t);
  const ann = await login();
  await publishes(ann, NOT_AUTHORIZED);
  await tool('rule add --user ann allow write site/%u');
  await publishes(ann, SUCCESS);
  await tool('group add muted');
  await tool('rule add --group muted deny write site/#');
  await publishes(ann, SUCCESS);
  await tool('group join muted ann');
  await publishes(ann, NOT_AUTHORIZED);
  await tool('group leave muted ann');
  await publishes(ann, SUCCESS);
  await tool('rule delete 1');
  await publishes(ann, NOT_AUTHORIZED);
  await tool('user passwd -b -H sha512 ann other');
  await ann.expectExpelled(NOT_AUTHORIZED);
  const again = await login('other');
  await tool('user disable ann');
  await again.expectExpelled(NOT_AUTHORIZED);
  const refused = await broker.client({ protocol: '3.1.1' });
  assert.equal(await refused.connectRefused({ username: 'ann', password: 'other' }), 4);
  await tool('user enable ann');
  const last = await login('other');
  await tool('user delete ann');
  await last.expectExpelled(NOT_AUTHORIZED);
  const gone = await broker.client({ protocol: '5.0' });
  assert.equal(await gone.connectRefused({ username: 'ann', password: 'other' }), BAD_CREDENTIALS);
});

test('who is disabled in a backup is put out when it is restored and the tool says so', async (t) => {
  const { db, broker, tool, login } = await open(t);
  const ann = await login();
  // As a restore does it: without a trigger, and so without a word to anybody.
  await db.query(`
    alter table portcullis.users disable trigger user;
    update portcullis.users set enabled = false;
    alter table portcullis.users enable trigger user`);
  await ann.expectSilence();
  await tool('restored');
  await ann.expectExpelled(NOT_AUTHORIZED);
  const refused = await broker.client({ protocol: '5.0' });
  assert.equal(await refused.connectRefused({ username: 'ann', password: 'pw' }), BAD_CREDENTIALS);
});
