import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECT, chain, IDENTIFIED, plugin, preparedRig } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';

/** As code does that merges what a client sent. */
function pollute(name: string, value: unknown): void {
  Object.defineProperty(Object.prototype, name, { value, enumerable: true, configurable: true, writable: true });
}

for (const [name, value] of [
  ['username', 'root'],
  ['anonymous', true],
  ['groups', ['admins']],
  ['attributes', { site: 'all' }],
  ['identity', { username: 'root' }],
] as const) {
  test(`an identity does not get "${name}" from what all objects inherit`, async () => {
    const p = plugin('p', (hooks) =>
      hooks.authenticate.tap((_request, decide) => {
        pollute(name, value);
        try {
          return decide.allow({ identity: { username: 'ann' } });
        } finally {
          Reflect.deleteProperty(Object.prototype, name);
        }
      }),
    );
    const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
    const ended: Outcome[] = [];
    rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), (outcome) => ended.push(outcome));
    assert.ok(ended[0]?.kind === 'fault' && ended[0].detail.includes('Object.prototype'));
  });
}

test('nor do rights', async () => {
  const p = plugin('p', (hooks) =>
    hooks.loadPolicy.tap((_request, give) => {
      pollute('rules', [{ effect: 'allow', actions: ['publish'], pattern: '#', from: 'nowhere' }]);
      try {
        return give.policy({ version: 1 });
      } finally {
        Reflect.deleteProperty(Object.prototype, 'rules');
      }
    }),
  );
  const rig = await preparedRig([p], [chain({ authorize: ['p'] })]);
  const ended: object[] = [];
  const request = { ...IDENTIFIED, tls: null, reason: 'connect' } as const;
  rig.host.chain('default').loadPolicy(request, new Map(), rig.options(), (outcome) => ended.push(outcome));
  assert.equal((ended[0] as { kind?: string }).kind, 'fault');
});
