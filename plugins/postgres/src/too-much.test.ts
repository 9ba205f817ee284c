import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestBroker } from '@portcullis/testing';
import { CONNACK, ending, login, Scene, VERSIONS, type Version } from './scene.test.support.js';

/** As many as open a breaker, and more. */
const TRIES = 12;
const WIDE = `i || '/' || repeat('a/', 30000) || 'z'`;

/** So many rules of the user "much", with this pattern. */
function rules(count: number, pattern: string): string {
  return `insert into portcullis.rules (user_id, effect, actions, pattern)
    select u.id, 'allow', '{publish}', ${pattern} from portcullis.users u, generate_series(1, ${count}) i where u.username = 'much'`;
}

/** Nobody but "much" notices that he is asked about. */
async function disturbsNobody(broker: TestBroker, version: Version, tries: number, ask: () => Promise<unknown>): Promise<void> {
  const since = broker.log.length;
  for (let i = 0; i < tries; i += 1) await ask();
  assert.match(await login(broker, version, 'bob'), CONNACK.accepted[version]);
  assert.match(await login(broker, version, 'stranger'), CONNACK.badCredentials[version]);
  assert.match(await login(broker, version, 'much'), CONNACK.unavailable[version]);
  const disturbed = broker.log.slice(since).filter((line) => /lost a connection|no longer heard|57014|breaker/.test(line));
  assert.deepEqual(disturbed, []);
}

const much: readonly (readonly [what: string, sql: string])[] = [
  ['rules that are longer than an answer may be', rules(400, WIDE)],
  ['rules that take longer to read than a statement may', rules(5000, WIDE)],
  [
    'groups whose names are longer than an answer may be',
    `with g as (insert into portcullis.groups (name) select i || repeat('g', 900) from generate_series(1, 20000) i returning id)
      insert into portcullis.memberships (user_id, group_id) select u.id, g.id from portcullis.users u, g where u.username = 'much'`,
  ],
];
for (const version of VERSIONS) {
  for (const [what, sql] of much) {
    test(`a user with ${what} holds up nobody else, however often a stranger gives his name (${version})`, async (t) => {
      const scene = await Scene.open(ending(t));
      await scene.user('much');
      await scene.user('bob');
      await scene.sql(sql);
      const broker = await scene.broker();
      await disturbsNobody(broker, version, TRIES, () => login(broker, version, 'much', 'wrong'));
    });
  }

  test(`a user with rules that are longer than an answer only as JSON holds up nobody else (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    await scene.user('much');
    await scene.user('bob');
    await scene.sql(rules(10_000, `i || repeat(U&'\\0001', 400)`));
    const patient = { config: scene.config({ statementTimeoutMs: 9000 }), entries: { plugin: { timeoutMs: 10_000 } } };
    const broker = await scene.broker(patient);
    await disturbsNobody(broker, version, 2, () => login(broker, version, 'much', 'wrong'));
  });

  test(`a group with more rules than can be read holds up nobody who is not in it (${version})`, async (t) => {
    const scene = await Scene.open(ending(t));
    await scene.user('much', { groups: ['wide'] });
    await scene.user('bob');
    await scene.sql(
      `insert into portcullis.rules (group_id, effect, actions, pattern)
        select g.id, 'allow', '{publish}', ${WIDE} from portcullis.groups g, generate_series(1, 5000) i`,
    );
    const broker = await scene.broker();
    await disturbsNobody(broker, version, TRIES, async () => assert.match(await login(broker, version, 'much'), CONNACK.unavailable[version]));
    await broker.logged(/groupRules: .{0,2}rules.{0,2} is too long/);
  });
}
