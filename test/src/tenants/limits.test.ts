import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TestBroker } from '@portcullis/testing';
import { publish, uint16 } from '../support/packets.js';
import { Guest, startTenants, VERSIONS, type Version } from './scene.js';

const QUOTA: Readonly<Record<Version, number>> = { '3.1.1': 3, '5.0': 0x97 };

describe('the limits of a tenant', () => {
  let broker: TestBroker;
  before(async () => {
    broker = await startTenants({
      few: { limits: { sessions: 2 } },
      counted: { limits: { retainedMessages: 2 } },
      measured: { limits: { retainedBytes: 1200 } },
      queued: { limits: { queuedBytes: 1200 } },
      slow: { limits: { messagesPerSecond: 3 } },
      free: {},
    });
  });
  after(() => broker.stop());

  for (const version of VERSIONS) {
    const join = (tenant: string, clientId: string, more: object = {}): Promise<Guest> => Guest.join(broker, tenant, version, { clientId, ...more });
    const lasting = version === '5.0' ? { cleanSession: false, properties: '11 00000e10' } : { cleanSession: false };
    const leave = async ({ wire }: Guest): Promise<void> => {
      wire.send('e0 00');
      await wire.expectClosed();
    };
    const given = version === '5.0' ? { properties: '' } : {};

    it(`bound its sessions: one more is refused, but may take over one of its own, and others do not notice (${version})`, async () => {
      const [one, two] = [await join('few', 'one', { username: 'amy' }), await join('few', 'two')];
      const three = await Guest.knock(broker, 'few', version, { clientId: 'three' });
      assert.equal(three.connack[1], QUOTA[version]);
      const again = await join('few', 'one', { username: 'amy' });
      await leave(await join('free', 'three'));
      await leave(two);
      await leave(await join('few', 'three'));
      await leave(again);
      one.wire.close();
    });

    it(`bound its retained messages in number: further topics are delivered and not retained (${version})`, async () => {
      const guest = await join('counted', 'keeper');
      for (const topic of ['a', 'b', 'c']) await guest.publish(topic, topic, true);
      await guest.publish('b', 'changed', true);
      await guest.subscribe('#');
      await guest.receives(['a', 'a', true], ['b', 'changed', true]);
      const other = await join('free', 'keeper');
      for (const topic of ['a', 'b', 'c']) await other.publish(topic, topic, true);
      await other.subscribe('#');
      await other.receives(['a', 'a', true], ['b', 'b', true], ['c', 'c', true]);
      for (const topic of ['a', 'b', 'c']) {
        await guest.publish(topic, '', true);
        await other.publish(topic, '', true);
      }
      await guest.receives(['a', ''], ['b', ''], ['c', '']);
    });

    it(`bound its retained messages in bytes, and give them back (${version})`, async () => {
      const guest = await join('measured', 'keeper');
      const large = 'x'.repeat(800);
      await guest.publish('a', large, true);
      await guest.publish('b', large, true);
      await guest.publish('a', '', true);
      await guest.publish('c', large, true);
      await guest.subscribe('#');
      await guest.receives(['c', large, true]);
      await guest.publish('c', '', true);
    });

    it(`bound the bytes that wait for its sessions together (${version})`, async () => {
      const large = 'x'.repeat(800);
      for (const [tenant, expected] of [
        ['queued', 1],
        ['free', 2],
      ] as const) {
        const fields = { ...lasting, username: 'amy' };
        for (const clientId of ['one', 'two']) {
          const sleeper = await join(tenant, `${clientId}-${version}`, fields);
          await sleeper.subscribe(`q/${version}/${clientId}`);
          await leave(sleeper);
        }
        const publisher = await join(tenant, 'publisher');
        for (const clientId of ['one', 'two']) await publisher.publish(`q/${version}/${clientId}`, large);
        let came = 0;
        for (const clientId of ['one', 'two']) {
          const sleeper = await join(tenant, `${clientId}-${version}`, fields);
          // What was dropped does not come, and a ping says so.
          if (came < expected) await sleeper.receives([`q/${version}/${clientId}`, large]);
          else await sleeper.receives();
          came += 1;
          await leave(sleeper);
        }
      }
    });

    it(`bound what it publishes in a second: more is read later, in order, and nothing is lost (${version})`, async () => {
      // What earlier ones published has been forgiven.
      await broker.advance(2000);
      const delayed = broker.stats.publishesDelayed;
      const [guest, other] = [await join('slow', 'fast'), await join('slow', 'other')];
      const bytes = (payload: number): string => publish({ topic: 't', payload: String(payload), qos: 1, packetId: payload, ...given });
      const ack = (id: number): string => (version === '5.0' ? `40 03 ${uint16(id)} 10` : `40 02 ${uint16(id)}`);
      guest.wire.send([1, 2, 3, 4, 5].map(bytes).join(''));
      await guest.wire.expect([1, 2, 3].map(ack).join(''));
      await broker.until('the wait', () => broker.stats.publishesDelayed > delayed);
      // It is the tenant that has to wait, not one of its clients.
      other.wire.send(bytes(6));
      await broker.until('the second wait', () => broker.stats.publishesDelayed > delayed + 1);
      await broker.advance(350);
      await guest.wire.expect(ack(4));
      await broker.advance(700);
      await guest.wire.expect(ack(5));
      await other.wire.expect(ack(6));
      const free = await join('free', 'fast');
      for (let i = 0; i < 10; i += 1) await free.publish('t', 'x');
    });
  }

  it('give the room of a client that is gone while it waits to the next in line', async () => {
    await broker.advance(2000);
    const gone = await Guest.join(broker, 'slow', '3.1.1', { clientId: 'gone', username: 'amy' });
    const guest = await Guest.join(broker, 'slow', '3.1.1', { clientId: 'stays' });
    const bytes = publish({ topic: 't', qos: 1, packetId: 1 });
    const delayed = broker.stats.publishesDelayed;
    gone.wire.send(bytes.repeat(4));
    await gone.wire.expect('40 02 0001'.repeat(3));
    await broker.until('its wait', () => broker.stats.publishesDelayed > delayed);
    guest.wire.send(bytes);
    await broker.until('the wait', () => broker.stats.publishesDelayed > delayed + 1);
    await Guest.join(broker, 'slow', '3.1.1', { clientId: 'gone', username: 'amy' });
    await gone.wire.expectClosed();
    await broker.advance(350);
    await guest.wire.expect('40 02 0001');
  });
});
