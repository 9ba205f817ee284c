import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertGone, startStarter } from './run-starter.test.support.js';
import { temporaryFolder } from './temporary.js';

describe('two who start servers at once on a machine that has nothing prepared', () => {
  let temporary: string;
  before(() => {
    temporary = mkdtempSync(join(temporaryFolder(), 'portcullis-test-'));
    chmodSync(temporary, 0o755);
  });
  after(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }));

  it('each get one of their own, and leave nothing but the cache', async () => {
    const starters = [1, 2].map(() => startStarter(['postgres'], { TMPDIR: temporary }));
    try {
      const facts = await Promise.all(starters.map(({ started }) => started));
      const pids = facts.flatMap((one) => one.pids);
      assert.equal(new Set(pids).size, pids.length, 'two have the same server');
      for (const { child } of starters) child.kill('SIGKILL');
      for (const one of facts) await assertGone(one);
      const left = readdirSync(temporary);
      assert.deepEqual(
        left.map((name) => name.replace(/\d+$/, '<user>')),
        ['portcullis-test-servers-<user>'],
      );
      const cache = left.flatMap((name) => readdirSync(join(temporary, name)));
      assert.deepEqual(
        cache.filter((name) => name.startsWith('work-')),
        [],
      );
    } finally {
      for (const { child } of starters) child.kill('SIGKILL');
    }
  });
});
