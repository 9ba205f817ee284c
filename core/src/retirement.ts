import type { Gate } from './gate/index.js';
import type { SessionRegistry } from './session/index.js';

/**
 * Whether a configuration generation that is no longer in force is still needed: a CONNECT or a re-authentication that it began to judge is not judged
 * yet, or a connected client stands under its rules. To stop its plugins before would be a fault for each of these, and cost a client its connection.
 */
export function isUsed(generation: number, gate: Gate, registry: SessionRegistry): boolean {
  if (gate.admissions.all().some((admission) => admission.generation === generation)) return true;
  for (const { outlet, client, leases } of registry.sessions()) {
    if (outlet !== null && (client.standing.generation === generation || leases?.judgedAgainBy?.generation === generation)) return true;
  }
  return false;
}
