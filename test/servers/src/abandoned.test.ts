import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRunning } from './process-tree.js';
import { assertGone, startStarter } from './run-starter.test.support.js';

describe('servers whose starter', () => {
  for (const [how, args, end] of [
    ['is killed', ['postgres', 'redis'], 'SIGKILL'],
    ['is killed while they are frozen', ['postgres', 'redis', 'frozen'], 'SIGKILL'],
    ['is ended', ['postgres', 'redis'], 'SIGTERM'],
    ['has nothing more to do and never disposed of them', ['postgres', 'redis', 'leave'], null],
  ] as const) {
    it(`${how} end, and leave no file`, async () => {
      const { child, started } = startStarter(args);
      try {
        const facts = await started;
        assert.ok(facts.pids.length >= 5, `only ${facts.pids.length} processes`);
        if (end !== null) assert.ok(facts.pids.every(isRunning), 'they run before');
        if (end !== null) child.kill(end);
        await assertGone(facts);
      } finally {
        child.kill('SIGKILL');
      }
    });
  }
});
