import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { PluginContext } from '@portcullis/sdk';
import type { Directory } from './directory.js';
import { Judge } from './judge.js';
import { Memory } from './memory.js';

interface Rig {
  readonly judge: Judge;
  readonly unsure: (string | null)[];
  readonly asked: string[];
  /** Reason codes of disconnections. */
  readonly ended: number[];
}

/** A judge in front of a directory that answers nothing, or what it is told. */
function waiting(answer: Promise<undefined> = new Promise(() => undefined), memory = new Memory()): Rig {
  const asked: string[] = [];
  const ended: number[] = [];
  const unsure: (string | null)[] = [];
  const directory: Pick<Directory, 'userKey' | 'user'> = {
    userKey: (tenant, username) => JSON.stringify([tenant, username]),
    user: (_, username) => {
      asked.push(username);
      return answer;
    },
  };
  const context: Partial<PluginContext> = {
    sessions: {
      find: () => [{ clientId: 'c', tenant: null, username: 'u', address: '', connected: true }],
      disconnect: (_, code = 0) => ended.push(code),
      recheck: () => 0,
      release: () => false,
    },
    policy: { setTemplate: () => {}, forgetTemplate: () => true, invalidate: () => {} } as unknown as PluginContext['policy'],
    log: { info: () => {} } as unknown as PluginContext['log'],
    metrics: { count: () => {} } as unknown as PluginContext['metrics'],
    signal: new AbortController().signal,
  };
  const judge = new Judge({
    context: context as PluginContext,
    directory: directory as Directory,
    memory,
    unsure: (tenant) => unsure.push(tenant),
  });
  return { judge, unsure, asked, ended };
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

test('whom Redis does not have and has not let in stays, unless it may have been forgotten that it had', async () => {
  for (const [memory, ended] of [
    [new Memory(), []],
    [new Memory(true), [0x87]],
  ] as const) {
    const rig = waiting(Promise.resolve(undefined), memory);
    rig.judge.look(null, 'u');
    await setImmediate();
    assert.deepEqual([rig.judge.pending, rig.ended], [0, ended]);
  }
});
