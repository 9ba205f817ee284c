import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginContext } from '@portcullis/sdk';
import { makePlugin } from './plugin.js';

const IGNORE = (): void => {};

/** What the plugin asks of its context, written down; no time passes. */
describe('ban-list and its timers', () => {
  let folder: string;
  let timers: number[];
  let ended: object[];
  let taps: Map<string, (news: object) => void>;
  let reload: () => Promise<void>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-bans-'));
    timers = [];
    ended = [];
    taps = new Map();
    await writeFile(join(folder, 'bans'), 'user mallory\n');
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function start(watch: boolean): Promise<void> {
    const timer = (milliseconds: number) => {
      timers.push(milliseconds);
      return IGNORE;
    };
    const context = {
      baseFolder: folder,
      hooks: new Proxy({}, { get: (_, name) => ({ tap: (tap: (news: object) => void) => void taps.set(String(name), tap) }) }),
      log: { debug: IGNORE, info: IGNORE, warn: IGNORE, error: IGNORE },
      metrics: { count: IGNORE, gauge: IGNORE },
      timers: { after: timer, every: timer },
      signal: new AbortController().signal,
      sessions: { find: () => [], disconnect: (selector: object) => ended.push(selector) },
      onReload: (callback: () => Promise<void>) => {
        reload = callback;
      },
    };
    await makePlugin(() => 0).start(context as unknown as PluginContext, { file: 'bans', watch, closeSockets: false });
  }

  test('a start waits before it looks at who is connected, since it may be given up; a list that has changed counts at once; both look again later', async () => {
    await start(false);
    assert.deepEqual(timers, [1000, 15_000]);
    timers.length = 0;
    await writeFile(join(folder, 'bans'), 'user mallory\nuser eve\n');
    await reload();
    assert.deepEqual(timers, [0, 15_000]);
  });

  test('the file is looked at again and again only where it is to be watched', async () => {
    await start(true);
    const watched = timers.length;
    timers.length = 0;
    await start(false);
    assert.equal(watched, timers.length + 1);
  });

  test('a list of more than 4 MiB is not read', async () => {
    await writeFile(join(folder, 'bans'), `# ${'x'.repeat(4 * 1024 * 1024)}\n`);
    await assert.rejects(start(false), /4 ?194 ?304|4 MiB|larger/);
  });

  test('who came while the list changed is ended in the tenant that it came to', async () => {
    await start(false);
    const client = { id: 'm', connection: { address: '192.0.2.1' } };
    taps.get('clientConnected')?.({ client, identity: { username: 'ann' }, tenant: 'acme' });
    assert.deepEqual(ended, []);
    taps.get('clientConnected')?.({ client, identity: { username: 'mallory' }, tenant: 'acme' });
    assert.deepEqual(ended, [{ clientId: 'm', tenant: 'acme' }]);
  });
});
