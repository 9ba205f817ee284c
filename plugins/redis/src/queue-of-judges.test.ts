import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PluginContext } from '@portcullis/sdk';
import type { Directory } from './directory.js';
import { Judge } from './judge.js';
import { Memory } from './memory.js';

/** A judge in front of a directory that answers nothing. */
function waiting(): { readonly judge: Judge; readonly unsure: (string | null)[]; readonly asked: string[] } {
  const asked: string[] = [];
  const unsure: (string | null)[] = [];
  const directory: Pick<Directory, 'userKey' | 'user'> = {
    userKey: (tenant, username) => JSON.stringify([tenant, username]),
    user: (_, username) => {
      asked.push(username);
      return new Promise(() => undefined);
    },
  };
  const context: Partial<PluginContext> = {
    sessions: {
      find: () => [{ clientId: 'c', tenant: null, username: 'u', address: '', connected: true }],
      disconnect: () => 1,
      recheck: () => 0,
      release: () => false,
    },
    signal: new AbortController().signal,
  };
  const judge = new Judge({
    context: context as PluginContext,
    directory: directory as Directory,
    memory: new Memory(),
    unsure: (tenant) => unsure.push(tenant),
  });
  return { judge, unsure, asked };
}

test('a few are looked at side by side, one user never twice at once, and one who waits is waited for once', () => {
  const { judge, asked } = waiting();
  for (let times = 0; times < 3; times += 1) for (let number = 0; number < 20; number += 1) judge.look(null, `user-${number}`);
  assert.equal(asked.length, 16);
  assert.equal(new Set(asked).size, 16);
  // Those at work have changed again meanwhile, and are looked at again when that is done.
  assert.equal(judge.pending, 16 + 20);
  judge.lookUnlessAtWork(null, 'user-0');
  assert.equal(judge.pending, 16 + 20);
});

test('when too many wait, they are not forgotten, and the tenant has to be looked at once more for the others', () => {
  const { judge, unsure } = waiting();
  for (let number = 0; number < 16 + 10_000; number += 1) judge.look('acme', `user-${number}`);
  assert.deepEqual(unsure, []);
  judge.look('acme', 'one-too-many');
  assert.deepEqual(unsure, ['acme']);
  assert.equal(judge.pending, 16 + 10_000);
});
