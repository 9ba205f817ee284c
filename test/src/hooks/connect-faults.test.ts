import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Behaviour } from './actor.js';
import { FAILURES, type Failure, NAMED } from './failures.js';
import { refusal, Stage, usualIndex } from './stage.js';

/** Everything that is no decision for the question at hand. */
const ILL: readonly Failure[] = [...FAILURES, ['returns a look-alike', ['return', { allow: true, verb: 'allow', grant: NAMED }]]];

/** The questions of a CONNECT, and what lets it go on. */
const STEPS: readonly (readonly [hook: string, fine: Behaviour])[] = [
  ['resolveTenant', ['nothing']],
  ['normalizeConnect', ['nothing']],
  ['admitClient', ['pass']],
  ['authenticate', ['allow', NAMED]],
  ['admitIdentity', ['pass']],
  ['loadPolicy', ['policy', { version: 1, rules: [] }]],
  ['authorize', ['allow']],
];

const MALFORMED: readonly (readonly [hook: string, title: string, behaviour: Behaviour])[] = [
  ['authenticate', 'allows without an identity', ['allow']],
  ['authenticate', 'allows with an empty object', ['allow', {}]],
  ['authenticate', 'allows an empty username', ['allow', { identity: { username: '' } }]],
  ['authenticate', 'allows a username with U+0000', ['allow', { identity: { username: 'a\u0000b' } }]],
  ['authenticate', 'allows a username that is a number', ['allow', { identity: { username: 7 } }]],
  ['authenticate', 'allows somebody both named and anonymous', ['allow', { identity: { username: 'a', anonymous: true } }]],
  ['authenticate', 'gives a lease of no time', ['allow', { ...NAMED, leaseSeconds: 0 }]],
  ['resolveTenant', 'gives a tenant with a bad name', ['tenant', { name: '../x' }]],
  ['resolveTenant', 'gives a tenant without a name', ['tenant', {}]],
  ['normalizeConnect', 'patches in an empty client identifier', ['patch', { clientId: '' }]],
  ['normalizeConnect', 'patches in a client identifier with U+0000', ['patch', { clientId: '\u0000' }]],
  ['normalizeConnect', 'patches in a keep alive beyond 65,535', ['patch', { keepAliveSeconds: 65_536 }]],
  ['normalizeConnect', 'patches what cannot be patched', ['patch', { cleanStart: false }]],
  ['normalizeConnect', 'answers with a promise', ['async', ['nothing']]],
  [
    'loadPolicy',
    'gives a rule that does not compile',
    ['policy', { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 'a#', from: 'x' }] }],
  ],
  [
    'loadPolicy',
    'gives a rule with an unknown action',
    ['policy', { version: 1, rules: [{ effect: 'allow', actions: ['read'], pattern: 'a', from: 'x' }] }],
  ],
  [
    'loadPolicy',
    'gives a rule that neither allows nor denies',
    ['policy', { version: 1, rules: [{ effect: 'Allow', actions: ['publish'], pattern: 'a', from: 'x' }] }],
  ],
  ['loadPolicy', 'names a template that is none', ['policy', { version: 1, templates: ['unknown'] }]],
  ['loadPolicy', 'gives no version', ['policy', { rules: [] }]],
  ['admitIdentity', 'says a verb that guards do not have', ['allow']],
];

