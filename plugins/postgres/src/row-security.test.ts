import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNACK, ending, login, Scene, soon, VERSIONS } from './scene.test.support.js';

const HIDE = `alter table portcullis.rules enable row level security; create policy only_allows on portcullis.rules using (effect = 'allow')`;

for (const version of VERSIONS) {
  test(`nobody is let in by rules of which some are hidden from the broker (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    await scene.user('bob');
    await scene.rule('#');
    await scene.rule('secret/#', { user: 'bob', effect: 'deny' });
    const broker = await scene.broker();
    assert.match(await login(broker, version, 'bob'), CONNACK.accepted[version]);
    await scene.sql(HIDE);
    // What was read before stands; a change has it read again.
    await scene.rule('other/#', { user: 'bob', effect: 'deny' });
    await soon('the rules to be read again', async () => CONNACK.unavailable[version].test(await login(broker, version, 'bob')));
    await broker.logged(/row-level security/);
  });
}
