import { covers, coversUnion, intersects, isTopicFilter, isTopicName, matches } from '@portcullis/sdk';
import { referenceCovers, referenceIntersects, referenceMatches } from './reference.js';

export interface CampaignResult {
  readonly passed: number;
  readonly failed: number;
  /** The first differences, in words. */
  readonly differences: readonly string[];
}

// Few names, so that filters and topics meet often; among them those that trip implementations.
const NAMES = ['', 'a', 'b', 'aa', '$x', '$', '$SYS', '__proto__', 'é', '😀', '%u'];
/** Trying all topics is dear, so only one pair in so many is judged that way. */
const RELATIONS_EVERY = 250;

class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }
}

function someTopic(random: Random, maxLevels: number, names: number): string {
  for (;;) {
    let topic = NAMES[random.below(names)] as string;
    for (let levels = random.below(maxLevels); levels > 0; levels--) topic += `/${NAMES[random.below(names)]}`;
    if (topic !== '') return topic;
  }
}

/** Often made from the topic itself, since two texts made apart seldom match. */
function someFilter(random: Random, topic: string, maxLevels: number, names: number): string {
  const levels = (random.below(3) === 0 ? someTopic(random, maxLevels, names) : topic).split('/');
  for (let i = 0; i < levels.length; i++) {
    const dice = random.below(8);
    if (dice < 2) levels[i] = '+';
    else if (dice === 2) levels[i] = NAMES[random.below(names)] as string;
  }
  const dice = random.below(6);
  if (dice === 0) levels.push('#');
  else if (dice === 1) levels.splice(random.below(levels.length), levels.length, '#');
  const filter = levels.join('/');
  return filter === '' ? '#' : filter;
}

/** Compares the SDK's topic functions with the reference on `count` random pairs of filter and topic. */
export function runTopicCampaign(count: number, seed: number): CampaignResult {
  const random = new Random(seed);
  const differences: string[] = [];
  let failed = 0;
  const differ = (text: string): void => {
    failed += 1;
    if (differences.length < 20) differences.push(text);
  };
  for (let i = 0; i < count; i++) {
    const topic = someTopic(random, 6, NAMES.length);
    const filter = someFilter(random, topic, 6, NAMES.length);
    const before = failed;
    if (!isTopicName(topic) || !isTopicFilter(filter)) differ(`not valid: ${filter} or ${topic}`);
    const matched = matches(filter, topic);
    if (matched !== referenceMatches(filter, topic)) differ(`matches(${filter}, ${topic}) is ${matched}`);
    const second = someFilter(random, topic, 6, NAMES.length);
    const secondMatched = matches(second, topic);
    if (secondMatched && !matched && covers(filter, second)) differ(`covers(${filter}, ${second}) in spite of ${topic}`);
    if (secondMatched && matched && !intersects(filter, second)) differ(`not intersects(${filter}, ${second}) in spite of ${topic}`);
    if (i % RELATIONS_EVERY === 0) compareRelations(random, differ);
    if (failed > before + 1) failed = before + 1;
  }
  return { passed: count - failed, failed, differences };
}

function compareRelations(random: Random, differ: (text: string) => void): void {
  const topic = someTopic(random, 3, 5);
  const filters = Array.from({ length: 1 + random.below(4) }, () => someFilter(random, topic, 3, 5));
  const [first] = filters as [string];
  const other = someFilter(random, topic, 3, 5);
  if (covers(first, other) !== referenceCovers([first], other)) differ(`covers(${first}, ${other})`);
  if (intersects(first, other) !== referenceIntersects(first, other)) differ(`intersects(${first}, ${other})`);
  if (coversUnion(filters, other) !== referenceCovers(filters, other)) differ(`coversUnion(${filters.join(' ')}, ${other})`);
}
