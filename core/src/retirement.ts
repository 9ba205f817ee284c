import type { TimerWheel } from './clock.js';
import type { Gate } from './gate/index.js';
import type { Generation } from './generation.js';
import type { SessionRegistry } from './session/index.js';

const FIRST_LOOK_MS = 25;
const LAST_LOOK_MS = 400;

/** What a generation may still be needed for. */
export interface Users {
  readonly gate: Gate;
  readonly registry: SessionRegistry;
  readonly wheel: TimerWheel;
}

/**
 * Resolves when nobody will put a question to the plugins of a generation that is no longer in force: every CONNECT that it began to judge is
 * judged, and no connected client stands under its rules any more. Were they stopped before, each of these would meet a fault, and lose its
 * connection. Resolves at the latest after `longestMs` milliseconds, or when `hurry` says so.
 */
export async function unused(generation: Generation, users: Users, longestMs: number, hurry: () => boolean): Promise<void> {
  const { wheel } = users;
  const end = wheel.clock.now() + longestMs;
  for (let pause = FIRST_LOOK_MS; isUsed(generation, users) && !hurry(); pause = Math.min(pause * 2, LAST_LOOK_MS)) {
    const left = end - wheel.clock.now();
    if (left <= 0) return;
    await new Promise<void>((resolve) => wheel.after(Math.min(pause, left), resolve));
  }
}

function isUsed({ number }: Generation, { gate, registry }: Users): boolean {
  if (gate.admissions.all().some((admission) => admission.generation === number)) return true;
  for (const session of registry.sessions()) if (session.outlet !== null && session.client.standing.generation === number) return true;
  return false;
}
