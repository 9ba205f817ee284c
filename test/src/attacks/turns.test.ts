import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryBroker } from '../fuzz/memory-broker.js';
import { startBroker } from '../limits/broker.js';
import { Member } from '../limits/member.js';
import { PINGREQ, publish, pubrel, subscribe, unsubscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { burst, freshTopics, PUBLISH, SUBSCRIBE, UNSUBSCRIBE } from './bursts.js';
import { plusFilters } from './topics.js';

/** Looks at the clock are the measure of work here: each takes so many milliseconds of it, and a slice has room for five. */
const LOOK_MS = 0.1;
const MOST_LOOKS = 9;

/** A broker whose clock moves on when it is looked at. `looks` counts them. */
async function workingBroker(limits: Readonly<Record<string, number>> = {}): Promise<{ broker: MemoryBroker; looks: () => number }> {
  const broker = await startBroker({ connectTimeoutMs: 600_000, slowConsumerTimeoutMs: 3_600_000, maxWaitMs: 3_600_000, ...limits });
  let looks = 0;
  broker.clock.now = () => {
    looks += 1;
    return 1_000_000 + looks * LOOK_MS;
  };
  return { broker, looks: () => looks };
}

const { Subscription } = (await import(new URL('../../../core/dist/router/subscription.js', import.meta.url).href)) as {
  Subscription: { prototype: object };
};

/** How many subscriptions are looked at for routes while something is done. */
async function mergedIn(work: () => Promise<void>): Promise<number> {
  const of = Subscription.prototype;
  const current = Object.getOwnPropertyDescriptor(of, 'current') as PropertyDescriptor;
  let count = 0;
  const get = function (this: object): unknown {
    count += 1;
    return current.get?.call(this);
  };
  Object.defineProperty(of, 'current', { ...current, get });
  try {
    await work();
  } finally {
    Object.defineProperty(of, 'current', current);
  }
  return count;
}

const FILTERS = Array.from({ length: 1000 }, (_, i) => [`x/${i}`, 0] as const);

/** What a client may send at once, and how many packets come back to it. */
const BURSTS: Readonly<Record<string, () => { readonly bytes: Buffer; readonly answers: number }>> = {
  pings: () => ({ bytes: burst(fromHex(PINGREQ)), answers: 32_768 }),
  'QoS 2 handshakes': () => {
    const pair = fromHex(publish({ topic: 'x/h', qos: 2, packetId: 7, properties: '' }) + pubrel(7));
    return { bytes: burst(pair), answers: 2 * Math.floor(65_536 / pair.length) };
  },
  'topics that are new': () => ({ bytes: freshTopics5('x/new/'), answers: 0 }),
  'subscribing and unsubscribing': () => {
    const pair = fromHex(subscribe({ filters: [['x/#', 0]], properties: '' }) + unsubscribe({ filters: ['x/#'], properties: '' }));
    return { bytes: burst(pair), answers: 2 * Math.floor(65_536 / pair.length) };
  },
  'a thousand filters in a packet': () => ({
    bytes: fromHex(subscribe({ filters: FILTERS, properties: '' }) + unsubscribe({ filters: FILTERS.map(([filter]) => filter), properties: '' })),
    answers: 2,
  }),
};

function freshTopics5(prefix: string): Buffer {
  return Buffer.concat(Array.from({ length: 3000 }, (_, i) => fromHex(publish({ topic: `${prefix}${i}`, properties: '' }))));
}

async function connected(broker: MemoryBroker, clientId: string, version: 4 | 5 = 5): Promise<Member> {
  const member = await Member.join(broker, { clientId, version });
  member.acknowledges = false;
  return member;
}

/** Lets the attackers begin and runs turns until their bytes are handled, with a message from one healthy client to another in each. */
async function serve(
  broker: MemoryBroker,
  attackers: readonly Member[],
  looks: () => number,
  begin: () => void,
): Promise<{ turns: number; most: number }> {
  const [from, to] = [await connected(broker, 'from', 4), await connected(broker, 'to', 4)];
  to.subscribe([['well', 0]]);
  await broker.turn();
  await broker.turn();
  to.read();
  begin();
  let turns = 0;
  let most = 0;
  for (let silent = 0; silent < 3; turns += 1) {
    assert.ok(turns < 60_000, 'it never ends');
    from.publish({ topic: 'well', payload: String(turns) });
    const before = looks();
    await broker.turn();
    // In the first, each of them begins with a slice of its own.
    if (turns > 0) most = Math.max(most, looks() - before);
    to.read();
    const busy = attackers.some(({ peer }) => peer.paused || peer.waiting > 0);
    silent = busy ? 0 : silent + 1;
  }
  await broker.turn();
  to.read();
  // Each came, in its order, in the turn in which it was sent or the next: never behind what others had to say.
  // As one text: a list of thousands would be printed whole where it differs.
  assert.ok(to.payloads.join() === Array.from({ length: turns }, (_, i) => i).join(), `${to.payloads.length} of ${turns} messages, or not in order`);
  return { turns, most };
}

describe('a client that sends as much as a read takes', () => {
  for (const [name, make] of Object.entries(BURSTS)) {
    it(`is served in slices, and everybody else in between: ${name}`, async () => {
      const { broker, looks } = await workingBroker();
      const attackers = await Promise.all(['a', 'b', 'c', 'd'].map((clientId) => connected(broker, clientId)));
      const { bytes, answers } = make();
      const { turns, most } = await serve(broker, attackers, looks, () => {
        for (const { peer } of attackers) peer.send(bytes);
      });
      assert.ok(turns > 20, `${turns} turns`);
      // All together get one slice a turn. A filter's judgement, and the healthy ones, look at the clock themselves.
      assert.ok(most <= MOST_LOOKS + 30, `${most} looks in a turn`);
      for (const attacker of attackers) assert.equal(attacker.read().length, answers);
      assert.equal(broker.stats.invariantsBroken, 0);
      await broker.stop();
    });
  }

  it('is served in slices where its topics match thousands of filters', async () => {
    const { broker, looks } = await workingBroker();
    const attacker = await connected(broker, 'a', 4);
    const filters = plusFilters(9);
    attacker.subscribe(filters.map((filter) => [filter, 0] as const));
    for (let i = 0; i < 200; i += 1) await broker.turn();
    attacker.read();
    const { packets, next } = freshTopics(`x/${'a/'.repeat(9)}`, 0, 8192);
    const { turns } = await serve(broker, [attacker], looks, () => attacker.peer.send(packets));
    // A look before each publish at the least, and no more than a slice of them in a turn.
    assert.ok(turns * MOST_LOOKS >= next, `${turns} turns for ${next} messages`);
    assert.equal(attacker.read().filter(({ cmd }) => cmd === 'publish').length, next);
    await broker.stop();
  });

  it('is served in slices also where one message alone matches more than a slice has room for', async () => {
    const { broker, looks } = await workingBroker();
    const attacker = await connected(broker, 'a', 4);
    for (const filter of plusFilters(12)) attacker.subscribe([[filter, 0]]);
    for (let i = 0; i < 8000; i += 1) await broker.turn();
    attacker.read();
    const { packets, next } = freshTopics(`x/${'a/'.repeat(12)}`, 0, 400);
    const { turns, most } = await serve(broker, [attacker], looks, () => attacker.peer.send(packets));
    assert.ok(turns > 3 * next, `${turns} turns for ${next} messages`);
    assert.ok(most <= MOST_LOOKS + 30, `${most} looks in a turn`);
    assert.equal(attacker.read().filter(({ cmd }) => cmd === 'publish').length, next);
    assert.equal(broker.stats.invariantsBroken, 0);
    await broker.stop();
  });

  it('is served in slices also where the table of topics is emptied in the middle of one', async () => {
    const { broker } = await workingBroker({ maxTopicCacheEntries: 3 });
    const attackers = await Promise.all(['a', 'b', 'c', 'd'].map((clientId) => connected(broker, clientId, 4)));
    const filters = plusFilters(11);
    for (const filter of filters) attackers[0]?.subscribe([[filter, 0]]);
    for (let i = 0; i < 4000; i += 1) await broker.turn();
    attackers[0]?.read();
    const bursts = attackers.map((_attacker, i) => freshTopics(`x/${'a/'.repeat(11)}${i}`, 0, 1000));
    for (const [i, { peer }] of attackers.entries()) peer.send(bursts[i]?.packets as Buffer);
    let most = 0;
    for (let idle = 0; idle < 3; idle = attackers.some(({ peer }) => peer.paused || peer.waiting > 0) ? 0 : idle + 1)
      most = Math.max(most, await mergedIn(() => broker.turn()));
    // A few steps, never all that match.
    assert.ok(most > 0 && most < filters.length, `${most} subscriptions merged in a turn`);
    const came = attackers[0]?.read().filter(({ cmd }) => cmd === 'publish').length;
    assert.equal(
      came,
      bursts.reduce((sum, { next }) => sum + next, 0),
    );
    await broker.stop();
  });

  it('that asks for many retained messages gets them in slices', async () => {
    const { broker, looks } = await workingBroker();
    const attacker = await connected(broker, 'a', 4);
    for (let i = 0; i < 5000; i += 1) attacker.publish({ topic: `x/r/${i}`, payload: 'r', retain: true });
    for (let i = 0; i < 20; i += 1) await broker.turn();
    attacker.read();
    attacker.send(SUBSCRIBE('x/r/+/none').toString('hex'));
    attacker.send(SUBSCRIBE('x/r/#').toString('hex'));
    attacker.send(UNSUBSCRIBE('x/none').toString('hex'));
    let turns = 0;
    let came = 0;
    for (; came < 5000 && turns < 10_000; turns += 1) {
      const before = looks();
      await broker.turn();
      // The first turn reads three packets, too.
      assert.ok(looks() - before <= 4 * MOST_LOOKS, `${looks() - before} looks`);
      came += attacker.read().filter(({ cmd }) => cmd === 'publish').length;
    }
    assert.equal(came, 5000);
    assert.ok(turns > 40, `${turns} turns`);
    await broker.stop();
  });

  it('whose messages go to many is not read again before all were written to, and all get them', async () => {
    const { broker, looks } = await workingBroker();
    const members: Member[] = [];
    for (let i = 0; i < 300; i += 1) members.push(await connected(broker, `m${i}`, 4));
    for (const member of members) member.subscribe([['x/f', 0]]);
    for (let i = 0; i < 3; i += 1) await broker.turn();
    for (const member of members) member.read();
    const publisher = await connected(broker, 'p', 4);
    const { turns } = await serve(broker, [publisher], looks, () => {
      for (let i = 0; i < 5; i += 1) publisher.peer.send(PUBLISH('x/f', String(i)));
    });
    assert.ok(turns > 10, `${turns} turns`);
    for (const member of members) {
      member.read();
      assert.deepEqual(member.payloads, ['0', '1', '2', '3', '4']);
    }
    await broker.stop();
  });
});
