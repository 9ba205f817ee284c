import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex } from '../support/wire-client.js';
import { startBroker } from './broker.js';
import { Member, type MemberOptions, quiet } from './member.js';

describe('retained messages', () => {
  it('are bounded in number: further topics are delivered but not retained, known ones may change and be cleared', async () => {
    const broker = await startBroker({ maxRetainedMessages: 10 });
    const [publisher, live] = [await Member.join(broker, { version: 5 }), await Member.join(broker)];
    live.subscribe([['r/#', 0]]);
    await quiet(broker, [live]);
    for (let i = 0; i < 15; i += 1) publisher.publish({ topic: `r/${i}`, payload: 'old', retain: true, qos: 1, packetId: 1 + i });
    await quiet(broker, [publisher, live]);
    assert.equal(publisher.kinds('puback').length, 15);
    assert.equal(live.published.length, 15);
    assert.equal(broker.stats.retainedMessages, 10);
    assert.equal(broker.stats.retainRefused, 5);
    publisher.publish({ topic: 'r/3', payload: 'new', retain: true });
    publisher.publish({ topic: 'r/4', payload: '', retain: true });
    publisher.publish({ topic: 'r/14', payload: 'late', retain: true });
    await quiet(broker, [publisher]);
    const late = await Member.join(broker);
    late.subscribe([['r/#', 0]]);
    await quiet(broker, [late]);
    const kept = new Map(late.published.map(({ topic, payload }) => [topic, String(payload)]));
    assert.equal(kept.size, 10);
    assert.deepEqual([kept.get('r/3'), kept.get('r/4'), kept.get('r/14')], ['new', undefined, 'late']);
    await broker.stop();
  });

  it('are bounded in bytes, and give them back', async () => {
    const broker = await startBroker({ maxRetainedBytes: 50_000 });
    const publisher = await Member.join(broker);
    for (let i = 0; i < 10; i += 1) publisher.publish({ topic: `r/${i}`, payload: 'x'.repeat(10_000), retain: true });
    await quiet(broker, [publisher]);
    assert.ok(broker.stats.retainedBytes <= 50_000);
    assert.ok(broker.stats.retainedMessages >= 4 && broker.stats.retainedMessages < 10);
    // A larger one in the place of one that is there has no room either; the one that is there stays.
    publisher.publish({ topic: 'r/0', payload: 'y'.repeat(30_000), retain: true });
    await quiet(broker, [publisher]);
    assert.ok(broker.stats.retainedBytes <= 50_000);
    for (let i = 0; i < 10; i += 1) publisher.publish({ topic: `r/${i}`, payload: '', retain: true });
    await quiet(broker, [publisher]);
    assert.equal(broker.stats.retainedMessages, 0);
    assert.equal(broker.stats.retainedBytes, 0);
    await broker.stop();
  });
});

describe('sessions', () => {
  it('are bounded: a further client is refused with the code of its version, one that has a session is not', async () => {
    const broker = await startBroker({ maxSessions: 5 });
    const members: Member[] = [];
    for (let i = 0; i < 5; i += 1) members.push(await Member.join(broker, { clientId: `s${i}`, version: 5, properties: '11 00 00 00 3c' }));
    for (const [version, answer] of [
      [3, '20 02 00 03'],
      [4, '20 02 00 03'],
      [5, '20 03 00 97 00'],
    ] as const) {
      const refused = new Member(broker, { clientId: 'more', version });
      await broker.settle();
      assert.equal(refused.peer.take().toString('hex'), fromHex(answer).toString('hex'));
      assert.equal(refused.peer.ended, true);
    }
    assert.equal(broker.broker.sessionCount, 5);
    members[0]?.peer.disappear();
    await Member.join(broker, { clientId: 's0', version: 5, cleanSession: false, properties: '11 00 00 00 3c' });
    members[1]?.peer.disappear();
    broker.clock.advance(61_000);
    await broker.settle();
    await Member.join(broker, { clientId: 'more' });
    assert.equal(broker.broker.sessionCount, 5);
    await broker.stop();
  });
});

