import type { AuthorizedRun, GateClient } from '../gate/index.js';
import type { Target } from './route.js';

/** Whatever receives messages: a session, later a peer node. The router knows no more of it. */
export interface Subscriber {
  readonly clientId: string;
  readonly client: GateClient;
  /** Whether copies can leave now; a shared group prefers such members. */
  readonly connected: boolean;
  /** Takes all messages of the run that the target may have. */
  deliver(run: AuthorizedRun, target: Target): void;
  /** Whether a shared subscription's message could go to it: by its rights, and because it can take it now or later. */
  accepts(run: AuthorizedRun, target: Target): boolean;
  /** Whether code has to be asked for each copy; then nobody knows in advance who of a shared group may have a message. */
  readonly asks: boolean;
  /** Takes the one message of a shared group's run if it may have it; calls back, at once or later, with false if not. */
  offerShared(run: AuthorizedRun, target: Target, taken: (taken: boolean) => void): void;
}
