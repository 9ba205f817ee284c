import type { TlsEvidence } from '@portcullis/sdk';
import type { ExplainedQuestion, Gate, Standing } from './gate/index.js';

/** Who comes by which door, as far as it was stated. */
export interface Arrival {
  readonly listener: string;
  readonly chain: string;
  /** Null when it was not stated. */
  readonly tenant: string | null;
  readonly username: string | null;
  readonly tls: TlsEvidence | null;
}

/** Under what the arrival is judged. Without a tenant the gate finds it out, and says so, or refuses. */
export interface Entered {
  readonly standing: Standing;
  readonly tenant: string | null;
  readonly username: string | null;
}

/** The chain that would judge an arrival: that of the tenant which was stated, or which its listener's rule gives where no plugin is asked first. */
export function enter(gate: Gate, { listener, chain, tenant, username, tls }: Arrival): Entered | null {
  const standing = gate.standing(chain);
  if (standing === undefined) return null;
  const at = (name: string): Standing => gate.standingAt(listener, name, chain) ?? standing;
  if (tenant !== null) return { standing: at(tenant), tenant, username };
  const found = standing.global.has('resolveTenant') ? null : gate.tenancy.resolve(listener, username, tls);
  if (found === null || 'refused' in found || found.tenant === null) return { standing, tenant: null, username };
  return { standing: at(found.tenant), tenant: found.tenant, username: found.username };
}

/** The question by the whole name of its topic. */
export function mounted(question: ExplainedQuestion, mountpoint: string): ExplainedQuestion {
  return question.action === 'connect' ? question : { ...question, topic: mountpoint + question.topic };
}
