import assert from 'node:assert/strict';
import { CUTS, type Cut } from './cut.js';
import { type Outcome, play } from './play.js';
import { type Scenario, someScenario } from './scenario.js';
import { LANES, type Lane } from './watchers.js';

/** Plays one scenario over every lane, and over the short, the longest and the slowest in every way of cutting. Throws at the first difference; gives the counters. */
export async function compareLanes(seed: number, segments: number): Promise<Outcome['stats']> {
  const scenario = someScenario(seed, segments);
  const reference = await attempt(scenario, 'rules', 'whole');
  for (const lane of LANES) if (lane !== 'rules') equal(reference, await attempt(scenario, lane, 'whole'), name(scenario, lane, 'whole'));
  for (const lane of ['rules', 'everybody', 'a later answer'] as const) {
    for (const how of CUTS) if (how !== 'whole') equal(reference, await attempt(scenario, lane, how), name(scenario, lane, how));
  }
  return reference.stats;
}

function name({ seed }: Scenario, lane: Lane, how: Cut): string {
  return `seed ${seed}, lane "${lane}", reads "${how}"`;
}

async function attempt(scenario: Scenario, lane: Lane, how: Cut): Promise<Outcome> {
  try {
    return await play(scenario, lane, how);
  } catch (error) {
    throw new Error(`${name(scenario, lane, how)}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function equal(one: Outcome, other: Outcome, what: string): void {
  for (const [index, { messages, rest }] of one.got.entries()) {
    const second = other.got[index];
    sameList(second?.messages ?? [], messages, `${what}: messages of client ${index}`);
    sameList(second?.rest ?? [], rest, `${what}: other packets of client ${index}`);
  }
  for (const [counter, value] of Object.entries(one.stats)) {
    // What comes after the end of a connection is not counted, and may have come with what ended it.
    if (counter !== 'bytesReceived') assert.equal(other.stats[counter], value, `${what}: ${counter}`);
  }
}

/** Names the first that differs: two lists of a thousand packets help nobody. */
function sameList(came: readonly string[], wanted: readonly string[], what: string): void {
  for (let i = 0; i < Math.max(came.length, wanted.length); i += 1) {
    if (came[i] !== wanted[i])
      assert.fail(`${what}, ${i} of ${wanted.length}/${came.length}: ${came[i]?.slice(0, 400)} instead of ${wanted[i]?.slice(0, 400)}`);
  }
}
