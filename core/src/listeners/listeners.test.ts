import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, request as httpRequest } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ConnectionInfo } from '@portcullis/sdk';
import { WebSocket } from 'ws';
import { connectHex, connectionRig, PINGREQ } from '../connection/connection.test.support.js';
import { PortcullisError } from '../errors.js';
import { DENY, FAULT } from '../gate/gate.test.support.js';
import { type Listener, type ListenerOptions, type ListenerRoom, listen } from './index.js';
import { LOCAL } from './listener.test.support.js';

const CONNACK = '20020000';

async function scene(t: TestContext, options: Partial<ListenerOptions> = {}, given: Parameters<typeof connectionRig>[0] = {}) {
  const rig = connectionRig(given);
  let open = 0;
  const room: ListenerRoom = {
    connections: rig.room,
    opened: () => {
      open += 1;
      return () => {
        open -= 1;
      };
    },
  };
  const listener = await listen(room, { ...LOCAL, ...options });
  t.after(async () => {
    for (const close of closing) close();
    closing = [];
    rig.clock.advance(10_000);
    await listener.close();
  });
  return { ...rig, listener, listenerRoom: room, open: () => open };
}

/** What is to be closed at the end of a test, before its listener. */
let closing: (() => void)[] = [];

function dial(listener: Listener): Socket {
  const socket = connectSocket({ host: '127.0.0.1', port: Number(new URL(listener.url.replace('mqtt:', 'http:')).port) });
  socket.on('error', () => {});
  closing.push(() => socket.destroy());
  return socket;
}

/** Everything that comes until so many bytes are there or the peer is gone. */
async function read(socket: Socket, bytes: number): Promise<string> {
  let got = Buffer.alloc(0);
  return new Promise((resolve) => {
    const done = (): void => {
      socket.removeAllListeners('data');
      resolve(got.toString('hex'));
    };
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= bytes) done();
    });
    socket.once('close', done);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('A TCP listener says where it really listens, and serves MQTT there.', { timeout: 20_000 }, async (t) => {
  const { listener, stats, open } = await scene(t);
  assert.match(listener.url, /^mqtt:\/\/127\.0\.0\.1:\d+$/);
  const socket = dial(listener);
  socket.write(Buffer.from(connectHex(4) + PINGREQ, 'hex'));
  assert.equal(await read(socket, 6), `${CONNACK}d000`);
  assert.deepEqual([stats.connectionsOpen, stats.clientsConnected, open()], [1, 1, 1]);
  assert.ok(stats.bytesSent >= 6 && stats.bytesReceived > 0);
  socket.end(Buffer.from('e000', 'hex'));
  await once(socket, 'close');
  await until(() => stats.connectionsOpen === 0);
  assert.deepEqual([stats.clientsConnected, open()], [0, 0]);
});

test('A socket that a guard does not let in is closed without a byte.', { timeout: 20_000 }, async (t) => {
  const { listener, stats, standing, open } = await scene(t);
  standing.global.tapped.add('acceptConnection');
  for (const outcome of [DENY, FAULT]) {
    standing.global.script.set('acceptConnection', outcome);
    const socket = dial(listener);
    socket.write(Buffer.from(connectHex(4), 'hex'));
    assert.equal(await read(socket, 1), '');
  }
  assert.deepEqual([stats.connectionsRefused, stats.connectionsOpen, open()], [2, 0, 0]);
  const shown = standing.global.asked[0]?.request.connection as ConnectionInfo | undefined;
  assert.deepEqual([shown?.address, shown?.listener, shown?.transport], ['127.0.0.1', 'local', 'tcp']);
  assert.ok((shown?.port ?? 0) > 0);
});

test('Connections are bounded, those of a listener and those of all: one too many is told so, and a place that is given back can be had again.', {
  timeout: 20_000,
}, async (t) => {
  for (const [options, limits] of [
    [{ maxConnections: 1 }, {}],
    [{}, { maxConnections: 1 }],
  ] as const) {
    const { listener, stats } = await scene(t, options, { limits });
    const first = dial(listener);
    first.write(Buffer.from(connectHex(4, 'a'), 'hex'));
    assert.equal(await read(first, 4), CONNACK);
    const second = dial(listener);
    second.write(Buffer.from(connectHex(4, 'b'), 'hex'));
    assert.equal(await read(second, 10), '20020003');
    assert.deepEqual([stats.connectionsOpen, stats.connectionsRefused], [1, 1]);
    first.destroy();
    await until(() => stats.connectionsOpen === 0);
    const third = dial(listener);
    third.write(Buffer.from(connectHex(4, 'c'), 'hex'));
    assert.equal(await read(third, 4), CONNACK);
  }
});

