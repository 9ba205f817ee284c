import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { until } from '@portcullis/testing';
import { isDueRefusal, type Login, LoginLoad } from './login-load.js';
import { failings, type OutageReport } from './outages.js';

/** Says the same to every CONNECT, by version; null: closes without a word. */
async function brokerThatSays(t: TestContext, to311: string | null, to50: string | null): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      const answer = bytes.includes(Buffer.from('MQTT\x05')) ? to50 : to311;
      if (answer === null) socket.destroy();
      else socket.write(Buffer.from(answer, 'hex'));
    });
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function logins(t: TestContext, to311: string | null, to50: string | null, isBeingRevoked = false): Promise<Login[]> {
  const ended: Login[] = [];
  const candidate = { username: 'wrong', password: 'x', mayEnter: () => false, isBeingRevoked };
  const load = new LoginLoad(
    await brokerThatSays(t, to311, to50),
    500,
    () => candidate,
    (login) => ended.push(login),
  );
  load.start();
  await until('some logins', () => ended.length >= 10);
  await load.stop();
  return ended;
}

const SOUND: OutageReport = {
  logins: 10,
  accepted: 5,
  refused: 5,
  refusedWhileAway: 2,
  falseGrants: [],
  strange: [],
  late: [],
  longestAnswerMs: 10,
  healedAfterMs: [100],
  exits: 0,
};

test('every answer is seen with its code, in both versions', async (t) => {
  for (const { version, code } of await logins(t, '20020000', '2003000000')) assert.equal(code, 0, String(version));
  for (const login of await logins(t, '20020003', '2003008800')) {
    assert.equal(login.code, login.version === 4 ? 3 : 0x88);
    assert.equal(isDueRefusal(login), true);
  }
});

test('a connection that is closed without an answer, and a code that is not due, are strange', async (t) => {
  for (const login of await logins(t, null, null)) assert.deepEqual([login.code, isDueRefusal(login)], [null, false]);
  for (const login of await logins(t, '20020005', '2003008700')) assert.equal(isDueRefusal(login), false);
  for (const login of await logins(t, '20020088', '2003000300')) assert.equal(isDueRefusal(login), false);
});

test('who is revoked while he logs in may be refused as not authorized', async (t) => {
  for (const login of await logins(t, '20020005', '2003008700', true)) assert.equal(isDueRefusal(login), true);
  for (const login of await logins(t, '20020001', '2003008700'.replace('87', '85'), true)) assert.equal(isDueRefusal(login), false);
});

test('a campaign fails for every single thing that must not be', () => {
  assert.deepEqual(failings(SOUND), []);
  for (const change of [
    { falseGrants: ['x'] },
    { strange: ['x'] },
    { late: ['x'] },
    { healedAfterMs: [5001] },
    { exits: 1 },
    { accepted: 0 },
    { refusedWhileAway: 0 },
  ]) {
    assert.equal(failings({ ...SOUND, ...change }).length, 1, JSON.stringify(change));
  }
});
