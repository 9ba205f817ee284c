import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Packet } from 'mqtt-packet';
import { DENY, FAULT, PASS, SKIP } from '../gate/gate.test.support.js';
import { connectHex, connectionRig, DISCONNECT, frame, type Peer, PINGREQ, publishHex, subscribeHex } from './connection.test.support.js';

type Rig = ReturnType<typeof connectionRig>;

function opened(rig: Rig, version: 3 | 4 | 5 = 5, clientId = 'c1', given: Parameters<typeof connectHex>[2] = {}): Peer {
  const peer = rig.connect(version);
  const [connack] = peer.send(connectHex(version, clientId, given));
  assert.equal(connack?.cmd, 'connack');
  return peer;
}

function names(packets: readonly Packet[]): string[] {
  return packets.map((packet) => packet.cmd);
}

/** What a peer got, deliveries and answers each in their order: how the two mix depends on how the bytes came in. */
function streams(packets: readonly Packet[]): unknown {
  const plain = packets.map((packet) => JSON.parse(JSON.stringify(packet)) as Packet);
  return { publishes: plain.filter(({ cmd }) => cmd === 'publish'), answers: plain.filter(({ cmd }) => cmd !== 'publish') };
}

/** A whole life in one stream of bytes. */
function life(version: 3 | 4 | 5): Buffer {
  const alias =
    version === 5 ? [publishHex(5, 'a/alias', 'seven', { properties: '230001' }), publishHex(5, '', 'eight', { properties: '230001' })] : [];
  return Buffer.from(
    [
      connectHex(version),
      subscribeHex(version, 1, 'a/#'),
      publishHex(version, 'a/b', 'one'),
      publishHex(version, 'a/b', 'two'),
      publishHex(version, 'a/b', 'x'.repeat(100)),
      publishHex(version, 'a/c', 'three', { qos: 1, id: 7 }),
      publishHex(version, 'a/c', 'four', { qos: 1, id: 8 }),
      publishHex(version, 'a/d', 'five', { qos: 2, id: 9, retain: true }),
      frame(0x62, '0009'),
      publishHex(version, 'a/c', 'six', { qos: 1, id: 8 }),
      ...alias,
      PINGREQ,
      frame(0xa2, `0002${version === 5 ? '00' : ''}0003612f23`),
      publishHex(version, 'a/b', 'nobody hears this', { qos: 1, id: 10 }),
      DISCONNECT,
    ].join(''),
    'hex',
  );
}

test('However the bytes of a life are cut, the same is answered and delivered.', () => {
  for (const version of [3, 4, 5] as const) {
    const bytes = life(version);
    const feed = (cuts: readonly number[]): unknown => {
      const rig = connectionRig();
      const peer = rig.connect(version);
      const packets: Packet[] = [];
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        packets.push(...peer.send(bytes.subarray(from, cut)));
        from = cut;
      }
      assert.equal(peer.transport.ended, true);
      return streams(packets);
    };
    const whole = feed([]) as { publishes: unknown[]; answers: { cmd: string }[] };
    assert.equal(whole.publishes.length, version === 5 ? 9 : 7);
    assert.deepEqual(
      whole.answers.map(({ cmd }) => cmd),
      ['connack', 'suback', 'puback', 'puback', 'pubrec', 'pubcomp', 'puback', 'pingresp', 'unsuback', 'puback'],
    );
    for (let cut = 1; cut < bytes.length; cut += 1) assert.deepEqual(feed([cut]), whole, `cut at ${cut}`);
    assert.deepEqual(feed(Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)), whole, 'byte by byte');
    for (const step of [2, 3, 5, 7, 11]) {
      const cuts = Array.from({ length: Math.ceil(bytes.length / step) - 1 }, (_, i) => (i + 1) * step);
      assert.deepEqual(feed(cuts), whole, `every ${step} bytes`);
    }
  }
});

