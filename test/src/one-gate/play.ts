import assert from 'node:assert/strict';
import { connect, knock, leave, releaseIdentifier } from './comings.js';
import type { Ledger } from './ledger.js';
import type { Lane } from './source.js';
import { catchUp, changeRights, fallBehind, leaveFilter, passTime, publish, publishByPlugin, release, subscribe } from './traffic.js';
import { World } from './world.js';

/** Steps that a failure tells of. */
const TOLD = 40;

export interface PlayOptions {
  readonly seed: number;
  readonly lane: Lane;
  readonly steps: number;
  /** What plugins may publish to, if not what the reference believes. */
  readonly publishTo?: readonly string[];
}

/** Plays random traffic, each step of it held against the reference. Rejects at the first that it does not allow, with what led to it. */
export async function play({ seed, lane, steps, publishTo }: PlayOptions): Promise<Ledger> {
  const world = new World(seed, lane);
  try {
    await world.begin(publishTo);
    for (const slot of world.slots) {
      await connect(world, slot);
      for (let i = 0; i < 2; i += 1) await subscribe(world, slot);
    }
    for (world.step = 1; world.step <= steps; world.step += 1) await next(world);
    for (const name of ['invariantsBroken', 'pluginFaults', 'escapedErrors']) assert.equal(world.broker.stats.get(name), 0, name);
    return world.ledger;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const told = world.history.slice(-TOLD).join('\n');
    throw new Error(`${said}\nlane ${lane}, seed ${seed}, step ${world.step}, the last of\n${told}`, { cause: error });
  } finally {
    await world.end();
  }
}

function next(world: World): Promise<void> {
  const { random, slots } = world;
  const there = slots.filter(({ member }) => member !== null);
  const slot = random.pick(there.length === 0 || random.oneIn(6) ? slots : there);
  const { member, holding } = slot;
  if (random.oneIn(20)) return knock(world, slot);
  if (random.oneIn(40)) return releaseIdentifier(world, slot);
  if (member === null || holding === null || random.oneIn(20)) return connect(world, slot);
  const step = random.below(24);
  if (step < 3) return subscribe(world, slot);
  if (step < 5) return holding.unreleased.size > 0 ? release(world, slot) : subscribe(world, slot);
  if (step < 6) return holding.filters.size > 2 ? leaveFilter(world, slot) : subscribe(world, slot);
  if (step < 8) return publishByPlugin(world);
  if (step < 11) return changeRights(world, holding.user);
  if (step < 13) return member.acknowledges ? fallBehind(world, slot) : catchUp(world, slot);
  if (step < 14) return leave(world, slot);
  if (step < 15) return passTime(world);
  return publish(world, slot);
}
