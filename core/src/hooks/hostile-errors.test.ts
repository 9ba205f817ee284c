import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECT, chain, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';

const refusing = (): never => {
  throw new Error('a trap');
};

/** What a plugin may throw, and what no code of ours may stumble over. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  'a Proxy that cannot be looked at': () => new Proxy({}, { get: refusing, has: refusing, getPrototypeOf: refusing }),
  'an error behind a Proxy without a prototype': () => new Proxy(new Error('hidden'), { getPrototypeOf: refusing }),
  'an error with a getter for a message': () => Object.defineProperty(new Error('x'), 'message', { get: refusing }),
  'an error without a message whose name is no text': () => Object.assign(new Error(''), { name: { toString: refusing } }),
  'an error without a message and without a name': () => Object.assign(new Error(''), { name: undefined }),
  'an error with a getter for a code': () => Object.defineProperty(new Error('x'), 'code', { get: refusing }),
};

async function ask(rig: Rig): Promise<Outcome> {
  const ended: Outcome[] = [];
  rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), (outcome) => ended.push(outcome));
  await turn();
  assert.equal(ended.length, 1);
  return ended[0] as Outcome;
}

for (const [what, make] of Object.entries(THROWN)) {
  for (const how of ['thrown', 'rejected with'] as const) {
    test(`${what}, ${how}, is a fault of the one question, and its place is free for the next`, async () => {
      let broken = true;
      const p = plugin(
        'p',
        (hooks) =>
          hooks.authenticate.tap((_request, decide) => {
            if (!broken) return decide.allow({ identity: { username: 'u' } });
            if (how === 'thrown') throw make();
            return Promise.reject(make());
          }),
        { spec: { maxConcurrent: 1, maxQueue: 1, secrets: ['a secret of the configuration'] } },
      );
      const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
      for (let i = 0; i < 3; i += 1) assert.equal((await ask(rig)).kind, 'fault');
      assert.equal(rig.stats.invariantsBroken, 0);
      assert.equal(rig.stats.pluginFaults, 3);
      broken = false;
      assert.equal((await ask(rig)).kind, 'allow');
    });
  }
}

test('what a getter of a grant throws is a fault, whatever it is', async () => {
  for (const make of Object.values(THROWN)) {
    const p = plugin('p', (hooks) =>
      hooks.authenticate.tap((_request, decide) => {
        const grant = {
          get identity(): { username: string } {
            throw make();
          },
        };
        return decide.allow(grant);
      }),
    );
    const rig = await preparedRig([p], [chain({ authenticate: ['p'] })]);
    const outcome = await ask(rig);
    assert.ok(outcome.kind === 'fault' && outcome.plugin === 'p');
    assert.equal(rig.stats.invariantsBroken, 0);
  }
});