describe('subscriptions of one session', () => {
  it('are bounded: further filters are refused one by one, known ones may be replaced', async () => {
    for (const version of [4, 5] as const) {
      const refusal = version === 5 ? 0x97 : 0x80;
      const broker = await startBroker({ maxSubscriptions: 3 });
      const member = await Member.join(broker, { version });
      const codes = async (filters: readonly string[]): Promise<number[]> => {
        member.subscribe(filters.map((filter) => [filter, 0] as const));
        await quiet(broker, [member]);
        const suback = member.kinds('suback').at(-1);
        return suback?.cmd === 'suback' ? (suback.granted as number[]) : [];
      };
      assert.deepEqual(await codes(['a', 'b', 'c', 'd']), [0, 0, 0, refusal]);
      assert.deepEqual(await codes(['e']), [refusal]);
      assert.deepEqual(await codes(['a', 'b', 'c', 'a']), [0, 0, 0, 0]);
      assert.equal(broker.stats.subscriptions, 3);
      member.send(version === 5 ? 'a2 06 00 01 00 00 01 62' : 'a2 05 00 01 00 01 62');
      assert.deepEqual(await codes(['x', 'x', 'y']), [0, 0, refusal]);
      assert.equal(broker.stats.subscriptions, 3);
      member.peer.disappear();
      await broker.settle();
      assert.equal(broker.stats.subscriptions, 0);
      await broker.stop();
    }
  });

  it('are bounded in the length of their filters together, and a replaced filter counts once', async () => {
    const broker = await startBroker({ maxSubscriptionBytes: 1024 });
    const member = await Member.join(broker, { version: 5 });
    const codes = async (filters: readonly string[]): Promise<number[]> => {
      member.subscribe(filters.map((filter) => [filter, 0] as const));
      await quiet(broker, [member]);
      const suback = member.kinds('suback').at(-1);
      return suback?.cmd === 'suback' ? (suback.granted as number[]) : [];
    };
    const [one, other, third] = ['a'.repeat(500), 'b'.repeat(500), 'c'.repeat(500)];
    assert.deepEqual(await codes([one, other, third, 'short', one]), [0, 0, 0x97, 0, 0]);
    assert.deepEqual(await codes([third, 'd'.repeat(20)]), [0x97, 0x97]);
    await broker.stop();
  });
});

describe('topic aliases', () => {
  it('are bounded in the bytes of their topics: the connection ends, and an alias that is set again counts once', async () => {
    const broker = await startBroker({ maxTopicAliasBytes: 1024 });
    const member = await Member.join(broker, { version: 5 });
    for (let i = 0; i < 5; i += 1) member.publish({ topic: String(i).repeat(500), properties: '23 00 01' });
    member.publish({ topic: 'x'.repeat(500), properties: '23 00 02' });
    await quiet(broker, [member]);
    assert.equal(member.peer.ended, false);
    member.publish({ topic: 'y'.repeat(500), properties: '23 00 03' });
    await broker.settle();
    member.read();
    assert.deepEqual(
      member.kinds('disconnect').map((packet) => packet.cmd === 'disconnect' && packet.reasonCode),
      [0x97],
    );
    assert.equal(member.peer.ended, true);
    await broker.stop();
  });
});

