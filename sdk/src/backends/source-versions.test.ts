import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceVersions } from './source-versions.js';

test('a version that grows is newer, the same is unchanged', () => {
  const versions = new SourceVersions();
  assert.equal(versions.current, null);
  assert.equal(versions.observe('e', 5), 'first');
  assert.equal(versions.observe('e', 5), 'unchanged');
  assert.equal(versions.observe('e', 9), 'newer');
  assert.deepEqual(versions.current, { epoch: 'e', version: 9 });
});

test('a version that goes backwards and another epoch are another history', () => {
  const versions = new SourceVersions();
  versions.observe('e', 5);
  assert.equal(versions.observe('e', 4), 'reset');
  assert.equal(versions.observe('f', 4), 'reset');
  assert.equal(versions.observe('f', 5), 'newer');
});

test('an answer is judged by what the source has told', () => {
  const versions = new SourceVersions();
  assert.equal(versions.standing('e', 5), 'foreign');
  versions.observe('e', 5);
  assert.equal(versions.standing('e', 4), 'older');
  assert.equal(versions.standing('e', 5), 'current');
  assert.equal(versions.standing('e', 6), 'current');
  assert.equal(versions.standing('f', 6), 'foreign');
});

test('what the broker is told never goes backwards: not with a reset, not with another life of the plugin', () => {
  const first = new SourceVersions();
  first.observe('e', 1000);
  const before = first.announced(1000);
  first.observe('f', 3);
  const restored = first.announced(3);
  assert.ok(restored > before);
  assert.equal(first.announced(4), restored + 1);
  const second = new SourceVersions();
  second.observe('f', 4);
  assert.ok(second.announced(4) > restored + 1);
});

test('what is no version is a mistake', () => {
  for (const version of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => new SourceVersions().observe('e', version), RangeError);
});
