import assert from 'node:assert/strict';
import { referenceMatches } from '../topics/reference.js';
import type { Table, User } from './table.js';

/** Ways on which a message can reach a client; a copy may have come by several of them. */
export const PATHS = ['live', 'of a will', 'of a plugin', 'shared', 'retained', 'after waiting', 'again'] as const;
export type Path = (typeof PATHS)[number];

/** A message that somebody sent, or left behind as a will. */
export interface Entry {
  readonly id: string;
  readonly topic: string;
  readonly kind: 'client' | 'will' | 'plugin';
  readonly user: User;
  /** Whether it was refused when it was sent: nothing may bring it back. */
  refused: boolean;
  /** Whether it has passed all that will ever be asked about it. */
  passed: boolean;
  /** In which step the witness saw it; -1 for never. */
  routedIn: number;
  /** Whether it was to be kept for those who subscribe later. */
  readonly retain: boolean;
}

/** A will, and when it is due; infinity while its client is there. */
export interface Will {
  readonly entry: Entry;
  readonly delaySeconds: number;
  dueAt: number;
}

/** How a subscription stands. */
export interface Standing {
  /** Since when its right is lost; null while it is there. */
  lostAt: number | null;
  /** Whether it was lost for so long that it may have been given up. */
  mayBeGone: boolean;
}

/** What a client identifier has, as the reference sees it. */
export interface Holding {
  readonly user: User;
  durable: boolean;
  /** Its topic filters, those of shared groups included. */
  readonly filters: Map<string, Standing>;
  /** All that it ever had, and how often it asked for each. */
  readonly ever: Map<string, number>;
  /** How often it got which message because it was retained. */
  readonly replayed: Map<string, number>;
  /** Its QoS 2 messages that wait for their PUBREL. */
  readonly unreleased: Map<number, Entry>;
  will: Will | null;
}

/** What a copy looked like when it arrived. */
export interface Copy {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly dup: boolean;
}

/** Every message that there was, and what has been seen of it. */
export class Ledger {
  readonly #table: Table;
  readonly #entries = new Map<string, Entry>();
  readonly #retained = new Map<string, Entry>();
  readonly seen: Record<Path, number> = { live: 0, 'of a will': 0, 'of a plugin': 0, shared: 0, retained: 0, 'after waiting': 0, again: 0 };

  constructor(table: Table) {
    this.#table = table;
  }

  enter(topic: string, kind: Entry['kind'], user: User, retain = false): Entry {
    const entry: Entry = { retain, id: `m${this.#entries.size}`, topic, kind, user, refused: false, passed: false, routedIn: -1 };
    this.#entries.set(entry.id, entry);
    return entry;
  }

  /** The witness, who may see everything, got a copy: the message was routed in this step, so its publisher may publish it now. */
  routed({ payload, topic }: Copy, step: number): void {
    const entry = this.#find(payload, topic);
    assert.equal(entry.routedIn, -1, `${entry.id} is routed twice`);
    assert.ok(!entry.refused, `${entry.kind} message ${entry.id} to ${topic} is routed, though it was refused`);
    if (entry.kind === 'plugin') assert.match(topic, /^[ab]\//, `a plugin's message to ${topic} is routed`);
    else
      assert.ok(
        entry.passed || this.#table.may(entry.user, 'publish', topic),
        `${entry.kind} message ${entry.id} of ${entry.user} to ${topic} is routed`,
      );
    entry.routedIn = step;
    if (entry.retain) this.#retained.set(topic, entry);
  }

  /** The rights of a user have changed: what it has retained without being allowed to any more is withdrawn. */
  withdraw(user: User): void {
    for (const [topic, entry] of this.#retained) {
      if (entry.kind !== 'plugin' && entry.user === user && !this.#table.may(user, 'publish', topic)) this.#retained.delete(topic);
    }
  }

  /** The retained messages that this topic filter finds at this moment: the last of each topic. */
  retained(filter: string): Entry[] {
    return [...this.#retained.values()].filter(({ topic }) => referenceMatches(filter, topic));
  }

  /** Somebody got a copy: it may have it at this moment. */
  received(holding: Holding, copy: Copy, step: number): void {
    const { topic, payload, retain, dup } = copy;
    const entry = this.#find(payload, topic);
    const what = `${holding.user} gets ${entry.id} to ${topic}${retain ? ', retained' : ''}${dup ? ', again' : ''}`;
    assert.ok(entry.routedIn >= 0, `${what}: it was never routed`);
    const may = this.#table.may(holding.user, 'receive', topic) && this.#table.may(holding.user, 'subscribe', topic);
    assert.ok(may, `${what}: that is not allowed`);
    const filters = [...holding.ever.keys()].filter((filter) => referenceMatches(innerOf(filter), topic));
    assert.ok(filters.length > 0, `${what}: it never subscribed to that`);
    if (retain && !dup) {
      const times = (holding.replayed.get(entry.id) ?? 0) + 1;
      holding.replayed.set(entry.id, times);
      const asked = filters.reduce((sum, filter) => sum + (holding.ever.get(filter) ?? 0), 0);
      assert.ok(times <= asked && entry.retain, `${what}: ${times} times, and it asked ${asked} times`);
    }
    const now = entry.routedIn === step;
    if (retain) this.seen.retained += 1;
    else if (dup) this.seen.again += 1;
    else if (!now) this.seen['after waiting'] += 1;
    else if (filters.every((filter) => filter.startsWith('$share'))) this.seen.shared += 1;
    else this.seen[entry.kind === 'client' ? 'live' : entry.kind === 'will' ? 'of a will' : 'of a plugin'] += 1;
  }

  #find(payload: string, topic: string): Entry {
    const entry = this.#entries.get(payload);
    assert.ok(entry !== undefined, `nobody sent ${payload}`);
    assert.equal(topic, entry.topic, `${payload} was sent to another topic`);
    return entry;
  }
}

/** The filter that topics are matched against. */
export function innerOf(filter: string): string {
  return filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter;
}