test('Packets behind a CONNECT wait until it is accepted, in order, and are nothing if it is refused.', () => {
  const rig = connectionRig();
  rig.standing.hooks.script.delete('authenticate');
  const script = { plugin: 'users', kind: 'allow', grant: { identity: { username: 'ann' } }, data: null, leaseSeconds: null };
  const behind = [subscribeHex(4, 1, 'a'), publishHex(4, 'a', 'x'), PINGREQ];
  const good = rig.connect(4);
  assert.deepEqual(good.send(connectHex(4, 'good'), ...behind), []);
  assert.equal(rig.stats.messagesReceived, 0);
  rig.standing.hooks.asked.at(-1)?.answer(script);
  rig.standing.hooks.asked.findLast(({ hook }) => hook === 'authenticate')?.answer(script);
  assert.deepEqual(names(good.packets()), ['connack', 'suback', 'publish', 'pingresp']);
  const bad = rig.connect(4);
  bad.send(connectHex(4, 'bad'), ...behind);
  rig.standing.hooks.asked.findLast(({ hook }) => hook === 'authenticate')?.answer(DENY);
  assert.deepEqual(
    bad.packets().map((packet) => [packet.cmd, (packet as { returnCode?: number }).returnCode]),
    [['connack', 5]],
  );
  assert.deepEqual([bad.transport.ended, rig.stats.messagesReceived, rig.registry.find(null, 'bad')], [true, 1, undefined]);
});

test('What waits behind a CONNECT is bounded.', () => {
  const rig = connectionRig({ limits: { preAuthBytes: 1024 } });
  rig.standing.hooks.script.delete('authenticate');
  const peer = rig.connect(4);
  peer.send(connectHex(4));
  for (let i = 0; i < 9; i += 1) peer.send(Buffer.alloc(100, 0xc0));
  assert.equal(peer.transport.ended, false);
  peer.send(Buffer.alloc(300, 0xc0));
  assert.equal(peer.transport.ended, true);
  assert.equal(rig.standing.hooks.asked.findLast(({ hook }) => hook === 'authenticate')?.cancelled, true);
});

test('Anything but a CONNECT is refused at its first byte, without an answer.', () => {
  for (let type = 0; type < 16; type += 1) {
    if (type === 1) continue;
    const rig = connectionRig();
    const peer = rig.connect(4);
    assert.deepEqual(peer.send(Buffer.from([type << 4])), []);
    assert.equal(peer.transport.ended, true, `type ${type}`);
  }
});

test('A packet that claims more than is allowed is refused by its header alone, before and after acceptance.', () => {
  const rig = connectionRig({ limits: { preAuthBytes: 1024, maxPacketBytes: 2048 } });
  const stranger = rig.connect(5);
  stranger.send('10ff08');
  assert.equal(stranger.transport.ended, true);
  const client = opened(rig);
  const [disconnect] = client.send('30ff7f');
  assert.deepEqual([disconnect?.cmd, (disconnect as { reasonCode?: number }).reasonCode], ['disconnect', 0x95]);
});

test('A second CONNECT, and a packet of a type that clients do not send, end the connection.', () => {
  for (const bytes of [connectHex(5), '20020000', '9003000100', 'd000', 'f00100', '0000']) {
    const rig = connectionRig();
    const peer = opened(rig);
    const [disconnect] = peer.send(bytes);
    assert.equal(disconnect?.cmd, 'disconnect', bytes);
    assert.equal(peer.transport.ended, true);
  }
});

test('A client that says nothing is gone after the connect timeout, or after one and a half times its keep alive.', () => {
  const rig = connectionRig({ limits: { connectTimeoutMs: 1000 } });
  const silent = rig.connect(5);
  rig.clock.advance(990);
  assert.equal(silent.transport.ended, false);
  rig.clock.advance(50);
  assert.equal(silent.transport.ended, true);
  const peer = opened(rig, 5, 'c1', { keepAlive: 10 });
  rig.clock.advance(14_900);
  assert.equal(peer.transport.ended, false);
  peer.send(PINGREQ);
  rig.clock.advance(14_900);
  assert.equal(peer.transport.ended, false);
  rig.clock.advance(200);
  const [disconnect] = peer.packets();
  assert.deepEqual([disconnect?.cmd, (disconnect as { reasonCode?: number }).reasonCode], ['disconnect', 0x8d]);
});

test('Without a keep alive a silent client stays.', () => {
  const rig = connectionRig();
  const peer = opened(rig, 4, 'c1', { keepAlive: 0 });
  rig.clock.advance(100_000_000);
  assert.equal(peer.transport.ended, false);
});

