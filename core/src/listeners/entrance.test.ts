import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ConnectionInfo } from '@portcullis/sdk';
import { connectHex, connectionRig } from '../connection/connection.test.support.js';
import { DENY } from '../gate/gate.test.support.js';
import { Logger } from '../log.js';
import { FailureLog } from './failure-log.js';
import { type Listener, type ListenerOptions, type ListenerRoom, listen } from './index.js';
import { LOCAL } from './listener.test.support.js';

const HEADER = Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 40000 1883\r\n', 'latin1');
const CONNACK = '20020000';
const CONNECT_TIMEOUT_MS = 10_000;

const OPTIONS: ListenerOptions = { ...LOCAL, proxyProtocol: { trusted: ['127.0.0.1'] } };

async function scene(t: TestContext, options: Partial<ListenerOptions> = {}, given: Parameters<typeof connectionRig>[0] = {}) {
  const rig = connectionRig(given);
  const room: ListenerRoom = { connections: rig.room, opened: () => () => {} };
  const listener = await listen(room, { ...OPTIONS, ...options });
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    rig.clock.advance(CONNECT_TIMEOUT_MS);
    await listener.close();
  });
  return {
    ...rig,
    listener,
    dial: (): Socket => {
      const socket = connect({ host: '127.0.0.1', port: portOf(listener) });
      socket.on('error', () => {});
      sockets.push(socket);
      return socket;
    },
  };
}

