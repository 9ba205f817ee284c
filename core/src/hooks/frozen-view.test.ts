import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frozenConfig, frozenView } from './frozen-view.js';

test('data is copied and frozen all the way down, the original stays as it is', () => {
  const original = { a: { b: [1, { c: 2 }] }, bytes: new Uint8Array([1, 2]), none: null };
  const view = frozenView(original);
  assert.deepEqual(view, original);
  for (const part of [view, view.a, view.a.b, view.a.b[1]]) assert.ok(Object.isFrozen(part));
  assert.ok(!Object.isFrozen(original.a));
  view.bytes[0] = 9;
  assert.equal(original.bytes[0], 1);
});

test('what is frozen all the way down is shared, unless it holds bytes', () => {
  const shared = Object.freeze({ a: Object.freeze(['x']) });
  assert.equal(frozenView(shared), shared);
  assert.equal(frozenView({ shared }).shared, shared);
  const half = Object.freeze({ a: ['x'] });
  assert.notEqual(frozenView(half), half);
  const bytes = Object.freeze({ data: new Uint8Array(1) });
  assert.notEqual(frozenView(bytes), bytes);
  assert.notEqual(frozenView(bytes).data, bytes.data);
});

test('a key named __proto__ stays a key', () => {
  const view = frozenView(JSON.parse('{ "__proto__": { "admin": true } }') as Record<string, unknown>);
  assert.deepEqual(Object.keys(view), ['__proto__']);
  assert.equal((view as { admin?: boolean }).admin, undefined);
});

test('an instance is shared only when nothing leads from it to its class', () => {
  class Fact {
    readonly a = 1;
  }
  const open = Object.freeze(new Fact());
  assert.notEqual(frozenView(open), open);
  assert.equal(Object.getPrototypeOf(frozenView(open)), Object.prototype);
  class Closed {
    readonly a = 1;
  }
  Reflect.deleteProperty(Closed.prototype, 'constructor');
  Object.setPrototypeOf(Closed.prototype, null);
  const unfrozen = Object.freeze(new Closed());
  assert.notEqual(frozenView(unfrozen), unfrozen);
  Object.freeze(Closed.prototype);
  assert.equal(frozenView(unfrozen), unfrozen);
});

test('configuration keeps its lists and its empty values, and its objects lose their prototype', () => {
  const config = frozenConfig({ list: [1, { a: null }], none: null, text: 'x', yes: true }) as Record<string, unknown>;
  assert.equal(JSON.stringify(config), '{"list":[1,{"a":null}],"none":null,"text":"x","yes":true}');
  const list = config.list as unknown[];
  assert.ok(Array.isArray(list) && Object.isFrozen(list) && Object.isFrozen(list[1]));
  assert.equal(Object.getPrototypeOf(config), null);
  assert.equal(Object.getPrototypeOf(list[1]), null);
  assert.equal(frozenConfig(null), null);
});
