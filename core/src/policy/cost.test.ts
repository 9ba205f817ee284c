import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindClient, engineWithGroups, heapBytes, someClients, TEMPLATES } from './cost.test.support.js';
import { CompiledRules, PolicyEngine } from './index.js';
import { rule, rules } from './policy.test.support.js';

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

test('bindings that were released and templates that were removed leave nothing behind', () => {
  const engine = new PolicyEngine();
  const turn = (number: number): void => {
    engine.setTemplate('p', `t${number}`, rules('+a/%u/#', '-b'));
    const sources = [{ plugin: 'p', templates: [`t${number}`], rules: CompiledRules.compile([rule(`+x/${number}`)]) }];
    const variables = { username: `u${number}`, clientId: '', tenant: null, commonName: null, attributes: null };
    const binding = engine.bind({ combine: 'deny-overrides', variables, sources });
    binding.check('publish', `a/u${number}/x`, 0, false, -1);
    engine.removeTemplate('p', `t${number}`);
    binding.release();
  };
  for (let number = 0; number < 2000; number++) turn(number);
  const before = heapBytes();
  for (let number = 2000; number < 12_000; number++) turn(number);
  const grown = heapBytes() - before;
  assert.ok(grown < MB, `${grown} bytes more after 10,000 turns`);
});