function portOf({ url }: Listener): number {
  return Number(new URL(url.replace('mqtt:', 'http:')).port);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function firstBytes(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString('hex');
}

test('The deadline counts from accept: what the header used of it, the CONNECT has no more.', { timeout: 20_000 }, async (t) => {
  const { dial, clock, stats } = await scene(t);
  const socket = dial();
  await until(() => stats.proxyHeadersAwaited === 1);
  clock.advance(9000);
  socket.write(HEADER);
  await until(() => stats.connectionsOpen === 1);
  assert.equal(stats.proxyHeadersAwaited, 0);
  clock.advance(900);
  socket.write(Buffer.from(connectHex(4), 'hex').subarray(0, 5));
  await until(() => stats.bytesReceived === 5);
  const closed = once(socket, 'close');
  socket.resume();
  clock.advance(150);
  await closed;
});

test('The deadline counts from accept for an upgrade, too, and the upgrade itself has no more than it.', { timeout: 20_000 }, async (t) => {
  const request = [
    'GET /mqtt HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: mqtt',
    '\r\n',
  ].join('\r\n');
  const { dial, clock, stats } = await scene(t, { scheme: 'ws', path: '/mqtt', proxyProtocol: null });
  const late = dial();
  late.write(request.slice(0, 30));
  const upgraded = dial();
  await until(() => stats.connectionsOpen === 2);
  clock.advance(9000);
  upgraded.write(request);
  await once(upgraded, 'data');
  for (const socket of [late, upgraded]) socket.resume();
  const closed = Promise.all([once(late, 'close'), once(upgraded, 'close')]);
  clock.advance(1050);
  // A WebSocket that is ended has a moment to say goodbye.
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(600);
  await closed;
  await until(() => stats.connectionsOpen === 0);
});

test('Connections without a header are bounded, and none of them counts as open or is shown to a guard.', { timeout: 20_000 }, async (t) => {
  const { dial, stats, standing } = await scene(t, {}, { limits: { maxProxyHeadersAwaited: 2 } });
  standing.global.tapped.add('acceptConnection');
  const waiting = [dial(), dial()];
  await until(() => stats.proxyHeadersAwaited === 2);
  const third = dial();
  third.write(HEADER);
  third.resume();
  await once(third, 'close');
  assert.deepEqual([stats.proxyHeadersRefused, stats.connectionsRefused, stats.connectionsOpen, standing.global.asked.length], [1, 1, 0, 0]);
  waiting[0]?.destroy();
  await until(() => stats.proxyHeadersAwaited === 1);
  assert.equal(stats.proxyHeadersRefused, 2);
  const fourth = dial();
  fourth.write(Buffer.concat([HEADER, Buffer.from(connectHex(4), 'hex')]));
  assert.equal(await firstBytes(fourth), CONNACK);
  const asked = standing.global.asked.filter(({ hook }) => hook === 'acceptConnection');
  const shown = asked[0]?.request.connection as ConnectionInfo | undefined;
  assert.deepEqual([shown?.address, shown?.port, asked.length], ['192.0.2.1', 40_000, 1]);
});

test('A guard and a limit refuse behind the header as in front of it.', { timeout: 20_000 }, async (t) => {
  const { dial, stats, standing } = await scene(t, { maxConnections: 1 });
  standing.global.tapped.add('acceptConnection');
  standing.global.script.set('acceptConnection', DENY);
  const denied = dial();
  denied.write(HEADER);
  denied.resume();
  await once(denied, 'close');
  assert.deepEqual([stats.connectionsAccepted, stats.connectionsRefused, stats.proxyHeadersRefused, stats.connectionsOpen], [1, 1, 0, 0]);
  standing.global.script.delete('acceptConnection');
  standing.global.tapped.delete('acceptConnection');
  const first = dial();
  first.write(Buffer.concat([HEADER, Buffer.from(connectHex(4), 'hex')]));
  assert.equal(await firstBytes(first), CONNACK);
  const second = dial();
  second.write(Buffer.concat([HEADER, Buffer.from(connectHex(4), 'hex')]));
  assert.equal(await firstBytes(second), '20020003');
  assert.equal(stats.refusedListener, 1);
});

test('Addresses of PROXY headers are those that the limits of an address count.', { timeout: 20_000 }, async (t) => {
  const { dial, stats } = await scene(t, {}, { limits: { maxConnectionsPerAddress: 1 } });
  const login = (address: string, clientId: string): Promise<string> => {
    const socket = dial();
    socket.write(`PROXY TCP4 ${address} 192.0.2.2 40000 1883\r\n`);
    socket.write(Buffer.from(connectHex(4, clientId), 'hex'));
    return firstBytes(socket);
  };
  assert.equal(await login('192.0.2.1', 'a'), CONNACK);
  assert.equal(await login('192.0.2.1', 'b'), '20020003');
  assert.equal(await login('192.0.2.3', 'c'), CONNACK);
  assert.equal(stats.refusedAddress, 1);
});

test('A PROXY header above maxProxyHeaderBytes closes the connection as soon as it says so.', { timeout: 20_000 }, async (t) => {
  const { dial, stats } = await scene(t, {}, { limits: { maxProxyHeaderBytes: 1000 } });
  const signature = '0d0a0d0a000d0a515549540a';
  const longer = dial();
  longer.write(Buffer.from(`${signature}211103e8`, 'hex'));
  longer.resume();
  await once(longer, 'close');
  assert.equal(stats.proxyHeadersRefused, 1);
  const fits = dial();
  // 16 bytes, 12 of addresses, 3 before 969 of padding.
  const body = `c0000201c00002029c40075b0403c9${'00'.repeat(969)}`;
  fits.write(Buffer.from(`${signature}211103d8${body}${connectHex(4)}`, 'hex'));
  assert.equal(await firstBytes(fits), CONNACK);
});

test('A listener that is closed lets nobody further who was on the way.', { timeout: 20_000 }, async (t) => {
  const { dial, stats, listener } = await scene(t);
  const waiting = dial();
  waiting.resume();
  await until(() => stats.proxyHeadersAwaited === 1);
  const gone = once(waiting, 'close');
  await listener.close();
  await gone;
  assert.equal(stats.proxyHeadersAwaited, 0);
});

test('Other proxies are trusted as soon as other options are in force.', { timeout: 20_000 }, async (t) => {
  const { dial, listener } = await scene(t, { proxyProtocol: { trusted: ['10.0.0.0/8', '::/0'] } });
  const distrusted = dial();
  distrusted.write(HEADER);
  distrusted.resume();
  await once(distrusted, 'close');
  listener.adopt({ ...listener.options, proxyProtocol: { trusted: ['127.0.0.0/8'] } });
  const trusted = dial();
  trusted.write(Buffer.concat([HEADER, Buffer.from(connectHex(4), 'hex')]));
  assert.equal(await firstBytes(trusted), CONNACK);
});

test('Failures that come in masses are told of once in ten seconds, with their number.', () => {
  const lines: string[] = [];
  const { clock } = connectionRig();
  const failures = new FailureLog(new Logger((line) => lines.push(line)), clock, 'failed');
  for (let count = 0; count < 1000; count += 1) failures.note({ address: 'a' });
  clock.advance(10_000);
  failures.note({ address: 'b' });
  failures.note({ address: 'c' });
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+ /, '')),
    ['info  failed address=a failures=1', 'info  failed address=b failures=1000'],
  );
});
