import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unaskedHooks } from './unasked.js';

const CHAINS = [
  { guards: [], authenticate: ['both'], authorize: [] },
  { guards: ['other'], authenticate: [], authorize: [] },
];

test('What a plugin taps and is never asked in its chains is told, list by list, of one hook or of several.', () => {
  const told = unaskedHooks('both', ['authenticate', 'admitClient', 'guardPublish', 'authorize'], CHAINS);
  assert.deepEqual(
    told.map(({ list, message, hint }) => [list, message, hint]),
    [
      [
        'guards',
        'taps admitClient, guardPublish, but stands under "guards" of no chain, so they are never asked there',
        'add it to "guards" of a chain, or remove the hooks',
      ],
      [
        'authorize',
        'taps authorize, but stands under "authorize" of no chain, so it is never asked there',
        'add it to "authorize" of a chain, or remove the hook',
      ],
    ],
  );
  assert.deepEqual(told[0]?.path, ['plugins', 'both']);
});

test('Nothing is told of a plugin that is asked all that it taps, nor of one that stands in no list.', () => {
  assert.deepEqual(unaskedHooks('both', ['authenticate'], CHAINS), []);
  assert.deepEqual(unaskedHooks('nowhere', ['admitClient'], CHAINS), []);
});
