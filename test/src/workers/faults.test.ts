import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { FAILURES, type Failure, NAMED } from '../hooks/failures.js';
import { refusal, Stage, VERSIONS } from '../hooks/stage.js';

/** Everything that is no decision for the question at hand. */
const ILL: readonly Failure[] = [
  ...FAILURES,
  ['returns a look-alike', ['return', { kind: 'allow', grant: NAMED, data: null, leaseSeconds: null }]],
  ['denies with a code of success', ['deny', 0]],
  ['says a verb that there is not', ['grant']],
];

/** The questions of a CONNECT that can be put to a worker, and what lets it go on. */
const STEPS: readonly (readonly [hook: string, fine: Behaviour])[] = [
  ['resolveTenant', ['nothing']],
  ['admitClient', ['pass']],
  ['authenticate', ['allow', NAMED]],
  ['admitIdentity', ['pass']],
  ['loadPolicy', ['policy', { version: 1, rules: [] }]],
  ['authorize', ['allow']],
];

const MALFORMED: readonly (readonly [hook: string, behaviour: Behaviour])[] = [
  ['authenticate', ['allow']],
  ['authenticate', ['allow', { identity: { username: '' } }]],
  ['authenticate', ['allow', { identity: { username: 'a\u0000b' } }]],
  ['authenticate', ['allow', { identity: { username: 'a', anonymous: true } }]],
  ['authenticate', ['allow', { ...NAMED, leaseSeconds: 0 }]],
  ['resolveTenant', ['tenant', { name: '../x' }]],
  ['loadPolicy', ['policy', { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'a#', from: 'x' }] }]],
  ['loadPolicy', ['policy', { version: 1, rules: [{ effect: 'Allow', actions: ['publish'], pattern: 'a', from: 'x' }] }]],
  ['loadPolicy', ['policy', { rules: [] }]],
  ['admitIdentity', ['allow']],
];

describe('a CONNECT whose plugin fails in a worker', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        ill: { taps: STEPS.map(([hook]) => hook), entry: { timeoutMs: 300 } },
        next: { taps: ['authenticate', 'admitClient', 'loadPolicy'] },
      },
      chains: {
        main: { guards: ['ill', 'next'], authenticate: ['ill', 'next'], authorize: ['ill', 'next'] },
        healthy: { authenticate: ['next'], authorize: ['next'] },
      },
      isolation: 'worker',
    });
  });

  after(() => stage.stop());

  for (const [hook, fine] of STEPS) {
    it(`is refused as unavailable whatever goes wrong in ${hook}, and the next authority is not asked`, async () => {
      for (const [title, behaviour] of ILL) {
        // A guard and a source cannot deny by a code, or deny at all: that is a verb they do not have.
        await stage.script('ill', { [`${hook} keeper`]: ['keep', fine], [`${hook} ill`]: behaviour });
        (await stage.login('5.0', { clientId: 'keeper', will: { topic: 't', payload: '' } })).close();
        await stage.forget();
        const clients = await Promise.all(
          VERSIONS.map((version) => stage.knock(version, { clientId: 'ill', username: 'u', will: { topic: 't', payload: 'w' } })),
        );
        for (const [index, version] of VERSIONS.entries()) {
          const connack = await clients[index]?.readPacket();
          assert.equal(connack?.replaceAll(' ', ''), refusal(version, 3, 0x88).replaceAll(' ', ''), `${hook} ${title} ${version}`);
        }
        if (hook !== 'authenticate') continue;
        await stage.script('next', {});
        const asked = (await stage.asked('next', 'authenticate')).map(({ client }) => (client as { id: string }).id);
        assert.ok(!asked.includes('ill'), title);
      }
    });
  }

  it('is refused as unavailable for whatever is malformed', async () => {
    for (const [hook, behaviour] of MALFORMED) {
      await stage.script('ill', { [hook]: behaviour });
      for (const version of ['3.1.1', '5.0'] as const) {
        const client = await stage.knock(version, { clientId: 'ill', username: 'u' });
        assert.equal((await client.readPacket()).replaceAll(' ', ''), refusal(version, 3, 0x88).replaceAll(' ', ''), JSON.stringify(behaviour));
      }
    }
  });

  it('is decided by the first settlement', async () => {
    await stage.script('ill', { authenticate: ['first', ['deny', 'banned'], ['allow', NAMED]] });
    const refused = await stage.knock('5.0', { clientId: 'c', username: 'u' });
    assert.equal((await refused.readPacket()).replaceAll(' ', ''), refusal('5.0', 5, 0x8a).replaceAll(' ', ''));
    await stage.script('ill', { authenticate: ['first', ['allow', NAMED], ['deny', 'banned']] });
    (await stage.login('5.0', { clientId: 'c' })).close();
  });
});
