import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicTable } from './topic-table.js';

test('Equal topics are one entry, whatever buffer they stand in.', () => {
  const table = new TopicTable(1000);
  const entry = table.intern('plant/1');
  const buffer = Buffer.from('xxplant/1yy');
  assert.equal(table.find(buffer, 2, 9), entry);
  assert.equal(table.find(buffer, 2, 8), null);
  assert.equal(table.find(buffer, 1, 9), null);
  assert.equal(entry.topic, 'plant/1');
});

test('The bytes of an entry are a copy: what the read buffer holds later does not matter.', () => {
  const table = new TopicTable(1000);
  const buffer = Buffer.from('a/b');
  const entry = table.add(buffer, 0, 3);
  buffer.fill(0x78);
  assert.equal(entry.bytes.toString(), 'a/b');
  assert.equal(table.intern('a/b'), entry);
});

test('Thousands of topics are all found again while the table grows, each at its own place.', () => {
  const table = new TopicTable(100_000);
  const entries = Array.from({ length: 20_000 }, (_, i) => table.intern(`site/${i}/value`));
  const places = new Set<number>();
  for (const [i, entry] of entries.entries()) {
    assert.equal(table.intern(`site/${i}/value`), entry);
    assert.equal(entry.topic, `site/${i}/value`);
    places.add(entry.index);
  }
  assert.equal(places.size, 20_000);
  assert.equal(table.size, 20_000);
  assert.equal(table.epoch, 0);
});

test('Topics whose hashes share a bucket are told apart by their bytes.', () => {
  const table = new TopicTable(100_000);
  // Far more topics than buckets before the first growth: every bucket holds several.
  const topics = Array.from({ length: 511 }, (_, i) => `t${i}`);
  const entries = topics.map((topic) => table.intern(topic));
  assert.equal(new Set(entries).size, 511);
  assert.ok(entries.some((entry) => entry.next !== null));
  for (const [i, topic] of topics.entries()) assert.equal(table.intern(topic), entries[i]);
});

test('A full table is emptied and begins a new epoch, so that entries from before can be told.', () => {
  const table = new TopicTable(16);
  const old = Array.from({ length: 16 }, (_, i) => table.intern(`old/${i}`));
  assert.equal(table.size, 16);
  const fresh = table.intern('new');
  assert.equal(table.size, 1);
  assert.equal(fresh.epoch, 1);
  assert.equal(fresh.index, 0);
  assert.ok(old.every((entry) => entry.epoch === 0));
  const again = table.intern('old/3');
  assert.notEqual(again, old[3]);
  assert.equal(again.epoch, 1);
});

test('Two tables hash the same topic differently, so that nobody outside can choose colliding topics.', () => {
  const hashes = new Set(Array.from({ length: 8 }, () => new TopicTable(16).intern('a/b').hash));
  assert.ok(hashes.size > 1);
});

test('A topic that is too long is not remembered: a count of topics alone would not bound the memory.', () => {
  const table = new TopicTable(16, 8);
  const long = table.intern('123456789');
  assert.deepEqual([long.topic, long.index, long.epoch, table.size], ['123456789', -1, -1, 0]);
  assert.notEqual(table.intern('123456789'), long);
  assert.equal(table.intern('12345678'), table.intern('12345678'));
  assert.deepEqual([table.size, table.epoch], [1, 0]);
});