test('While an answer is awaited the socket is not read, later packets wait, and the keep alive stands still.', () => {
  const rig = connectionRig();
  rig.standing.hooks.tapped.add('code authorize');
  rig.standing.hooks.script.delete('code authorize');
  const peer = opened(rig, 5, 'c1', { keepAlive: 10 });
  peer.send(subscribeHex(5, 1, 'a'));
  rig.standing.hooks.asked.at(-1)?.answer(SKIP);
  assert.deepEqual(names(peer.packets()), ['suback']);
  assert.deepEqual(names(peer.send(publishHex(5, 'b', 'x', { qos: 1, id: 5 }), PINGREQ)), []);
  assert.equal(peer.transport.paused, true);
  rig.clock.advance(40_000);
  assert.equal(peer.transport.ended, false);
  rig.standing.hooks.asked.at(-1)?.answer(SKIP);
  assert.deepEqual(names(peer.packets()), ['puback', 'pingresp']);
  assert.equal(peer.transport.paused, false);
  rig.clock.advance(14_000);
  assert.equal(peer.transport.ended, false);
});

test('An answer that never comes ends the connection after the greatest wait, and the question is cancelled.', () => {
  const rig = connectionRig({ limits: { maxWaitMs: 1000 } });
  rig.standing.hooks.tapped.add('code authorize');
  rig.standing.hooks.script.delete('code authorize');
  const peer = opened(rig);
  peer.send(publishHex(5, 'b', 'x', { qos: 1, id: 5 }));
  rig.clock.advance(1100);
  const [disconnect] = peer.packets();
  assert.equal((disconnect as { reasonCode?: number }).reasonCode, 0x89);
  assert.equal(rig.standing.hooks.asked.at(-1)?.cancelled, true);
});

test('A refused publish is told to a 5.0 client and hidden from a 3.1.1 one, and goes nowhere.', () => {
  for (const [version, code] of [
    [5, 0x87],
    [4, undefined],
  ] as const) {
    const rig = connectionRig({ own: ['+a', '-secret'] });
    const peer = opened(rig, version);
    peer.send(subscribeHex(version, 1, 'a'));
    const answers = peer.send(publishHex(version, 'secret', 'x', { qos: 1, id: 5 }), publishHex(version, 'secret', 'x', { qos: 2, id: 6 }));
    assert.deepEqual(names(answers), ['puback', 'pubrec']);
    for (const answer of answers) assert.equal((answer as { reasonCode?: number }).reasonCode || undefined, code);
    assert.deepEqual([rig.stats.publishesDenied, peer.transport.ended], [2, false]);
    if (version === 4) assert.deepEqual(names(peer.send(frame(0x62, '0006'))), ['pubcomp']);
  }
});

test('With denyPublish "close" a 3.1.1 client has to go instead.', () => {
  const rig = connectionRig({ own: ['-secret'], chain: { denyPublish: 'close' } });
  const peer = opened(rig, 4);
  assert.deepEqual(peer.send(publishHex(4, 'secret', 'x', { qos: 1, id: 5 })), []);
  assert.equal(peer.transport.ended, true);
});

test('A publish that nobody can judge is never acknowledged with success.', () => {
  const faulted = (version: 4 | 5, qos: 0 | 1 | 2, publishFault: 'disconnect' | 'refuse') => {
    const rig = connectionRig({ chain: { publishFault } });
    rig.standing.hooks.tapped.add('code authorize');
    rig.standing.hooks.script.set('code authorize', FAULT);
    const peer = opened(rig, version);
    const answers = peer.send(publishHex(version, 'a', 'x', { qos, id: 5 }));
    return [answers.map((packet) => [packet.cmd, (packet as { reasonCode?: number }).reasonCode]), peer.transport.ended];
  };
  assert.deepEqual(faulted(5, 0, 'disconnect'), [[], false]);
  assert.deepEqual(faulted(5, 1, 'disconnect'), [[['disconnect', 0x83]], true]);
  assert.deepEqual(faulted(5, 2, 'disconnect'), [[['disconnect', 0x83]], true]);
  assert.deepEqual(faulted(5, 1, 'refuse'), [[['puback', 0x83]], false]);
  assert.deepEqual(faulted(5, 2, 'refuse'), [[['pubrec', 0x83]], false]);
  assert.deepEqual(faulted(4, 1, 'refuse'), [[], true]);
});

