import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { handshake } from './web-socket-handshake.js';

class Socket extends Duplex {
  written = '';
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }
}

// The key and its answer are the example of RFC 6455 section 1.3.
const HEADERS = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'chat, mqtt',
};

function tryHandshake(
  headers: Record<string, string>,
  sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' }),
  socket = new Socket(),
) {
  const request = { method: 'GET', url: '/mqtt', headers } as unknown as IncomingMessage;
  const called: string[] = [];
  handshake(
    sockets,
    request,
    socket,
    () => called.push('accepted'),
    () => called.push('broken'),
  );
  return { socket, called };
}

test('An upgrade is answered as RFC 6455 says, and then nobody but the caller listens to the socket.', async () => {
  const { socket, called } = tryHandshake(HEADERS);
  assert.equal(
    socket.written,
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
  );
  assert.deepEqual(called, ['accepted']);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    ['data', 'end', 'readable'].map((event) => socket.listenerCount(event)),
    [0, 0, 0],
  );
  assert.equal(socket.readableFlowing, null);
  // A frame is not looked at by `ws`, and the end of its stand-in is not that of the socket.
  socket.push(Buffer.from('00', 'hex'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([socket.destroyed, socket.writable, socket.readableLength], [false, true, 1]);
});

test('An upgrade that is not one is refused and the socket closed.', async () => {
  for (const [headers, answer] of [
    [{ ...HEADERS, 'sec-websocket-key': 'short' }, /^HTTP\/1\.1 400 [\s\S]*Connection: close/],
    [{ ...HEADERS, 'sec-websocket-version': '12' }, /^HTTP\/1\.1 400 [\s\S]*Sec-WebSocket-Version: 13/],
    [{ ...HEADERS, upgrade: 'h2c' }, /^HTTP\/1\.1 400 /],
    [{ ...HEADERS, 'sec-websocket-protocol': 'mqtt, mqtt' }, /^HTTP\/1\.1 400 /],
  ] as const) {
    const { socket, called } = tryHandshake(headers);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await closed;
    assert.match(socket.written, answer);
    assert.deepEqual(called, []);
  }
});

test('Whatever `ws` does with its stand-in afterwards, the socket is not touched.', async () => {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  const upgrade = sockets.handleUpgrade.bind(sockets);
  let standIn: Duplex | null = null;
  sockets.handleUpgrade = (request, socket, head, callback) => {
    standIn = socket;
    upgrade(request, socket, head, callback);
  };
  for (const act of [(duplex: Duplex) => duplex.write('more'), (duplex: Duplex) => duplex.end('more'), (duplex: Duplex) => duplex.destroy()]) {
    const { socket } = tryHandshake(HEADERS, sockets);
    const { written } = socket;
    assert.ok(standIn !== null);
    act(standIn);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([socket.written, socket.destroyed, socket.writableEnded], [written, false, false], String(act));
  }
});

test('A socket whose peer is gone is not answered.', () => {
  const gone = new Socket();
  gone.destroy();
  const { called, socket } = tryHandshake(HEADERS, undefined, gone);
  assert.deepEqual([called, socket.written], [[], '']);
});

test('If `ws` does anything but answer and call back, the socket is closed and nobody is let in.', () => {
  const wrong: ((socket: Duplex, callback: () => void) => void)[] = [
    (_socket, callback) => callback(),
    (socket, callback) => {
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      callback();
    },
    (socket, callback) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n');
      callback();
    },
    (socket, callback) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      socket.write('more');
      callback();
    },
    () => {
      throw new Error('it broke');
    },
  ];
  for (const act of wrong) {
    const sockets = new WebSocketServer({ noServer: true });
    sockets.handleUpgrade = (_request, socket, _head, callback) => act(socket, callback as unknown as () => void);
    const { socket, called } = tryHandshake(HEADERS, sockets);
    assert.deepEqual([called, socket.destroyed], [['broken'], true], String(act));
  }
});
