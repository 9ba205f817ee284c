import { after, before, describe, it } from 'node:test';
import type { TestBroker } from '@portcullis/testing';
import { Guest, startTenants, VERSIONS, type Version } from './scene.js';

describe('two tenants', () => {
  let broker: TestBroker;
  before(async () => {
    broker = await startTenants();
  });
  after(() => broker.stop());

  const both = async (version: Version, fields: { readonly clientId: string; readonly username?: string; readonly cleanSession?: boolean }) =>
    [await Guest.join(broker, 'acme', version, fields), await Guest.join(broker, 'beta', version, fields)] as const;
  const leave = (...guests: readonly Guest[]): void => {
    for (const { wire } of guests) wire.send('e0 00');
  };

  for (const version of VERSIONS) {
    it(`have clients of one identifier and one name beside each other, each with # of its own (${version})`, async () => {
      const [a, b] = await both(version, { clientId: 'same', username: 'amy' });
      await a.subscribe('#');
      await b.subscribe('#');
      await a.publish('t/1', 'for a');
      await a.receives(['t/1', 'for a']);
      await b.receives();
      await b.publish('t/1', 'for b');
      await b.receives(['t/1', 'for b']);
      await a.receives();
      leave(a, b);
    });

    it(`have sessions of their own, which the other's clients neither take over nor end (${version})`, async () => {
      const fields = { clientId: `lasting-${version}`, username: 'amy', cleanSession: false };
      const kept = version === '5.0' ? { ...fields, properties: '11 00000e10' } : fields;
      const [a] = await both(version, kept);
      await a.subscribe('q/#');
      leave(a);
      // In the other tenant there is a session of that name, too: with nothing in it.
      const b = await Guest.join(broker, 'beta', version, kept);
      await b.publish('q/1', 'not for a');
      await b.receives();
      const other = await Guest.join(broker, 'acme', version, { clientId: 'other' });
      await other.publish('q/1', 'for a');
      const back = await Guest.join(broker, 'acme', version, kept);
      await back.receives(['q/1', 'for a']);
      const clean = await Guest.join(broker, 'beta', version, { clientId: `lasting-${version}`, username: 'amy' });
      await back.receives();
      leave(back, clean, other);
    });

    it(`keep retained messages of one topic apart, and clear only their own (${version})`, async () => {
      const [a, b] = await both(version, { clientId: 'keeper' });
      await a.publish('r/1', 'of a', true);
      await b.publish('r/1', 'of b', true);
      await b.publish('r/2', 'of b alone', true);
      await a.subscribe('#');
      await a.receives(['r/1', 'of a', true]);
      await a.publish('r/1', '', true);
      await a.receives(['r/1', '']);
      await b.subscribe('r/#');
      await b.receives(['r/1', 'of b', true], ['r/2', 'of b alone', true]);
      for (const topic of ['r/1', 'r/2']) await b.publish(topic, '', true);
      leave(a, b);
    });

    it(`do not share the shared groups of one name (${version})`, async () => {
      const [a, b] = await both(version, { clientId: 'worker' });
      await a.subscribe('$share/g/s/#');
      await b.subscribe('$share/g/s/#');
      for (const payload of ['1', '2', '3']) await a.publish('s/x', payload);
      await a.receives(['s/x', '1'], ['s/x', '2'], ['s/x', '3']);
      await b.receives();
      await b.unsubscribe('$share/g/s/#');
      await a.publish('s/x', '4');
      await a.receives(['s/x', '4']);
      leave(a, b);
    });

    it(`hear of wills, and of topics that begin with $, of their own clients only (${version})`, async () => {
      const [a, b] = await both(version, { clientId: 'watcher' });
      for (const guest of [a, b]) await guest.subscribe('#', '$own/#', '$SYS/#');
      const will = { topic: 'w', payload: 'gone' };
      const mortal = await Guest.join(broker, 'beta', version, { clientId: 'mortal', will });
      mortal.wire.reset();
      await broker.until('the will', () => broker.stats.willsPublished > 0);
      await b.receives(['w', 'gone']);
      await a.receives();
      await a.publish('$own/x', 'mine');
      await a.receives(['$own/x', 'mine']);
      await b.receives();
      broker.stats.willsPublished = 0;
      leave(a, b);
    });
  }
});
