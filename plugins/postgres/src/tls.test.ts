import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startPostgres } from '@portcullis/test-servers';
import { faultProxy } from '@portcullis/testing';
import { AUTHORITY, LOCAL, NAMED } from './certificates.test.support.js';
import { CONNACK, ending, login, Scene } from './scene.test.support.js';

const SECRET = 'the password of the role';

describe('TLS to the server', async () => {
  const end = ending({ after });
  const server = await startPostgres({ tls: { ...LOCAL, ca: AUTHORITY }, auth: 'scram-sha-256', password: SECRET });
  end.after(() => server.dispose());
  const scene = await Scene.open(end, server);
  await scene.sql(`alter role ${scene.role} password '${SECRET}'`);
  await scene.user('alice');
  const files = { 'ca.pem': AUTHORITY, 'other.pem': NAMED.cert, 'cert.pem': LOCAL.cert, 'key.pem': LOCAL.key };
  const entries = { plugin: { startup: 'gate' } };
  const config = (more: object): Record<string, unknown> => scene.config({ password: { $env: 'SECRET' }, ...more });

  async function refused(more: object, why: RegExp): Promise<void> {
    const broker = await scene.broker({ config: config(more), files, env: { SECRET }, entries });
    await broker.logged(why);
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.unavailable['5.0']);
    assert.ok(broker.log.every((line) => !line.includes(SECRET)));
  }

  test('is used when the certificate of the server is valid for its address', async () => {
    const broker = await scene.broker({ config: config({ tls: { ca: 'ca.pem' } }), files, env: { SECRET } });
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
    const [{ plain } = {}] = await scene.sql(
      'select count(*) filter (where not ssl)::int as plain from pg_stat_ssl join pg_stat_activity using (pid) where usename = $1',
      scene.role,
    );
    assert.equal(plain, 0);
  });

  test('may show a certificate of its own', async () => {
    const broker = await scene.broker({ config: config({ tls: { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' } }), files, env: { SECRET } });
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
  });

  test('refuses an authority that it was not told of', () => refused({ tls: {} }, /self-signed certificate|unable to (?:get|verify)/));

  test('refuses a certificate for another name than the one to be verified', () =>
    refused({ tls: { ca: 'ca.pem', servername: 'db.example' } }, /does not match certificate's altnames/));

  test('takes a certificate for the name that is to be verified, whatever the address', async () => {
    const named = await startPostgres({ tls: { ...NAMED, ca: AUTHORITY } });
    end.after(() => named.dispose());
    const other = await Scene.open(end, named);
    await other.user('alice');
    const broker = await other.broker({ config: other.config({ tls: { ca: 'ca.pem', servername: 'db.example' } }), files });
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.accepted['5.0']);
  });

  test('is not given up because the server has none', async () => {
    const plain = await startPostgres();
    end.after(() => plain.dispose());
    const other = await Scene.open(end, plain);
    await assert.rejects(
      other.broker({ config: other.config({ tls: { ca: 'ca.pem' } }), files }),
      /does not support SSL connections; let it, or say "tls": { "mode": "disable" }/,
    );
  });

  test('refuses an answer to its first byte that is none', async () => {
    const proxy = await faultProxy({ target: { port: server.port }, mode: 'garbage' });
    end.after(() => proxy.close());
    await refused({ port: proxy.port, tls: { ca: 'ca.pem' } }, /its start is tried again/);
  });

  test('a wrong password of the role stops the start, and is not shown', async () => {
    await assert.rejects(scene.broker({ config: config({ tls: { ca: 'ca.pem' } }), files, env: { SECRET: 'not the password' } }), (error: Error) => {
      assert.match(error.message, /password authentication failed .*check "user" and "password"/);
      assert.ok(!error.message.includes('not the password'));
      return true;
    });
  });

  test('no password in the environment is used that was not configured', async () => {
    process.env.PGPASSWORD = SECRET;
    try {
      await assert.rejects(
        scene.broker({ config: scene.config({ tls: { ca: 'ca.pem' } }), files }),
        /the server asks for a password; give "password"/,
      );
    } finally {
      delete process.env.PGPASSWORD;
    }
  });
});
