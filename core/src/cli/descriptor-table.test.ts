import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { growDescriptorTable } from './descriptor-table.js';

const linux = process.platform === 'linux';

test('The table of descriptors has room for all connections before the first comes, and nothing stays open.', { skip: !linux }, () => {
  const before = readdirSync('/proc/self/fd').length;
  growDescriptorTable(1500);
  const size = Number(/^FDSize:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  assert.ok(size >= 1500, String(size));
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('The table is left alone on systems where nothing is known about it.', () => {
  assert.equal(growDescriptorTable(1500, 'darwin'), -1);
});
