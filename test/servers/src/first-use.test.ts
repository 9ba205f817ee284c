import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertGone, startStarter } from './run-starter.test.support.js';
import { temporaryFolder } from './temporary.js';

describe('two starters at once on a machine that has nothing prepared', () => {
  let temporary: string;
  before(() => {
    temporary = mkdtempSync(join(temporaryFolder(), 'portcullis-test-'));
    chmodSync(temporary, 0o755);
  });
  after(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }));

  it('each get servers of their own, and leave nothing but the cache', async () => {
    const starters = [1, 2].map(() => startStarter([], { TMPDIR: temporary }));
    try {
      const facts = await Promise.all(starters.map(({ started }) => started));
      assert.equal(new Set(facts.flatMap(({ pids }) => pids)).size, facts.flatMap(({ pids }) => pids).length);
      for (const { child } of starters) child.kill('SIGKILL');
      for (const one of facts) await assertGone(one);
      assert.deepEqual(
        readdirSync(temporary).map((name) => name.replace(/\d+$/, '<uid>')),
        ['portcullis-test-servers-<uid>'],
      );
      const left = readdirSync(join(temporary, readdirSync(temporary)[0] ?? ''));
      assert.deepEqual(
        left.filter((name) => name.startsWith('work-')),
        [],
      );
    } finally {
      for (const { child } of starters) child.kill('SIGKILL');
    }
  });
});
