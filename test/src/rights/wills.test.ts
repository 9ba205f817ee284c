import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { Stage } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

/** Seconds; over before the will is due, which is a second after its client has gone. */
const LEASE = 0.2;
const LEASED: Behaviour = ['allow', { identity: { username: 'user' }, leaseSeconds: LEASE }];

describe('a will that is due when the lease of its identity has ended', () => {
  let stage: Stage;
  let heir: WireClient;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'refreshIdentity', 'loadPolicy', 'messageDropped'] },
        once: { taps: ['authenticate', 'loadPolicy'] },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        once: { authenticate: ['once'], authorize: ['once'] },
      },
    });
    heir = await stage.login('5.0', { clientId: 'heir' });
    heir.send(subscribe({ packetId: 1, filters: [['will', 0]], properties: '' }));
    await heir.expect('90 04 00 01 00 00');
  });
  after(() => stage.stop());
  beforeEach(() => stage.forget());

  async function testator(chain: string, script: Readonly<Record<string, Behaviour>>): Promise<void> {
    next += 1;
    await stage.script(chain === 'once' ? 'once' : 'mind', { authenticate: LEASED, ...script });
    const will = { topic: 'will', payload: 'w', properties: '18 00 00 00 01' };
    const client = await stage.login('5.0', { clientId: `c${next}`, properties: '11 00 00 00 3c', will }, chain);
    client.reset();
  }

  const dropped = (reason: string) => stage.heard('mind', 'messageDropped', (news: { reason: string }) => news.reason === reason);

  it('is published when the identity is confirmed', async () => {
    await testator('main', { refreshIdentity: ['allow'] });
    await heir.expect(publish({ topic: 'will', payload: 'w', properties: '' }));
    assert.equal((await stage.asked('mind', 'refreshIdentity')).length, 1);
  });

  it('is not when it is denied', async () => {
    await testator('main', { refreshIdentity: ['deny', 'banned'] });
    await dropped('not-authorized');
    await heir.silence();
  });

  it('is not when that cannot be found out', async () => {
    await testator('main', { refreshIdentity: ['reject'] });
    await dropped('fault');
    await heir.silence();
  });

  it('is not when nobody can be asked: no session would be as old', async () => {
    await testator('once', {});
    await dropped('not-authorized');
    await heir.silence();
  });
});
