import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '../errors.js';
import { LeasedCache, type LeasedCacheOptions, type Load } from './leased-cache.js';

/** A backend whose answers are given one by one, by the test. */
class Backend {
  readonly asked: { answer(value: string | undefined): void; fail(error: Error): void; readonly signal: AbortSignal }[] = [];
  readonly load: Load<string> = ({ signal }) =>
    new Promise((resolve, reject) => {
      this.asked.push({ answer: resolve, fail: reject, signal });
    });
}

class Rig {
  time = 0;
  random = 0;
  readonly backend = new Backend();
  readonly cache: LeasedCache<string>;

  constructor(options: Partial<LeasedCacheOptions> = {}) {
    this.cache = new LeasedCache<string>({ leaseMs: 1000, maxEntries: 3, now: () => this.time, random: () => this.random, ...options });
  }

  get(key = 'k', signal?: AbortSignal): Promise<string | undefined> {
    return this.cache.get(key, this.backend.load, signal).then((leased) => leased?.value);
  }

  async keep(key: string, value: string): Promise<void> {
    const got = this.get(key);
    await this.answer(value);
    await got;
  }

  async answer(value: string | undefined, at = this.backend.asked.length): Promise<void> {
    await turn();
    this.backend.asked[at]?.answer(value);
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a value is given until its lease is over, and a hit does not prolong it', async () => {
  const rig = new Rig();
  await rig.keep('k', 'one');
  rig.time = 600;
  assert.equal(await rig.get(), 'one');
  rig.time = 999;
  assert.equal(await rig.get(), 'one');
  assert.equal(rig.backend.asked.length, 1);
  rig.time = 1000;
  const again = rig.get();
  await rig.answer('two');
  assert.equal(await again, 'two');
});

test('a lease is up to a fifth shorter than the longest and never longer, and says what is left of it', async () => {
  const rig = new Rig();
  rig.random = 0.999;
  const first = rig.cache.get('k', rig.backend.load);
  await turn();
  rig.time = 100;
  await rig.answer('one', 0);
  const left = (await first)?.leftMs ?? 0;
  assert.ok(left > 700 && left < 701, `${left} ms are left`);
  rig.time = 800;
  assert.ok(((await rig.cache.get('k', rig.backend.load))?.leftMs ?? 0) < 1);
  rig.time = 801;
  const again = rig.get();
  await rig.answer('two');
  assert.equal(await again, 'two');
});

test('that there is no value is asked about each time, and so is what failed', async () => {
  const rig = new Rig();
  const none = rig.get();
  await rig.answer(undefined);
  assert.equal(await none, undefined);
  const failed = assert.rejects(rig.get(), /down/);
  await turn();
  rig.backend.asked[1]?.fail(new BackendUnavailable('down'));
  await failed;
  const there = rig.get();
  await rig.answer('here');
  assert.equal(await there, 'here');
  assert.equal(rig.backend.asked.length, 3);
});

test('those who ask at the same time share one load, also when it fails', async () => {
  const rig = new Rig();
  const all = [rig.get(), rig.get(), rig.get()];
  await rig.answer('one', 0);
  assert.deepEqual(await Promise.all(all), ['one', 'one', 'one']);
  const other = [rig.get('l'), rig.get('l')].map((got) => assert.rejects(got, /broken/));
  await turn();
  rig.backend.asked[1]?.fail(new Error('broken'));
  await Promise.all(other);
  assert.equal(rig.backend.asked.length, 2);
});

test('whoever needs more of the lease than is left shares one new load with all who do, and nobody is given the old value any more', async () => {
  const rig = new Rig();
  await rig.keep('k', 'one');
  rig.time = 501;
  const fresh = (): Promise<string | undefined> => rig.cache.get('k', rig.backend.load, undefined, 500).then((leased) => leased?.value);
  const all = [fresh(), fresh(), fresh(), rig.get()];
  await rig.answer('two', 1);
  assert.deepEqual(await Promise.all(all), ['two', 'two', 'two', 'two']);
  assert.equal(rig.backend.asked.length, 2);
  rig.time = 1001;
  assert.equal(await fresh(), 'two', 'half of it is left');
  rig.time = 1002;
  const gone = fresh();
  await rig.answer(undefined, 2);
  assert.equal(await gone, undefined);
  const again = rig.get();
  await rig.answer(undefined, 3);
  assert.equal(await again, undefined);
});

test('a load that began before a drop is neither kept nor given to those who wait for it', async () => {
  const rig = new Rig();
  const got = rig.get();
  await turn();
  rig.cache.drop('k');
  assert.equal(rig.backend.asked[0]?.signal.aborted, true);
  await rig.answer('old', 0);
  await rig.answer('new', 1);
  assert.equal(await got, 'new');
  assert.equal(await rig.get(), 'new');
  assert.equal(rig.backend.asked.length, 2);
});

test('a late answer of a dropped load does not take the place of the newer one', async () => {
  const rig = new Rig();
  const got = rig.get();
  await turn();
  rig.cache.clear();
  await rig.answer('old', 0);
  await rig.answer('new', 1);
  await rig.answer('older', 0);
  assert.equal(await got, 'new');
  assert.equal(await rig.get(), 'new');
});