test('A QoS 2 message is routed at its PUBREL, once, and only if it still may be.', () => {
  const rig = connectionRig();
  const peer = opened(rig);
  peer.send(subscribeHex(5, 1, 'a', 0));
  const publish = publishHex(5, 'a', 'x', { qos: 2, id: 5 });
  assert.deepEqual(names(peer.send(publish, publish)), ['pubrec', 'pubrec']);
  assert.deepEqual(names(peer.send(frame(0x62, '0005'))), ['publish', 'pubcomp']);
  const [again] = peer.send(frame(0x62, '0005'));
  assert.deepEqual([again?.cmd, (again as { reasonCode?: number }).reasonCode], ['pubcomp', 0x92]);
  peer.send(publish);
  const { client } = peer.connection;
  assert.ok(client !== null);
  client.binding.release();
  assert.deepEqual(names(peer.send(frame(0x62, '0005'))), ['pubcomp']);
  assert.equal(rig.stats.publishesDenied, 1);
});

test('Nobody can judge a QoS 2 message at its PUBREL: the connection ends, and nothing is routed.', () => {
  const rig = connectionRig({ chain: { publishFault: 'refuse' } });
  rig.standing.hooks.tapped.add('code authorize');
  const peer = opened(rig);
  peer.send(publishHex(5, 'a', 'x', { qos: 2, id: 5 }));
  rig.standing.hooks.script.set('code authorize', FAULT);
  const answers = peer.send(frame(0x62, '0005'));
  assert.deepEqual(
    answers.map((packet) => [packet.cmd, (packet as { reasonCode?: number }).reasonCode]),
    [['disconnect', 0x83]],
  );
});

test('A refused filter has its own code, and the others of the packet stand; a client of 3.1 has to go, with nothing changed.', () => {
  const filters = (version: 3 | 4 | 5): string => frame(0x82, `0001${version === 5 ? '00' : ''}0001610000016202`);
  const granted = (version: 4 | 5): unknown =>
    (opened(connectionRig({ own: ['+b'] }), version).send(filters(version))[0] as { granted?: unknown }).granted;
  assert.deepEqual(granted(5), [0x87, 2]);
  assert.deepEqual(granted(4), [0x80, 2]);
  const rig = connectionRig({ own: ['+b'] });
  const old = opened(rig, 3);
  assert.deepEqual(old.send(filters(3)), []);
  assert.deepEqual([old.transport.ended, rig.stats.subscriptions], [true, 0]);
});

test('A subscription gets its retained messages behind the SUBACK, as its retain handling says.', () => {
  const rig = connectionRig();
  const peer = opened(rig);
  peer.send(publishHex(5, 'a', 'kept', { retain: true }));
  const subscribe = (options: string): string[] => names(peer.send(frame(0x82, `000100000161${options}`)));
  assert.deepEqual(subscribe('00'), ['suback', 'publish']);
  assert.deepEqual(subscribe('00'), ['suback', 'publish']);
  assert.deepEqual(subscribe('10'), ['suback']);
  assert.deepEqual(subscribe('20'), ['suback']);
  peer.send(frame(0xa2, '000200000161'));
  assert.deepEqual(subscribe('10'), ['suback', 'publish']);
});

test('An acknowledgement waits for the store, and the session is not written to before its CONNACK.', () => {
  const rig = connectionRig({ slow: true });
  const peer = rig.connect(4);
  assert.deepEqual(peer.send(connectHex(4, 'c1', { clean: false })), []);
  rig.sessions.settle();
  assert.deepEqual(names(peer.packets()), ['connack']);
  assert.deepEqual(names(peer.send(subscribeHex(4, 1, 'a', 1))), []);
  rig.sessions.settle();
  assert.deepEqual(names(peer.packets()), ['suback']);
  // The copy goes out, but its publisher hears nothing until the session has it in the store.
  assert.deepEqual(names(peer.send(publishHex(4, 'a', 'x', { qos: 1, id: 7 }))), ['publish']);
  rig.sessions.settle();
  assert.deepEqual(names(peer.packets()), ['puback']);
});

