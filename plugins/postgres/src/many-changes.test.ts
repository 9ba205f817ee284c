import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ending, enter, login, Scene, soon } from './scene.test.support.js';

test('a change to very many users leaves those alone that it does not concern', async (t) => {
  const scene = await Scene.open(ending(t));
  // What is older than was announced is asked for again for this long, and then the connection ends.
  const chain = { authenticate: ['plugin'], authorize: ['plugin'], deadlineMs: 300 };
  const broker = await scene.broker({ chain });
  await scene.user('ann');
  await scene.rule('ann/#', { user: 'ann' });
  const ann = await enter(broker, '5.0', 'ann');
  await scene.sql(
    `insert into portcullis.users (username, password_hash) select 'u' || n, (select password_hash from portcullis.users) from generate_series(1, 300) n`,
  );
  await soon('the change to be heard of', async () => /^20 .. 00 00/.test(await login(broker, '5.0', 'u300')));
  await ann.expectSilence(700);
  assert.ok((await ann.publish('ann/a', 'x', { qos: 1 })) < 0x80);
  ann.close();
});
