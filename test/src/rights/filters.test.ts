import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Level, lasting, Scene } from '../conformance/scene.js';
import { subscribe } from '../support/packets.js';

const LEVELS: readonly Level[] = [3, 4, 5];
const NEWER: readonly Level[] = [4, 5];
const REFUSED = { 3: 0x80, 4: 0x80, 5: 0x87 } as const;
const ALICE = { username: 'alice', password: 'secret' };
const BOB = { username: 'bob', password: 'hidden' };
const ACL = `user alice
topic readwrite #
topic deny secret/#
user bob
topic readwrite public/#
user member
topic readwrite #
topic readwrite $own/#
topic readwrite $SYS/#
topic readwrite $CONTROL/#
`;

describe('a topic filter that holds more than its client may have', () => {
  let scene: Scene;
  let strict: Scene;
  before(async () => {
    scene = await Scene.start({ acl: ACL });
    strict = await Scene.start({ acl: ACL, chain: { partialSubscribe: 'reject' } });
  });
  after(async () => {
    await scene.stop();
    await strict.stop();
  });

  it('is granted, and nothing of the rest is delivered: live, retained, queued or again', async () => {
    for (const level of LEVELS) {
      const publisher = await scene.open(level);
      const [secret, open] = [`secret/${scene.name()}`, `other/${scene.name()}`];
      for (const topic of [secret, open]) await publisher.publish1({ topic, payload: 'retained', retain: true });
      const clientId = scene.name();
      const alice = await scene.open(level, { clientId, ...ALICE, ...lasting(level) });
      assert.deepEqual(await alice.subscribe([['+/#', 1]]), [1]);
      const first = await alice.next();
      assert.deepEqual([first.topic, first.retain], [open, true]);
      for (const topic of [secret, open, 'secret']) await publisher.publish1({ topic, payload: 'live' });
      await alice.acknowledge(first);
      const live = await alice.next();
      assert.deepEqual([live.topic, live.payload], [open, 'live']);
      alice.wire.reset();
      for (const topic of [secret, open]) await publisher.publish1({ topic, payload: 'queued' });
      const back = await scene.open(level, { clientId, ...ALICE, ...lasting(level) });
      const [again, queued] = [await back.next(), await back.next()];
      assert.deepEqual([again.topic, again.payload, again.dup, queued.topic, queued.payload], [open, 'live', true, open, 'queued']);
      await back.silence();
      await back.leave();
      for (const topic of [secret, open]) await publisher.publish1({ topic, payload: '', retain: true });
    }
  });

  it('is refused where the chain says so, and what it holds alone is granted all the same', async () => {
    for (const level of NEWER) {
      const alice = await strict.open(level, ALICE);
      const filters = ['#', '+/x', 'other/#', 'secret/#', 'secret/+'] as const;
      assert.deepEqual(await alice.subscribe(filters.map((filter) => [filter, 1])), [
        REFUSED[level],
        REFUSED[level],
        1,
        REFUSED[level],
        REFUSED[level],
      ]);
      const publisher = await strict.open(level);
      for (const topic of ['secret/x', 'a/x', 'other/x']) await publisher.publish1({ topic, payload: topic });
      assert.equal((await alice.next()).topic, 'other/x');
      await alice.silence();
    }
  });

  it('is judged without its group when it is shared, whatever the group is called', async () => {
    for (const level of NEWER) {
      const bob = await scene.open(level, BOB);
      const filters = ['secret/x', '$share/g/secret/x', '$share/public/secret/x', '$share/public/#', '$share/secret/public/x', '$share/g/other/#'];
      const codes = await bob.subscribe(filters.map((filter) => [filter, 1] as const));
      // `#` is allowed in part.
      assert.deepEqual(codes, [REFUSED[level], REFUSED[level], REFUSED[level], 1, 1, REFUSED[level]]);
      const publisher = await scene.open(level);
      for (const topic of ['secret/x', 'public', 'public/x', 'other/x']) await publisher.publish1({ topic, payload: topic });
      const came = [await bob.next(), await bob.next(), await bob.next()].map(({ topic }) => topic).sort();
      assert.deepEqual(came, ['public', 'public/x', 'public/x']);
      await bob.silence();
      await bob.leave();
    }
  });

  it('goes to a member of the group that may have it, and to nobody when there is none', async () => {
    for (const level of NEWER) {
      const group = scene.name('g');
      const [alice, bob] = [await scene.open(level, ALICE), await scene.open(level, BOB)];
      for (const member of [alice, bob]) assert.deepEqual(await member.subscribe([[`$share/${group}/#`, 1]]), [1]);
      const publisher = await scene.open(level);
      for (let i = 0; i < 4; i += 1) await publisher.publish1({ topic: `other/${level}`, payload: `${i}` });
      assert.deepEqual(await alice.payloads(4), ['0', '1', '2', '3']);
      for (let i = 0; i < 4; i += 1) await publisher.publish1({ topic: 'secret/x', payload: `${i}` });
      await alice.silence();
      await bob.silence();
      await alice.leave();
      await bob.leave();
    }
  });

  it('never holds topics that begin with $ unless it names them, and those of the broker take nothing from clients', async () => {
    for (const level of NEWER) {
      const [alice, member] = [await scene.open(level, ALICE), await scene.open(level)];
      assert.deepEqual(await alice.subscribe([['#', 1]]), [1]);
      const filters = ['$SYS/#', '$CONTROL/#', '$own/#', '$SYS/broker/+', '$share/g/$SYS/#', '$share/g/$own/x', '$', '$x/#'];
      const codes = await alice.subscribe(filters.map((filter) => [filter, 0] as const));
      assert.deepEqual(
        codes,
        filters.map(() => REFUSED[level]),
      );
      assert.deepEqual(
        await member.subscribe([
          ['$SYS/#', 0],
          ['$CONTROL/#', 0],
          ['$own/#', 0],
        ]),
        [0, 0, 0],
      );
      for (const topic of ['$SYS/x', '$CONTROL/dynamic-security/v1', '$SYS', '$CONTROL', '$share/g/x']) {
        // Whatever the rules say.
        assert.equal(await member.publish1({ topic, payload: 'in' }), level === 5 ? 0x87 : 0, topic);
        const will = await scene.refusal(level, { clientId: scene.name(), username: 'member', password: 'open', will: { topic, payload: 'in' } });
        assert.equal(will, level === 5 ? 0x87 : 5, topic);
      }
      member.publish({ topic: '$own/x', payload: 'mine' });
      assert.equal((await member.next()).topic, '$own/x');
      await member.silence();
      await alice.silence();
    }
  });

  it('ends nobody else’s connection, however strange it is', async () => {
    const healthy = await scene.open(5);
    for (const level of LEVELS) {
      for (const filter of [
        '$',
        '$$',
        '$x',
        '$SYS',
        '$share',
        '$share/',
        '$share/g',
        '$share/g/',
        '$share//x',
        '$share/+/x',
        '$share/#/x',
        '$share/g/+',
        '',
      ]) {
        const peer = await scene.open(level, ALICE);
        const filters = [[filter, 0] as const];
        peer.send(subscribe(level === 5 ? { packetId: 1, filters, properties: '' } : { packetId: 1, filters }));
        // A SUBACK, or the end; which of them, the conformance tests say.
        await peer.wire.readPacket().catch(() => {});
        peer.wire.close();
      }
    }
    await healthy.silence();
  });
});