test('A store that settles changes while it is given one lets nobody publish in the middle of another’s message.', async () => {
  const rig = connectionRig({ slow: true, limits: { maxPendingAcknowledgements: 1 } });
  const join = (clientId: string, clean: boolean): Peer => {
    const peer = rig.connect(4);
    peer.send(connectHex(4, clientId, { clean }));
    rig.sessions.settle();
    peer.packets();
    return peer;
  };
  const [keeps, waits, publishes] = [join('keeps', false), join('waits', true), join('publishes', true)] as const;
  // One that comes before it among the receivers, and one behind.
  const hearing = [join('before', true), join('behind', true)] as const;
  hearing[0].send(subscribeHex(4, 1, 'a', 0));
  for (const topic of ['a', 'b', 'c']) {
    keeps.send(subscribeHex(4, 1, topic, 1));
    rig.sessions.settle();
  }
  hearing[1].send(subscribeHex(4, 1, 'a', 0));
  for (const peer of [keeps, ...hearing]) peer.packets();
  // Its second message stands behind the first, whose acknowledgement the store holds up.
  waits.send(publishHex(4, 'c', 'first', { qos: 1, id: 1 }), publishHex(4, 'b', 'secret', { qos: 1, id: 2 }));
  const append = rig.sessions.append.bind(rig.sessions);
  rig.sessions.append = (change) => {
    const place = append(change);
    rig.sessions.append = append;
    rig.sessions.settle();
    return place;
  };
  publishes.send(publishHex(4, 'a', 'open', { qos: 1, id: 8 }), publishHex(4, 'a', 'open', { qos: 1, id: 9 }));
  await Promise.resolve();
  rig.sessions.settle();
  for (const peer of hearing) {
    const heard = peer.packets().map((packet) => [(packet as { topic?: string }).topic, String((packet as { payload?: unknown }).payload)]);
    assert.deepEqual(heard, Array(2).fill(['a', 'open']));
  }
  const ids = (peer: Peer) => peer.packets().map(({ cmd, messageId }) => [cmd, messageId]);
  rig.sessions.settle();
  assert.deepEqual([rig.stats.messagesReceived, waits.connection.held], [4, false]);
  assert.deepEqual(ids(waits).at(-1), ['puback', 2]);
});

test('When the store fails, what waited for it is never acknowledged, and the client has to go.', () => {
  const rig = connectionRig({ slow: true });
  const peer = rig.connect(5);
  peer.send(connectHex(5, 'c1', { properties: '1100000064' }));
  rig.sessions.settle();
  peer.packets();
  peer.send(subscribeHex(5, 1, 'a', 1));
  rig.sessions.fail();
  assert.deepEqual(
    peer.packets().map((packet) => [packet.cmd, (packet as { reasonCode?: number }).reasonCode]),
    [['disconnect', 0x83]],
  );
});

test('A store that is full refuses what depends on it: a 5.0 publisher hears 0x97, a 3.1.1 one has to go and may try again.', () => {
  const rig = connectionRig({ slow: true });
  const subscriber = rig.connect(4);
  subscriber.send(connectHex(4, 'sub', { clean: false }));
  rig.sessions.settle();
  subscriber.send(subscribeHex(4, 1, 'a', 1));
  rig.sessions.settle();
  const five = opened(rig, 5, 'five');
  const four = opened(rig, 4, 'four');
  rig.sessions.refuses = true;
  const answers = five.send(publishHex(5, 'a', 'x', { qos: 1, id: 5 }));
  assert.deepEqual(
    answers.map((packet) => [packet.cmd, (packet as { reasonCode?: number }).reasonCode]),
    [['puback', 0x97]],
  );
  assert.deepEqual(four.send(publishHex(4, 'a', 'x', { qos: 1, id: 5 })), []);
  assert.equal(four.transport.ended, true);
});

test('A QoS 2 message that the store could not take is not acknowledged as a repeat afterwards.', () => {
  const rig = connectionRig({ slow: true });
  const publish = publishHex(4, 'a', 'x', { qos: 2, id: 5 });
  const first = rig.connect(4);
  first.send(connectHex(4, 'c1', { clean: false }));
  rig.sessions.settle();
  first.packets();
  rig.sessions.refuses = true;
  assert.deepEqual(first.send(publish), []);
  assert.equal(first.transport.ended, true);
  rig.sessions.refuses = false;
  const second = rig.connect(4);
  second.send(connectHex(4, 'c1', { clean: false }));
  rig.sessions.settle();
  second.packets();
  const held = rig.sessions.changes.length;
  second.send(publish);
  rig.sessions.settle();
  assert.deepEqual([names(second.packets()), rig.sessions.changes.slice(held).map(({ kind }) => kind)], [['pubrec'], ['received']]);
});