describe('connections', () => {
  it('are bounded: the CONNECT of a further one is refused with the code of its version, and has no effect', async () => {
    const broker = await startBroker({ maxConnections: 4 });
    const members: Member[] = [];
    for (let i = 0; i < 4; i += 1) members.push(await Member.join(broker));
    for (const [version, answer] of [
      [3, '20 02 00 03'],
      [4, '20 02 00 03'],
      [5, '20 03 00 97 00'],
    ] as const) {
      const refused = new Member(broker, { clientId: 'm0', version });
      await broker.settle();
      assert.equal(refused.peer.take().toString('hex'), fromHex(answer).toString('hex'));
      assert.equal(refused.peer.ended, true);
      refused.peer.disappear();
    }
    // It would have taken that one's session over.
    assert.equal(members[0]?.peer.ended, false);
    assert.deepEqual([broker.stats.refusedConnections, broker.stats.connectionsRefused], [3, 3]);
    members[0]?.peer.disappear();
    await Member.join(broker);
    assert.equal(broker.stats.connectionsOpen, 4);
    await broker.stop();
  });

  it('above a limit may only stay for their refusal in small number; further ones are closed without a byte', async () => {
    const broker = await startBroker({ maxConnections: 1, maxPoliteRefusals: 2, connectTimeoutMs: 5000 });
    await Member.join(broker);
    const waiting = [broker.connect(), broker.connect()];
    const refused = broker.connect();
    assert.equal(refused.destroyed, true);
    assert.equal(refused.take().length, 0);
    assert.deepEqual(
      waiting.map(({ destroyed }) => destroyed),
      [false, false],
    );
    assert.equal(broker.stats.connectionsOpen, 1);
    // They do not stay for ever.
    broker.clock.advance(5100);
    await broker.settle();
    broker.clock.advance(1000);
    await broker.settle();
    assert.deepEqual(
      waiting.map(({ destroyed }) => destroyed),
      [true, true],
    );
    assert.equal(broker.connect().destroyed, false);
    await broker.stop();
  });

  it('are bounded for each address, an IPv6 network of 64 bits being one, and a place that is given back can be had again', async () => {
    const broker = await startBroker({ maxConnectionsPerAddress: 2 });
    const members = [await Member.join(broker), await Member.join(broker)];
    const refused = new Member(broker, { version: 5 });
    await broker.settle();
    assert.equal(refused.peer.take().toString('hex'), '2003009700');
    for (const address of ['192.0.2.1', '2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8:0:2::1']) await Member.join(broker, { address });
    const sameNetwork = new Member(broker, { address: '2001:db8:0:1::3', version: 5 });
    await broker.settle();
    assert.equal(sameNetwork.peer.take().toString('hex'), '2003009700');
    assert.equal(broker.stats.refusedAddress, 2);
    members[0]?.peer.disappear();
    await Member.join(broker);
    await broker.stop();
  });

  it('are bounded for each user: the next is refused, but may take over one of its own; others and anonymous clients are not counted', async () => {
    const broker = await startBroker({ maxConnectionsPerUser: 2 });
    const join = (clientId: string, more: MemberOptions = {}): Promise<Member> => Member.join(broker, { clientId, version: 5, ...more });
    const first = await join('one');
    await join('two', { properties: '11 00 00 00 3c' });
    for (const [version, answer] of [
      [3, '20 02 00 03'],
      [4, '20 02 00 03'],
      [5, '20 03 00 97 00'],
    ] as const) {
      const refused = new Member(broker, { clientId: 'three', version });
      await broker.settle();
      assert.equal(refused.peer.take().toString('hex'), fromHex(answer).toString('hex'));
    }
    assert.equal(broker.stats.refusedUser, 3);
    await join('other', { username: 'bob' });
    const second = await join('two', { properties: '11 00 00 00 3c' });
    assert.equal(first.peer.ended, false);
    // A session without a connection is none.
    second.peer.disappear();
    await broker.settle();
    const third = await join('three');
    const back = new Member(broker, { clientId: 'two', version: 5, cleanSession: false, properties: '11 00 00 00 3c' });
    await broker.settle();
    assert.equal(back.peer.take().toString('hex'), '2003009700');
    third.peer.disappear();
    await broker.settle();
    await join('two', { cleanSession: false, properties: '11 00 00 00 3c' });
    for (let i = 0; i < 4; i += 1) await join(`nobody${i}`, { username: '' });
    await broker.stop();
  });

  it('that never finish their CONNECT end after connectTimeoutMs, however they trickle', async () => {
    const broker = await startBroker({ connectTimeoutMs: 5000 });
    const silent = broker.connect();
    const trickling = broker.connect();
    const half = broker.connect();
    half.send(fromHex('10 0e 00 04 4d 51 54 54'));
    const connect = fromHex('10 80 08 00 04 4d 51 54 54 04 02 00 3c 03 f2');
    for (let i = 0; i < 49; i += 1) {
      trickling.send(Buffer.from([connect[i] ?? 0x61]));
      await broker.turn();
      broker.clock.advance(100);
    }
    for (const peer of [silent, trickling, half]) assert.equal(peer.ended, false);
    broker.clock.advance(200);
    await broker.settle();
    for (const peer of [silent, trickling, half]) assert.equal(peer.ended, true);
    // Not even their sockets are left, whether or not they close their side.
    broker.clock.advance(1000);
    await broker.settle();
    assert.equal(broker.stats.connectionsOpen, 0);
    await broker.stop();
  });

  it('may not send more than preAuthBytes before they are accepted', async () => {
    const broker = await startBroker({ preAuthBytes: 2000 });
    const claim = broker.connect();
    claim.send(fromHex('10 ff 7f 00 04 4d 51 54 54 04 02 00 3c'));
    await broker.settle();
    assert.equal(claim.ended, true);
    // An answer that takes time: what comes behind the CONNECT waits, and is bounded.
    const eager = new Member(broker, { username: 'slow', clientId: 'eager' });
    eager.peer.send(Buffer.from('c000'.repeat(1500), 'hex'));
    await broker.settle();
    assert.equal(eager.peer.ended, true);
    const patient = new Member(broker, { username: 'slow', clientId: 'patient' });
    patient.peer.send(Buffer.from('c000'.repeat(900), 'hex'));
    await quiet(broker, [patient]);
    assert.equal(patient.kinds('pingresp').length, 900);
    await broker.stop();
  });
});
