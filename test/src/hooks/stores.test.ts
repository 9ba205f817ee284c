import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { disconnect, publish, pubrel, subscribe, unsubscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { Stage, usualIndex } from './stage.js';

const EXPIRY = '11 00 00 00 3c';
const LASTING = { cleanSession: false, properties: EXPIRY };
const PUBLISHER = { taps: ['authenticate', 'loadPolicy'], entry: { publishTo: ['#'] } };

describe('a store that a plugin provides', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: { vault: { ...PUBLISHER, stores: ['sessions', 'retained'] }, coder: { taps: ['authorize'] } },
      chains: { main: { authenticate: ['vault'], authorize: ['vault'] }, coded: { authenticate: ['vault'], authorize: ['coder'] } },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const store of ['sessions', 'retained']) await stage.call('vault', 'store.recover', store);
    await stage.script('vault', {});
    await stage.forget();
  });

  const store = (what: string, name = 'sessions', ...args: readonly unknown[]): Promise<unknown> =>
    stage.call('vault', `store.${what}`, name, ...args);
  const login = (fields: object = {}): Promise<WireClient> => {
    next += 1;
    return stage.login('5.0', { clientId: `c${next}`, ...fields });
  };

  /** A subscriber; its topic is its own. */
  async function subscriber(qos: number, fields: object = {}): Promise<{ client: WireClient; topic: string; clientId: string }> {
    const client = await login(fields);
    const clientId = `c${next}`;
    client.send(subscribe({ packetId: 1, filters: [[clientId, qos]], properties: '' }));
    await client.expect(`90 04 00 01 00 0${qos}`);
    return { client, topic: clientId, clientId };
  }

  /** Kinds of the changes that a store was given. */
  async function changes(name = 'sessions'): Promise<readonly unknown[]> {
    await stage.script('vault', {});
    return stage
      .of('vault', 'append')
      .filter(({ store: given }) => given === name)
      .map(({ change }) => (change as { kind: string }).kind);
  }

  describe('and that is late', () => {
    it('keeps back PUBACK, until each durable session has the message, and delivers meanwhile', async () => {
      const durable = await subscriber(1, LASTING);
      const sender = await login();
      await store('hold');
      sender.send(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await durable.client.expect(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await sender.silence();
      await store('settle');
      await sender.expect('40 02 00 01');
    });

    it('keeps back PUBACK also while code is asked whether a durable session may have its copy', async () => {
      await stage.script('coder', {});
      const receiver = await stage.login('5.0', { clientId: 'asked', ...LASTING }, 'coded');
      receiver.send(subscribe({ packetId: 1, filters: [['asked', 1]], properties: '' }));
      await receiver.expect('90 04 00 01 00 01');
      const sender = await login();
      await stage.script('coder', { 'authorize receive': ['hold', ['allow']] });
      sender.send(publish({ topic: 'asked', payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await stage.heard('coder', 'authorize', ({ action }: { action: string }) => action === 'receive');
      await sender.silence();
      await store('hold');
      await stage.release('coder');
      await receiver.expect(publish({ topic: 'asked', payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await sender.silence();
      await store('settle');
      await sender.expect('40 02 00 01');
    });

    it('keeps back PUBACK for a session that is away', async () => {
      const durable = await subscriber(1, LASTING);
      durable.client.send(disconnect(0));
      await durable.client.expectClosed();
      const sender = await login();
      await store('hold');
      sender.send(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await sender.silence();
      await store('settle');
      await sender.expect('40 02 00 01');
    });

    it('keeps acknowledgements in order, and lets out those whose turn it is', async () => {
      const durable = await subscriber(1, LASTING);
      const sender = await login();
      await store('hold');
      for (const packetId of [1, 2]) {
        sender.send(publish({ topic: durable.topic, qos: 1, packetId, properties: '' }));
        // Packets that arrive together may be stored together; these two do not.
        await sender.silence();
      }
      // Nothing of this one goes into a store; but acknowledgements do not overtake each other.
      sender.send(publish({ topic: 'nobody', qos: 1, packetId: 3, properties: '' }));
      await sender.silence();
      // A message is queued and sent: two changes each.
      await store('settle', 'sessions', 2);
      await sender.expect('40 02 00 01');
      await sender.silence();
      await store('settle');
      await sender.expect('40 02 00 02 40 03 00 03 10');
    });

    it('keeps back PUBREC of a durable publisher, and PUBCOMP until the message is with its receivers', async () => {
      const durable = await subscriber(2, LASTING);
      const sender = await login(LASTING);
      await store('hold');
      sender.send(publish({ topic: durable.topic, payload: 'x', qos: 2, packetId: 1, properties: '' }));
      await sender.silence();
      await store('settle');
      await sender.expect('50 02 00 01');
      sender.send(pubrel(1));
      await durable.client.expect(publish({ topic: durable.topic, payload: 'x', qos: 2, packetId: 1, properties: '' }));
      await sender.silence();
      await store('settle');
      await sender.expect('70 02 00 01');
    });

    it('keeps back PUBCOMP of a publisher that is not durable, not its PUBREC', async () => {
      const durable = await subscriber(2, LASTING);
      const sender = await login();
      await store('hold');
      sender.send(publish({ topic: durable.topic, payload: 'x', qos: 2, packetId: 1, properties: '' }));
      await sender.expect('50 02 00 01');
      sender.send(pubrel(1));
      await sender.silence();
      await store('settle');
      await sender.expect('70 02 00 01');
    });

    it('keeps back CONNACK, SUBACK and UNSUBACK of a durable session', async () => {
      await store('hold');
      const client = await stage.knock('5.0', { clientId: 'late', username: 'user', ...LASTING });
      client.send(subscribe({ packetId: 1, filters: [['late', 0]], properties: '' }));
      await stage.heard('vault', 'append', ({ change }: { change: { kind: string } }) => change.kind === 'opened');
      // Nothing may be written before the CONNACK; a client that is not durable has its own meanwhile.
      (await login()).close();
      assert.equal(client.unread, '');
      await store('settle');
      assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 00 /);
      await stage.heard('vault', 'append', ({ change }: { change: { kind: string } }) => change.kind === 'subscribed');
      await client.silence();
      await store('settle');
      await client.expect('90 04 00 01 00 00');
      client.send(unsubscribe({ packetId: 2, filters: ['late'], properties: '' }));
      await client.silence();
      await store('settle');
      await client.expect('b0 04 00 02 00 00');
    });

    it('keeps back what a message that is retained waits for, whoever subscribes', async () => {
      const sender = await login();
      await store('hold', 'retained');
      sender.send(publish({ topic: 'kept', payload: 'x', qos: 1, packetId: 1, retain: true, properties: '' }));
      sender.send(publish({ topic: 'kept', payload: 'x', qos: 2, packetId: 2, retain: true, properties: '' }));
      await sender.silence();
      await store('settle', 'retained');
      await sender.expect('40 03 00 01 10 50 02 00 02');
      sender.send(pubrel(2));
      await sender.silence();
      await store('settle', 'retained');
      await sender.expect('70 02 00 02');
      // Clearing is a change like another.
      sender.send(publish({ topic: 'kept', qos: 1, packetId: 3, retain: true, properties: '' }));
      await sender.silence();
      await store('settle', 'retained');
      await sender.expect('40 03 00 03 10');
      assert.deepEqual(await changes('retained'), ['set', 'set', 'cleared']);
    });

    it('costs QoS 0 and sessions that are not durable nothing', async () => {
      const durable = await subscriber(2, LASTING);
      const plain = await subscriber(2);
      const sender = await login();
      await stage.forget();
      for (const name of ['sessions', 'retained']) await store('hold', name);
      sender.send(publish({ topic: durable.topic, payload: '0', properties: '' }));
      await durable.client.expect(publish({ topic: durable.topic, payload: '0', properties: '' }));
      for (const qos of [1, 2] as const) {
        sender.send(publish({ topic: plain.topic, payload: 'x', qos, packetId: 1, properties: '' }));
        if (qos === 1) await sender.expect('40 02 00 01');
        else {
          await sender.expect('50 02 00 01');
          sender.send(pubrel(1));
          await sender.expect('70 02 00 01');
        }
        await plain.client.expect(publish({ topic: plain.topic, payload: 'x', qos, packetId: qos, properties: '' }));
      }
      const fresh = await subscriber(1);
      fresh.client.send(unsubscribe({ packetId: 2, filters: [fresh.topic], properties: '' }));
      await fresh.client.expect('b0 04 00 02 00 00');
      assert.deepEqual(await changes(), []);
    });

    it('lets a plugin that publishes wait as well', async () => {
      const durable = await subscriber(1, LASTING);
      await store('hold');
      let done = false;
      const publishing = stage.call('vault', 'publish.publish', { topic: durable.topic, payload: 'x', qos: 1 }).then(() => {
        done = true;
      });
      await durable.client.expect(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
      await durable.client.silence();
      assert.equal(done, false);
      await store('settle');
      await publishing;
    });
  });

  it('opens no session and sends no will for a client that is gone before its CONNACK could leave', async () => {
    const watcher = await subscriber(0);
    await store('hold');
    const fields = { clientId: 'hasty', username: 'user', ...LASTING, will: { topic: watcher.topic, payload: 'w', properties: '' } };
    const client = await stage.knock('5.0', fields);
    await stage.heard('vault', 'append', ({ change }: { change: { kind: string } }) => change.kind === 'opened');
    client.reset();
    await stage.heard('vault', 'append', ({ change }: { change: { kind: string } }) => change.kind === 'removed');
    await store('settle');
    assert.deepEqual(await stage.call('vault', 'sessions.find', { clientId: 'hasty' }), []);
    await watcher.client.silence();
  });

  it('is told of every change, in the order in which they happen', async () => {
    const { client, topic, clientId } = await subscriber(2, LASTING);
    const sender = await login();
    sender.send(publish({ topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
    await client.expect(publish({ topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
    client.send('40 02 00 01');
    sender.send(publish({ topic, payload: 'y', qos: 2, packetId: 2, properties: '' }));
    await sender.expect('40 02 00 01 50 02 00 02');
    sender.send(pubrel(2));
    await client.expect(publish({ topic, payload: 'y', qos: 2, packetId: 2, properties: '' }));
    client.send('50 02 00 02');
    await client.expect('62 02 00 02');
    client.send('70 02 00 02');
    client.send(publish({ topic: 'elsewhere', qos: 2, packetId: 9, properties: '' }));
    await client.expect('50 02 00 09');
    client.send(pubrel(9));
    await client.expect('70 02 00 09');
    client.send(unsubscribe({ packetId: 3, filters: [topic], properties: '' }));
    await client.expect('b0 04 00 03 00 00');
    client.send(disconnect(0));
    await client.expectClosed();
    const again = await stage.login('5.0', { clientId, cleanSession: true });
    again.close();
    assert.deepEqual(await changes(), [
      'opened',
      'subscribed',
      'queued',
      'sent',
      'settled',
      'queued',
      'sent',
      'released',
      'settled',
      'received',
      'completed',
      'unsubscribed',
      'closed',
      'removed',
    ]);
    const session = { tenant: '', clientId };
    const all = (await stage.asked('vault', 'append')).map(({ change }) => change as Record<string, unknown>);
    assert.ok(all.every((change) => JSON.stringify(change.session) === JSON.stringify(session)));
    assert.deepEqual(all[0], { kind: 'opened', session, owner: 'user', expirySeconds: 60 });
    const { message, ...queued } = all[2] as { message: Record<string, unknown> };
    assert.deepEqual([message.topic, message.qos, message.publisherClientId, message.publisher], [topic, 1, `c${next}`, 'user']);
    assert.deepEqual(queued, { kind: 'queued', session, sequence: 1, qos: 1, retain: false, subscriptionIds: [] });
  });
});

describe('the right to provide a store', () => {
  const chains = { main: { authenticate: ['one'] } };

  it('is a capability', async () => {
    const one = { taps: ['authenticate'], stores: ['sessions'], index: usualIndex({ decides: { authenticate: ['allow'] }, capabilities: [] }) };
    await assert.rejects(Stage.start({ actors: { one }, chains }), /stores/);
  });

  it("is one plugin's", async () => {
    const actors = { one: { taps: ['authenticate'], stores: ['sessions'] }, two: { taps: ['clientConnected'], stores: ['sessions'] } };
    await assert.rejects(Stage.start({ actors, chains }), /already/);
  });

  it('ends with the start', async () => {
    const stage = await Stage.start({ actors: { one: { taps: ['authenticate'] } }, chains });
    await assert.rejects(stage.call('one', 'stores.provideSessionStore', {}), /from start, not later/);
    await stage.stop();
  });
});