test('A CONNECT whose session the store cannot take is refused, and its will is not published.', () => {
  const rig = connectionRig({ slow: true });
  rig.sessions.refuses = true;
  const peer = rig.connect(4);
  const [connack] = peer.send(connectHex(4, 'c1', { clean: false, will: 'will' }));
  assert.deepEqual([(connack as { returnCode?: number }).returnCode, peer.transport.ended, rig.wills], [3, true, []]);
});

test('A CONNECT that the store does not settle in time is refused, and its will is not published.', () => {
  const rig = connectionRig({ slow: true, limits: { connectTimeoutMs: 1000 } });
  const peer = rig.connect(4);
  peer.send(connectHex(4, 'c1', { clean: false, will: 'will' }));
  rig.clock.advance(1100);
  const [connack] = peer.packets();
  assert.deepEqual([(connack as { returnCode?: number }).returnCode, peer.transport.ended, rig.wills], [3, true, []]);
});

test('Acknowledgements that wait for the store are bounded: the socket is not read until some have left.', () => {
  for (const asks of [false, true]) {
    const rig = connectionRig({ slow: true, limits: { maxPendingAcknowledgements: 16 } });
    if (asks) rig.standing.hooks.tapped.add('code authorize');
    const peer = rig.connect(4);
    peer.send(connectHex(4, 'c1', { clean: false }));
    rig.sessions.settle();
    peer.send(subscribeHex(4, 1, 'a', 1));
    rig.sessions.settle();
    peer.packets();
    // Each with a topic of its own behind it, so that they are no run.
    const bytes = Array.from({ length: 100 }, (_, i) => publishHex(4, 'a', 'x', { qos: 1, id: i + 1 }) + publishHex(4, `b${i}`, 'y'));
    peer.send(bytes.join(''));
    assert.equal(peer.transport.paused, true);
    assert.ok(peer.connection.acknowledgements.waiting <= 17, `${peer.connection.acknowledgements.waiting} wait`);
    for (let i = 0; i < 100; i += 1) rig.sessions.settle();
    const acknowledged = peer.packets().filter(({ cmd }) => cmd === 'puback');
    assert.equal(acknowledged.length, 100, asks ? 'with code' : 'by rules');
  }
});

test('Answers to other packets that wait for the store are bounded too.', () => {
  const rig = connectionRig({ slow: true, limits: { maxPendingAcknowledgements: 16 } });
  const peer = rig.connect(4);
  peer.send(connectHex(4, 'c1', { clean: false }));
  rig.sessions.settle();
  peer.packets();
  peer.send(Array.from({ length: 100 }, (_, i) => subscribeHex(4, i + 1, `t${i}`, 1)).join(''));
  assert.deepEqual([peer.transport.paused, peer.connection.acknowledgements.waiting], [true, 16]);
  for (let i = 0; i < 100; i += 1) rig.sessions.settle();
  assert.equal(peer.packets().filter(({ cmd }) => cmd === 'suback').length, 100);
});

test('A peer that does not read is not read from either, gets no QoS 0, and is gone when it does not recover.', () => {
  const rig = connectionRig({ limits: { maxSocketBufferBytes: 65_536, slowConsumerTimeoutMs: 1000 } });
  const peer = opened(rig, 4);
  peer.send(subscribeHex(4, 1, 'a', 0));
  peer.transport.buffered = 65_537;
  peer.transport.takes = false;
  peer.send(PINGREQ);
  assert.equal(peer.transport.paused, true);
  const other = opened(rig, 4, 'other');
  other.send(publishHex(4, 'a', 'lost'));
  assert.deepEqual([peer.packets(), rig.stats.droppedSlowConsumer], [[], 1]);
  peer.transport.buffered = 0;
  peer.connection.drained();
  assert.equal(peer.transport.paused, false);
  other.send(publishHex(4, 'a', 'heard'));
  // What was not given to a socket that holds enough follows when it is empty.
  assert.deepEqual(names(peer.packets()), ['pingresp', 'publish']);
  peer.transport.buffered = 65_537;
  peer.send(PINGREQ);
  rig.clock.advance(1100);
  assert.equal(peer.transport.ended, true);
});

test('A takeover tells the connection before why it has to go, and only a 5.0 one.', () => {
  for (const version of [4, 5] as const) {
    const rig = connectionRig();
    const first = opened(rig, version);
    opened(rig, version);
    assert.deepEqual(
      first.packets().map((packet) => [packet.cmd, (packet as { reasonCode?: number }).reasonCode]),
      version === 5 ? [['disconnect', 0x8e]] : [],
    );
    assert.equal(first.transport.ended, true);
  }
});

