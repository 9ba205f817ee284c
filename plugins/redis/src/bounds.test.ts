import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Layout } from './layout.js';
import { LostTenants } from './lost-tenants.js';
import { Memory } from './memory.js';

test('a memory that had to forget a user says so: who is not known in it may have been let in by Redis', () => {
  const memory = new Memory();
  const user = { epoch: 'e', version: 1, password: '', attributes: '', rights: '' };
  for (let i = 0; i < 200_000; i += 1) memory.know(`${i}`, user);
  memory.know('0', user);
  assert.equal(memory.hasForgotten, false);
  memory.know('one more', user);
  assert.equal(memory.hasForgotten, true);
  assert.equal(memory.known('0'), undefined);
});

test('no more than 10,000 lost tenants are remembered, and each further one is lost all the same', () => {
  let said = 0;
  let gauge = 0;
  const count = (): void => {
    said += 1;
  };
  const log = { debug: count, info: count, warn: count, error: count };
  const metrics = {
    count,
    gauge: (_: string, value: number) => {
      gauge = value;
    },
  };
  const lost = new LostTenants({ log, metrics }, new Layout('portcullis'));
  for (let i = 0; i < 10_100; i += 1) assert.equal(lost.isThere(`t${i}`, { epoch: '', version: 0 }), false);
  assert.deepEqual([said, gauge], [10_000, 10_000]);
  assert.equal(lost.isThere('t10050', { epoch: 'e', version: 0 }), false);
});
