import type { TimerWheel } from '../clock.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import type { SessionRules } from './options.js';
import type { PropertyCodec } from './publish-gate.js';

/** What a gate is made from. */
export interface GateOptions {
  readonly wheel: TimerWheel;
  readonly limits: Limits;
  readonly log: Logger;
  readonly stats: Stats;
  readonly properties: PropertyCodec;
  readonly sessionRules: SessionRules;
  /** From 0 to below 1, for spreading out what would fall due together. */
  readonly random?: () => number;
}
