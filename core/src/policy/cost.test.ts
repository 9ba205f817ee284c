import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindClient, engineWithGroups, heapBytes, someClients, TEMPLATES } from './cost.test.support.js';

const MB = 1_000_000;

test('500 templates and 100,000 bindings that share them, each in three, stay under 25 MB', () => {
  const clients = someClients(20_000);
  const before = heapBytes();
  const engine = engineWithGroups();
  const templates = heapBytes() - before;
  const bindings = clients.map((client, number) => bindClient(engine, number, client));
  const each = (heapBytes() - before - templates) / bindings.length;
  const total = templates + each * 100_000;
  assert.ok(total < 25 * MB, `${(total / MB).toFixed(1)} MB, ${Math.round(each)} bytes each, ${Math.round(templates / TEMPLATES)} a template`);
  assert.ok(each < 200, `${Math.round(each)} bytes for a binding`);
  assert.equal(bindings.filter((binding) => binding.check('publish', 'home/user-7/x', 0, false, -1) === 1).length, 1);
});
