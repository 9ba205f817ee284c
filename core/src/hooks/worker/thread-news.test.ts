import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLimits } from '../../limits.js';
import { Stats } from '../../stats.js';
import type { ToThread } from './messages.js';
import { ThreadNews } from './thread-news.js';

test('news go many to a message, and no more than workerNews before the thread has heard some', async () => {
  const sent: ToThread[] = [];
  const stats = new Stats();
  const news = new ThreadNews((message) => sent.push(message), stats, makeLimits({ workerNews: 3 }).workerNews);
  for (let i = 0; i < 5; i += 1) news.add('subscribed', { i });
  await null;
  assert.deepEqual(sent, [{ t: 'news', items: [0, 1, 2].map((i) => ({ hook: 'subscribed', news: { i } })) }]);
  assert.equal(stats.newsDropped, 2);
  news.heard(1);
  news.add('subscribed', { i: 5 });
  news.add('subscribed', { i: 6 });
  await null;
  assert.equal(sent.length, 2);
  assert.equal(stats.newsDropped, 3);
  news.end();
  assert.equal(stats.newsDropped, 6, 'what was on its way when the thread ended is dropped as well');
});
