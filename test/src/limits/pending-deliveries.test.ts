import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Decision, definePlugin } from '@portcullis/sdk';
import { startBroker } from './broker.js';
import { Member, numbers, quiet } from './member.js';

/** Answers deliveries when it is told to. */
function hesitant(waiting: (() => void)[]) {
  return definePlugin({
    name: 'hesitant',
    sdk: '^1.0.0',
    decides: { authorize: ['skip'] },
    config: { type: 'object', additionalProperties: false, properties: {} },
    start({ hooks }) {
      hooks.authorize.tap(({ action, client }, decide) => {
        if (action !== 'receive' || client.id !== 'asked') return decide.skip();
        return new Promise<Decision>((resolve) => waiting.push(() => resolve(decide.skip())));
      });
    },
  });
}

describe('copies that wait for an answer of a plugin', () => {
  it('are bounded for each receiver: further ones are dropped and counted, others do not wait', async () => {
    const waiting: (() => void)[] = [];
    const broker = await startBroker({ maxPendingDeliveries: 20 }, { authorities: { hesitant: hesitant(waiting) } });
    const [asked, other, publisher] = [await Member.join(broker, { clientId: 'asked' }), await Member.join(broker), await Member.join(broker)];
    for (const member of [asked, other]) member.subscribe([['t', 1]]);
    await quiet(broker, [asked, other]);
    for (let i = 0; i < 100; i += 1) publisher.publish({ topic: 't', payload: String(i), qos: 1, packetId: 1 + i });
    await quiet(broker, [asked, other, publisher]);
    assert.deepEqual(other.payloads, numbers(0, 100));
    assert.equal(publisher.kinds('puback').length, 100);
    assert.equal(asked.payloads.length, 0);
    for (let i = 0; i < 200; i += 1) {
      for (const answer of waiting.splice(0)) answer();
      await broker.turn();
      asked.read();
    }
    // Those that found a place, in their order.
    assert.deepEqual(asked.payloads, numbers(0, asked.payloads.length));
    assert.equal(asked.payloads.length + broker.stats.droppedQueueFull, 100);
    assert.ok(asked.payloads.length >= 20 && asked.payloads.length <= 22, String(asked.payloads.length));
    await broker.stop();
  });
});
