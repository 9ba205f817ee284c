import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectHex, DISCONNECT, PINGREQ, publishHex, subscribeHex } from '../connection/connection.test.support.js';
import { SKIP } from '../gate/gate.test.support.js';
import { LINGER_MS } from './listener.js';
import { hex, LazySocket, pattern, theirFrame } from './web-socket.test.support.js';
import { arrivalAt, CLOSE, CONNACK, HIS_CLOSE, inFrame, plain, scene, served, until } from './web-socket-client.test.support.js';
import { openWebSocket } from './web-socket-transport.js';

test('What comes right behind the upgrade is not lost.', { timeout: 20_000 }, async (t) => {
  const { dial } = await served(t);
  const client = await dial(inFrame(connectHex(4)) + inFrame(PINGREQ));
  await until(() => client.heard.length >= 16);
  assert.equal(client.heard, plain('8206 20020000 d000'));
});

test('A client that breaks the protocol of frames is told by the status code, once, and the socket is closed.', { timeout: 20_000 }, async (t) => {
  const { dial, stats, counted } = await served(t, { limits: { maxWebSocketFrameBytes: 1024 } });
  const cases: [string, number][] = [
    ['82 02 c000', 1002],
    ['c2 82 00000000 c000', 1002],
    ['83 80 00000000', 1002],
    ['89 fe 0080 00000000', 1002],
    ['80 80 00000000', 1002],
    ['82 fe 0002 00000000 c000', 1002],
    ['88 81 00000000 03', 1002],
    ['88 82 00000000 03ed', 1002],
    ['88 83 00000000 03e8 ff', 1002],
    ['81 82 00000000 6869', 1003],
    ['82 fe 0401 00000000', 1009],
    ['02 fe 0400 00000000', 1009],
  ];
  for (const [i, [bytes, code]] of cases.entries()) {
    const more = bytes.startsWith('02') ? `${bytes}c000${'c000'.repeat(511)} 80 81 00000000 c0` : bytes;
    const client = await dial();
    client.send(inFrame(connectHex(4, `c${i}`)));
    await until(() => client.heard.length >= 12);
    client.send(inFrame(PINGREQ), more, inFrame(PINGREQ), HIS_CLOSE(1000));
    await until(() => client.ended);
    // What came before was answered, though in one write or several.
    const answers = bytes.startsWith('02') ? 513 : 1;
    const pings = client.heard.slice(12, -8).replaceAll(/^82(0.|7e....)/g, '');
    assert.deepEqual([client.heard.slice(0, 12), client.heard.slice(-8)], [plain(CONNACK), CLOSE(code)], bytes);
    assert.equal(pings, 'd000'.repeat(answers), bytes);
    client.socket.end();
    await until(() => stats.connectionsOpen === 0);
    assert.deepEqual([stats.protocolErrors, counted], [i + 1, { opened: i + 1, gone: i + 1 }], bytes);
  }
});

test('A client of MQTT 5.0 is told by a DISCONNECT as well.', { timeout: 20_000 }, async (t) => {
  const { dial } = await served(t, { limits: { maxWebSocketFrameBytes: 1024 } });
  for (const [bytes, reason, code] of [
    ['81 80 00000000', '82', 1003],
    ['82 fe 0401 00000000', '95', 1009],
  ] as const) {
    const client = await dial(inFrame(connectHex(5)));
    await until(() => client.heard.length >= 10);
    client.send(bytes);
    await until(() => client.ended);
    assert.ok(client.heard.endsWith(`8203e001${reason}${CLOSE(code)}`), client.heard);
  }
});

test('The close of a client is answered once with its own status code, after what was asked before; what follows is not looked at.', {
  timeout: 20_000,
}, async (t) => {
  const { dial, stats } = await served(t);
  for (const [frame, answer] of [
    [HIS_CLOSE(1000), CLOSE(1000)],
    [HIS_CLOSE(1001), CLOSE(1001)],
    [HIS_CLOSE(4321), CLOSE(4321)],
    ['888000000000', '8800'],
  ] as const) {
    const client = await dial(inFrame(connectHex(4)));
    await until(() => client.heard.length >= 12);
    client.send(inFrame(PINGREQ), frame, frame, inFrame(PINGREQ), '8100');
    await until(() => client.ended);
    assert.equal(client.heard, plain(`${CONNACK} 8202 d000 ${answer}`));
    assert.equal(stats.clientsConnected, 0);
    client.socket.end();
    await until(() => stats.connectionsOpen === 0);
  }
  assert.equal(stats.protocolErrors, 0);
});

test('The broker closes with 1000, waits for the close of the client, and not for ever.', { timeout: 20_000 }, async (t) => {
  const { dial, registry, clock, stats, counted } = await served(t);
  const polite = await dial(inFrame(connectHex(4)));
  await until(() => polite.heard.length >= 12);
  registry.find(null, 'c1')?.outlet?.end(0x98, 'an administrator said so');
  await until(() => polite.heard.length >= 20);
  assert.deepEqual([polite.heard, polite.ended], [plain(`${CONNACK} ${CLOSE(1000)}`), false]);
  // Packets are not answered any more, and a ping neither.
  polite.send(inFrame(PINGREQ), '898000000000', HIS_CLOSE(1000));
  await until(() => polite.ended);
  assert.equal(polite.heard, plain(`${CONNACK} ${CLOSE(1000)}`));
  polite.socket.end();
  await until(() => stats.connectionsOpen === 0);

  const silent = await dial(inFrame(connectHex(4)));
  await until(() => silent.heard.length >= 12);
  registry.find(null, 'c1')?.outlet?.end(0x98, 'an administrator said so');
  await until(() => silent.heard.length >= 20);
  clock.advance(LINGER_MS - 1);
  assert.equal(stats.connectionsOpen, 1);
  clock.advance(100);
  await until(() => stats.connectionsOpen === 0);
  assert.deepEqual(counted, { opened: 2, gone: 2 });
});