describe('a CONNECT whose plugin fails', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        ill: { taps: STEPS.map(([hook]) => hook), entry: { timeoutMs: 300 } },
        next: { taps: ['authenticate', 'admitClient', 'loadPolicy'] },
        strict: { taps: ['authenticate'], index: usualIndex({ decides: { authenticate: ['allow', 'deny'] } }) },
      },
      chains: {
        main: { guards: ['ill', 'next'], authenticate: ['ill', 'next'], authorize: ['ill', 'next'] },
        healthy: { authenticate: ['next'], authorize: ['next'] },
        strict: { authenticate: ['strict', 'next'], authorize: ['next'] },
      },
    });
  });

  after(() => stage.stop());

  /** The script by which one hook fails, for one client; everybody else is asked as usual. */
  async function arrange(hook: string, fine: Behaviour, behaviour: Behaviour): Promise<void> {
    // The keeper's decision is kept; its own CONNECT is fine.
    await stage.script('ill', { [`${hook} keeper`]: ['keep', fine], [`${hook} ill`]: behaviour });
    (await stage.login('5.0', { clientId: 'keeper', will: { topic: 't', payload: '' } })).close();
  }

  for (const [hook, fine] of STEPS) {
    it(`is refused as unavailable, in time, whatever goes wrong in ${hook}, and other clients go on`, async () => {
      for (const [title, behaviour] of ILL) {
        await arrange(hook, fine, behaviour);
        await stage.forget();
        const fields = { clientId: 'ill', username: 'u', will: { topic: 't', payload: 'w' } };
        const clients = await Promise.all([stage.knock('3.1', fields), stage.knock('3.1.1', fields), stage.knock('5.0', fields)]);
        // While the question of the ill client hangs, others get their answers.
        const other = await stage.login('5.0', { clientId: 'other' });
        try {
          await clients[0].expect(refusal('3.1', 3, 0x88));
          await clients[1].expect(refusal('3.1.1', 3, 0x88));
          await clients[2].expect(refusal('5.0', 3, 0x88));
        } catch (error) {
          throw new Error(`${hook} ${title}: ${error instanceof Error ? error.message : error}`);
        }
        for (const client of clients) await client.expectClosed();
        await other.silence();
        other.close();
        if (hook === 'authenticate') {
          await stage.script('next', {});
          const asked = (await stage.asked('next', 'authenticate')).map(({ client }) => (client as { id: string }).id);
          assert.ok(!asked.includes('ill'), `the next authority was asked after one that ${title}`);
        }
      }
    });
  }

  for (const [hook, title, behaviour] of MALFORMED) {
    it(`is refused as unavailable when ${hook} ${title}`, async () => {
      await stage.script('ill', { [hook]: behaviour });
      for (const version of ['3.1.1', '5.0'] as const) {
        const client = await stage.knock(version, { clientId: 'ill', username: 'u' });
        await client.expect(refusal(version, 3, 0x88));
        await client.expectClosed();
      }
    });
  }

  it('is refused when the answer is not among those that the manifest lists, and the next authority is not asked', async () => {
    await stage.script('strict', { authenticate: ['skip'] });
    await stage.forget();
    const client = await stage.knock('5.0', { clientId: 'c', username: 'u' }, 'strict');
    await client.expect(refusal('5.0', 3, 0x88));
    await stage.script('next', {});
    assert.deepEqual(await stage.asked('next', 'authenticate'), []);
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT.*plugin=strict.*undeclared/);
  });

  it('is decided by the first settlement: what comes later is not looked at', async () => {
    await stage.script('ill', { authenticate: ['first', ['deny', 'banned'], ['allow', NAMED]] });
    const refused = await stage.knock('5.0', { clientId: 'c', username: 'u' });
    await refused.expect(refusal('5.0', 5, 0x8a));
    await stage.script('ill', { authenticate: ['first', ['allow', NAMED], ['deny', 'banned']] });
    const accepted = await stage.login('5.0', { clientId: 'c' });
    await accepted.silence();
    accepted.close();
  });

  it('tells the plugin through the signal that nobody waits for the answer any more', async () => {
    await stage.script('ill', { authenticate: ['hang'] });
    await stage.forget();
    const client = await stage.knock('5.0', { clientId: 'c', username: 'u' });
    await stage.heard('ill', 'authenticate');
    client.reset();
    await stage.heard('ill', 'aborted', ({ hook }: { hook: string }) => hook === 'authenticate');
  });

  it('leaves the cause in the log, with the name of the plugin, and not on the wire', async () => {
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=ill hook=\w+ kind=threw cause="thrown by a handler"/);
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=ill hook=\w+ kind=timeout/);
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=ill hook=\w+ kind=foreign-decision/);
  });
});
