import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PATHS, type Path } from './ledger.js';
import { play } from './play.js';
import { REMOVALS, type Removal } from './removals.js';
import { LANES, type Lane } from './source.js';

const SEEDS = 12;
const STEPS = 200;
/** With the gate away somewhere, so many seeds at most are tried until one notices. */
const MOST_SEEDS = 60;

describe('random clients whose rights come and go', () => {
  for (const lane of LANES) {
    it(`get and publish what the reference allows at that moment and nothing else, on every path: ${lane}`, { timeout: 120_000 }, async () => {
      const seen = Object.fromEntries(PATHS.map((path) => [path, 0])) as Record<Path, number>;
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { seen: some } = await play({ seed, lane, steps: STEPS });
        for (const path of PATHS) seen[path] += some[path];
      }
      for (const path of PATHS) assert.ok(seen[path] > 0, `nothing came ${path}`);
    });
  }
});

describe('the reference notices when the gate is not asked about', () => {
  for (const removal of REMOVALS) {
    for (const lane of removal.lanes) {
      it(`${removal.what}: ${lane}`, { timeout: 120_000 }, async () => {
        const putBack = removal.remove();
        try {
          assert.ok(await noticed(removal, lane), `${MOST_SEEDS} scenarios without the gate there, and nothing was wrong`);
        } finally {
          putBack();
        }
      });
    }
  }
});

async function noticed({ publishTo }: Removal, lane: Lane): Promise<boolean> {
  for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
    try {
      await play({ seed, lane, steps: STEPS, ...(publishTo === undefined ? {} : { publishTo }) });
    } catch (error) {
      // Anything else than the reference's word would prove nothing.
      assert.ok(error instanceof Error && error.cause instanceof assert.AssertionError, String(error));
      return true;
    }
  }
  return false;
}
