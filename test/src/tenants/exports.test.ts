import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TestBroker } from '@portcullis/testing';
import { Guest, startTenants, VERSIONS } from './scene.js';

describe('exports between tenants', () => {
  let broker: TestBroker;
  before(async () => {
    broker = await startTenants({
      acme: {
        exports: [
          { to: 'beta', topics: ['public/#', '+/too'], under: 'from/acme', retain: true },
          { to: 'beta', topics: ['secret/#'], under: 'from/acme' },
          { to: 'gamma', topics: ['#'] },
        ],
      },
      beta: { exports: [{ to: 'acme', topics: ['#'] }] },
      gamma: { exports: [{ to: 'acme', topics: ['#'], under: 'from/gamma' }] },
      delta: {},
    });
  });
  after(() => broker.stop());

  for (const version of VERSIONS) {
    const join = (tenant: string, clientId: string, more: object = {}): Promise<Guest> => Guest.join(broker, tenant, version, { clientId, ...more });

    it(`bring what is configured to where it is configured, and nothing anywhere else; nothing comes back or goes on (${version})`, async () => {
      const [acme, beta, gamma, delta] = [await join('acme', 'c'), await join('beta', 'c'), await join('gamma', 'c'), await join('delta', 'c')];
      for (const guest of [acme, beta, gamma, delta]) await guest.subscribe('#', '$own/#');
      await acme.publish('public/1', 'x');
      await acme.receives(['public/1', 'x']);
      await beta.receives(['from/acme/public/1', 'x']);
      await gamma.receives(['public/1', 'x']);
      await acme.publish('inner/1', 'y');
      await acme.publish('$own/too', 'z');
      await acme.receives(['inner/1', 'y'], ['$own/too', 'z']);
      await beta.receives();
      await gamma.receives(['inner/1', 'y']);
      // Beta's go to acme as they are, and not from there to gamma.
      await beta.publish('public/1', 'back');
      await acme.receives(['public/1', 'back']);
      await beta.receives(['public/1', 'back']);
      await gamma.receives();
      await delta.publish('public/1', 'own');
      await delta.receives(['public/1', 'own']);
      for (const guest of [acme, beta, gamma]) await guest.receives();
    });

    it(`are judged by the rights of each receiver there (${version})`, async () => {
      const [acme, beta] = [await join('acme', 'c'), await join('beta', 'c')];
      await acme.subscribe('secret/#');
      await beta.subscribe('from/#');
      await acme.publish('secret/1', 'x');
      await acme.receives(['secret/1', 'x']);
      await beta.receives();
    });

    it(`are retained there only where the configuration says so, and wills go the same way (${version})`, async () => {
      const acme = await join('acme', 'c');
      await acme.publish('public/r', 'kept', true);
      const late = [await join('beta', 'late'), await join('gamma', 'late')] as const;
      await late[0].subscribe('from/acme/public/r', 'from/acme/w/too');
      await late[0].receives(['from/acme/public/r', 'kept', true]);
      await late[1].subscribe('public/r');
      await late[1].receives();
      const mortal = await join('acme', 'mortal', { will: { topic: 'w/too', payload: 'gone' } });
      const before = broker.stats.willsPublished;
      mortal.wire.reset();
      await broker.until('the will', () => broker.stats.willsPublished > before);
      await late[0].receives(['from/acme/w/too', 'gone']);
      await acme.publish('public/r', '', true);
      await late[0].receives(['from/acme/public/r', '']);
      await late[1].receives(['public/r', '']);
      const later = await join('beta', 'later');
      await later.subscribe('from/#');
      await later.receives();
    });

    it(`do not tell the publisher whether somebody there listens (${version})`, async () => {
      const [acme, beta] = [await join('acme', 'c'), await join('beta', 'c')];
      const alone = await acme.publish('public/1', 'x');
      await beta.subscribe('from/#');
      const heard = await acme.publish('public/1', 'y');
      await beta.receives(['from/acme/public/1', 'y']);
      assert.equal(alone, heard);
    });
  }

  it('and everything else need a tenant that there is: a plugin cannot publish to another', async () => {
    await assert.rejects(broker.publish({ topic: 't', payload: Buffer.from('p'), tenant: 'nobody', retain: true }), /there is no tenant "nobody"/);
  });

  it('take what a plugin publishes in a tenant, too, and a client of one identifier is not taken for the publisher', async () => {
    const beta = await Guest.join(broker, 'beta', '5.0', { clientId: 'c' });
    const acme = await Guest.join(broker, 'acme', '5.0', { clientId: 'c' });
    // No Local, at QoS 1.
    beta.wire.send('82 0c 0001 00 0006 66726f6d2f23 05'.replaceAll(' ', ''));
    await beta.wire.expect('90 04 0001 00 01');
    await broker.publish({ topic: 'public/plugin', payload: Buffer.from('p'), tenant: 'acme' });
    await beta.receives(['from/acme/public/plugin', 'p']);
    await acme.publish('public/1', 'x', true);
    await beta.receives(['from/acme/public/1', 'x']);
    const late = await Guest.join(broker, 'beta', '5.0', { clientId: 'c' });
    late.wire.send('82 0c 0001 00 0006 66726f6d2f23 05'.replaceAll(' ', ''));
    await late.wire.expect('90 04 0001 00 01');
    await late.receives(['from/acme/public/1', 'x', true]);
    await acme.publish('public/1', '', true);
  });
});
