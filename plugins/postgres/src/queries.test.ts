import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CountingRelay } from '@portcullis/test-servers';
import { CONNACK, cheapHash, ending, enter, login, Scene } from './scene.test.support.js';

const USERS = 60;
const AT_ONCE = 64;

test('a user costs one query when he comes, his rules included, none when he comes again or publishes, and groups are read once for all', async (t) => {
  const end = ending(t);
  const scene = await Scene.open(end);
  const relay = await CountingRelay.open({ host: scene.url.hostname, port: Number(scene.url.port) });
  end.after(() => relay.close());
  await scene.sql(
    `insert into portcullis.users (username, password_hash) select 'u' || i, $1 from generate_series(1, ${USERS}) i`,
    await cheapHash(),
  );
  await scene.sql(`insert into portcullis.groups (name) values ('g'), ('h')`);
  await scene.sql('insert into portcullis.memberships (user_id, group_id) select u.id, g.id from portcullis.users u, portcullis.groups g');
  await scene.rule('g/#', { group: 'g' });
  const broker = await scene.broker({
    config: scene.config({ port: relay.port, heartbeatSeconds: 60, statementTimeoutMs: 8000 }),
    entries: { plugin: { timeoutMs: 10_000 } },
  });
  const all = async (): Promise<number> => {
    const before = relay.executed;
    const answers = await Promise.all(Array.from({ length: USERS }, (_, i) => login(broker, i % 2 === 0 ? '5.0' : '3.1.1', `u${i + 1}`)));
    for (const [i, answer] of answers.entries()) assert.match(answer, CONNACK.accepted[i % 2 === 0 ? '5.0' : '3.1.1']);
    return relay.executed - before;
  };
  // Those of everybody, and the two groups.
  assert.equal(await all(), USERS + 3);
  assert.equal(await all(), 0);
  const client = await enter(broker, '5.0', 'u1');
  for (let i = 0; i < 20; i += 1) await client.publish(`g/${i}`, 'x', { qos: 1 });
  assert.equal(await all(), 0);
});

test('no more questions are under way at once than there may be, however many the broker puts', async (t) => {
  const end = ending(t);
  const scene = await Scene.open(end);
  const relay = await CountingRelay.open({ host: scene.url.hostname, port: Number(scene.url.port) });
  end.after(() => relay.close());
  const many = 150;
  await scene.sql(`insert into portcullis.users (username, password_hash) select 'u' || i, $1 from generate_series(1, ${many}) i`, await cheapHash());
  const broker = await scene.broker({
    config: scene.config({ port: relay.port, heartbeatSeconds: 60, statementTimeoutMs: 20_000 }),
    entries: { plugin: { timeoutMs: 25_000, maxConcurrent: 1000 } },
  });
  await scene.sql('begin');
  await scene.sql('lock table portcullis.users in access exclusive mode');
  const before = relay.executed;
  const answers = Array.from({ length: many }, (_, i) => login(broker, '5.0', `u${i + 1}`));
  while (relay.executed < before + AT_ONCE) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(relay.executed, before + AT_ONCE);
  await scene.sql('commit');
  for (const answer of await Promise.all(answers)) assert.match(answer, CONNACK.accepted['5.0']);
  assert.equal(relay.mostAtOnce, AT_ONCE);
});
