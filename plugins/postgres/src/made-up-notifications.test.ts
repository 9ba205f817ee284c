import { test } from 'node:test';
import { ending, enter, Scene, VERSIONS } from './scene.test.support.js';

for (const version of VERSIONS) {
  test(`a notification that somebody has made up does not hide the change that comes after it (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    const broker = await scene.broker();
    await scene.user('bob');
    const bob = await enter(broker, version, 'bob');
    const payload = `(select json_build_object('v', version + 1, 'e', epoch, 'c', '[]'::json)::text from portcullis.state)`;
    await scene.sql(`select pg_notify('portcullis', ${payload})`);
    await scene.sql('update portcullis.users set enabled = false');
    if (version === '5.0') await bob.expectExpelled(0x87);
    else await bob.expectClosed();
  });
}