test('The last packet reaches a client that is sent away while it still sends.', { timeout: 20_000 }, async (t) => {
  const { listener, registry } = await scene(t);
  const socket = dial(listener);
  socket.write(Buffer.from(connectHex(5), 'hex'));
  await read(socket, 5);
  socket.write(Buffer.from(PINGREQ.repeat(10_000), 'hex'));
  registry.find(null, 'c1')?.outlet?.end(0x98, 'an administrator said so');
  const got = await read(socket, 100_000);
  assert.ok(got.endsWith('e00198'), got.slice(-20));
});

test('A port that is taken is refused with a text that says so.', { timeout: 20_000 }, async (t) => {
  const { listener, listenerRoom } = await scene(t);
  const port = Number(listener.url.split(':').at(-1));
  await assert.rejects(
    listen(listenerRoom, { ...LOCAL, name: 'second', port }),
    (error) =>
      error instanceof PortcullisError &&
      error.code === 'PCL_LISTEN' &&
      error.message.includes('"second"') &&
      error.message.includes(`port ${port} is in use`),
  );
  await assert.rejects(listen(listenerRoom, { ...LOCAL, host: '203.0.113.7' }), /no address 203\.0\.113\.7/);
});

test('A closed listener takes nobody, and lets those stay who are there.', { timeout: 20_000 }, async (t) => {
  const rig = await scene(t);
  const socket = dial(rig.listener);
  socket.write(Buffer.from(connectHex(4), 'hex'));
  await read(socket, 4);
  const closed = rig.listener.close();
  const late = dial(rig.listener);
  await new Promise((resolve) => late.on('close', resolve));
  socket.write(Buffer.from(PINGREQ, 'hex'));
  assert.equal(await read(socket, 2), 'd000');
  socket.destroy();
  await closed;
});

const WEB = { scheme: 'ws', path: '/mqtt' } as const;

/** What an upgrade is answered with: 101, or the HTTP status of the refusal. */
function upgrade(
  listener: Listener,
  given: { path?: string; protocols?: string[]; headers?: Record<string, string> } = {},
): Promise<{ status: number; socket: WebSocket }> {
  const url = listener.url.replace('/mqtt', given.path ?? '/mqtt');
  const socket = new WebSocket(url, given.protocols ?? ['mqtt'], { headers: given.headers ?? {} });
  closing.push(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.on('open', () => resolve({ status: 101, socket }));
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, socket });
    });
  });
}

test('MQTT goes over binary frames, however they cut the packets.', { timeout: 20_000 }, async (t) => {
  const { listener, stats } = await scene(t, WEB);
  assert.match(listener.url, /^ws:\/\/127\.0\.0\.1:\d+\/mqtt$/);
  const { socket } = await upgrade(listener);
  assert.equal(socket.protocol, 'mqtt');
  let got = '';
  socket.on('message', (data: Buffer) => {
    got += data.toString('hex');
  });
  const bytes = Buffer.from(connectHex(4) + PINGREQ, 'hex');
  for (const part of [bytes.subarray(0, 1), bytes.subarray(1, 9), bytes.subarray(9)]) socket.send(part);
  await until(() => got.length >= 12);
  assert.equal(got, `${CONNACK}d000`);
  socket.close();
  await until(() => stats.connectionsOpen === 0);
  assert.equal(stats.clientsConnected, 0);
});

test('An upgrade is refused by its path, its protocols and its origin, before anybody is asked.', { timeout: 20_000 }, async (t) => {
  const { listener, standing } = await scene(t, WEB);
  standing.global.tapped.add('upgradeWebSocket');
  const host = new URL(listener.url).host;
  const cases: [Parameters<typeof upgrade>[1], number][] = [
    [{ path: '/other' }, 404],
    [{ path: '/mqtt/' }, 404],
    [{ protocols: [] }, 400],
    [{ protocols: ['chat'] }, 400],
    [{ headers: { Origin: 'http://evil.example' } }, 403],
    [{ headers: { Origin: 'null' } }, 403],
    [{ headers: { Origin: `http://${host}.evil.example` } }, 403],
    [{ headers: { Origin: `file://${host}` } }, 403],
    [{ headers: { Origin: `http://evil@${host}` } }, 403],
    [{ headers: { 'Content-Length': '5' } }, 400],
    [{ headers: { 'Transfer-Encoding': 'chunked' } }, 400],
  ];
  for (const [given, status] of cases) assert.equal((await upgrade(listener, given)).status, status, JSON.stringify(given));
  assert.equal(standing.global.asked.length, 0);
  for (const given of [{}, { headers: { Origin: `http://${host}` } }, { protocols: ['mqttv3.1'] }, { path: '/mqtt?token=1' }]) {
    const { status, socket } = await upgrade(listener, given);
    socket.terminate();
    assert.equal(status, 101, JSON.stringify(given));
  }
  const { request } = standing.global.asked.at(-1) ?? {};
  assert.deepEqual([request?.path, request?.protocols, request?.origin], ['/mqtt', ['mqtt'], null]);
});

