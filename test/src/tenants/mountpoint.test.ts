import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TestBroker } from '@portcullis/testing';
import { publish, subscribe } from '../support/packets.js';
import { Guest, startTenants, VERSIONS } from './scene.js';

describe('clients below a mountpoint', () => {
  let broker: TestBroker;
  before(async () => {
    broker = await startTenants({}, { whole: {}, mounted: { mountpoint: 'm/' }, other: { mountpoint: 'm/o/' } });
  });
  after(() => broker.stop());

  for (const version of VERSIONS) {
    const join = (listener: string, clientId: string, more: object = {}): Promise<Guest> =>
      Guest.join(broker, listener, version, { clientId, ...more });

    it(`publish and subscribe below it and do not see it; others see the whole topic (${version})`, async () => {
      const inside = await join('mounted', 'inside');
      const outside = await join('whole', 'outside');
      await inside.subscribe('t/#');
      await outside.subscribe('m/#', 't/#');
      await inside.publish('t/1', 'in');
      await inside.receives(['t/1', 'in']);
      await outside.receives(['m/t/1', 'in']);
      await outside.publish('t/1', 'elsewhere');
      await outside.publish('m/t/1', 'out');
      await inside.receives(['t/1', 'out']);
      await outside.receives(['t/1', 'elsewhere'], ['m/t/1', 'out']);
      await inside.unsubscribe('t/#');
      await outside.publish('m/t/1', 'later');
      await inside.receives();
    });

    it(`have # for all that lies there, and for nothing beside or above it, nor for what begins with $ there (${version})`, async () => {
      const inside = await join('mounted', 'all');
      const outside = await join('whole', 'outside-all');
      await inside.subscribe('#');
      for (const topic of ['m', 'm2/x', 'x', 'm/$own/x', 'm/$SYS/x']) await outside.publish(topic, topic);
      await inside.receives();
      for (const topic of ['m/', 'm/a', 'm//a']) await outside.publish(topic, topic);
      // "m/" is the mountpoint itself: below it there is no topic without a character.
      await inside.receives(['a', 'm/a'], ['/a', 'm//a']);
      await inside.subscribe('$own/#', '+/x');
      await outside.publish('m/$own/x', 'asked for');
      await inside.receives(['$own/x', 'asked for']);
    });

    it(`find no way up: .. is a level, and an empty level is one, too (${version})`, async () => {
      const inside = await join('mounted', 'climber');
      const outside = await join('whole', 'outside-climber');
      await outside.subscribe('m/#', 'secret', '/secret');
      await inside.subscribe('../#', '/#');
      for (const topic of ['../secret', '/secret', '//', '../../x']) await inside.publish(topic, topic);
      await outside.receives(...['../secret', '/secret', '//', '../../x'].map((topic) => [`m/${topic}`, topic] as const));
      await inside.receives(...['../secret', '/secret', '//', '../../x'].map((topic) => [topic, topic] as const));
    });

    it(`share groups with each other, and with nobody who lies elsewhere (${version})`, async () => {
      const [one, two] = [await join('mounted', 'one'), await join('mounted', 'two')];
      const other = await join('other', 'three');
      const outside = await join('whole', 'outside-share');
      for (const guest of [one, two, other, outside]) await guest.subscribe('$share/g/s');
      for (const payload of ['1', '2']) await outside.publish('m/s', payload);
      await one.receives(['s', '1']);
      await two.receives(['s', '2']);
      await other.receives();
      await outside.receives();
    });

    it(`have their retained messages and their wills there (${version})`, async () => {
      const inside = await join('mounted', 'keeper');
      const outside = await join('whole', 'outside-keeper');
      await inside.publish(`r/${version}`, 'kept', true);
      await outside.subscribe(`m/r/${version}`, 'm/w');
      await outside.receives([`m/r/${version}`, 'kept', true]);
      await inside.subscribe('r/#', 'w');
      await inside.receives([`r/${version}`, 'kept', true]);
      const other = await join('other', 'stranger');
      await other.subscribe('#');
      await other.receives();
      const mortal = await join('mounted', 'mortal', { will: { topic: 'w', payload: 'gone' } });
      const before = broker.stats.willsPublished;
      mortal.wire.reset();
      await broker.until('the will', () => broker.stats.willsPublished > before);
      await inside.receives(['w', 'gone']);
      await outside.receives(['m/w', 'gone']);
      await inside.publish(`r/${version}`, '', true);
    });

    it(`get QoS 0 in runs, without the mountpoint in any of them (${version})`, async () => {
      const given = version === '5.0' ? { properties: '' } : {};
      const inside = await join('mounted', 'runs');
      const outside = await join('whole', 'outside-runs');
      inside.wire.send(subscribe({ packetId: 1, filters: [['q', 0]], ...given }));
      await inside.wire.expect(version === '5.0' ? '90 04 0001 00 00' : '90 03 0001 00');
      outside.wire.send(['1', '2', '3'].map((payload) => publish({ topic: 'm/q', payload, ...given })).join(''));
      await inside.receives(['q', '1'], ['q', '2'], ['q', '3']);
      // And their own, which go out as they came in.
      inside.wire.send(['4', '5'].map((payload) => publish({ topic: 'q', payload, ...given })).join(''));
      await inside.receives(['q', '4'], ['q', '5']);
    });

    it(`begin with another session when they come back by another listener (${version})`, async () => {
      const fields = version === '5.0' ? { cleanSession: false, properties: '11 00000e10' } : { cleanSession: false };
      const named = { ...fields, username: 'amy' };
      const id = `mover-${version}`;
      const inside = await join('mounted', id, named);
      await inside.subscribe('t');
      inside.wire.send('e0 00');
      await inside.wire.expectClosed();
      const outside = await join('whole', `outside-${id}`);
      await outside.publish('m/t', 'queued');
      const moved = await join('other', id, named);
      assert.equal(moved.connack[0], 0);
      await moved.receives();
      moved.wire.send('e0 00');
      await moved.wire.expectClosed();
      const back = await join('other', id, named);
      assert.equal(back.connack[0], 1);
    });
  }

  it('may use an alias for a topic there', async () => {
    const inside = await Guest.join(broker, 'mounted', '5.0', { clientId: 'alias' });
    await inside.subscribe('t/alias');
    inside.wire.send(publish({ topic: 't/alias', payload: '1', properties: '23 0001' }));
    inside.wire.send(publish({ topic: '', payload: '2', properties: '23 0001' }));
    await inside.receives(['t/alias', '1'], ['t/alias', '2']);
  });

  it('cannot name a topic that is too long below it', async () => {
    const inside = await Guest.join(broker, 'mounted', '5.0', { clientId: 'long' });
    inside.wire.send(subscribe({ packetId: 1, filters: [['x'.repeat(65_535), 0]], properties: '' }));
    await inside.wire.expect('90 04 0001 00 8f');
    inside.wire.send(publish({ topic: 'x'.repeat(65_535), payload: '1', properties: '' }));
    await inside.wire.expect('e0 01 90');
    await inside.wire.expectClosed();
  });
});
