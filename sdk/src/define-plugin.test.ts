import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPABILITIES, definePlugin, type PluginDefinition } from './define-plugin.js';

const GOOD = { name: 'my-plugin', sdk: '^1.0.0', config: { type: 'object', additionalProperties: false }, start() {} } as const;

test('A definition is kept as it is, and nobody can change it afterwards.', () => {
  const definition = definePlugin({ ...GOOD, decides: { authenticate: ['allow', 'skip'] }, capabilities: ['publish'] });
  assert.deepEqual(
    [definition.name, definition.sdk, definition.decides, definition.capabilities],
    ['my-plugin', '^1.0.0', { authenticate: ['allow', 'skip'] }, ['publish']],
  );
  assert.throws(() => Object.assign(definition, { name: 'other' }), TypeError);
});

test('What is no definition is refused with a text that says what is wrong.', () => {
  const bad: [unknown, RegExp][] = [
    [undefined, /takes an object/],
    [null, /takes an object/],
    ['plugin', /takes an object/],
    [{ ...GOOD, name: undefined }, /needs a name/],
    [{ ...GOOD, name: '' }, /needs a name/],
    [{ ...GOOD, name: '1st' }, /needs a name/],
    [{ ...GOOD, name: 'a b' }, /needs a name/],
    [{ ...GOOD, name: 'a\n' }, /needs a name/],
    [{ ...GOOD, sdk: 1 }, /my-plugin: "sdk"/],
    [{ ...GOOD, start: 'now' }, /my-plugin: "start"/],
    [{ ...GOOD, config: null }, /my-plugin: "config"/],
    [{ ...GOOD, config: 'none' }, /my-plugin: "config"/],
  ];
  for (const [definition, message] of bad) {
    assert.throws(() => definePlugin(definition as PluginDefinition), { name: 'TypeError', message });
  }
});

test('Every capability is listed once.', () => {
  assert.deepEqual([...CAPABILITIES].sort(), ['credentials', 'policy', 'publish', 'retained', 'sessions', 'stores']);
});
