import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { refusal, rules, Stage, usualIndex } from './stage.js';

const as = (username: string): readonly ['allow', object] => ['allow', { identity: { username } }];

describe('the order of asking', () => {
  let stage: Stage;

  before(async () => {
    const authority = { taps: ['authenticate', 'admitClient', 'resolveTenant', 'normalizeConnect', 'authorize', 'loadPolicy'] };
    stage = await Stage.start({
      actors: {
        one: authority,
        two: authority,
        spare: {
          taps: ['authenticate'],
          index: usualIndex({ decides: { authenticate: ['allow', 'skip'] } }),
          entry: { onFault: 'skip', timeoutMs: 300 },
        },
        narrow: { taps: ['authenticate'], entry: { maxConcurrent: 1, maxQueue: 1 } },
      },
      chains: {
        forward: { guards: ['one', 'two'], authenticate: ['one', 'two'], authorize: ['one', 'two'] },
        backward: { guards: ['two', 'one'], authenticate: ['two', 'one'], authorize: ['two', 'one'], combine: 'first-match' },
        failover: { authenticate: ['spare', 'two'], authorize: ['two'] },
        narrow: { authenticate: ['narrow', 'two'], authorize: ['two'], deadlineMs: 700 },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['one', 'two', 'spare', 'narrow']) await stage.script(actor, {});
  });

  /** A new client identifier each time: one that its user has just left may still belong to them. */
  let next = 0;

  async function usernameOf(chain: string): Promise<unknown> {
    next += 1;
    const clientId = `c${next}`;
    const client = await stage.login('5.0', { clientId }, chain);
    const [found] = (await stage.call('two', 'sessions.find', { clientId })) as { username: string }[];
    client.close();
    return found?.username;
  }

  /** Whom an actor was asked about; the script is a round trip behind which nothing is outstanding. */
  async function askedOf(actor: string, hook: string): Promise<number> {
    await stage.script(actor, {});
    return (await stage.asked(actor, hook)).length;
  }

  it('is that of the chain: the first authority that does not skip decides', async () => {
    await stage.script('one', { authenticate: as('from-one') });
    await stage.script('two', { authenticate: as('from-two') });
    assert.equal(await usernameOf('forward'), 'from-one');
    assert.equal(await usernameOf('backward'), 'from-two');
    await stage.script('one', { authenticate: ['skip'] });
    assert.equal(await usernameOf('forward'), 'from-two');
  });

  it('ends at the first denial', async () => {
    await stage.script('one', { authenticate: ['deny', 'bad-credentials'] });
    await stage.script('two', { authenticate: as('from-two') });
    await stage.forget();
    await (await stage.knock('3.1.1', { clientId: 'c', username: 'u' }, 'forward')).expect(refusal('3.1.1', 4, 0x86));
    assert.equal(await askedOf('two', 'authenticate'), 0);
  });

  it('asks guards until one refuses, in whatever order they stand', async () => {
    for (const chain of ['forward', 'backward']) {
      for (const guard of ['one', 'two']) {
        await stage.script('one', guard === 'one' ? { admitClient: ['deny', 'rate'] } : {});
        await stage.script('two', guard === 'two' ? { admitClient: ['deny', 'rate'] } : {});
        await stage.forget();
        await (await stage.knock('5.0', { clientId: 'c', username: 'u' }, chain)).expect(refusal('5.0', 3, 0x9f));
        assert.equal((await askedOf('one', 'authenticate')) + (await askedOf('two', 'authenticate')), 0);
      }
    }
  });

  it('is that of the file for hooks that no chain lists', async () => {
    await stage.script('one', { resolveTenant: ['tenant', { name: 'first' }], normalizeConnect: ['patch', { clientId: 'patched-once' }] });
    await stage.script('two', { resolveTenant: ['tenant', { name: 'second' }], normalizeConnect: ['nothing'] });
    await stage.forget();
    const client = await stage.login('5.0', { clientId: 'c' }, 'backward');
    const found = await stage.call('two', 'sessions.find', { tenant: 'first' });
    assert.deepEqual(
      (found as { clientId: string }[]).map(({ clientId }) => clientId),
      ['patched-once'],
    );
    // The first tenant counts, and the second source is not asked; each source of patches sees those before it.
    assert.equal((await stage.asked('two', 'resolveTenant')).length, 0);
    assert.deepEqual(
      (await stage.asked('two', 'normalizeConnect')).map(({ client: info }) => (info as { id: string }).id),
      ['patched-once'],
    );
    client.close();
  });

  it('goes on after a fault only past an authority that never denies and says so', async () => {
    await stage.script('two', { authenticate: as('from-two') });
    for (const failure of ['throw', 'hang', 'unavailable'] as const) {
      await stage.script('spare', { authenticate: [failure] });
      assert.equal(await usernameOf('failover'), 'from-two');
    }
    // An answer that its manifest rules out is final all the same.
    await stage.script('spare', { authenticate: ['deny', 'banned'] });
    await stage.forget();
    await (await stage.knock('5.0', { clientId: 'c', username: 'u' }, 'failover')).expect(refusal('5.0', 3, 0x88));
    assert.equal(await askedOf('two', 'authenticate'), 0);
  });

  it('refuses as busy whom there is no room to ask about, and does not ask the next one', async () => {
    await stage.script('narrow', { authenticate: ['hold', as('narrow')] });
    await stage.script('two', {});
    await stage.forget();
    const asked = await stage.knock('5.0', { clientId: 'a', username: 'u' }, 'narrow');
    await stage.heard('narrow', 'authenticate');
    const queued = await stage.knock('5.0', { clientId: 'b', username: 'u' }, 'narrow');
    // Which of these two waits and which finds the queue full is up to the network; that one does is not.
    const third = await stage.knock('3.1.1', { clientId: 'c', username: 'u' }, 'narrow');
    // The one that waits has no slot before the deadline of its chain: busy as well. The one that was asked is cut off by the same deadline.
    await queued.expect(refusal('5.0', 3, 0x89));
    await third.expect(refusal('3.1.1', 3, 0x89));
    await asked.expect(refusal('5.0', 3, 0x89));
    await stage.script('narrow', {});
    assert.equal(await askedOf('two', 'authenticate'), 0);
    await stage.broker.waitForOutput(/PCL_PLUGIN_OVERLOAD plugin=narrow/);
    (await stage.login('5.0', { clientId: 'd' }, 'narrow')).close();
  });

  it('gives the queue its turn when a slot becomes free', async () => {
    await stage.script('narrow', { 'authenticate a': ['hold', as('narrow')] });
    await stage.forget();
    const asked = await stage.knock('3.1.1', { clientId: 'a', username: 'u' }, 'narrow');
    await stage.heard('narrow', 'authenticate');
    const queued = await stage.knock('3.1.1', { clientId: 'b', username: 'u' }, 'narrow');
    await stage.release('narrow');
    await asked.expect('20 02 00 00');
    await queued.expect('20 02 00 00');
    asked.close();
    queued.close();
  });

  it('folds rules and code by deny-overrides: a denial of either one holds, and a fault is above all', async () => {
    const publish = 'rights/t';
    const outcome = async (chain: string): Promise<string> => {
      const client = await stage.login('5.0', { clientId: 'c' }, chain);
      client.send('32 0d 00 08 72 69 67 68 74 73 2f 74 00 01 00 ; PUBLISH rights/t, QoS 1');
      const answer = await client.readPacket();
      client.close();
      return answer;
    };
    const script = async (one: object, two: object): Promise<void> => {
      await stage.script('one', { loadPolicy: ['nothing'], authorize: ['skip'], ...one });
      await stage.script('two', { loadPolicy: ['nothing'], authorize: ['skip'], ...two });
    };
    const policy = (effect: 'allow' | 'deny'): readonly [string, object] => ['policy', { version: 1, rules: rules(effect, publish) }];
    const ALLOWED = '40 03 00 01 10';
    const DENIED = '40 03 00 01 87';
    await script({}, {});
    assert.equal(await outcome('forward'), DENIED);
    await script({ loadPolicy: policy('allow') }, {});
    assert.equal(await outcome('forward'), ALLOWED);
    await script({ loadPolicy: policy('allow') }, { authorize: ['deny', 'not-authorized'] });
    assert.equal(await outcome('forward'), DENIED);
    await script({ authorize: ['allow'] }, { loadPolicy: policy('deny') });
    assert.equal(await outcome('forward'), DENIED);
    await script({ authorize: ['deny', 'quota'] }, { authorize: ['allow'] });
    assert.equal(await outcome('forward'), '40 03 00 01 97');
    await script({ authorize: ['deny', 'quota'] }, { authorize: ['throw'] });
    assert.equal(await outcome('forward'), 'e0 01 83');
    // first-match, in the order two, one: rules before code, and whoever speaks first is right.
    await script({ authorize: ['deny', 'quota'] }, { loadPolicy: policy('allow') });
    assert.equal(await outcome('backward'), ALLOWED);
    await script({ loadPolicy: policy('allow') }, { authorize: ['deny', 'quota'] });
    assert.equal(await outcome('backward'), '40 03 00 01 97');
    await script({ loadPolicy: policy('allow') }, { authorize: ['throw'] });
    assert.equal(await outcome('backward'), 'e0 01 83');
    await script({ authorize: ['throw'] }, { authorize: ['allow'] });
    assert.equal(await outcome('backward'), ALLOWED);
  });
});
