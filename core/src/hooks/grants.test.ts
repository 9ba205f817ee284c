import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPatch, checkRules, Malformed } from './grants.js';

/** A list whose own `map` answers with something else. */
function withMap<T>(list: T[], answer: unknown): T[] {
  return Object.assign(list, { map: () => answer });
}

test("Lists are copied item by item, whatever methods a plugin's list has of its own.", () => {
  const actions = withMap(['publish'], ['subscribe']);
  assert.deepEqual(checkRules([{ effect: 'allow', actions, pattern: 'a' }])[0]?.actions, ['publish']);
  const kept = [['name', 'value']];
  const { properties } = checkPatch({ properties: { userProperties: withMap([['a', 'b']], kept) } }, ['properties']);
  const { userProperties } = properties as { readonly userProperties: unknown };
  assert.deepEqual(userProperties, [['a', 'b']]);
  assert.ok(Object.isFrozen(userProperties));
});

test('A hole in the actions of a rule is no action.', () => {
  const actions = ['publish', 'publish'];
  Reflect.deleteProperty(actions, 0);
  assert.throws(() => checkRules([{ effect: 'allow', actions, pattern: 'a' }]), Malformed);
});