test('a failure of a dropped load is not told to those who wait: they are given the newer answer', async () => {
  const rig = new Rig();
  const got = rig.get();
  await turn();
  rig.cache.drop('k');
  rig.backend.asked[0]?.fail(new Error('cancelled'));
  await rig.answer('new', 1);
  assert.equal(await got, 'new');
});

test('data that changes with every read is a fault of that one question, and not guessed', async () => {
  const rig = new Rig();
  const got = assert.rejects(rig.get(), (error) => error instanceof Error && !(error instanceof BackendUnavailable));
  for (let at = 0; at < 4; at += 1) {
    await turn();
    rig.cache.drop('k');
    await rig.answer('old', at);
  }
  await got;
  assert.equal(rig.cache.size, 0);
});

test('who gives up is told at once, and a load that nobody waits for any more is aborted and not joined by the next', async () => {
  const rig = new Rig();
  const patience = new AbortController();
  const gone = assert.rejects(rig.get('k', patience.signal), /enough/);
  const stays = rig.get();
  await turn();
  patience.abort(new Error('enough'));
  await gone;
  assert.equal(rig.backend.asked[0]?.signal.aborted, false);
  await rig.answer('one', 0);
  assert.equal(await stays, 'one');

  const alone = new AbortController();
  const left = assert.rejects(rig.get('l', alone.signal), /enough/);
  await turn();
  alone.abort(new Error('enough'));
  await left;
  assert.equal(rig.backend.asked[1]?.signal.aborted, true);
  const next = rig.get('l');
  await rig.answer('late', 1);
  await rig.answer('fresh', 2);
  assert.equal(await next, 'fresh');
});

test('what took longer than its lease is not given', async () => {
  const rig = new Rig();
  const got = assert.rejects(rig.get(), BackendUnavailable);
  await turn();
  rig.time = 1000;
  await rig.answer('stale', 0);
  await got;
});

test('while it is paused everything is asked about, and what was asked before it resumed is not kept', async () => {
  const rig = new Rig();
  await rig.keep('k', 'before');
  rig.cache.pause();
  await rig.keep('k', 'meanwhile');
  assert.equal(rig.cache.size, 0);
  const over = rig.get();
  await turn();
  rig.cache.resume();
  await rig.answer('old', 2);
  await rig.answer('after', 3);
  assert.equal(await over, 'after');
  assert.equal(await rig.get(), 'after');
  assert.equal(rig.backend.asked.length, 4);
});

test('it holds no more entries than it may: the one that was not asked for the longest time makes room', async () => {
  const rig = new Rig();
  for (const key of ['a', 'b', 'c', 'd', 'e']) await rig.keep(key, key);
  assert.equal(rig.cache.size, 3);
  assert.equal(await rig.get('c'), 'c');
  assert.equal(rig.backend.asked.length, 5);
  const evicted = rig.get('a');
  await rig.answer('again');
  assert.equal(await evicted, 'again');
  // That one was asked for a moment ago.
  assert.equal(await rig.get('c'), 'c');
  const other = rig.get('d');
  await rig.answer('again');
  assert.equal(await other, 'again');
});

test('a cache without a lease or without room is a mistake', () => {
  assert.throws(() => new LeasedCache({ leaseMs: 0, maxEntries: 1 }), RangeError);
  assert.throws(() => new LeasedCache({ leaseMs: Number.NaN, maxEntries: 1 }), RangeError);
  assert.throws(() => new LeasedCache({ leaseMs: 1, maxEntries: 0 }), RangeError);
  assert.throws(() => new LeasedCache({ leaseMs: 1, maxEntries: 1, maxBytes: 0 }), RangeError);
});

test('all keys of a kind can be dropped at once, with the loads of them that are under way', async () => {
  const rig = new Rig();
  await rig.keep('a1', 'old');
  await rig.keep('b1', 'stays');
  const loading = rig.get('a2');
  await turn();
  rig.cache.dropAll((key) => key.startsWith('a'));
  await rig.answer('old', 2);
  await rig.answer('new', 3);
  assert.equal(await loading, 'new');
  assert.equal(await rig.get('b1'), 'stays');
  const again = rig.get('a1');
  await rig.answer('new', 4);
  assert.equal(await again, 'new');
});

test('it holds no more bytes than it may, and a value that alone is larger is given but not kept', async () => {
  const rig = new Rig({ maxEntries: 100, maxBytes: 10_000 });
  for (const key of ['a', 'b', 'c', 'd']) await rig.keep(key, key.repeat(3000));
  assert.ok(rig.cache.bytes <= 10_000 && rig.cache.bytes > 9000, String(rig.cache.bytes));
  assert.equal(rig.cache.size, 3);
  const large = rig.get('large');
  await rig.answer('x'.repeat(20_000));
  assert.equal((await large)?.length, 20_000);
  assert.equal(rig.cache.size, 3);
  rig.cache.drop('b');
  assert.equal(rig.cache.size, 2);
  await rig.keep('c', 'c');
  rig.cache.clear();
  assert.equal(rig.cache.bytes, 0);
});
