import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { definePlugin, type PluginDefinition } from '@portcullis/sdk';
import { VERSIONS } from '../fuzz/corpus.js';
import { Random } from '../fuzz/random.js';
import { field } from '../support/packets.js';
import { type More, startBroker } from './broker.js';
import { Member, quiet } from './member.js';

const MESSAGES = 700;
const FILTERS = ['#', 'a/#', 'a/+', '+/b', 'a/b', 'a/b/c', 'b', '+/+/c'];
const TOPICS = ['a', 'a/b', 'a/b', 'a/b/c', 'b', 'b/b', 'a/x/c'];

const MANIFEST = { sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: {} } } as const;

/** Those that look at everything and change nothing: with them no message takes the short way. */
const guards: Readonly<Record<string, PluginDefinition>> = {
  publish: definePlugin({
    ...MANIFEST,
    name: 'watch-publish',
    start({ hooks }) {
      hooks.guardPublish.tap((_request, decide) => decide.pass());
      hooks.guardRetain.tap((_request, decide) => decide.pass());
    },
  }),
  delivery: definePlugin({
    ...MANIFEST,
    name: 'watch-delivery',
    start({ hooks }) {
      hooks.guardDelivery.tap((_request, decide) => decide.pass());
    },
  }),
};

const authorities: Readonly<Record<string, PluginDefinition>> = {
  authorize: definePlugin({
    ...MANIFEST,
    name: 'watch-authorize',
    decides: { authorize: ['skip'] },
    start({ hooks }) {
      hooks.authorize.tap((_request, decide) => decide.skip());
    },
  }),
};

const others: Readonly<Record<string, PluginDefinition>> = {
  rewrite: definePlugin({
    ...MANIFEST,
    name: 'watch-rewrite',
    start({ hooks }) {
      hooks.rewritePublish.tap((_request, give) => give.nothing());
    },
  }),
  news: definePlugin({
    ...MANIFEST,
    name: 'watch-news',
    start({ hooks }) {
      for (const hook of ['messagePublished', 'messageDelivered', 'decisionMade'] as const) hooks[hook].tap(() => {});
    },
  }),
};

interface Traffic {
  readonly bytes: readonly string[];
  readonly published: number;
}

/** The same traffic for the same seed: subscribers of every kind, and publishers of every version. Gives what each of them got. */
async function traffic(seed: number, more: More): Promise<Traffic> {
  const random = new Random(seed);
  const broker = await startBroker({ maxInflight: 20, maxQueuedMessages: 100_000 }, more);
  const members: Member[] = [];
  for (let i = 0; i < 18; i += 1) {
    const version = VERSIONS[i % 3] as 3 | 4 | 5;
    const durable = random.oneIn(3);
    const member = await Member.join(broker, {
      version,
      clientId: `s${i}`,
      cleanSession: version === 5 || !durable,
      properties: `${durable ? '11 00 00 00 3c' : ''} ${i === 5 ? '21 00 05 27 00 00 00 60' : ''}`,
    });
    for (let count = random.oneIn(2) ? 1 : 3; count > 0; count -= 1) {
      const options = version === 5 ? random.pick([0, 0x08, 0x20, 0x04]) : 0;
      const properties = version === 5 && random.oneIn(2) ? `0b ${(1 + random.below(100)).toString(16).padStart(2, '0')}` : '';
      member.subscribe([[random.pick(FILTERS), random.below(3) | options]], version === 5 ? { properties } : {});
    }
    members.push(member);
  }
  await quiet(broker, members);
  for (let i = 0; i < MESSAGES; i += 1) {
    const publisher = random.pick(members);
    // Runs of one topic, as they come in bursts.
    const topic = random.pick(TOPICS);
    const qos = random.below(3) as 0 | 1 | 2;
    for (let burst = random.oneIn(3) ? random.below(10) : 1; burst > 0; burst -= 1) {
      const packetId = 1 + random.below(60_000);
      const payload = random.bytes(random.oneIn(40) ? 9000 : random.below(60));
      const properties = publisher.version === 5 && random.oneIn(2) ? someProperties(random) : '';
      publisher.publish({ topic, payload, qos, packetId, retain: random.oneIn(15), ...(publisher.version === 5 ? { properties } : {}) });
      if (qos === 2) publisher.release(packetId);
    }
    if (random.oneIn(4)) await broker.turn();
    if (random.oneIn(8)) for (const member of members) member.read();
  }
  await quiet(broker, members);
  assert.equal(broker.stats.invariantsBroken, 0);
  const result = {
    bytes: members.map((member) => member.bytes.toString('hex')),
    published: members.reduce((sum, member) => sum + member.published.length, 0),
  };
  await broker.stop();
  return result;
}

function someProperties(random: Random): string {
  const all = [
    '01 01',
    `03 ${field('text')}`,
    `08 ${field('r/t')}`,
    `09 ${field('\u0000x')}`,
    `26 ${field('k')} ${field('v')}`,
    `26 ${field('k')} ${field('é')}`,
  ];
  if (random.oneIn(6)) all.push('02 00 00 00 3c');
  return all.filter(() => random.oneIn(2)).join('');
}

describe('a message that rules alone can judge', () => {
  for (const seed of [1, 2]) {
    it(`is the same, byte for byte, for every receiver as one that plugins look at (seed ${seed})`, async () => {
      const short = await traffic(seed, {});
      assert.ok(short.published > MESSAGES, String(short.published));
      for (const more of [{ guards }, { authorities }, { others }, { guards, authorities, others }]) {
        const long = await traffic(seed, more);
        for (const [index, bytes] of short.bytes.entries()) assert.equal(long.bytes[index], bytes, `receiver ${index}, with ${Object.keys(more)}`);
      }
    });
  }
});
