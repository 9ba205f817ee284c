/** What went wrong in a run. A run in which anything did is bad, and its figures mean nothing. */
export interface Counts {
  lost: number;
  duplicates: number;
  reordered: number;
  /** Arrived at a client that did not ask for it. */
  misrouted: number;
  /** Another topic, length or QoS than it was sent with, or no message of this run at all. */
  altered: number;
  /** Connections, subscriptions and publishes that were refused or broke, and breaches of the protocol. */
  failed: number;
  /** The first reason for each kind of failure. */
  reasons: string[];
}

const MOST_REASONS = 5;

export function noCounts(): Counts {
  return { lost: 0, duplicates: 0, reordered: 0, misrouted: 0, altered: 0, failed: 0, reasons: [] };
}

export function isBad(counts: Counts): boolean {
  return counts.lost + counts.duplicates + counts.reordered + counts.misrouted + counts.altered + counts.failed > 0;
}

export function fail(counts: Counts, reason: string): void {
  counts.failed++;
  if (counts.reasons.length < MOST_REASONS && !counts.reasons.includes(reason)) counts.reasons.push(reason);
}

/** "3 lost, 1 reordered (reason)", for people. */
export function describeCounts(counts: Counts): string {
  const parts = (['lost', 'duplicates', 'reordered', 'misrouted', 'altered', 'failed'] as const)
    .filter((name) => counts[name] > 0)
    .map((name) => `${counts[name]} ${name}`);
  const why = counts.reasons.length === 0 ? '' : ` (${counts.reasons.join('; ')})`;
  return parts.length === 0 ? 'nothing wrong' : parts.join(', ') + why;
}