test('A lost connection publishes its will; a DISCONNECT with success does not, one with 0x04 does.', () => {
  const cases: [string | null, string[]][] = [
    [null, ['will']],
    ['e000', []],
    ['e00104', ['will']],
  ];
  for (const [bytes, wills] of cases) {
    const rig = connectionRig();
    const peer = opened(rig, 5, 'c1', { will: 'will' });
    if (bytes === null) peer.connection.closed(null);
    else peer.send(bytes);
    assert.deepEqual(rig.wills, wills, String(bytes));
  }
});

test('A peer that says its last before its CONNECT is answered gets its answer, and what it sent behind the CONNECT is handled.', () => {
  const rig = connectionRig({ slow: true });
  const subscriber = opened(rig, 4, 'c2');
  subscriber.send(subscribeHex(4, 1, 't', 1));
  const peer = rig.connect(4);
  const durable = connectHex(4, 'c1', { clean: false });
  assert.deepEqual(peer.send(durable, publishHex(4, 't', 'last words', { qos: 1, id: 7 })), []);
  assert.equal(peer.connection.ended(), false);
  assert.equal(peer.transport.ended, false);
  rig.sessions.settle();
  assert.deepEqual(
    peer.packets().map(({ cmd }) => cmd),
    ['connack', 'puback'],
  );
  assert.equal(peer.transport.ended, true);
  assert.deepEqual(
    subscriber.packets().map(({ cmd }) => cmd),
    ['publish'],
  );
});

test('A peer that says its last and has nothing waiting is gone at once, whatever it was waiting for.', () => {
  const rig = connectionRig({ slow: true });
  const peer = rig.connect(4);
  peer.send(connectHex(4, 'c1', { clean: false }));
  assert.equal(peer.connection.ended(), true);
  assert.equal(peer.transport.ended, true);
  rig.sessions.settle();
  assert.deepEqual(peer.packets(), []);
});

test('After the end nothing is handled, nothing is written, and everything is given back once.', () => {
  const rig = connectionRig();
  const peer = opened(rig);
  peer.send(DISCONNECT);
  peer.connection.received(Buffer.from(PINGREQ, 'hex'));
  peer.connection.drained();
  peer.connection.closed(new Error('late'));
  peer.connection.end(0x8b, 'late');
  assert.deepEqual([peer.packets(), rig.forgotten.length, rig.stats.clientsConnected, rig.registry.size], [[], 1, 0, 0]);
  rig.clock.advance(100_000_000);
});

test('More unacknowledged QoS 2 messages than the receive maximum end the connection.', () => {
  const rig = connectionRig({ limits: { receiveMaximum: 3 } });
  const peer = opened(rig);
  const answers = peer.send(...[1, 2, 3].map((id) => publishHex(5, 'a', 'x', { qos: 2, id })));
  assert.deepEqual(names(answers), ['pubrec', 'pubrec', 'pubrec']);
  const [disconnect] = peer.send(publishHex(5, 'a', 'x', { qos: 2, id: 4 }));
  assert.equal((disconnect as { reasonCode?: number }).reasonCode, 0x93);
});

test('QoS 1 messages that are acknowledged at once never count against the receive maximum, however many come in one read.', () => {
  const rig = connectionRig({ limits: { receiveMaximum: 3 } });
  const peer = opened(rig);
  peer.send(publishHex(5, 'a', 'x', { qos: 2, id: 1 }));
  const burst = [2, 3, 4, 5, 6].map((id) => publishHex(5, 'a', 'x', { qos: 1, id })).join('');
  assert.deepEqual(names(peer.send(burst)), ['puback', 'puback', 'puback', 'puback', 'puback']);
  peer.send(publishHex(5, 'a', 'x', { qos: 2, id: 7 }), publishHex(5, 'a', 'x', { qos: 2, id: 8 }));
  const [disconnect] = peer.send(burst);
  assert.equal((disconnect as { reasonCode?: number }).reasonCode, 0x93);
});

test('The bound of user properties holds for a PUBLISH as it does for other packets.', () => {
  const rig = connectionRig({ limits: { maxUserProperties: 2 } });
  const two = '260001610001622600016100016a';
  const peer = opened(rig);
  peer.send(subscribeHex(5, 1, 'a', 0));
  const send = (properties: string): Packet[] => peer.send(publishHex(5, 'a', 'x', { properties }));
  assert.deepEqual(names(send(two)), ['publish']);
  const [disconnect] = send(`${two}26000161000163`);
  assert.equal((disconnect as { cmd?: string }).cmd, 'disconnect');
});

