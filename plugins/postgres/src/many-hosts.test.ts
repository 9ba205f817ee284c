import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startPostgres } from '@portcullis/test-servers';
import { faultProxy, startTestBroker } from '@portcullis/testing';
import plugin from './index.js';
import { CONNACK, ending, login, Scene, soon, VERSIONS } from './scene.test.support.js';

const HEALS_WITHIN_MS = 5000;
const SILENT_HOSTS = 15;

describe('of many hosts', async () => {
  const end = ending({ after });
  const server = await startPostgres();
  end.after(() => server.dispose());
  const scene = await Scene.open(end, server, { database: 'mqtt' });
  await scene.user('alice');
  const here = `127.0.0.1:${server.port}`;

  /** Hosts that take connections and say nothing. */
  const silent = await Promise.all(
    Array.from({ length: SILENT_HOSTS }, () => faultProxy({ target: { host: '127.0.0.1', port: server.port }, mode: 'blackhole' })),
  );
  for (const proxy of silent) end.after(() => proxy.close());
  const host = [...silent.map(({ port }) => `127.0.0.1:${port}`), here];

  for (const version of VERSIONS) {
    test(`those that say nothing hold up nobody: the last one is found in time, and again when it was away (${version})`, async () => {
      const begun = performance.now();
      const broker = await scene.broker({
        config: scene.config({ host }),
        entries: { plugin: { breaker: { faults: 1000, windowMs: 10_000, openMs: 200 } } },
      });
      const enters = async (): Promise<boolean> => CONNACK.accepted[version].test(await login(broker, version, 'alice'));
      await soon('a login', enters, HEALS_WITHIN_MS);
      const took = performance.now() - begun;
      // One after the other they would take two seconds each.
      assert.ok(took < 2 * HEALS_WITHIN_MS, `found after ${took} ms`);
      await server.kill();
      await broker.until('the loss to be noticed', () => broker.stats.get('plugin.plugin.pushStale') === 1);
      assert.match(await login(broker, version, 'alice'), CONNACK.unavailable[version]);
      await server.start();
      await soon('a login', enters, HEALS_WITHIN_MS);
      await broker.stop();
    });
  }

  test('one that has recovered is found by those who tried it before, though others say nothing', async () => {
    const proxy = await faultProxy({ target: { host: '127.0.0.1', port: server.port }, mode: 'refuse' });
    const hosts = [`127.0.0.1:${proxy.port}`, ...host.slice(0, 2)];
    const broker = await scene.broker({ config: scene.config({ host: hosts }) });
    assert.match(await login(broker, '5.0', 'alice'), CONNACK.unavailable['5.0']);
    await proxy.set('pass');
    await soon('a login', async () => CONNACK.accepted['5.0'].test(await login(broker, '5.0', 'alice')), 2 * HEALS_WITHIN_MS);
    await broker.stop();
    await proxy.close();
  });

  describe('and one of them that must be put right', async () => {
    // It knows nothing of the database.
    const other = await startPostgres();
    end.after(() => other.dispose());
    const wrong = `127.0.0.1:${other.port}`;

    for (const version of VERSIONS) {
      test(`one that is down and may come back is waited for (${version})`, async () => {
        const proxy = await faultProxy({ target: { host: '127.0.0.1', port: server.port }, mode: 'refuse' });
        const broker = await scene.broker({ config: scene.config({ host: [`127.0.0.1:${proxy.port}`, wrong] }) });
        assert.match(await login(broker, version, 'alice'), CONNACK.unavailable[version]);
        await proxy.set('pass');
        await soon('a login', async () => CONNACK.accepted[version].test(await login(broker, version, 'alice')), 20_000);
        await broker.stop();
        await proxy.close();
      });
    }

    test('when each of them must be, the broker does not start', async () => {
      await assert.rejects(
        startTestBroker({ plugin, clock: 'system', config: scene.config({ host: [wrong, here], database: 'nowhere' }) }),
        /does not exist .*check/,
      );
    });
  });
});