test('With a list of origins only these may connect from a page.', { timeout: 20_000 }, async (t) => {
  const { listener } = await scene(t, { ...WEB, origins: ['https://console.example'] });
  const own = new URL(listener.url).host;
  const status = async (origin: string | null): Promise<number> => {
    const answer = await upgrade(listener, origin === null ? {} : { headers: { Origin: origin } });
    answer.socket.terminate();
    return answer.status;
  };
  assert.deepEqual([await status('https://console.example'), await status(`http://${own}`), await status(null)], [101, 403, 101]);
});

test('A guard of upgrades denies with 403 and faults with 503.', { timeout: 20_000 }, async (t) => {
  const { listener, standing } = await scene(t, WEB);
  standing.global.tapped.add('upgradeWebSocket');
  standing.global.script.set('upgradeWebSocket', DENY);
  assert.equal((await upgrade(listener)).status, 403);
  standing.global.script.set('upgradeWebSocket', FAULT);
  assert.equal((await upgrade(listener)).status, 503);
});

test('A text frame ends the connection.', { timeout: 20_000 }, async (t) => {
  const { listener, stats } = await scene(t, WEB);
  const { socket } = await upgrade(listener);
  socket.send('text');
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1003);
  await until(() => stats.connectionsOpen === 0);
});

test('A frame that is too large ends the connection.', { timeout: 20_000 }, async (t) => {
  const { listener, stats } = await scene(t, WEB, { limits: { maxWebSocketFrameBytes: 1024 } });
  const { socket } = await upgrade(listener);
  socket.send(Buffer.alloc(1025));
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1009);
  await until(() => stats.connectionsOpen === 0);
});

test('A request that asks for no WebSocket is told so, and no page is served.', { timeout: 20_000 }, async (t) => {
  const { listener, stats } = await scene(t, WEB);
  const url = listener.url.replace('ws:', 'http:');
  const status = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      get(url.replace('/mqtt', path), { agent: false }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      }).on('error', reject);
    });
  assert.deepEqual([await status('/mqtt'), await status('/'), await status('/other')], [426, 404, 404]);
  await until(() => stats.connectionsOpen === 0);
});

/** An upgrade as bytes, with a CONNECT in a frame behind it. */
function upgradeBytes(version: string): Buffer {
  const lines = [`GET /mqtt HTTP/${version}`, 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Protocol: mqtt'];
  lines.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '');
  const packet = Buffer.from(connectHex(4), 'hex');
  return Buffer.concat([Buffer.from(lines.join('\r\n')), Buffer.of(0x82, 0x80 | packet.length, 0, 0, 0, 0), packet]);
}

/** Everything that is answered to these bytes until the socket is closed. */
async function answered(listener: Listener, bytes: Buffer): Promise<string> {
  const socket = connectSocket({ host: '127.0.0.1', port: Number(new URL(listener.url).port) });
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
  return text;
}

test('An upgrade behind another request is not looked at: that one was answered with the end of the connection.', { timeout: 20_000 }, async (t) => {
  const { listener, stats, standing } = await scene(t, WEB);
  standing.global.tapped.add('upgradeWebSocket');
  const firsts = ['GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: a\r\n\r\n'];
  firsts.push('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n');
  for (const first of firsts) {
    const text = await answered(listener, Buffer.concat([Buffer.from(first), upgradeBytes('1.1')]));
    assert.match(text, /^HTTP\/1\.1 (?:426|404) /);
    assert.doesNotMatch(text, /HTTP\/1\.1 1/);
  }
  assert.equal(standing.global.asked.length, 0);
  await until(() => stats.connectionsOpen === 0);
});

test('An upgrade by HTTP before 1.1 is none.', { timeout: 20_000 }, async (t) => {
  const { listener } = await scene(t, WEB);
  assert.match(await answered(listener, upgradeBytes('1.0')), /^HTTP\/1\.1 400 /);
});

test('Bytes that are no HTTP are answered 400 and closed.', { timeout: 20_000 }, async (t) => {
  const { listener } = await scene(t, WEB);
  const socket = connectSocket({ host: '127.0.0.1', port: Number(new URL(listener.url).port) });
  closing.push(() => socket.destroy());
  socket.write(Buffer.from(connectHex(4), 'hex'));
  assert.ok(
    Buffer.from(await read(socket, 10_000), 'hex')
      .toString()
      .startsWith('HTTP/1.1 400'),
  );
});

test('A guard that does not let a socket in ends it before any HTTP.', { timeout: 20_000 }, async (t) => {
  const { listener, standing, stats } = await scene(t, WEB);
  standing.global.tapped.add('acceptConnection');
  standing.global.script.set('acceptConnection', DENY);
  const outcome = await new Promise<string>((resolve) => {
    httpRequest(listener.url.replace('ws:', 'http:'), { agent: false }, () => resolve('answered'))
      .on('error', () => resolve('closed'))
      .end();
  });
  assert.deepEqual([outcome, stats.connectionsRefused], ['closed', 1]);
});
