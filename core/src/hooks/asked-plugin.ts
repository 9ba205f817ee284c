import type { HookName, LogFields, PluginDefinition, PluginLog } from '@portcullis/sdk';
import type { TimerWheel } from '../clock.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Stats } from '../stats.js';
import type { FaultLog } from './fault-log.js';
import type { HashQueue } from './hash-queue.js';
import { HOOK_NAMES, isAuthorityHook } from './hook-table.js';

/** What all parts of one host share. */
export interface HostTools {
  readonly wheel: TimerWheel;
  readonly log: Logger;
  readonly stats: Stats;
  readonly limits: Limits;
  readonly faults: FaultLog;
  readonly hashes: HashQueue;
}

/** A log without a level of its own to set. */
export interface PlainLog extends PluginLog {
  child(fields: LogFields): PlainLog;
  /** A text without secrets of the configuration. */
  hide(text: string): string;
}

/** What one start of a plugin works with: the broker's, or in a thread of its own what stands for it there. */
export interface InstanceTools {
  readonly wheel: TimerWheel;
  readonly log: PlainLog;
  readonly stats: Pick<Stats, 'get' | 'names' | 'countPlugin' | 'setPlugin'>;
  readonly limits: Pick<Limits, 'pluginStartMs' | 'pluginTimers' | 'pluginMetrics'>;
  readonly faults: Pick<FaultLog, 'escaped'>;
}

/** A handler as a plugin gave it. Nothing is known about what it does or returns. */
export type Handler = (request: object, verbs: object) => unknown;

/** The plugin that a question is put to. */
export interface AskedPlugin {
  readonly name: string;
  readonly definition: PluginDefinition;
  readonly timeoutMs: number;
  /** What its manifest says, read once: all plugins' questions then read objects of one shape. */
  readonly answers: DeclaredAnswers;
  readonly mayExpose: boolean;
}

/** What a manifest lets its plugin say on each hook; null where the hook has no authority. */
export type DeclaredAnswers = Readonly<Record<HookName, readonly string[] | null>>;

export function declaredAnswers({ decides }: PluginDefinition): DeclaredAnswers {
  return Object.fromEntries(
    HOOK_NAMES.map((hook) => [hook, isAuthorityHook(hook) ? Object.freeze([...(decides?.[hook] ?? [])]) : null]),
  ) as DeclaredAnswers;
}
