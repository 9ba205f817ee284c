import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable } from '@portcullis/sdk';
import { PlacedError, placeOf, startText } from './place.js';

const ROOT = '/plugins/p';

function errorWith(message: string, ...frames: readonly string[]): Error {
  const error = new Error(message);
  error.stack = [`Error: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

test('the innermost frame in the folder of the plugin is the place, whether it is named by path or by URL', () => {
  const inside = errorWith('x', 'Socket.on (node:net:1:1)', 'find (file:///plugins/p/dist/index.js:12:40)', 'file:///plugins/p/dist/index.js:3:1');
  assert.equal(placeOf(inside, ROOT)?.at, 'dist/index.js:12:40');
  assert.equal(placeOf(errorWith('x', 'async Object.<anonymous> (/plugins/p/a b.cjs:7:2)'), ROOT)?.at, 'a b.cjs:7:2');
  assert.equal(placeOf(errorWith('x', 'file:///plugins/%70%20q/index.js:1:1'), '/plugins/p q'), null, 'as Node writes it, or not at all');
  assert.equal(placeOf(errorWith('x', 'file:///plugins/p%20q/index.js:1:2'), '/plugins/p q')?.at, 'index.js:1:2');
});

test('a file that does not parse is the place, with its line, unless it is elsewhere', () => {
  const unparsed = (path: string): SyntaxError => Object.assign(new SyntaxError('x'), { stack: `${path}:7\nlet of = = 2\n\nSyntaxError: x` });
  assert.deepEqual(placeOf(unparsed('/plugins/p/dist/a.cjs'), ROOT), { at: 'dist/a.cjs:7', frames: [] });
  assert.deepEqual(placeOf(unparsed('file:///plugins/p/a.js'), ROOT), { at: 'a.js:7', frames: [] });
  assert.equal(placeOf(unparsed('/plugins/other/a.js'), ROOT), null);
  const other = Object.assign(new Error('x'), { stack: unparsed('/plugins/p/a.js').stack });
  assert.equal(placeOf(other, ROOT), null, 'what parses is told by its frames');
});

test('a package that the plugin depends on is the place only if nothing of its own is', () => {
  const driver = 'query (/plugins/p/node_modules/pg/lib/client.js:5:5)';
  assert.equal(placeOf(errorWith('x', driver, '/plugins/p/index.js:2:3'), ROOT)?.at, 'index.js:2:3');
  assert.equal(placeOf(errorWith('x', driver), ROOT)?.at, 'node_modules/pg/lib/client.js:5:5');
});

test('no place is elsewhere, and none is taken out of what the error says', () => {
  assert.equal(placeOf(errorWith('x', '/plugins/pp/index.js:1:1', 'file:///plugins/index.js:1:1', 'node:net:1:1'), ROOT), null);
  const quoting = errorWith('it said:\n    at secret (/plugins/p/secret.js:1:1)\n', '/plugins/p/index.js:4:5');
  assert.deepEqual(placeOf(quoting, ROOT), { at: 'index.js:4:5', frames: ['at /plugins/p/index.js:4:5'] });
});

test('also what an error with a long name says at its end is no place', () => {
  const message = 'it said:\n    at secret (/plugins/p/secret.js:1:1)';
  const error = Object.assign(new Error(message), { stack: `${'E'.repeat(100)}: ${message}\n    at /plugins/p/index.js:4:5` });
  assert.equal(placeOf(error, ROOT)?.at, 'index.js:4:5');
});

test('whatever cannot be looked at has no place', () => {
  const hostile = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('no');
    },
    getPrototypeOf: () => {
      throw new Error('no');
    },
  });
  for (const thrown of [null, undefined, 'text', {}, hostile, Object.assign(new Error('x'), { stack: 7 })]) assert.equal(placeOf(thrown, ROOT), null);
  assert.match(startText(hostile, ROOT), /./);
});

test('what crossed from a thread keeps its place, and what a plugin says on purpose gets none', () => {
  const place = { at: 'index.js:1:1', frames: [] };
  assert.equal(placeOf(new PlacedError('x', place), ROOT), place);
  assert.equal(startText(errorWith('broken', '/plugins/p/index.js:9:8'), ROOT), 'broken (at index.js:9:8)');
  const down = Object.assign(new BackendUnavailable('no database'), { stack: errorWith('no database', '/plugins/p/index.js:9:8').stack });
  assert.equal(startText(down, ROOT), 'no database');
});
