import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { WebSocketServer } from 'ws';
import { connect5, connect31, connect311, disconnect, publish, subscribe } from './packets.js';
import { fromHex, toHex, WireClient } from './wire-client.js';

describe('the wire client', () => {
  let server: Server;
  let port = 0;
  let onSocket: (socket: Socket) => void = () => {};

  before(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {});
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });

  after(() => server.close());

  it('waits for bytes that come in pieces', async () => {
    onSocket = (socket) => {
      socket.write(fromHex('20'));
      socket.once('data', () => socket.write(fromHex('02 00 00 30')));
    };
    const client = await WireClient.connect(port);
    client.send('01');
    await client.expect('20 02 00 00');
    await client.expect('30');
    client.close();
  });

  it('says what was awaited and what came', async () => {
    onSocket = (socket) => socket.end(fromHex('20 02 00 05'));
    const client = await WireClient.connect(port);
    await assert.rejects(client.expect('20 02 00 00'), /awaited \[20 02 00 00\]\n {3}came \[20 02 00 05\]/);
    await assert.rejects(client.read(9), /awaited 9 bytes, but the connection ended/);
    await assert.rejects(client.expectClosed(), /without a byte, came \[20 02 00 05\]/);
  });

  it('takes a ping and its answer for silence, and nothing else', async () => {
    onSocket = (socket) => socket.once('data', () => socket.write(fromHex('d0 00')));
    const quiet = await WireClient.connect(port);
    await quiet.silence();
    quiet.close();
    onSocket = (socket) => socket.once('data', () => socket.write(fromHex('30 03 00 01 61 d0 00')));
    const loud = await WireClient.connect(port);
    await assert.rejects(loud.silence(), /came \[30 03/);
    loud.close();
  });

  it('reads whole packets and compares them in any order', async () => {
    onSocket = (socket) => socket.write(fromHex(`${publish({ topic: 'a', payload: 'x'.repeat(200) })} d0 00 40 02 00 01`));
    const client = await WireClient.connect(port);
    assert.equal((await client.readPacket()).slice(0, 8), '30 cb 01');
    await client.expectAnyOrder('40 02 00 01', 'd0 00');
    client.close();
  });

  it('speaks over WebSocket too', async () => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => sockets.once('listening', resolve));
    const address = sockets.address();
    sockets.on('connection', (socket) => socket.once('message', (data) => socket.send(data, () => socket.close())));
    const client = await WireClient.connectWebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/mqtt`, { protocol: '' });
    client.send('c0 00 ; ping');
    await client.expect('c0 00');
    await client.expectClosed();
    sockets.close();
  });
});

describe('packets put together by hand', () => {
  it('are those of the specifications', () => {
    assert.equal(toHex(fromHex(connect311({ clientId: 'a' }))), '10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61');
    assert.equal(toHex(fromHex(connect31({ clientId: 'a', keepAlive: 60 }))), '10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61');
    assert.equal(
      toHex(
        fromHex(
          connect5({
            clientId: '',
            cleanSession: false,
            username: 'u',
            password: 'p',
            will: { topic: 't', payload: 'w', qos: 1, retain: true },
            properties: '11 00 00 00 0a',
          }),
        ),
      ),
      '10 1f 00 04 4d 51 54 54 05 ec 00 00 05 11 00 00 00 0a 00 00 00 00 01 74 00 01 77 00 01 75 00 01 70',
    );
    assert.equal(toHex(fromHex(publish({ topic: 'a/b', payload: 'hi', qos: 1, packetId: 10 }))), '32 09 00 03 61 2f 62 00 0a 68 69');
    assert.equal(toHex(fromHex(subscribe({ packetId: 2, filters: [['#', 1]], properties: '' }))), '82 07 00 02 00 00 01 23 01');
    assert.equal(toHex(fromHex(disconnect(0x04))), 'e0 01 04');
    assert.throws(() => fromHex('1 2 3'), /not hexadecimal/);
  });
});
