import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { Stage, usualIndex } from '../hooks/stage.js';
import { PINGREQ, publish, pubrel, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

const allow = (...patterns: readonly string[]) =>
  patterns.map((pattern) => ({ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern, from: 'test' }));
const deny = (pattern: string, ...actions: readonly string[]) => ({ effect: 'deny', actions, pattern, from: 'test' });
const policy = (version: number, list: readonly object[]): Behaviour => ['policy', { version, rules: list }];

for (const version of ['3.1.1', '5.0'] as const)
  describe(`rights that are lost, in ${version}`, () => {
    let stage: Stage;
    let next = 0;
    let sender: WireClient;
    const v5 = version === '5.0';
    const properties = v5 ? { properties: '' } : {};
    const LASTING = v5 ? { cleanSession: false, properties: '11 00 00 00 3c' } : { cleanSession: false };
    const SAYS_REVOKED = 'e0 01 87';

    before(async () => {
      stage = await Stage.start({
        actors: {
          mind: { taps: ['authenticate', 'loadPolicy', 'messageDropped', 'unsubscribed'] },
          judge: {
            taps: ['authorize'],
            index: usualIndex({ decides: { authorize: ['allow', 'deny', 'skip'] }, capabilities: ['policy', 'sessions'] }),
          },
        },
        chains: {
          main: { authenticate: ['mind'], authorize: ['mind'] },
          brief: { authenticate: ['mind'], authorize: ['mind'], revokedGraceSeconds: 0 },
          cut: { authenticate: ['mind'], authorize: ['mind'], onRevoked: 'disconnect' },
          code: { authenticate: ['mind'], authorize: ['judge'], staleGraceMs: 60_000 },
          strict: { authenticate: ['mind'], authorize: ['judge'] },
        },
      });
      sender = await stage.login(version, { clientId: 'sender', username: 'sender' });
    });

    after(() => stage.stop());

    beforeEach(async () => {
      await stage.script('mind', {});
      await stage.script('judge', {});
      await stage.forget();
      next += 1;
    });

    const login = (clientId: string, chain = 'main', fields: object = {}): Promise<WireClient> =>
      stage.login(version, { clientId, ...fields }, chain);
    const counter = async (name: string): Promise<number> => (await stage.call('mind', 'stats.get', name)) as number;

    async function subscriber(clientId: string, filters: readonly string[], chain = 'main', fields: object = {}): Promise<WireClient> {
      const client = await login(clientId, chain, fields);
      for (const filter of filters) {
        client.send(subscribe({ packetId: 1, filters: [[filter, 1]], ...properties }));
        await client.expect(v5 ? '90 04 00 01 00 01' : '90 03 00 01 01');
      }
      return client;
    }

    /** At QoS 1, so that the message is with its receivers when this resolves. */
    async function send(topic: string, payload: string): Promise<void> {
      sender.send(publish({ topic, payload, qos: 1, packetId: 7, ...properties }));
      assert.match(await sender.readPacket(), /^40 0. 00 07/);
    }

    const copy = (topic: string, payload: string, packetId: number): string => publish({ topic, payload, qos: 1, packetId, ...properties });
    const puback = (packetId: number): string => `40 02 00 0${packetId}`;

    /** The rights of a client change at their source, and the source says so. */
    async function grant(clientId: string, list: readonly object[], number: number): Promise<void> {
      await stage.script('mind', { [`loadPolicy ${clientId}`]: policy(number, list) });
      await stage.call('mind', 'policy.invalidate', { clientId }, number);
    }

    it('hold back what was queued for a client that is away: it gets the rest, and that too when the right returns', async () => {
      const id = `away${next}`;
      const first = await subscriber(id, ['q/#', 'r'], 'main', LASTING);
      first.send('e0 00');
      await first.expectClosed();
      for (let i = 1; i <= 10; i += 1) await send('q/a', `${i}`);
      await send('r', 'other');
      await grant(id, allow('r'), 2);
      const back = await login(id, 'main', LASTING);
      await back.expect(copy('r', 'other', 1));
      back.send(puback(1));
      await back.silence();
      assert.equal(await counter('copiesHeldBack'), 10);
      await grant(id, allow('r', 'q/#'), 3);
      for (let i = 1; i <= 10; i += 1) {
        const packet = await back.readPacket();
        assert.equal(
          packet.endsWith(
            Buffer.from(`${i}`)
              .toString('hex')
              .replaceAll(/(..)(?=.)/g, '$1 '),
          ),
          true,
          packet,
        );
      }
      back.close();
    });

    it('end a QoS 2 handshake without the message, if they were lost between its two halves', async () => {
      const id = `two${next}`;
      const receiver = await subscriber(`watch${next}`, ['two']);
      const client = await login(id);
      client.send(publish({ topic: 'two', payload: 'x', qos: 2, packetId: 5, ...properties }));
      await client.expect('50 02 00 05');
      const before = await counter('publishesDenied');
      await grant(id, allow('else'), 2);
      client.send(pubrel(5));
      await client.expect('70 02 00 05');
      await receiver.silence();
      assert.equal(await counter('publishesDenied'), before + 1);
      receiver.close();
      client.close();
    });

    it('suspend a live subscription: nothing is delivered from the switch on, and it goes on when the right returns', async () => {
      const id = `live${next}`;
      const client = await subscriber(id, ['live/a', 'kept']);
      await send('live/a', '1');
      await client.expect(copy('live/a', '1', 1));
      client.send(puback(1));
      await grant(id, allow('kept'), 2);
      assert.equal(await counter('subscriptionsSuspended'), 1);
      const before = await counter('droppedNotAuthorized');
      for (const payload of ['2', '3']) await send('live/a', payload);
      await client.silence();
      assert.equal(await counter('droppedNotAuthorized'), before + 2);
      await send('kept', 'k');
      await client.expect(copy('kept', 'k', 2));
      client.send(puback(2));
      await grant(id, allow('kept', 'live/#'), 3);
      assert.equal(await counter('subscriptionsSuspended'), 0);
      await send('live/a', '4');
      await client.expect(copy('live/a', '4', 3));
      client.close();
    });

    it('remove a subscription whose right does not return within its grace', async () => {
      const id = `gone${next}`;
      const client = await subscriber(id, ['gone'], 'brief');
      const removed = await counter('subscriptionsRevoked');
      await grant(id, allow('else'), 2);
      await stage.heard('mind', 'unsubscribed', (news: { clientId: string }) => news.clientId === id);
      assert.equal(await counter('subscriptionsRevoked'), removed + 1);
      await grant(id, allow('gone'), 3);
      await send('gone', 'x');
      await client.silence();
      client.close();
    });

    it('end the connection where the chain wants that', async () => {
      const id = `cut${next}`;
      const client = await subscriber(id, ['cut/#'], 'cut', LASTING);
      // A part that is lost is filtered: the subscription has not lost its right.
      await grant(id, [...allow('#'), deny('cut/secret', 'subscribe', 'receive')], 2);
      await client.silence();
      await grant(id, allow('else'), 3);
      if (v5) await client.expect(SAYS_REVOKED);
      await client.expectClosed();
      // Who comes back to it is not sent away again; it is suspended as any other.
      const back = await login(id, 'cut', LASTING);
      await send('cut/a', 'x');
      await back.silence();
      back.close();
    });

    it('keep a will from being published that was allowed when its client came', async () => {
      const receiver = await subscriber(`heir${next}`, ['will/#']);
      const will = { topic: 'will/a', payload: 'w' };
      await stage.script('mind', { loadPolicy: policy(1, allow('else')) });
      const refused = await stage.knock(version, { clientId: `testator${next}`, will });
      await refused.expect(v5 ? '20 03 00 87 00' : '20 02 00 05');
      await stage.script('mind', {});
      const id = `testator${next}`;
      const dropped = await counter('willsDropped');
      const client = await login(id, 'main', { will });
      await grant(id, allow('else'), 2);
      client.reset();
      await stage.heard('mind', 'messageDropped', (news: { topic: string }) => news.topic === 'will/a');
      assert.equal(await counter('willsDropped'), dropped + 1);
      await receiver.silence();
      receiver.close();
    });

    it('are not brought back by a load that was asked for before the invalidation', async () => {
      const id = `race${next}`;
      const watcher = await subscriber(`watch${next}`, ['old']);
      await stage.script('mind', { [`loadPolicy ${id}`]: policy(1, allow('race')) });
      const client = await subscriber(id, ['race']);
      await stage.script('mind', { [`loadPolicy ${id}`]: ['hold', policy(1, allow('race', 'old'))] });
      await stage.call('mind', 'policy.invalidate', { clientId: id });
      await stage.heard('mind', 'loadPolicy', (request: { client: { id: string } }) => request.client.id === id);
      await stage.call('mind', 'policy.invalidate', { clientId: id }, 2);
      // This also lets go the answers that are held: both are older than what was announced.
      await stage.script('mind', { [`loadPolicy ${id}`]: policy(2, allow('else')) });
      const tryOld = async (): Promise<void> => {
        client.send(publish({ topic: 'old', qos: 1, packetId: 3, ...properties }));
        assert.match(await client.readPacket(), /^40 0. 00 03/);
      };
      for (let stale = 1; stale > 0; stale = await counter('policyStale')) await tryOld();
      await tryOld();
      await send('race', 'x');
      await client.silence();
      await watcher.silence();
      watcher.close();
      client.close();
    });

    it('are asked of code again: a subscription that it no longer allows is suspended, and copies wait for its answer', async () => {
      const id = `code${next}`;
      const client = await subscriber(id, ['code/a', 'code/b'], 'code');
      await stage.script('judge', { 'authorize code/a': ['allow'] });
      await send('code/a', '1');
      await client.expect(copy('code/a', '1', 1));
      client.send(puback(1));
      // It holds its answer about the subscription; the one about the copy would be yes.
      await stage.script('judge', { 'authorize code/a': ['hold', ['deny', 'not-authorized']] });
      await stage.forget();
      await stage.call('judge', 'policy.invalidate', { clientId: id });
      await stage.heard('judge', 'authorize', (request: { action: string }) => request.action === 'subscribe');
      await send('code/b', 'waits');
      await client.silence();
      await stage.script('judge', { 'authorize code/a': ['allow'] });
      await client.expect(copy('code/b', 'waits', 2));
      client.send(puback(2));
      const suspended = await counter('subscriptionsSuspended');
      await send('code/a', '2');
      await client.silence();
      await stage.call('judge', 'policy.invalidate', { clientId: id });
      while ((await counter('subscriptionsSuspended')) >= suspended) await stage.forget();
      await send('code/a', '3');
      await client.expect(copy('code/a', '3', 3));
      client.close();
    });

    it('end the connection where code cannot say whether they stand, after the grace of the chain', async () => {
      const id = `mute${next}`;
      const patient = await subscriber(`${id}-patient`, ['mute'], 'code');
      const client = await subscriber(id, ['mute'], 'strict');
      await stage.script('judge', { 'authorize mute': ['throw'] });
      await stage.call('judge', 'policy.invalidate', 'all');
      if (v5) await client.expect('e0 01 89');
      await client.expectClosed();
      await send('mute', 'x');
      await patient.silence();
      await stage.script('judge', {});
      // It is asked again every half second.
      await stage.heard('judge', 'authorize', (request: { action: string; client: { id: string } }) => request.client.id === `${id}-patient`);
      for (let got = 'd0 00'; got === 'd0 00'; got = await patient.readPacket()) {
        await send('mute', 'y');
        patient.send(PINGREQ);
      }
      patient.close();
    });

    it('withdraw what their publisher has retained, also when it is gone, and nothing of anybody else', async () => {
      const id = `press${next}`;
      const topics = [`ret${next}/a`, `ret${next}/b`];
      const client = await login(id);
      for (const topic of topics) {
        client.send(publish({ topic, payload: 'r', qos: 1, packetId: 1, retain: true, ...properties }));
        assert.match(await client.readPacket(), /^40 0. 00 01/);
      }
      sender.send(publish({ topic: `ret${next}/c`, payload: 'r', qos: 1, packetId: 7, retain: true, ...properties }));
      assert.match(await sender.readPacket(), /^40 0. 00 07/);
      const withdrawn = await counter('retainedWithdrawn');
      await grant(id, allow(topics[1] as string), 2);
      assert.equal(await counter('retainedWithdrawn'), withdrawn + 1);
      client.send('e0 00');
      await client.expectClosed();
      await grant(id, allow('else'), 3);
      assert.equal(await counter('retainedWithdrawn'), withdrawn + 2);
      const reader = await subscriber(`reader${next}`, [`ret${next}/#`]);
      assert.match(
        await reader.readPacket(),
        new RegExp(
          `${Buffer.from(`ret${next}/c`)
            .toString('hex')
            .replaceAll(/(..)(?=.)/g, '$1 ')}`,
        ),
      );
      await reader.silence();
      reader.close();
    });
  });
