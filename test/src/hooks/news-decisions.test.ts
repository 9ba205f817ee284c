import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { publish, subscribe } from '../support/packets.js';
import { rules, Stage } from './stage.js';

describe('news of decisions', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      actors: {
        mind: { taps: ['authenticate', 'loadPolicy', 'admitClient', 'guardPublish', 'guardSubscribe', 'refreshIdentity'] },
        coder: { taps: ['authorize'] },
        writer: { taps: ['rewritePublish'] },
        audit: { taps: ['decisionMade'] },
      },
      chains: {
        main: { authenticate: ['mind'], authorize: ['mind'] },
        guarded: { guards: ['mind'], authenticate: ['mind'], authorize: ['mind'] },
        code: { authenticate: ['mind'], authorize: ['coder'] },
      },
    });
  });

  after(() => stage.stop());

  beforeEach(async () => {
    for (const actor of ['mind', 'coder', 'writer']) await stage.script(actor, {});
    await stage.forget();
  });

  /** Who decided, by which rule, with which code: what counts of a decision. */
  async function decided(outcome: string, action: string, topic: string | null = null): Promise<readonly unknown[]> {
    const news = await stage.heard('audit', 'decisionMade', (said: { outcome: string; action: string; topic: string | null }) => {
      return said.outcome === outcome && said.action === action && said.topic === topic;
    });
    assert.equal(news.username, 'user');
    return [news.hook, news.plugin, news.rule, news.reasonCode];
  }

  it('name the rule and the plugin that gave it', async () => {
    await stage.script('mind', { loadPolicy: ['policy', { version: 1, rules: [...rules('allow', 'yes'), ...rules('deny', 'no')] }] });
    const client = await stage.login('5.0', { clientId: 'ruled' });
    assert.deepEqual(await decided('allow', 'connect'), ['authenticate', 'mind', null, 0]);
    for (const [index, topic] of ['no', 'yes', 'none'].entries()) {
      client.send(publish({ topic, qos: 1, packetId: index + 1, properties: '' }));
      client.send(subscribe({ packetId: index + 11, filters: [[topic, 0]], properties: '' }));
    }
    for (const action of ['publish', 'subscribe']) {
      assert.deepEqual(await decided('deny', action, 'no'), ['authorize', 'mind', 'test:no', 0x87]);
      assert.deepEqual(await decided('allow', action, 'yes'), ['authorize', 'mind', 'test:yes', 0]);
      assert.deepEqual(await decided('deny', action, 'none'), ['authorize', null, null, 0x87]);
    }
    client.close();
  });

  it('name the plugin whose code decided, with the code of the packet at hand', async () => {
    await stage.script('coder', { 'authorize no': ['deny', 'rate'], 'authorize ill': ['throw'] });
    const client = await stage.login('5.0', { clientId: 'coded' }, 'code');
    const filters = [
      ['no', 0],
      ['ill', 0],
      ['yes', 0],
    ] as const;
    client.send(subscribe({ packetId: 1, filters, properties: '' }));
    for (const [index, topic] of ['no', 'yes', 'ill'].entries()) client.send(publish({ topic, qos: 1, packetId: index + 1, properties: '' }));
    for (const action of ['publish', 'subscribe']) {
      assert.deepEqual(await decided('deny', action, 'no'), ['authorize', 'coder', null, 0x97]);
      assert.deepEqual(await decided('allow', action, 'yes'), ['authorize', 'coder', null, 0]);
      assert.deepEqual(await decided('fault', action, 'ill'), ['authorize', 'coder', null, action === 'publish' ? 0x83 : 0x80]);
    }
  });

  it('name the guard that refused, or the source that failed', async () => {
    await stage.script('mind', { 'guardPublish no': ['deny', 'quota'], 'guardSubscribe no': ['deny', 'busy'], 'guardSubscribe ill': ['throw'] });
    await stage.script('writer', { 'rewritePublish ill': ['throw'] });
    const client = await stage.login('5.0', { clientId: 'guarded' }, 'guarded');
    client.send(
      subscribe({
        packetId: 1,
        filters: [
          ['no', 0],
          ['ill', 0],
        ],
        properties: '',
      }),
    );
    for (const topic of ['no', 'ill']) client.send(publish({ topic, qos: 1, packetId: 1, properties: '' }));
    assert.deepEqual(await decided('deny', 'subscribe', 'no'), ['guardSubscribe', 'mind', null, 0x80]);
    assert.deepEqual(await decided('fault', 'subscribe', 'ill'), ['guardSubscribe', 'mind', null, 0x80]);
    assert.deepEqual(await decided('deny', 'publish', 'no'), ['guardPublish', 'mind', null, 0x97]);
    assert.deepEqual(await decided('fault', 'publish', 'ill'), ['rewritePublish', 'writer', null, 0x83]);
  });

  it('tell of clients that were refused, and of those that had to go', async () => {
    await stage.script('mind', { admitClient: ['deny', 'banned'] });
    await (await stage.knock('5.0', { clientId: 'a', username: 'user' }, 'guarded')).expect('20 03 00 8a 00');
    assert.deepEqual(await decided('deny', 'connect'), ['admitClient', 'mind', null, 0x8a]);
    await stage.script('mind', { loadPolicy: ['throw'] });
    await (await stage.knock('3.1.1', { clientId: 'b', username: 'user' })).expect('20 02 00 03');
    assert.deepEqual(await decided('fault', 'connect'), ['loadPolicy', 'mind', null, 0x88]);
    await stage.script('mind', { authenticate: ['allow', { identity: { username: 'user' }, leaseSeconds: 0.1 }], refreshIdentity: ['deny', 'rate'] });
    const leased = await stage.login('5.0', { clientId: 'c' });
    await leased.expect('e0 01 96');
    assert.deepEqual(await decided('deny', 'refresh'), ['refreshIdentity', 'mind', null, 0x96]);
  });
});
