import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { hashPassword } from '@portcullis/sdk/passwords';
import { WebSocket } from 'ws';
import type { BrokerProcess } from '../support/broker-process.js';
import { selfSigned } from '../support/certificates.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { fromHex, WireClient } from '../support/wire-client.js';
import { ACCEPTED, filesWith, startWith, tlsOptions } from './scene.js';

const TLS = { tls: { cert: 'cert.pem', key: 'key.pem' } };
/** Each with a hash of its own, and each logs in once: what was not checked before takes the time of a slow hash, in which the end arrives. */
const USERS = ['tcp', 'tls', 'unix', 'ws', 'wss'];

/** Everything that a socket hears until its end, after it has sent this and said that nothing follows. */
async function exchange(socket: Socket, bytes: Buffer): Promise<string> {
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  const closed = once(socket, 'close');
  socket.end(bytes);
  await closed;
  return Buffer.concat(heard).toString('hex');
}

async function exchangeFrames(url: string, ca: string | null, bytes: Buffer): Promise<string> {
  const socket = new WebSocket(url, 'mqtt', ca === null ? {} : { ca });
  const heard: Buffer[] = [];
  socket.on('message', (message: Buffer) => heard.push(message));
  await once(socket, 'open');
  const closed = once(socket, 'close');
  socket.send(bytes);
  socket.close();
  await closed;
  return Buffer.concat(heard).toString('hex');
}

describe('a client that sends everything at once and says that nothing follows', () => {
  let broker: BrokerProcess;
  let subscriber: WireClient;
  let ca: string;

  before(async () => {
    const pair = await selfSigned();
    ca = pair.cert;
    const listeners = {
      local: { url: 'mqtt://127.0.0.1:0' },
      tls: { url: 'mqtts://127.0.0.1:0', ...TLS },
      unix: { url: 'unix:mqtt.sock' },
      ws: { url: 'ws://127.0.0.1:0/mqtt' },
      wss: { url: 'wss://127.0.0.1:0/mqtt', ...TLS },
    };
    const lines = [...USERS, 'listening'].map(async (name) => `${name}:${await hashPassword(Buffer.from('secret'), { format: 'argon2id' })}\n`);
    const passwords = (await Promise.all(lines)).join('');
    const files = { 'cert.pem': pair.cert, 'key.pem': pair.key, 'data/passwords': passwords, 'data/acl': 'pattern readwrite t/#\n' };
    broker = await startWith(listeners, { ...filesWith(listeners), ...files });
    subscriber = await WireClient.connect(broker.port('local'));
    subscriber.send(connect311({ clientId: 'listening', username: 'listening', password: 'secret' }));
    await subscriber.expect(ACCEPTED);
    subscriber.send(subscribe({ filters: [['t/#', 0]] }));
    await subscriber.readPacket();
  });

  after(async () => {
    subscriber.close();
    assert.equal(await broker.stop(), 0);
  });

  const ways: Record<string, (bytes: Buffer) => Promise<string>> = {
    tcp: (bytes) => exchange(connectTcp({ port: broker.port('local'), host: '127.0.0.1' }), bytes),
    tls: (bytes) => exchange(connectTls(tlsOptions(broker.port('tls'), { ca })), bytes),
    unix: (bytes) => exchange(connectTcp({ path: join(broker.folder, 'mqtt.sock') }), bytes),
    ws: (bytes) => exchangeFrames(broker.url('ws'), null, bytes),
    wss: (bytes) => exchangeFrames(broker.url('wss').replace('127.0.0.1', 'localhost'), ca, bytes),
  };

  for (const [way, send] of Object.entries(ways)) {
    it(`is answered and heard over ${way}, though its password takes longer to check`, async () => {
      const login = connect311({ clientId: way, username: way, password: 'secret' });
      const [once, last] = [1, 2].map((packetId) => publish({ topic: 't/x', payload: `${packetId}`, qos: 1, packetId }));
      assert.equal(await send(fromHex(`${login} ${once} ${last} e0 00`)), '20020000 40020001 40020002'.replaceAll(' ', ''));
      await subscriber.expect('30 06 0003 742f78 31');
      await subscriber.expect('30 06 0003 742f78 32');
    });
  }
});
