import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { puback, pubrec, pubrel, subscribe, uint32, unsubscribe } from '../support/packets.js';
import { eachCase, eachLevel, LEVELS, lasting, type Peer, Scene } from './scene.js';

describe('shared subscriptions', { concurrency: true }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
  });
  after(() => scene.stop());

  it('5.0 [MQTT-4.8.2-1] [MQTT-4.8.2-2] a share name is at least one character without / + #, and a filter follows it', async () => {
    const bad = [
      '$share',
      '$share/',
      '$share//a',
      '$share/g',
      '$share/g/',
      '$share/+/a',
      '$share/#',
      '$share/g+/a',
      '$share/g#/a',
      '$share/g/a#',
      '$share/g/#/a',
    ];
    const cases = LEVELS.flatMap((level) => bad.map((filter) => [`${filter} at level ${level}`, { level, filter }] as const));
    await eachCase(cases, async ({ level, filter }) => {
      const list = level === 5 ? { properties: '' } : {};
      // `$share` alone is a filter like others.
      if (filter === '$share') return;
      await scene.violation(level, subscribe({ filters: [[filter, 0]], ...list }), 0x8f);
      await scene.violation(level, unsubscribe({ filters: [filter], ...list }), 0x8f);
    });
  });

  it('5.0 [MQTT-3.8.3-4] No Local on a shared subscription is a protocol error', async () => {
    await scene.violation(5, subscribe({ filters: [['$share/g/a', 0x04]], properties: '' }), 0x82);
  });

  it('each message goes to one member of each group, in turn, beside the plain subscriptions', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('share/');
      const members: Peer[] = [];
      for (const group of ['one', 'one', 'one', 'two']) {
        const member = await scene.open(level);
        await member.subscribe([[`$share/${group}/${topic}`, 1]]);
        members.push(member);
      }
      const plain = await scene.open(level);
      await plain.subscribe([[topic, 0]]);
      const publisher = await scene.open(level);
      for (let i = 0; i < 9; i += 1) await publisher.publish1({ topic, payload: `${i}` });
      const all: string[] = [];
      for (const member of members.slice(0, 3)) all.push(...(await member.payloads(3)));
      assert.deepEqual(all.sort(), ['0', '1', '2', '3', '4', '5', '6', '7', '8']);
      for (const peer of [members[3], plain]) assert.deepEqual((await peer?.payloads(9))?.join(''), '012345678');
      for (const peer of [...members, plain]) await peer.silence();
      // A run in one write is divided as well.
      const list = level === 5 ? '00' : '';
      const name = Buffer.from(topic).toString('hex');
      publisher.send(
        `30${(topic.length + 2 + list.length / 2).toString(16).padStart(2, '0')}${topic.length.toString(16).padStart(4, '0')}${name}${list}`.repeat(
          6,
        ),
      );
      for (const member of members.slice(0, 3)) {
        await member.payloads(2);
        await member.silence();
      }
    });
  });

  it('no retained message is sent to a shared subscription, and a leading wildcard inside does not match $', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('kept/');
      const publisher = await scene.open(level);
      await publisher.publish1({ topic, payload: 'kept', retain: true });
      await publisher.publish1({ topic: `$dollar/${topic}`, payload: 'hidden', retain: true });
      const member = await scene.open(level);
      await member.subscribe([
        [`$share/g${level}/${topic}`, 0],
        [`$share/h${level}/+/${topic}`, 0],
      ]);
      await member.silence();
      await publisher.publish1({ topic: `$dollar/${topic}`, payload: 'live' });
      await member.silence();
      assert.deepEqual(await member.unsubscribe([topic, `$share/g${level}/${topic}`]), level === 5 ? [0x11, 0] : []);
      await publisher.publish1({ topic, payload: 'nobody' });
      await member.silence();
    });
  });

  it('5.0 [MQTT-4.8.2-3] a member gets the message with the QoS that was granted to it', async () => {
    const topic = scene.name('granted/');
    const members: Peer[] = [];
    for (const qos of [0, 1, 2]) {
      const member = await scene.open(5);
      assert.deepEqual(await member.subscribe([[`$share/g/${topic}`, qos]], `0b0${qos + 1}`), [qos]);
      members.push(member);
    }
    const publisher = await scene.open(5);
    for (let i = 0; i < 3; i += 1) await publisher.publish2({ topic });
    for (const [qos, member] of members.entries()) {
      const came = await member.next();
      assert.equal(came.qos, qos);
      assert.deepEqual(came.properties, [[0x0b, String(qos + 1)]]);
      await member.silence();
    }
  });

  it('a member that is away gets nothing while another is there; alone, its messages wait', async () => {
    await eachLevel(LEVELS, async (level) => {
      const topic = scene.name('rest/');
      const clientId = scene.name();
      const resting = await scene.open(level, { clientId, ...lasting(level) });
      await resting.subscribe([[`$share/g/${topic}`, 1]]);
      const there = await scene.open(level);
      await there.subscribe([[`$share/g/${topic}`, 1]]);
      await resting.leave();
      const publisher = await scene.open(level);
      for (let i = 0; i < 4; i += 1) await publisher.publish1({ topic, payload: `${i}` });
      assert.equal((await there.payloads(4)).join(''), '0123');
      await there.leave();
      await publisher.publish1({ topic, payload: 'waits' });
      const back = await scene.open(level, { clientId, ...lasting(level) });
      assert.equal((await back.next()).payload, 'waits');
      await back.silence();
    });
  });

  it('5.0 [MQTT-4.8.2-4] [MQTT-4.8.2-5] what was begun with a member is finished with it, and dies with its session', async () => {
    const topic = scene.name('begun/');
    const clientId = scene.name();
    const first = await scene.open(5, { clientId, ...lasting(5) });
    await first.subscribe([[`$share/g/${topic}`, 2]]);
    const publisher = await scene.open(5);
    await publisher.publish2({ topic, payload: 'a' });
    await publisher.publish2({ topic, payload: 'b' });
    const [a, b] = [await first.next(), await first.next()];
    const other = await scene.open(5);
    await other.subscribe([[`$share/g/${topic}`, 2]]);
    first.send(pubrec(a.packetId ?? 0));
    await first.expect(pubrel(a.packetId ?? 0));
    first.wire.reset();
    await other.silence();
    const back = await scene.open(5, { clientId, properties: `11${uint32(0)}`, cleanSession: false });
    await back.expect(pubrel(a.packetId ?? 0));
    const again = await back.next();
    assert.deepEqual([again.payload, again.packetId, again.dup], ['b', b.packetId, true]);
    // The session ends with this connection: nobody gets what it owed.
    await back.leave();
    await other.silence();
  });

  it('5.0 [MQTT-4.8.2-6] an error in a member’s acknowledgement ends the message: no other member gets it', async () => {
    const topic = scene.name('error/');
    const members: Peer[] = [];
    for (let i = 0; i < 2; i += 1) {
      const member = await scene.open(5);
      await member.subscribe([[`$share/g/${topic}`, 2]]);
      members.push(member);
    }
    const publisher = await scene.open(5);
    await publisher.publish1({ topic });
    await publisher.publish2({ topic });
    for (const member of members) {
      const came = await member.next();
      const acknowledgement = came.qos === 1 ? puback : pubrec;
      member.send(acknowledgement(came.packetId ?? 0, 0x83));
    }
    for (const member of members) await member.silence();
  });
});
