import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, coversUnion, intersects, isTopicFilter, matches } from './index.js';
import { allTexts, naiveMatches } from './naive.test.support.js';

const FILTERS = allTexts(['', 'a', '$x', '+', '#'], 3).filter((text) => isTopicFilter(text));
// 'f' and '$f' are in no filter: one fresh value stands for all values that no filter names.
const TOPICS = allTexts(['', 'a', '$x', 'f', '$f'], 4);
const WORDS = Math.ceil(TOPICS.length / 32);

/** The topics that a filter matches, one bit each. */
const MATCHED = FILTERS.map((filter) => {
  const bits = new Uint32Array(WORDS);
  TOPICS.forEach((topic, i) => {
    if (naiveMatches(filter, topic)) bits[i >>> 5] = (bits[i >>> 5] as number) | (1 << (i & 31));
  });
  return bits;
});

function within(inner: Uint32Array, one: Uint32Array, other: Uint32Array): boolean {
  for (let i = 0; i < WORDS; i++) if (((inner[i] as number) & ~((one[i] as number) | (other[i] as number))) !== 0) return false;
  return true;
}

function meet(one: Uint32Array, other: Uint32Array): boolean {
  for (let i = 0; i < WORDS; i++) if (((one[i] as number) & (other[i] as number)) !== 0) return true;
  return false;
}

test('every filter of up to three levels matches exactly the topics that the specification says', () => {
  assert.ok(FILTERS.length > 100);
  for (const filter of FILTERS) for (const topic of TOPICS) assert.equal(matches(filter, topic), naiveMatches(filter, topic), `${filter} ${topic}`);
});

test('covers and intersects are exact for every pair of filters of up to three levels', () => {
  FILTERS.forEach((a, i) => {
    FILTERS.forEach((b, j) => {
      const [one, other] = [MATCHED[i] as Uint32Array, MATCHED[j] as Uint32Array];
      assert.equal(covers(a, b), within(other, one, one), `${a} covers ${b}`);
      assert.equal(intersects(a, b), meet(one, other), `${a} intersects ${b}`);
    });
  });
});

test('coversUnion is exact for every pair of filters of up to three levels and every third', () => {
  FILTERS.forEach((a, i) => {
    for (let j = i; j < FILTERS.length; j++) {
      const pair = [a, FILTERS[j] as string];
      for (let k = 0; k < FILTERS.length; k++) {
        const expected = within(MATCHED[k] as Uint32Array, MATCHED[i] as Uint32Array, MATCHED[j] as Uint32Array);
        if (coversUnion(pair, FILTERS[k] as string) !== expected) assert.fail(`${pair.join(' and ')} cover ${FILTERS[k]}: ${expected} expected`);
      }
    }
  });
});

test('coversUnion is exact for any number of filters', () => {
  const index = fc.nat({ max: FILTERS.length - 1 });
  fc.assert(
    fc.property(fc.array(index, { maxLength: 12 }), index, (chosen, b) => {
      const union = new Uint32Array(WORDS);
      for (const i of chosen) for (let w = 0; w < WORDS; w++) union[w] = (union[w] as number) | ((MATCHED[i] as Uint32Array)[w] as number);
      const filters = chosen.map((i) => FILTERS[i] as string);
      assert.equal(coversUnion(filters, FILTERS[b] as string), within(MATCHED[b] as Uint32Array, union, union));
    }),
    { numRuns: 20_000 },
  );
});

test('the cases that are easy to get wrong', () => {
  assert.equal(matches('a/#', 'a'), true);
  assert.equal(matches('a/#', 'ab'), false);
  assert.equal(matches('a/+', 'a/'), true);
  assert.equal(matches('a/+', 'a'), false);
  assert.equal(matches('+/+', '/'), true);
  assert.equal(matches('#', '$SYS/x'), false);
  assert.equal(matches('+/x', '$SYS/x'), false);
  assert.equal(matches('$SYS/+', '$SYS/x'), true);
  assert.equal(matches('a/#', '$a'), false);
  assert.equal(matches('Å', 'A\u030a'), false);
  assert.equal(matches('__proto__/+', '__proto__/constructor'), true);
  assert.equal(coversUnion(['a', 'a/+', 'a/+/+/#'], 'a/#'), true);
  assert.equal(coversUnion(['a', 'a/b', 'a/+/+/#'], 'a/#'), false);
  assert.equal(coversUnion(['+', '+/+', '+/+/+'], '#'), false);
  assert.equal(coversUnion([], 'a'), false);
});

test('filters and topics of tens of thousands of levels are answered at once', () => {
  const slashes = '/'.repeat(65_534);
  const pluses = `${'+/'.repeat(32_766)}+`;
  const started = process.cpuUsage().user;
  assert.equal(matches(pluses, '/'.repeat(32_766)), true);
  assert.equal(matches(pluses, slashes), false);
  assert.equal(matches(`${'+/'.repeat(32_766)}#`, slashes), true);
  assert.equal(matches(`${slashes}#`, slashes), true);
  assert.equal(covers('#', slashes), true);
  assert.equal(covers(pluses, slashes), false);
  assert.equal(covers(`${'+/'.repeat(32_766)}#`, `${slashes}#`), true);
  assert.equal(intersects(`${'+/'.repeat(32_766)}#`, slashes), true);
  assert.equal(coversUnion([slashes, pluses, `${'+/'.repeat(32_766)}#`], `${'+/'.repeat(32_766)}#`), true);
  assert.ok(process.cpuUsage().user - started < 2_000_000);
});

test('no text, valid or not, makes a function throw', () => {
  const text = fc.string({ unit: fc.constantFrom('+', '#', '/', '$', 'a', '\0', '\ud800', '%'), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      for (const answer of [matches(a, b), covers(a, b), intersects(a, b), coversUnion([a, b], a)]) assert.equal(typeof answer, 'boolean');
    }),
    { numRuns: 5000 },
  );
});
