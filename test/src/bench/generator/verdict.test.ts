import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Histogram } from './histogram.js';
import { parseStat, readTree } from './process-tree.js';
import { Tracker } from './tracker.js';
import { describeCounts, fail, isBad, noCounts } from './verdict.js';

function track(...sequences: readonly number[]) {
  const counts = noCounts();
  const tracker = new Tracker(2, counts);
  for (const sequence of sequences) tracker.arrived(1, sequence);
  return { unique: tracker.unique, duplicates: counts.duplicates, reordered: counts.reordered };
}

describe('the tracker of a stream', () => {
  it('finds nothing wrong in numbers that come in order', () => {
    assert.deepEqual(track(0, 1, 2, 3), { unique: 4, duplicates: 0, reordered: 0 });
  });

  it('does not count a lost message as arrived', () => {
    assert.deepEqual(track(0, 2, 3), { unique: 3, duplicates: 0, reordered: 0 });
  });

  it('tells a late message from one that comes twice', () => {
    assert.deepEqual(track(0, 2, 1, 3), { unique: 4, duplicates: 0, reordered: 1 });
    assert.deepEqual(track(0, 1, 1, 2), { unique: 3, duplicates: 1, reordered: 0 });
    assert.deepEqual(track(0, 3, 1, 1, 2, 2, 3), { unique: 4, duplicates: 3, reordered: 2 });
  });

  it('stays bounded when a number is absurd', () => {
    assert.deepEqual(track(0, 4_000_000_000, 5), { unique: 3, duplicates: 0, reordered: 1 });
  });
});

describe('the verdict on a run', () => {
  it('is bad for any of its reasons', () => {
    assert.equal(isBad(noCounts()), false);
    for (const name of ['lost', 'duplicates', 'reordered', 'misrouted', 'altered', 'failed'] as const)
      assert.equal(isBad({ ...noCounts(), [name]: 1 }), true, name);
  });

  it('names each reason once', () => {
    const counts = noCounts();
    for (let each = 0; each < 3; each++) fail(counts, 'refused');
    counts.lost = 2;
    assert.equal(describeCounts(counts), '2 lost, 3 failed (refused)');
  });
});

describe('the histogram', () => {
  it('gives quantiles that are at most 2 % off, over six orders of magnitude', () => {
    for (const scale of [1, 10, 1000, 100_000, 1_000_000]) {
      const histogram = new Histogram();
      for (let value = 1; value <= 100; value++) histogram.add(value * scale);
      for (const share of [0.01, 0.5, 0.99, 1]) {
        const value = histogram.quantile(share) ?? 0;
        assert.ok(Math.abs(value / (share * 100 * scale) - 1) <= 0.02, `${share} of ${scale}: ${value}`);
      }
    }
  });

  it('has no quantile without values, and takes a clock that stands still', () => {
    const histogram = new Histogram();
    assert.equal(histogram.quantile(0.5), null);
    histogram.add(-3);
    assert.equal(histogram.quantile(0.5), 0);
  });
});

describe('the table of processes', () => {
  it('is read right for a program with blanks and parentheses in its name', () => {
    assert.deepEqual(parseStat('71 (a) b) R (c)) S 42 71 71 0 -1 4194560 100 0 1 0 250 50 7 7 20 0 11 0 54713 3133440 380'), {
      parent: 42,
      cpuSeconds: 3,
    });
    assert.equal(parseStat('nonsense'), null);
  });

  it('has this process in it, or says that there is none', { skip: process.platform === 'linux' ? false : 'only Linux has /proc' }, () => {
    const usage = readTree(process.pid);
    assert.ok(usage !== null && usage.memoryBytes > 1_000_000 && usage.cpuSeconds >= 0);
    assert.equal(readTree(2 ** 30), null);
  });
});
