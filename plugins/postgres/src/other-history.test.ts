import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPostgres } from '@portcullis/test-servers';
import { CONNACK, connected, ending, enter, login, Scene, soon, VERSIONS } from './scene.test.support.js';

const DENIED = 0x87;

for (const version of VERSIONS) {
  test(`a replica that has stayed with the history of a lost primary gives nobody back what the new one has taken (${version})`, async (t) => {
    const end = ending(t);
    const first = await startPostgres();
    end.after(() => first.dispose());
    const scene = await Scene.open(end, first);
    await scene.user('bob');
    const second = await startPostgres({ standbyOf: first });
    end.after(() => second.dispose());
    const third = await startPostgres({ standbyOf: first });
    end.after(() => third.dispose());
    const reader = await connected(third.url());
    end.after(() => reader.end());
    const servers = { host: [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`], replicas: [`127.0.0.1:${third.port}`] };
    const broker = await scene.broker({ config: scene.config(servers) });
    await broker.until('the replica to be there', () => broker.log.some((line) => /connected .*role=replica/.test(line)));
    const bob = await enter(broker, version, 'bob');
    const standby = await connected(second.url());
    await soon('the standby to have caught up', async () => {
      const { rows } = await standby.query(`select count(*)::int as count from portcullis.users where username = 'bob'`);
      return rows[0].count === 1;
    });
    await standby.end().catch(() => {});
    await second.stop();
    // Only the replica has this one.
    await scene.user('ann');
    await soon('the replica to have caught up', async () => {
      const { rows } = await reader.query(`select count(*)::int as count from portcullis.users where username = 'ann'`);
      return rows[0].count === 1;
    });
    await soon('the change to be heard of', async () => CONNACK.accepted[version].test(await login(broker, version, 'ann')));
    await first.kill();
    await second.start();
    const now = await connected(second.url());
    end.after(() => now.end());
    await now.query('select pg_promote()');
    await now.query(`update portcullis.users set enabled = false where username = 'bob'`);
    await broker.until('changes to be heard again', () => broker.stats.get('plugin.plugin.pushStale') === 0);
    if (version === '5.0') await bob.expectExpelled(DENIED);
    else await bob.expectClosed();
    for (let i = 0; i < 10; i += 1) assert.match(await login(broker, version, 'bob'), CONNACK.badCredentials[version]);
  });
}
