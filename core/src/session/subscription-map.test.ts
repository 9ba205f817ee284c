import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Subscription } from '../router/index.js';
import { SubscriptionMap } from './subscription-map.js';

test('The length of the filters is that of those that are there, however often one was set or deleted.', () => {
  const map = new SubscriptionMap();
  const subscription = {} as Subscription;
  map.set('abc', subscription).set('abc', subscription).set('d/+', subscription);
  assert.equal(map.filterLength, 6);
  assert.equal(map.delete('abc'), true);
  assert.equal(map.delete('abc'), false);
  assert.equal(map.filterLength, 3);
  map.clear();
  assert.equal(map.filterLength, 0);
});
