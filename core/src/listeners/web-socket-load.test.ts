import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { connectHex, parseAll, subscribeHex } from '../connection/connection.test.support.js';
import { hex, LazySocket, pattern } from './web-socket.test.support.js';
import { arrivalAt, CLOSE, CONNACK, HIS_CLOSE, inFrame, plain, scene, served, until } from './web-socket-client.test.support.js';
import { openWebSocket } from './web-socket-transport.js';

test('What an independent client sends in fragments, with pings in between, comes back whole and in order.', { timeout: 60_000 }, async (t) => {
  const { listener } = await served(t);
  const socket = new WebSocket(listener.url, ['mqtt']);
  t.after(() => socket.terminate());
  const heard: Buffer[] = [];
  let heardBytes = 0;
  socket.on('message', (data: Buffer, binary) => {
    assert.equal(binary, true);
    heard.push(data);
    heardBytes += data.length;
  });
  await new Promise((resolve) => socket.on('open', resolve));
  let seed = 20_261_122;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % bound;
  };
  const bodies = Array.from({ length: 1500 }, (_, i) => pattern(i % 300 === 7 ? 200_000 : below(400), i));
  const publish = (body: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = body.length + 3; ; ) {
      length.push(rest >= 128 ? (rest & 0x7f) | 0x80 : rest);
      rest >>= 7;
      if (rest === 0) break;
    }
    return Buffer.concat([Buffer.of(0x30, ...length, 0, 1, 0x61), body]);
  };
  const packets = bodies.map(publish);
  const stream = Buffer.concat([hex(connectHex(4) + subscribeHex(4, 1, 'a', 0)), ...packets]);
  let expected = 4 + 5;
  for (const packet of packets) expected += packet.length;
  for (let at = 0; at < stream.length; ) {
    const parts = 1 + below(4);
    for (let part = 1; part <= parts; part += 1) {
      const bytes = below(3) === 0 ? below(5) : below(3000);
      socket.send(stream.subarray(at, at + bytes), { binary: true, fin: part === parts });
      at += bytes;
      if (below(10) === 0) socket.ping(pattern(below(126)));
      if (below(20) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await until(() => heardBytes >= expected || socket.readyState !== socket.OPEN);
  const got = parseAll(Buffer.concat(heard), 4);
  assert.deepEqual(
    got.slice(0, 2).map(({ cmd }) => cmd),
    ['connack', 'suback'],
  );
  assert.equal(got.length, bodies.length + 2);
  for (const [i, body] of bodies.entries()) {
    const packet = got[i + 2];
    assert.ok(packet?.cmd === 'publish' && body.equals(packet.payload as Buffer), `${i}`);
  }
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.close(1000);
  assert.equal(await closed, 1000);
});

test('A million frames of one byte, and of none, from an accepted client end in what they say.', { timeout: 60_000 }, async () => {
  const { listenerRoom, stats } = scene();
  const socket = new LazySocket();
  openWebSocket(listenerRoom, 'default', socket, hex(inFrame(connectHex(4))), arrivalAt(listenerRoom));
  await until(() => socket.taken.length > 0);
  // A PUBLISH of a million bytes, remaining length c3 84 3d, in one message of fragments with empty ones in between.
  socket.push(hex('0285 00000000 30c3843d00'));
  socket.push(hex('0082 00000000 0161'));
  const many = Buffer.concat(Array.from({ length: 1000 }, () => hex('008100000000780080 00000000')));
  for (let i = 0; i < 1000; i += 1) {
    socket.push(Buffer.from(many));
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => stats.messagesReceived === 1);
  socket.push(hex(`8080 00000000 ${HIS_CLOSE(1000)}`));
  await until(() => socket.bytes.toString('hex') === plain(`${CONNACK} ${CLOSE(1000)}`));
  socket.destroy();
});
