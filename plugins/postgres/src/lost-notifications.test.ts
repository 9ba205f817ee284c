import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNACK, ending, login, Scene, VERSIONS } from './scene.test.support.js';
import { type PoolerHabit, pooler } from './tool/pooler.test.support.js';

const PUSH_STALE = 'plugin.plugin.pushStale';

for (const version of VERSIONS) {
  test(`a pooler that begins to swallow notifications is found out when the connection that listens is made anew, and nothing is kept (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    let habit: PoolerHabit | null = null;
    const port = await pooler(t, Number(scene.url.port), () => habit);
    const broker = await scene.broker({ config: scene.config({ port }) });
    await scene.user('bob');
    assert.match(await login(broker, version, 'bob'), CONNACK.accepted[version]);
    habit = 'swallows notifications';
    const cut = await scene.cutListener();
    await broker.until('the loss to be noticed', () => broker.stats.get(PUSH_STALE) === 1);
    await cut.allow();
    await broker.logged(/cannot be listened to.*a notification did not arrive/);
    assert.equal(broker.stats.get(PUSH_STALE), 1);
    assert.match(await login(broker, version, 'bob'), CONNACK.accepted[version]);
    await scene.sql(`update portcullis.users set enabled = false where username = 'bob'`);
    assert.match(await login(broker, version, 'bob'), CONNACK.badCredentials[version]);
    habit = null;
    await broker.until('changes to be heard again', () => broker.stats.get(PUSH_STALE) === 0, 10_000);
  });
}
