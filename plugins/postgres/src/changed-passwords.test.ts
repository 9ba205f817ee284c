import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword } from '@portcullis/sdk/passwords';
import { CONNACK, ending, enter, login, Scene, soon, VERSIONS } from './scene.test.support.js';

const NEW = 'another horse';

for (const version of VERSIONS) {
  test(`without push a login with the new password ends the connections that were made with the old one (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    const broker = await scene.broker({ config: scene.config({ push: false, leaseSeconds: 2 }) });
    await scene.user('bob');
    const old = await enter(broker, version, 'bob');
    await scene.sql('update portcullis.users set password_hash = $1', await hashPassword(NEW, { format: 'sha512' }));
    // What is kept of him ends with its lease, and the connection is not confirmed at its end, though he is in by the new one meanwhile.
    await soon('the new password to count', async () => CONNACK.accepted[version].test(await login(broker, version, 'bob', NEW)), 4000);
    if (version === '5.0') await old.expectExpelled(0x87);
    else await old.expectClosed();
  });

  test(`a login with the new password, while changes are not heard, keeps nobody in who came by the old one (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    const broker = await scene.broker();
    await scene.user('bob');
    const old = await enter(broker, version, 'bob');
    const cut = await scene.cutListener();
    await soon('the loss to be noticed', async () => broker.stats.get('plugin.plugin.pushStale') === 1);
    await scene.sql('update portcullis.users set password_hash = $1', await hashPassword(NEW, { format: 'sha512' }));
    assert.match(await login(broker, version, 'bob', NEW), CONNACK.accepted[version]);
    await cut.allow();
    if (version === '5.0') await old.expectExpelled(0x87);
    else await old.expectClosed();
  });
}
