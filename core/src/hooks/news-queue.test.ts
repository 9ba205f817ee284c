import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '@portcullis/sdk';
import { plugin, preparedRig, turn } from './hooks.test.support.js';

const SESSION = { clientId: 'c', tenant: null, owner: 'u' };

test('news reach every listener in a later turn, frozen and in order', async () => {
  const seen: string[] = [];
  const listener = (name: string) =>
    plugin(name, (hooks) =>
      hooks.sessionOpened.tap((news) => {
        assert.ok(Object.isFrozen(news));
        seen.push(`${name} ${news.clientId}`);
      }),
    );
  const { host } = await preparedRig([listener('a'), listener('b')], []);
  assert.equal(host.global.has('sessionOpened'), true);
  assert.equal(host.global.has('sessionExpired'), false);
  host.global.tell('sessionOpened', SESSION);
  host.global.tell('sessionOpened', { ...SESSION, clientId: 'd' });
  host.global.tell('sessionExpired', SESSION);
  assert.deepEqual(seen, []);
  await turn();
  assert.deepEqual(seen, ['a c', 'a d', 'b c', 'b d']);
});

test('a listener that throws or rejects is logged, and news go on', async () => {
  const seen: string[] = [];
  const p = plugin('p', (hooks) => {
    hooks.sessionOpened.tap(() => {
      throw new Error('broken');
    });
    hooks.sessionExpired.tap((async () => {
      throw new Error('broken');
    }) as () => void);
    hooks.sessionResumed.tap(() => void seen.push('resumed'));
  });
  const { host, stats, lines } = await preparedRig([p], []);
  host.global.tell('sessionOpened', SESSION);
  host.global.tell('sessionExpired', SESSION);
  host.global.tell('sessionResumed', SESSION);
  await turn();
  assert.deepEqual(seen, ['resumed']);
  assert.equal(stats.escapedErrors, 2);
  assert.match(lines.join('\n'), /PCL_PLUGIN_ESCAPED plugin=p hook=sessionOpened/);
});

test('news that wait are bounded for each plugin; further ones are dropped and counted', async () => {
  let seen = 0;
  const p = plugin('p', (hooks) =>
    hooks.sessionOpened.tap(() => {
      seen += 1;
    }),
  );
  const { host, stats } = await preparedRig([p], [], { limits: { newsQueue: 1000 } });
  for (let i = 0; i < 1500; i += 1) host.global.tell('sessionOpened', SESSION);
  assert.equal(stats.newsDropped, 500);
  await turn();
  assert.ok(seen > 0 && seen < 1000, 'traffic has its turn between batches');
  for (let i = 0; i < 5; i += 1) await turn();
  assert.equal(seen, 1000);
});

test('the last news are delivered before a plugin stops, and none after', async () => {
  const seen: string[] = [];
  const p = plugin('p', (hooks, { onDispose }) => {
    hooks.brokerStopping.tap(() => void seen.push('stopping'));
    onDispose(() => void seen.push('stopped'));
  });
  const { host } = await preparedRig([p], []);
  host.global.tell('brokerStopping', { listeners: [] });
  await host.dispose();
  host.global.tell('brokerStopping', { listeners: [] });
  await turn();
  assert.deepEqual(seen, ['stopping', 'stopped']);
});

test('news reach nobody who does not listen to them, or is not there yet', async () => {
  const seen: string[] = [];
  let starts = 0;
  const listening = plugin('listening', (hooks) => hooks.sessionOpened.tap(({ clientId }) => void seen.push(`listening ${clientId}`)));
  const otherwise = plugin('otherwise', (hooks) => hooks.sessionExpired.tap(() => void seen.push('otherwise')));
  const silent = plugin('silent', () => {});
  const down = plugin('down', (hooks) => {
    starts += 1;
    hooks.sessionOpened.tap(({ clientId }) => void seen.push(`down ${clientId}`));
    if (starts === 1) throw new BackendUnavailable('down');
  });
  const { host, clock, stats } = await preparedRig([silent, down, otherwise, listening], []);
  host.global.tell('sessionOpened', SESSION);
  await turn();
  assert.deepEqual(seen, ['listening c']);
  clock.advance(1100);
  await turn();
  host.global.tell('sessionOpened', { ...SESSION, clientId: 'd' });
  await turn();
  assert.deepEqual(seen.sort(), ['down d', 'listening c', 'listening d']);
  assert.deepEqual([stats.escapedErrors, stats.invariantsBroken, stats.newsDropped], [0, 0, 0]);
});
