import type { Identity } from '@portcullis/sdk';
import { type AssumedAnswer, type ConnectRequest, clientInfo, type Gate, type Standing, type TracedAnswer } from './gate/index.js';
import type { Outcome } from './hooks/index.js';
import type { Session, SessionRegistry } from './session/index.js';

/** Who is explained, as far as it was stated. */
export interface StatedIdentity {
  readonly username: string;
  readonly tenant: string | null;
  readonly groups: readonly string[] | null;
  readonly attributes: Readonly<Record<string, string>> | null;
  /** The session that is explained, if there is one. */
  readonly session: Session | null;
}

/**
 * What stands for the authorities' answer when there is no password: what was stated; else the identity of the session, or of another one of
 * the user; else what `refreshIdentity` says. A user of whom all authorities say that they do not know it is unknown, and a fault is a fault.
 */
export async function assumedAnswer(
  gate: Gate,
  registry: SessionRegistry,
  standing: Standing,
  request: ConnectRequest,
  { username, tenant, groups, attributes, session }: StatedIdentity,
): Promise<AssumedAnswer> {
  const [first = ''] = standing.chain.authenticate;
  if (groups !== null || attributes !== null) {
    const identity = { username, ...(groups === null ? {} : { groups }), ...(attributes === null ? {} : { attributes }) };
    return { outcome: allow(first, identity), from: 'not asked: the identity was stated', plugins: [] };
  }
  const known = session ?? sessionOfUser(registry, username, tenant);
  if (known !== null) {
    const { authority, identity } = known.client;
    return {
      outcome: allow(authority, identity),
      from: `not asked: the identity is that of the session of client ${JSON.stringify(known.clientId)}`,
      plugins: [],
    };
  }
  return refreshed(gate, standing, request, username);
}

async function refreshed(gate: Gate, standing: Standing, request: ConnectRequest, username: string): Promise<AssumedAnswer> {
  const identity = { username };
  const client = clientInfo(request, gate.sessionRules.maxExpirySeconds);
  const question = { client, identity, tenant: null, tls: null, ageSeconds: 0 };
  const { hooks, chain } = standing;
  const plugins: TracedAnswer[] = [];
  const deadlineAt = gate.now() + chain.deadlineMs;
  let silent: string | null = null;
  for (const plugin of chain.authenticate) {
    if (!hooks.taps(plugin, 'refreshIdentity')) {
      silent ??= plugin;
      continue;
    }
    const outcome = await new Promise<Outcome>((resolve) => void hooks.askPlugin(plugin, 'refreshIdentity', question, { deadlineAt }, resolve));
    plugins.push({ plugin, outcome: outcome.kind, milliseconds: null, detail: outcome.kind === 'fault' ? outcome.detail : '' });
    // By what it says on `refreshIdentity`: whom it would let in it confirms.
    if (outcome.kind === 'allow')
      return { outcome: allow(plugin, identity), from: `no password: ${plugin} confirms the user, without groups and attributes`, plugins };
    if (outcome.kind !== 'deny') return { outcome, from: 'no password: it cannot be said whether the user stands', plugins };
  }
  if (silent !== null)
    return {
      outcome: allow(silent, identity),
      from: `no password: whether the user exists was not to be found out; without groups and attributes`,
      plugins,
    };
  return { outcome: { kind: 'deny', plugin: null, reason: 'bad-credentials' }, from: 'no password: no authority knows the user', plugins };
}

/** The session of the user whose identity is the youngest. */
function sessionOfUser(registry: SessionRegistry, username: string, tenant: string | null): Session | null {
  let found: Session | null = null;
  for (const session of registry.sessions()) {
    if (session.client.username !== username || (tenant !== null && session.tenant !== tenant)) continue;
    if (found === null || session.client.identifiedAt > found.client.identifiedAt) found = session;
  }
  return found;
}

function allow(plugin: string, identity: Identity): Outcome {
  return { kind: 'allow', plugin, grant: { identity }, data: null, leaseSeconds: null };
}
