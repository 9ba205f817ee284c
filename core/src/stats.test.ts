import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stats } from './stats.js';

test('Counters of the core begin at 0 and are found by name.', () => {
  const stats = new Stats();
  stats.publishesDenied += 2;
  assert.equal(stats.get('publishesDenied'), 2);
  assert.ok(stats.names().every((name) => typeof stats.get(name) === 'number'));
  assert.ok(stats.names().includes('connectionsOpen'));
});

test('Counters of plugins add up, gauges are set, and both are listed.', () => {
  const stats = new Stats();
  stats.countPlugin('plugin.a.logins', 1);
  stats.countPlugin('plugin.a.logins', 2);
  stats.setPlugin('plugin.a.pool', 7);
  stats.setPlugin('plugin.a.pool', 4);
  assert.deepEqual([stats.get('plugin.a.logins'), stats.get('plugin.a.pool')], [3, 4]);
  assert.ok(stats.names().includes('plugin.a.pool'));
});

test('Names that are no counters have no value, also those that every object has.', () => {
  const stats = new Stats();
  for (const name of ['constructor', '__proto__', 'get', 'toString', 'missing', '#plugin']) assert.equal(stats.get(name), undefined, name);
});
