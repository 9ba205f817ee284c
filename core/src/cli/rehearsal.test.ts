import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { definePlugin } from '@portcullis/sdk';
import { type Everything, loadEverything } from './load-all.js';
import { rehearse } from './rehearsal.js';

/** What a broker of one listener and one plugin would be started with. */
async function real(): Promise<Everything> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-rehearsal-'));
  try {
    const file = join(folder, 'plugins.json');
    const chains = { default: { authenticate: ['only'] } };
    const plugins = { only: { use: './only', isolation: 'inProcess' } };
    writeFileSync(file, JSON.stringify({ version: 1, listeners: { l: { url: 'mqtt://127.0.0.1:0', chain: 'default' } }, plugins, chains }));
    const definition = definePlugin({
      name: 'only',
      sdk: '^1.0.0',
      decides: { authenticate: ['skip'] },
      config: { type: 'object', additionalProperties: false, properties: {} },
      start() {
        throw new Error('no plugin of the configuration takes part');
      },
    });
    const everything = await loadEverything(file, {}, async () => ({ definition, root: folder, packageName: 'only', version: '1.0.0' }));
    assert.ok(!('problems' in everything), JSON.stringify(everything));
    return everything;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function counted(most: number) {
  const seen = { asked: 0 };
  const ended = (): boolean => {
    seen.asked += 1;
    return seen.asked > most;
  };
  return { seen, ended };
}

test('a rehearsal plays batch after batch until it is told to end', { timeout: 60_000 }, async () => {
  const { seen, ended } = counted(5);
  await rehearse(await real(), 50_000, ended);
  // Two performances, each of which asks before its batches and before the turns at its end; the second hears at once that it is over.
  assert.equal(seen.asked, 9);
});

test('a rehearsal ends with its time', { timeout: 60_000 }, async () => {
  const { seen, ended } = counted(Number.POSITIVE_INFINITY);
  await rehearse(await real(), 1, ended);
  // One batch may have begun.
  assert.ok(seen.asked <= 1, String(seen.asked));
});

test('without time there is none', async () => {
  const { seen, ended } = counted(0);
  await rehearse(await real(), 0, ended);
  assert.equal(seen.asked, 0);
});

test('a rehearsal leaves nothing that keeps the process alive', { timeout: 60_000 }, async () => {
  await rehearse(await real(), 50_000, counted(2).ended);
  assert.deepEqual(
    process.getActiveResourcesInfo().filter((resource) => resource === 'TCPServerWrap' || resource === 'TCPSocketWrap'),
    [],
  );
});