test('A client that closes its side without a word, or is reset in the middle of a frame, is gone; its will is published.', {
  timeout: 20_000,
}, async (t) => {
  const { dial, stats, wills, counted } = await served(t);
  const will = connectHex(4, 'c1', { will: 'w' });
  const half = await dial(inFrame(will));
  await until(() => half.heard.length >= 12);
  half.send(inFrame(PINGREQ));
  half.socket.end();
  await until(() => half.ended);
  assert.equal(half.heard, plain(`${CONNACK} 8202 d000 ${CLOSE(1000)}`));
  await until(() => stats.connectionsOpen === 0);
  const reset = await dial(inFrame(will));
  await until(() => reset.heard.length >= 12);
  reset.send('82 ff 0000');
  reset.socket.resetAndDestroy();
  await until(() => stats.connectionsOpen === 0);
  assert.deepEqual([wills, counted], [['w', 'w'], { opened: 2, gone: 2 }]);
});

test('A goodbye and a close behind a packet that waits for an answer are heard when it is their turn.', { timeout: 20_000 }, async (t) => {
  for (const fin of [false, true]) {
    const { dial, stats, standing, wills } = await served(t);
    standing.hooks.tapped.add('code authorize');
    standing.hooks.script.delete('code authorize');
    const client = await dial(inFrame(connectHex(4, 'c1', { will: 'w' })));
    // The will is judged as the client connects.
    await until(() => standing.hooks.asked.at(-1)?.hook === 'authorize');
    standing.hooks.asked.at(-1)?.answer(SKIP);
    await until(() => client.heard.length >= 12);
    const asked = standing.hooks.asked.length;
    client.send(
      inFrame(publishHex(4, 'a', 'x', { qos: 1, id: 7 })),
      inFrame(publishHex(4, 'a', 'y', { qos: 1, id: 8 })),
      inFrame(DISCONNECT),
      HIS_CLOSE(1000),
    );
    if (fin) client.socket.end();
    await until(() => standing.hooks.asked.length === asked + 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([stats.clientsConnected, client.heard], [1, plain(CONNACK)]);
    standing.hooks.asked.at(-1)?.answer(SKIP);
    // The second one waits as well, with everything behind it.
    await until(() => standing.hooks.asked.length === asked + 2);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([stats.clientsConnected, client.ended], [1, false]);
    standing.hooks.asked.at(-1)?.answer(SKIP);
    await until(() => client.ended);
    assert.match(client.heard, /^820420020000(820440020007820440020008|8208400200074002000?8)8802....$/);
    assert.deepEqual(wills, []);
    client.socket.end();
    await until(() => stats.connectionsOpen === 0);
  }
});

test('A ping is answered with what it says.', { timeout: 20_000 }, async (t) => {
  const { dial } = await served(t);
  const client = await dial();
  let heard = '';
  for (const payload of ['', '00', pattern(125).toString('hex')]) {
    client.send(theirFrame(9, hex(payload)).toString('hex'), theirFrame(10, hex('0102')).toString('hex'));
    heard += `8a${(payload.length / 2).toString(16).padStart(2, '0')}${payload}`;
    await until(() => client.heard.length >= heard.length);
    assert.equal(client.heard, heard);
  }
});

test('However many pings come, of a peer that does not read no more than two answers wait, and the last ping gets one.', async () => {
  const { listenerRoom } = scene();
  const socket = new LazySocket();
  openWebSocket(listenerRoom, 'default', socket, hex(inFrame(connectHex(4))), arrivalAt(listenerRoom));
  await until(() => socket.taken.length > 0);
  socket.lazy = true;
  for (let i = 0; i < 10_000; i += 1) {
    socket.push(theirFrame(9, pattern(125, i)));
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(socket.writableLength <= 127, `${i}`);
  }
  await until(() => socket.readableLength === 0);
  socket.lazy = false;
  socket.settle();
  await until(() => socket.bytes.subarray(-125).equals(pattern(125, 9999)));
  assert.equal(socket.bytes.length, 6 + 2 * 127);
  socket.destroy();
});

test('Frames without a packet are no sign of life.', { timeout: 20_000 }, async (t) => {
  const { dial, clock, stats, lines } = await served(t);
  const client = await dial(inFrame(connectHex(4, 'c1', { keepAlive: 10 })));
  await until(() => client.heard.length >= 12);
  for (let i = 0; i < 5; i += 1) {
    clock.advance(3000);
    const heard = client.heard.length;
    client.send('828000000000', '8a8000000000', '898000000000');
    await until(() => client.heard.length > heard);
  }
  assert.ok(
    lines.some((line) => line.includes('PCL_KEEP_ALIVE')),
    lines.join(''),
  );
  assert.equal(stats.clientsConnected, 0);
});

test('Messages in frames of their own are passed on as one run, in one frame.', { timeout: 20_000 }, async (t) => {
  const { dial } = await served(t);
  const receiver = await dial(inFrame(connectHex(4, 'c1')) + inFrame(subscribeHex(4, 1, 'a', 0)));
  await until(() => receiver.heard.length >= 22);
  const heard = receiver.heard.length;
  const sender = await dial(inFrame(connectHex(4, 'c2')));
  await until(() => sender.heard.length >= 12);
  const messages = Array.from({ length: 50 }, (_, i) => publishHex(4, 'a', `message ${i}`));
  sender.send(...messages.map(inFrame));
  const together = messages.join('');
  await until(() => receiver.heard.length >= heard + 8 + together.length);
  assert.equal(receiver.heard.slice(heard), `827e${(together.length / 2).toString(16).padStart(4, '0')}${together}`);
});
