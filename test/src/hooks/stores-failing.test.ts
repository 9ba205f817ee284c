import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { publish, pubrel, subscribe, unsubscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';
import { Stage } from './stage.js';

const EXPIRY = '11 00 00 00 3c';
const LASTING = { cleanSession: false, properties: EXPIRY };
const PUBLISHER = { taps: ['authenticate', 'loadPolicy'], entry: { publishTo: ['#'] } };

describe('a store that is full', () => {
  let stage: Stage;
  let next = 0;

  before(async () => {
    stage = await Stage.start({
      actors: { vault: { ...PUBLISHER, stores: ['sessions', 'retained'] } },
      chains: { main: { authenticate: ['vault'], authorize: ['vault'] } },
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

  it('gets no success any more: PUBACK and PUBREC 0x97, 3.x closed; delivery goes on', async () => {
    const durable = await subscriber(1, LASTING);
    const sender = await login();
    const lasting = await login(LASTING);
    const old = await stage.login('3.1.1', { clientId: 'old' });
    await store('fill');
    sender.send(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
    await sender.expect('40 03 00 01 97');
    await durable.client.expect(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1, properties: '' }));
    lasting.send(publish({ topic: 'nobody', payload: 'x', qos: 2, packetId: 2, properties: '' }));
    await lasting.expect('50 03 00 02 97');
    old.send(publish({ topic: durable.topic, payload: 'x', qos: 1, packetId: 1 }));
    await old.expectClosed();
    await stage.broker.waitForOutput(/PCL_STORE.*the store is full/);
  });

  it('ends the connection where there is no code for it: PUBREL, SUBSCRIBE, UNSUBSCRIBE', async () => {
    const durable = await subscriber(2, LASTING);
    const second = await subscriber(1, LASTING);
    const third = await login(LASTING);
    const sender = await login();
    sender.send(publish({ topic: durable.topic, payload: 'x', qos: 2, packetId: 1, properties: '' }));
    await sender.expect('50 02 00 01');
    await store('fill');
    sender.send(pubrel(1));
    await sender.expect('e0 01 83');
    second.client.send(unsubscribe({ packetId: 2, filters: [second.topic], properties: '' }));
    await second.client.expect('e0 01 83');
    third.send(subscribe({ packetId: 2, filters: [['a', 0]], properties: '' }));
    await third.expect('e0 01 83');
    for (const client of [sender, second.client, third]) await client.expectClosed();
  });

  it('does not say that a message was completed that it may hand out again', async () => {
    const sender = await login(LASTING);
    sender.send(publish({ topic: 'nobody', qos: 2, packetId: 1, properties: '' }));
    await sender.expect('50 02 00 01');
    await store('fill');
    sender.send(pubrel(1));
    await sender.expect('e0 01 83');
    await sender.expectClosed();
  });

  it('takes no durable session any more, and others as ever', async () => {
    await store('fill');
    for (const [version, refused] of [
      ['3.1.1', '20 02 00 03'],
      ['5.0', '20 03 00 88 00'],
    ] as const) {
      const client = await stage.knock(version, { clientId: `full-${version}`, username: 'user', ...LASTING });
      await client.expect(refused);
      await client.expectClosed();
      assert.deepEqual(await stage.call('vault', 'sessions.find', { clientId: `full-${version}` }), []);
      (await stage.login(version, { clientId: `full-${version}` })).close();
    }
  });

  it('retains nothing with success', async () => {
    const sender = await login();
    await store('fill', 'retained');
    sender.send(publish({ topic: 'full', payload: 'x', qos: 1, packetId: 1, retain: true, properties: '' }));
    await sender.expect('40 03 00 01 97');
    await assert.rejects(stage.call('vault', 'publish.publish', { topic: 'full', payload: 'x', retain: true }), /store/);
  });
});

describe('a store that fails for good', () => {
  it('never lets out what waits for it; the clients learn that something is wrong, and the others go on', async () => {
    const stage = await Stage.start({
      actors: { vault: { ...PUBLISHER, stores: ['sessions'] } },
      chains: { main: { authenticate: ['vault'], authorize: ['vault'] } },
    });
    try {
      const durable = await stage.login('5.0', { clientId: 'durable', ...LASTING });
      durable.send(
        subscribe({
          packetId: 1,
          filters: [
            ['d', 1],
            ['zero', 0],
          ],
          properties: '',
        }),
      );
      await durable.expect('90 05 00 01 00 01 00');
      const senders = [await stage.login('5.0', { clientId: 's5' }), await stage.login('3.1.1', { clientId: 's4' })];
      await stage.call('vault', 'store.hold', 'sessions');
      senders[0]?.send(publish({ topic: 'd', payload: 'x', qos: 1, packetId: 1, properties: '' }));
      senders[1]?.send(publish({ topic: 'd', payload: 'x', qos: 1, packetId: 1 }));
      for (const sender of senders) await sender.silence();
      const late = await stage.knock('5.0', { clientId: 'late', username: 'user', ...LASTING });
      await stage.heard(
        'vault',
        'append',
        ({ change }: { change: { kind: string; session: { clientId: string } } }) => change.session.clientId === 'late',
      );
      await stage.call('vault', 'store.fail', 'sessions');
      await senders[0]?.expect('e0 01 83');
      for (const sender of senders) await sender.expectClosed();
      // A CONNECT whose session cannot be kept is refused, not left waiting.
      await late.expect('20 03 00 88 00');
      await late.expectClosed();
      await stage.broker.waitForOutput(/PCL_STORE.*the disk is gone/);
      // What asks nothing of the store works as ever.
      const plain = await stage.login('5.0', { clientId: 'plain' });
      plain.send(publish({ topic: 'zero', payload: '0', properties: '' }));
      await plain.silence();
      plain.send(publish({ topic: 'nobody', qos: 1, packetId: 2, properties: '' }));
      await plain.expect('40 03 00 02 10');
      plain.close();
    } finally {
      await stage.stop();
    }
  });
});
