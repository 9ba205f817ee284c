import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectHex, connectionRig } from '../connection/connection.test.support.js';
import type { Limits } from '../limits.js';
import { type ListenerOptions, listen } from './index.js';

const OPTIONS: ListenerOptions = {
  name: 'web',
  scheme: 'ws',
  host: '127.0.0.1',
  port: 0,
  path: '/mqtt',
  chain: 'default',
  maxConnections: null,
  origins: null,
  tls: null,
  proxyProtocol: null,
  mode: 0,
};
const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

const TIMEOUT = { timeout: 20_000 };

async function scene(t: TestContext, limits: Partial<Limits>, options: Partial<ListenerOptions> = {}) {
  const rig = connectionRig({ limits });
  const listener = await listen({ connections: rig.room, opened: () => () => {} }, { ...OPTIONS, ...options });
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    rig.clock.advance(60_000);
    await listener.close();
  });
  const port = Number(new URL(listener.url.replace(/^\w+/, 'http')).port);
  /** A socket, and everything that came on it until it was closed or so many bytes were there. */
  const dial = (): { socket: Socket; read: (bytes: number) => Promise<string>; closed: Promise<void> } => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    let got = '';
    let told = (): void => {};
    socket.on('data', (bytes: Buffer) => {
      got += bytes.toString('latin1');
      told();
    });
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    const enough = (bytes: number): Promise<void> =>
      new Promise((resolve) => {
        told = () => {
          if (got.length >= bytes) resolve();
        };
        told();
      });
    return { socket, closed, read: (bytes) => Promise.race([enough(bytes), closed]).then(() => got) };
  };
  return { ...rig, dial };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A whole binary message, masked with zeros. */
function messageOf(hex: string): Buffer {
  const body = Buffer.from(hex, 'hex');
  return Buffer.concat([Buffer.from([0x82, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

test('A WebSocket that wants to be one at last has only the rest of the time for its CONNECT.', TIMEOUT, async (t) => {
  const { dial, clock, stats } = await scene(t, { connectTimeoutMs: 10_000 });
  const late = dial();
  await until(() => stats.connectionsHalfOpen === 1);
  clock.advance(7000);
  late.socket.write(UPGRADE);
  assert.match(await late.read(100), /^HTTP\/1\.1 101 /);
  clock.advance(2900);
  assert.equal(stats.connectionsHalfOpen, 1);
  clock.advance(200);
  assert.deepEqual([stats.connectionsHalfOpen, stats.connectTimeouts], [0, 1]);
  // It does not answer the close frame.
  clock.advance(1000);
  await late.closed;
});

test('A socket that never becomes a WebSocket is closed at the same time, whatever of HTTP it has said.', TIMEOUT, async (t) => {
  const { dial, clock, stats } = await scene(t, { connectTimeoutMs: 10_000 });
  const [mute, half] = [dial(), dial()];
  half.socket.write(UPGRADE.slice(0, 40));
  await until(() => stats.connectionsHalfOpen === 2);
  clock.advance(9900);
  assert.equal(stats.connectionsHalfOpen, 2);
  clock.advance(200);
  await Promise.all([mute.closed, half.closed]);
  assert.equal(stats.connectTimeouts, 2);
});

test('Half-open WebSockets of one address are bounded, before and after their upgrade.', TIMEOUT, async (t) => {
  const { dial, stats } = await scene(t, { maxHalfOpenPerAddress: 2 });
  const upgraded = dial();
  upgraded.socket.write(UPGRADE);
  await upgraded.read(100);
  const mute = dial();
  await until(() => stats.connectionsHalfOpen === 2);
  const good = dial();
  good.socket.write(UPGRADE);
  await upgraded.closed;
  assert.match(await good.read(100), /^HTTP\/1\.1 101 /);
  const other = dial();
  await mute.closed;
  good.socket.write(messageOf(connectHex(4)));
  await until(() => stats.clientsConnected === 1);
  assert.deepEqual([stats.connectionsHalfOpen, stats.closedHalfOpen], [1, 2]);
  assert.equal(other.socket.destroyed, false);
});

test('What is kept of a WebSocket before its CONNECT counts among the bytes of strangers: its request, then its frames.', TIMEOUT, async (t) => {
  const { dial, stats } = await scene(t, { maxPreAuthTotalBytes: 20_000 });
  const [mute, framed] = [dial(), dial()];
  await until(() => stats.preAuthBytes === 2 * 8192);
  const third = dial();
  await third.closed;
  framed.socket.write(UPGRADE);
  await framed.read(100);
  assert.equal(stats.preAuthBytes, 8192);
  // A message of 64 KiB, and in it a CONNECT of 48; what comes of it is held.
  const header = '82ff0000000000010000' + '00000000';
  framed.socket.write(Buffer.concat([Buffer.from(`${header}10808003`, 'hex'), Buffer.alloc(8996)]));
  await until(() => stats.preAuthBytes === 8192 + 9000);
  framed.socket.write(Buffer.alloc(5000));
  await framed.closed;
  assert.equal(stats.preAuthBytes, 8192);
  mute.socket.destroy();
  await until(() => stats.preAuthBytes === 0);
});

test('A WebSocket above a limit is told by its HTTP status; its place is free again when others go.', TIMEOUT, async (t) => {
  const { dial, stats } = await scene(t, {}, { maxConnections: 1 });
  const first = dial();
  first.socket.write(UPGRADE);
  await first.read(100);
  const second = dial();
  second.socket.write(UPGRADE);
  assert.match(await second.read(200), /^HTTP\/1\.1 503 /);
  await second.closed;
  assert.deepEqual([stats.refusedListener, stats.connectionsOpen], [1, 1]);
  first.socket.destroy();
  await until(() => stats.connectionsOpen === 0);
  const third = dial();
  third.socket.write(UPGRADE);
  assert.match(await third.read(100), /^HTTP\/1\.1 101 /);
});
