import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../fuzz/random.js';
import { referenceMatches } from '../topics/reference.js';
import { startBroker } from './broker.js';
import { Member, quiet } from './member.js';

const TOPICS = 3000;
const MESSAGES = 12_000;

describe('a memory of topics that is far too small', () => {
  it('changes nothing: every message comes to whom it should, once and in order, in every version', async () => {
    const random = new Random(7);
    const broker = await startBroker({ maxTopicCacheEntries: 16, maxRetainedMessages: 0 });
    const filters = ['#', 'n/+/a', 'n/1/#', 'n/#', '+/+/b', 'n/7/a', '$share/g/n/#'];
    const members: Member[] = [];
    for (const [index, filter] of filters.entries()) {
      const member = await Member.join(broker, { version: ([3, 4, 5] as const)[index % 3] as 3 | 4 | 5 });
      member.subscribe([[filter, (index % 3) as 0 | 1 | 2]]);
      members.push(member);
    }
    const twin = await Member.join(broker);
    twin.subscribe([['$share/g/n/#', 0]]);
    const publisher = await Member.join(broker, { version: 5 });
    await quiet(broker, [...members, twin, publisher]);
    const wanted = filters.map((): string[] => []);
    let last = 'n/0/a';
    for (let i = 0; i < MESSAGES; i += 1) {
      const topic = random.oneIn(3) ? last : `n/${random.below(TOPICS / 2)}/${random.pick(['a', 'b'])}`;
      last = topic;
      const qos = random.below(3) as 0 | 1 | 2;
      const packetId = 1 + (i % 60_000);
      // An alias binds the topic for longer than the memory knows it.
      const properties = random.oneIn(8) ? `23 00 ${(1 + random.below(60)).toString(16).padStart(2, '0')}` : '';
      publisher.publish({ topic, payload: String(i), qos, packetId, properties, retain: random.oneIn(20) });
      if (qos === 2) publisher.release(packetId);
      for (const [index, filter] of filters.entries()) if (!filter.startsWith('$') && referenceMatches(filter, topic)) wanted[index]?.push(String(i));
      if (i % 40 === 0) {
        await broker.turn();
        for (const member of [...members, twin, publisher]) member.read();
      }
    }
    await quiet(broker, [...members, twin, publisher]);
    for (const [index, member] of members.slice(0, -1).entries()) assert.deepEqual(member.payloads, wanted[index], filters[index]);
    const shared = [...(members.at(-1)?.payloads ?? []), ...twin.payloads].map(Number).sort((a, b) => a - b);
    assert.deepEqual(shared, [...Array(MESSAGES).keys()]);
    assert.equal(broker.stats.invariantsBroken, 0);
    await broker.stop();
  });

  it('keeps aliases: a topic behind one is still known when the memory was emptied many times', async () => {
    const broker = await startBroker({ maxTopicCacheEntries: 16, topicAliasMaximum: 64 });
    const [publisher, subscriber] = [await Member.join(broker, { version: 5 }), await Member.join(broker)];
    subscriber.subscribe([['alias/#', 0]]);
    await quiet(broker, [subscriber]);
    for (let alias = 1; alias <= 64; alias += 1)
      publisher.publish({ topic: `alias/${alias}`, properties: `23 00 ${alias.toString(16).padStart(2, '0')}` });
    for (let i = 0; i < 200; i += 1) publisher.publish({ topic: `other/${i}` });
    for (let alias = 64; alias >= 1; alias -= 1) publisher.publish({ topic: '', properties: `23 00 ${alias.toString(16).padStart(2, '0')}` });
    await quiet(broker, [publisher, subscriber]);
    const topics = Array.from({ length: 64 }, (_, index) => `alias/${index + 1}`);
    assert.deepEqual(
      subscriber.published.map(({ topic }) => topic),
      [...topics, ...topics.reverse()],
    );
    await broker.stop();
  });
});
