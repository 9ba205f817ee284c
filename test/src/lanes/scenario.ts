import type { Rule } from '@portcullis/sdk';
import type { Version } from '../fuzz/corpus.js';
import type { Limits } from '../fuzz/memory-broker.js';
import { Random } from '../fuzz/random.js';
import { uint16, uint32 } from '../support/packets.js';
import { OLD, someRules } from './rights.js';
import { type Segment, Writer } from './writer.js';

/** A client of the scenario. */
export interface Cast {
  readonly clientId: string;
  /** Null for an anonymous one. */
  readonly username: string | null;
  readonly version: Version;
  readonly cleanSession: boolean;
  /** Properties of its CONNECT in hexadecimal. */
  readonly properties: string;
}

/** Random traffic, written down: the same bytes whoever plays it, and however they are cut. */
export interface Scenario {
  readonly seed: number;
  readonly limits: Partial<Limits>;
  readonly rules: readonly Rule[];
  readonly cast: readonly Cast[];
  readonly segments: readonly Segment[];
}

const MEMBERS = 11;
const USERS = ['amy', 'bob', 'cid', null];

function someLimits(random: Random) {
  const tight = random.oneIn(4);
  return {
    maxPacketBytes: 20_000,
    topicAliasMaximum: 5,
    maxTopicLevels: 128,
    maxInflight: random.pick([1, 5, 20, 1024]),
    maxQueuedMessages: random.pick([0, 3, 30, 10_000]),
    // With little room the publishers' own QoS 2 messages must still find some.
    maxQueuedBytes: tight ? 8000 : 16_777_216,
    receiveMaximum: random.pick(tight ? [8, 16] : [8, 20, 1024]),
    maxTopicCacheEntries: random.pick([16, 65_536]),
    maxCachedTopicBytes: random.pick([16, 512]),
    maxRouteTargets: random.pick([1000, 1_000_000]),
    maxUserProperties: 8,
  };
}

function someCast(random: Random, index: number): Cast {
  const version = random.pick([3, 4, 5] as const);
  const durable = random.oneIn(3);
  const properties = [
    durable ? `11${uint32(600)}` : '',
    random.oneIn(3) ? `21${uint16(1 + random.below(20))}` : '',
    random.oneIn(4) ? `27${uint32(40 + random.below(300))}` : '',
  ];
  // Who has no name has no session that lasts.
  const username = version === 3 ? OLD : durable ? random.pick(USERS.slice(0, 3)) : random.pick(USERS);
  return {
    clientId: `s${index}`,
    username: username ?? null,
    version,
    cleanSession: version === 5 ? false : !durable,
    properties: version === 5 ? properties.join('') : '',
  };
}

/** What this seed stands for. */
export function someScenario(seed: number, segments: number): Scenario {
  const random = new Random(seed);
  const limits = someLimits(random);
  const cast = Array.from({ length: MEMBERS }, (_, index) => someCast(random, index));
  const writers = cast.map((member, index) => new Writer(random, limits, member, index));
  const written: Segment[] = writers.map((writer) => writer.subscriptions());
  for (let i = 0; i < segments; i += 1) written.push(random.pick(writers).traffic());
  return { seed, limits, rules: someRules(random), cast, segments: written };
}
