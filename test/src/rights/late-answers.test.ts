import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Behaviour } from '../hooks/actor.js';
import { refusal, Stage } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';
import type { WireClient } from '../support/wire-client.js';

const allow = (...patterns: readonly string[]) =>
  patterns.map((pattern) => ({ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern, from: 'test' }));
const policy = (version: number, list: readonly object[]): Behaviour => ['policy', { version, rules: list }];

/** Asks again and again, a round trip each time. */
async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000;
  while (!(await holds())) assert.ok(performance.now() < end, `awaited that ${what}`);
}

for (const version of ['3.1.1', '5.0'] as const)
  describe(`answers from before a change of rights, in ${version}`, () => {
    let stage: Stage;
    let next = 0;
    let id = '';
    let sender: WireClient;
    const v5 = version === '5.0';
    const properties = v5 ? { properties: '' } : {};
    const LASTING = v5 ? { cleanSession: false, properties: '11 00 00 00 3c' } : { cleanSession: false };
    const RESUMED = v5 ? /^20 0e 01 00 / : /^20 02 01 00$/;

    before(async () => {
      stage = await Stage.start({
        actors: { mind: { taps: ['authenticate', 'refreshIdentity', 'loadPolicy', 'messageDropped'] } },
        chains: {
          main: { authenticate: ['mind'], authorize: ['mind'] },
          hasty: { authenticate: ['mind'], authorize: ['mind'], deadlineMs: 300 },
        },
      });
      sender = await stage.login(version, { clientId: 'sender', username: 'sender' });
    });

    after(() => stage.stop());

    beforeEach(async () => {
      await stage.script('mind', {});
      await stage.forget();
      next += 1;
      id = `c${next}`;
    });

    const counter = async (name: string): Promise<number> => (await stage.call('mind', 'stats.get', name)) as number;
    const invalidate = (number?: number): Promise<unknown> =>
      stage.call('mind', 'policy.invalidate', { clientId: id }, ...(number === undefined ? [] : [number]));
    const rights = (behaviour: Behaviour): Promise<void> => stage.script('mind', { [`loadPolicy ${id}`]: behaviour });
    /** Waits until the rights were asked for again. */
    async function asked(): Promise<void> {
      await stage.heard('mind', 'loadPolicy', (request: { client: { id: string } }) => request.client.id === id);
      await stage.forget();
    }

    async function subscriber(clientId: string, filters: readonly string[], fields: object = {}): Promise<WireClient> {
      const client = await stage.login(version, { clientId, ...fields });
      for (const filter of filters) {
        client.send(subscribe({ packetId: 1, filters: [[filter, 1]], ...properties }));
        await client.expect(v5 ? '90 04 00 01 00 01' : '90 03 00 01 01');
      }
      return client;
    }

    async function leave(client: WireClient): Promise<void> {
      client.send('e0 00');
      await client.expectClosed();
    }

    async function send(client: WireClient, topic: string, payload: string, retain = false): Promise<void> {
      client.send(publish({ topic, payload, qos: 1, packetId: 7, retain, ...properties }));
      assert.match(await client.readPacket(), /^40 0. 00 07/);
    }

    /** A session that waits, with a message of each of two topics. */
    async function waiting(): Promise<void> {
      await leave(await subscriber(id, ['lost', 'kept'], LASTING));
      await send(sender, 'lost', 'x');
      await send(sender, 'kept', 'y');
      await stage.forget();
    }

    const kept = (): string => publish({ topic: 'kept', payload: 'y', qos: 1, packetId: 1, ...properties });

    for (const number of [undefined, 2])
      it(`publish no will, whose rights were asked for when its client had gone (${number === undefined ? 'no version' : 'a version'} announced)`, async () => {
        const heir = await subscriber(`heir${next}`, ['will/#']);
        const client = await stage.login(version, { clientId: id, will: { topic: 'will/a', payload: 'w' } });
        await stage.forget();
        await rights(['hold', policy(1, allow('#'))]);
        await invalidate();
        await asked();
        client.reset();
        // The load of its connection has ended with that; this one is for the will.
        await asked();
        await invalidate(number);
        await rights(policy(2, allow('else')));
        await stage.heard('mind', 'messageDropped', (news: { topic: string; reason: string }) => news.topic === 'will/a');
        await heir.silence();
        heir.close();
      });

    it('let nobody in: what waits for a client is judged by rights that were asked for after the change', async () => {
      await waiting();
      await rights(['hold', policy(1, allow('#'))]);
      const back = await stage.knock(version, { clientId: id, username: 'user', ...LASTING });
      await asked();
      await invalidate();
      await rights(['hold', policy(2, allow('kept'))]);
      await asked();
      assert.equal(back.unread, '');
      await stage.release('mind');
      assert.match(await back.readPacket(), RESUMED);
      await back.expect(kept());
      await back.silence();
      back.close();
    });

    it('let nobody in that are older than what was announced for its session: its source is asked until it has heard of it', async () => {
      await waiting();
      await rights(policy(1, allow('#')));
      await invalidate(5);
      await asked();
      const back = await stage.knock(version, { clientId: id, username: 'user', ...LASTING });
      await asked();
      assert.equal(back.unread, '');
      await rights(policy(5, allow('kept')));
      assert.match(await back.readPacket(), RESUMED);
      await back.expect(kept());
      await back.silence();
      back.close();
    });

    it('are a fault of a source that does not hear of it in time', async () => {
      await waiting();
      await rights(policy(1, allow('#')));
      await invalidate(5);
      await asked();
      const back = await stage.knock(version, { clientId: id, username: 'user', ...LASTING }, 'hasty');
      await back.expect(refusal(version, 3, 0x88));
      await back.expectClosed();
    });

    for (const [how, fields] of [
      ['gone', {}],
      ['away', LASTING],
    ] as const)
      it(`keep nothing retained whose publisher is ${how} before they come`, async () => {
        const client = await stage.login(version, { clientId: id, ...fields });
        await send(client, `late/${next}`, 'r', true);
        await stage.forget();
        await rights(['hold', policy(2, allow('else'))]);
        await invalidate();
        await asked();
        await leave(client);
        // The load of its connection has ended with that; this one is for what it has left behind.
        await asked();
        await stage.release('mind');
        await eventually('what was retained is withdrawn', async () => (await counter('retainedMessages')) === 0);
        const reader = await subscriber(`reader${next}`, ['late/#']);
        await reader.silence();
        reader.close();
      });

    for (const [how, fields, goes] of [
      ['is sent away for that', {}, false],
      ['is sent away for that and has a session that waits', LASTING, false],
      ['is gone', {}, true],
      ['is away', LASTING, true],
    ] as const)
      it(`that do not come at all hold back what a publisher has retained that ${how}, until its source is there again`, async () => {
        const client = await stage.login(version, { clientId: id, ...fields });
        const topic = `doubt/${version}/${next}`;
        await send(client, topic, 'r', true);
        if (goes) await leave(client);
        await stage.forget();
        await rights(['reject']);
        await invalidate();
        if (!goes) {
          if (v5) await client.expect('e0 01 89');
          await client.expectClosed();
        }
        await asked();
        const reader = await subscriber(`reader${next}`, [topic]);
        await reader.silence();
        await rights(policy(2, allow('#')));
        await asked();
        const copy = publish({ topic, payload: 'r', qos: 1, packetId: 1, retain: true, ...properties });
        await eventually('what was retained is handed out again', async () => {
          reader.send(`${subscribe({ packetId: 1, filters: [[topic, 1]], ...properties })} c0 00`);
          await reader.expect(v5 ? '90 04 00 01 00 01' : '90 03 00 01 01');
          return (await reader.readPacket()).replaceAll(' ', '') === copy;
        });
        reader.close();
      });
  });
