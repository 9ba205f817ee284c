import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Stage, VERSIONS } from '../hooks/stage.js';
import { publish, subscribe } from '../support/packets.js';

const BURST = 300;

describe('plugins that have no say', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy'] },
        audit: { taps: ['messagePublished', 'messageDelivered'] },
        guard: { taps: ['guardPublish'] },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        guarded: { guards: ['guard'], authenticate: ['mind'], authorize: ['mind'] },
      },
      more: { limits: { newsQueue: 5 } },
    });
  });

  after(async () => assert.equal(await stage.stop(), 0));

  it('as listeners: what their queue does not hold is dropped and counted, and no message waits for them or is lost', async () => {
    await stage.script('audit', { messagePublished: ['throw'], messageDelivered: ['reject'] });
    for (const version of VERSIONS) {
      const before = (await stage.call('mind', 'stats.get', 'newsDropped')) as number;
      const props = version === '5.0' ? { properties: '' } : {};
      const client = await stage.login(version, { clientId: `burst-${version}` });
      client.send(subscribe({ packetId: 1, filters: [['t', 0]], ...props }));
      await client.readPacket('SUBACK');
      const messages = Array.from({ length: BURST }, (_, index) => publish({ topic: 't', payload: String(index), ...props })).join('');
      client.send(messages);
      await client.expect(messages);
      await client.silence();
      assert.ok(((await stage.call('mind', 'stats.get', 'newsDropped')) as number) > before);
      client.close();
    }
  });

  it('as guards of messages that promise an answer: nothing is acknowledged, the connection ends, and the log names who promised', async () => {
    await stage.script('guard', { guardPublish: ['async', ['pass']] });
    for (const version of VERSIONS) {
      for (const qos of [1, 2] as const) {
        const client = await stage.login(version, { clientId: 'promised' }, 'guarded');
        client.send(publish({ topic: 't', qos, packetId: 1, ...(version === '5.0' ? { properties: '' } : {}) }));
        if (version === '5.0') await client.expect('e0 01 83');
        await client.expectClosed();
      }
    }
    await stage.broker.waitForOutput(/PCL_PLUGIN_FAULT plugin=guard hook=guardPublish kind=promise/);
  });
});
