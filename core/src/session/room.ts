import type { DropReason } from '@portcullis/sdk';
import type { TimerWheel } from '../clock.js';
import type { Gate } from '../gate/index.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import type { Router } from '../router/index.js';
import type { Stats } from '../stats.js';
import type { Custody } from '../store/index.js';
import type { Turns } from '../turns.js';

/** What all sessions share. */
export interface SessionRoom {
  readonly gate: Gate;
  readonly router: Router;
  readonly custody: Custody;
  readonly wheel: TimerWheel;
  readonly turns: Turns;
  /** Turns of whatever takes rights away: what waits here still gets what it may no longer have. */
  readonly urgent: Turns;
  readonly limits: Limits;
  readonly stats: Stats;
  readonly log: Logger;
}

const COUNTERS: Record<DropReason, keyof Stats & `dropped${string}`> = {
  'not-authorized': 'droppedNotAuthorized',
  guard: 'droppedGuard',
  fault: 'droppedFault',
  'queue-full': 'droppedQueueFull',
  'slow-consumer': 'droppedSlowConsumer',
  expired: 'droppedExpired',
  'too-large': 'droppedTooLarge',
  'session-ended': 'droppedSessionEnded',
  'no-group-member': 'droppedNoGroupMember',
  'packet-identifiers': 'droppedPacketIdentifiers',
};

/** Counts dropped copies, and tells those who listen. */
export function countDrop(room: SessionRoom, reason: DropReason, clientId: string | null, tenant: string | null, topic: string, count: number): void {
  room.stats[COUNTERS[reason]] += count;
  if (room.gate.hears('messageDropped')) room.gate.tell('messageDropped', { clientId, tenant, topic, reason, count });
}
