import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chain, IDENTIFIED, plugin, preparedRig } from './hooks.test.support.js';

test('sources behind one that has failed at once are not asked, and of one before it nothing counts', async () => {
  const asked: string[] = [];
  const source = (name: string) =>
    plugin(name, (hooks) =>
      hooks.loadPolicy.tap((_request, give) => {
        asked.push(name);
        if (name === 'b') throw new Error('broken');
        return give.nothing();
      }),
    );
  const rig = await preparedRig(['a', 'b', 'c'].map(source), [chain({ authorize: ['a', 'b', 'c'] })]);
  const ended: { kind?: string }[] = [];
  const request = { ...IDENTIFIED, tls: null, reason: 'connect' } as const;
  rig.host.chain('default').loadPolicy(request, new Map(), rig.options(), (outcome) => ended.push(outcome as { kind?: string }));
  assert.deepEqual([asked, ended.map(({ kind }) => kind)], [['a', 'b'], ['fault']]);
});
