import type { ChainSpec } from '../hooks/index.js';

/** A chain as the gate needs it. */
export interface GateChain extends ChainSpec {
  readonly denyPublish: 'acknowledge' | 'close';
  readonly publishFault: 'disconnect' | 'refuse';
  readonly partialSubscribe: 'filter' | 'reject';
  readonly onRevoked: 'suspend' | 'disconnect';
  readonly revokedGraceSeconds: number;
  readonly staleGraceMs: number;
}

/** How sessions are owned. */
export interface SessionRules {
  readonly clientIdOwnership: 'principal' | 'shared';
  readonly maxExpirySeconds: number;
  readonly perPrincipal: number;
  readonly useUsernameAsClientId: boolean;
}