test('Topic aliases are those of one connection, bounded, and never guessed.', () => {
  const rig = connectionRig({ limits: { topicAliasMaximum: 2 } });
  const alias = (peer: Peer, topic: string, number: number): Packet[] =>
    peer.send(publishHex(5, topic, 'x', { properties: `23${number.toString(16).padStart(4, '0')}` }));
  const code = (packets: Packet[]): unknown => (packets[0] as { reasonCode?: number } | undefined)?.reasonCode;
  assert.equal(code(alias(opened(rig, 5, 'a'), '', 1)), 0x94);
  assert.equal(code(alias(opened(rig, 5, 'b'), 't', 3)), 0x94);
  assert.equal(code(alias(opened(rig, 5, 'c'), 't', 0)), 0x94);
  const good = opened(rig, 5, 'd');
  good.send(subscribeHex(5, 1, '#', 0));
  alias(good, 't', 1);
  alias(good, 'u', 2);
  alias(good, 'v', 1);
  const got = [...alias(good, '', 1), ...alias(good, '', 2)].map((packet) => (packet as { topic?: string }).topic);
  assert.deepEqual(got, ['v', 'u']);
});

test('An alias still means its topic after the table of topics was emptied.', () => {
  const rig = connectionRig({ limits: { maxTopicCacheEntries: 16 } });
  const peer = opened(rig);
  peer.send(subscribeHex(5, 1, 'kept', 0), publishHex(5, 'kept', '1', { properties: '230001' }));
  for (let i = 0; i < 40; i += 1) peer.send(publishHex(5, `fill/${i}`, 'x'));
  const [publish] = peer.send(publishHex(5, '', '2', { properties: '230001' }));
  assert.deepEqual([publish?.cmd, (publish as { topic?: string }).topic], ['publish', 'kept']);
});

test('A challenge goes to the client, which may only answer it or leave.', () => {
  const properties = '1500016d16000131';
  const challenged = () => {
    const rig = connectionRig();
    const peer = rig.connect(5);
    peer.send(connectHex(5, 'c1', { properties }));
    rig.standing.hooks.asked.at(-1)?.answer({ kind: 'continue', plugin: 'users', data: Buffer.from('2') });
    assert.deepEqual(names(peer.packets()), ['auth']);
    return { rig, peer };
  };
  const { rig, peer } = challenged();
  peer.send(frame(0xf0, '18041500016d'));
  rig.standing.hooks.asked
    .at(-1)
    ?.answer({ kind: 'allow', plugin: 'users', grant: { identity: { username: 'ann' } }, data: null, leaseSeconds: null });
  assert.deepEqual(names(peer.packets()), ['connack']);
  for (const bytes of [PINGREQ, subscribeHex(5, 1, 'a'), publishHex(5, 'a', 'x'), frame(0xf0, '19041500016d'), frame(0xf0, '18041500016e')]) {
    const other = challenged();
    assert.deepEqual(other.peer.send(bytes), [], bytes);
    assert.equal(other.peer.transport.ended, true, bytes);
    assert.equal(other.rig.registry.size, 0);
  }
});

test('A mistake of ours costs the connection in which it happened, and no other.', () => {
  const rig = connectionRig();
  const peer = opened(rig, 5, 'a');
  const other = opened(rig, 5, 'b');
  rig.router.route = () => {
    throw new Error('broken');
  };
  const [disconnect] = peer.send(publishHex(5, 'a', 'x'));
  assert.deepEqual([(disconnect as { reasonCode?: number }).reasonCode, rig.stats.invariantsBroken], [0x83, 1]);
  assert.deepEqual(names(other.send(PINGREQ)), ['pingresp']);
});

test('A guard of subscriptions lowers what is granted.', () => {
  const rig = connectionRig();
  rig.standing.hooks.tapped.add('guardSubscribe');
  rig.standing.hooks.script.set('guardSubscribe', { ...(PASS as object), maxQos: 1 });
  const [suback] = opened(rig).send(subscribeHex(5, 1, 'a', 2));
  assert.deepEqual((suback as { granted?: unknown }).granted, [1]);
});
