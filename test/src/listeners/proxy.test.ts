import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Stage } from '../hooks/stage.js';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { connect311, PINGREQ } from '../support/packets.js';
import { upgradeRequest } from '../support/upgrade-request.js';
import { fromHex, WireClient } from '../support/wire-client.js';
import { ACCEPTED, clientHello, outcome, rawSocket } from './scene.js';

const CONNECT_TIMEOUT_MS = 1000;
const LOGIN = { clientId: 'c', username: 'u' };
const V1 = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 41394 1883\r\n', 'latin1');
const V2 = fromHex('0d0a0d0a 000d0a51 5549540a 21 11 0013 c0000201 c6336402 a1b2 075b 04 0004 00000000');
const V2_LOCAL = fromHex('0d0a0d0a 000d0a51 5549540a 20 00 0000');
const V2_UNIX = Buffer.concat([fromHex('0d0a0d0a 000d0a51 5549540a 21 31 00d8'), Buffer.alloc(216, 0x61)]);
const FROM_HEADER = { address: '192.0.2.1', port: 41394 };

interface Seen {
  readonly address: string;
  readonly port: number;
  readonly transport: string;
  readonly listener: string;
}

describe('listeners behind a proxy', () => {
  const folder = temporaryFolder();
  let stage: Stage;
  let ca: string;

  before(async () => {
    const authority = await Authority.create();
    ca = authority.pem;
    const pair = await authority.issue();
    writeFiles(folder, { 'cert.pem': pair.cert, 'key.pem': pair.key });
    const proxyProtocol = { trusted: ['127.0.0.1/32', '::1'] };
    const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const listener = (url: string, more: object = {}): object => ({ url, chain: 'main', proxyProtocol, ...more });
    stage = await Stage.start({
      actors: { door: { taps: ['acceptConnection', 'upgradeWebSocket', 'authenticate', 'loadPolicy'] } },
      chains: { main: { authenticate: ['door'], authorize: ['door'] } },
      more: {
        limits: { connectTimeoutMs: CONNECT_TIMEOUT_MS, maxProxyHeadersAwaited: 5 },
        listeners: {
          mqtt: listener('mqtt://127.0.0.1:0'),
          mqtts: listener('mqtts://127.0.0.1:0', { tls }),
          ws: listener('ws://127.0.0.1:0/mqtt'),
          wss: listener('wss://127.0.0.1:0/mqtt', { tls }),
          unix: listener('unix:proxy.sock', { proxyProtocol: {} }),
          distrustful: listener('mqtt://127.0.0.1:0', { proxyProtocol: { trusted: ['10.0.0.0/8', '192.0.2.0/24', 'fd00::/8'] } }),
          plain: { url: 'mqtt://127.0.0.1:0', chain: 'main' },
        },
      },
    });
  });

  after(async () => {
    assert.equal(await stage.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    await stage.script('door', {});
    await stage.forget();
  });

  /** Where the plugins think that the next connection comes from; every hook must be told the same. */
  async function seen(): Promise<Seen> {
    const { client } = (await stage.heard('door', 'authenticate')) as { client: { connection: Seen } };
    const { connection } = (await stage.heard('door', 'acceptConnection')) as { connection: Seen };
    assert.deepEqual(connection, client.connection);
    return connection;
  }

  /** A connection on which the header was sent, so many bytes at a time, and nothing else yet. */
  function behind(name: string, header: Buffer, each = header.length): Promise<Socket> {
    const socket = rawSocket(port(name), header, each);
    return new Promise((resolve) => {
      const look = (): void => {
        if (socket.bytesWritten >= header.length && socket.writableLength === 0 && !socket.connecting) resolve(socket);
        else setImmediate(look);
      };
      look();
    });
  }

  const bytesOf = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);
  const CONNECT = fromHex(connect311(LOGIN));
  const port = (name: string): number => stage.broker.port(name);

  it('take the address from the header, and have the packet that comes with it', async () => {
    for (const [header, from] of [
      [V1, FROM_HEADER],
      [V2, FROM_HEADER],
      [Buffer.from('PROXY TCP6 2001:DB8::0:1 ::1 7 8\r\n', 'latin1'), { address: '2001:db8::1', port: 7 }],
      [Buffer.from('PROXY TCP6 ::ffff:192.0.2.9 ::1 7 8\r\n', 'latin1'), { address: '192.0.2.9', port: 7 }],
      [V2_UNIX, { address: '', port: 0 }],
    ] as const) {
      await stage.forget();
      assert.equal((await outcome(rawSocket(port('mqtt'), bytesOf(header, CONNECT)))).answer, ACCEPTED.replaceAll(' ', ''));
      const { address, port: from1, transport } = await seen();
      assert.deepEqual({ address, port: from1, transport }, { ...from, transport: 'tcp' });
    }
  });

  it('keep the address of the proxy when the header says to', async () => {
    for (const header of [V2_LOCAL, Buffer.from('PROXY UNKNOWN\r\n', 'latin1')]) {
      await stage.forget();
      const socket = rawSocket(port('mqtt'), bytesOf(header, CONNECT));
      const { answer } = await outcome(socket);
      assert.equal(answer, ACCEPTED.replaceAll(' ', ''));
      assert.equal((await seen()).address, '127.0.0.1');
    }
  });

  it('lose nothing, wherever the bytes are cut', async () => {
    for (const header of [V1, V2]) {
      const all = bytesOf(header, CONNECT, fromHex(PINGREQ));
      for (let cut = 1; cut < all.length; cut += 1) {
        const socket = rawSocket(port('mqtt'), all.subarray(0, cut));
        setImmediate(() => socket.write(all.subarray(cut)));
        const client = await WireClient.over(socket);
        await client.expect(`${ACCEPTED} d0 00`);
        client.reset();
      }
      const slow = rawSocket(port('mqtt'), all, 1);
      const client = await WireClient.over(slow);
      await client.expect(`${ACCEPTED} d0 00`);
      client.reset();
    }
  });

  it('do TLS behind the header, whether it comes alone, in bytes or with the handshake', async () => {
    for (const header of [V1, V2]) {
      for (const each of [1, header.length]) {
        await stage.forget();
        const raw = await behind('mqtts', header, each);
        const client = await WireClient.over(connectTls({ socket: raw, ca, servername: 'localhost' }), 'secureConnect');
        client.send(CONNECT);
        await client.expect(ACCEPTED);
        assert.deepEqual({ ...(await seen()), id: '' }, { ...FROM_HEADER, id: '', transport: 'tls', listener: 'mqtts' });
        client.close();
      }
    }
    // Both in one write; the answer is the server's part of the handshake.
    const hello = await clientHello();
    for (const header of [V1, V2]) {
      const { answer } = await outcome(rawSocket(port('mqtts'), bytesOf(header, hello)));
      assert.match(answer, /^160303/);
      for (const cut of [1, header.length - 1, header.length + 1, header.length + 5, header.length + hello.length - 1]) {
        const all = bytesOf(header, hello);
        const socket = rawSocket(port('mqtts'), all.subarray(0, cut));
        setImmediate(() => socket.write(all.subarray(cut)));
        assert.match((await outcome(socket)).answer, /^160303/, `cut at ${cut}`);
      }
    }
  });

  it('speak HTTP behind the header, wherever the bytes are cut', async () => {
    const all = bytesOf(V2, Buffer.from(upgradeRequest(), 'latin1'));
    const statusOf = async (socket: Socket): Promise<string> => {
      const { answer } = await new Promise<{ answer: string }>((resolve) => {
        let text = '';
        socket.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1');
          if (text.includes('\r\n\r\n')) socket.destroy();
        });
        socket.on('close', () => resolve({ answer: text }));
      });
      return answer.slice(0, 'HTTP/1.1 101'.length);
    };
    for (let cut = 1; cut <= all.length; cut += 1) {
      const socket = rawSocket(port('ws'), all.subarray(0, cut));
      setImmediate(() => socket.write(all.subarray(cut)));
      assert.equal(await statusOf(socket), 'HTTP/1.1 101', `cut at ${cut}`);
    }
    assert.equal(await statusOf(rawSocket(port('ws'), all, 1)), 'HTTP/1.1 101');
    // A frame right behind the upgrade, all in one: CONNECT, masked with zeros.
    await stage.forget();
    const frame = bytesOf(fromHex(`82 ${(0x80 + CONNECT.length).toString(16)} 00000000`), CONNECT);
    const client = await WireClient.over(rawSocket(port('ws'), bytesOf(all, frame)));
    assert.deepEqual({ ...(await seen()), id: '' }, { ...FROM_HEADER, id: '', transport: 'ws', listener: 'ws' });
    client.reset();
  });

  it('do WebSocket over TLS behind the header', async () => {
    const secured = connectTls({ socket: await behind('wss', V1), ca, servername: 'localhost' });
    const wire = await WireClient.over(secured, 'secureConnect');
    wire.send(Buffer.from(upgradeRequest(), 'latin1'));
    assert.equal((await wire.read(12)).toString('latin1'), 'HTTP/1.1 101');
    const { connection } = (await stage.heard('door', 'upgradeWebSocket')) as { connection: Seen };
    assert.deepEqual({ ...connection, id: '' }, { ...FROM_HEADER, id: '', transport: 'wss', listener: 'wss' });
    secured.destroy();
  });

  it('read the header from a Unix socket, where the mode of the file is the trust', async () => {
    const path = stage.broker.url('unix').slice('unix:'.length);
    const client = await WireClient.over(connectTcp({ path }));
    client.send(bytesOf(V1, CONNECT));
    await client.expect(ACCEPTED);
    assert.deepEqual({ ...(await seen()), id: '' }, { ...FROM_HEADER, id: '', transport: 'unix', listener: 'unix' });
    client.close();
    const without = await WireClient.over(connectTcp({ path }));
    without.send(CONNECT);
    await without.expectClosed();
  });

  it('ask the guard about the address of the header, once', async () => {
    await stage.script('door', { acceptConnection: ['deny', 'banned'] });
    assert.equal((await outcome(rawSocket(port('mqtt'), bytesOf(V1, CONNECT)))).answer, '');
    const asked = await stage.asked('door', 'acceptConnection');
    assert.equal(asked.length, 1);
    assert.equal((asked[0] as { connection: Seen }).connection.address, '192.0.2.1');
  });

  it('close without a byte what does not begin with a sound header', async () => {
    const bad: readonly Buffer[] = [
      CONNECT,
      Buffer.from(upgradeRequest(), 'latin1'),
      fromHex('16 0301 0200 01'),
      Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 41394 1883\n', 'latin1'),
      Buffer.from('PROXY TCP4 192.0.2.300 198.51.100.2 41394 1883\r\n', 'latin1'),
      Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}\r\n`, 'latin1'),
      // An extension that says to be longer than the header.
      fromHex('0d0a0d0a 000d0a51 5549540a 21 11 0010 c0000201 c6336402 a1b2 075b 04 00ff 00'),
      fromHex('0d0a0d0a 000d0a51 5549540a 21 11 ffff'),
      fromHex('0d0a0d0a 000d0a51 5549540a 21 12 000c c0000201 c6336402 a1b2 075b'),
    ];
    for (const listener of ['mqtt', 'mqtts', 'ws', 'wss']) {
      for (const bytes of bad) assert.equal((await outcome(rawSocket(port(listener), bytesOf(bytes, CONNECT)))).answer, '', bytes.toString('hex'));
    }
    assert.deepEqual(await stage.asked('door', 'acceptConnection'), []);
    await stage.broker.waitForOutput(/info .*PROXY header refused listener=mqtt address=127\.0\.0\.1 code=PCL_PROXY_HEADER detail=/);
  });

  it('close without a byte whoever is not a trusted proxy, whatever it says', async () => {
    for (const header of [V1, V2, V2_LOCAL]) {
      assert.equal((await outcome(rawSocket(port('distrustful'), bytesOf(header, CONNECT)))).answer, '');
    }
    assert.deepEqual(await stage.asked('door', 'acceptConnection'), []);
  });

  it('end a header that does not come to its end by the deadline, and count those that are awaited', async () => {
    const awaited = [0, 1, 5, 20, V2.length - 1].map((length) => rawSocket(port('mqtt'), V2.subarray(0, length)));
    const ends = awaited.map(outcome);
    // Five may wait; the sixth is closed at once, header or not. Which of them is the sixth is the kernel's to say, so it comes later.
    await Promise.all(awaited.map((socket) => new Promise((resolve) => (socket.connecting ? socket.once('connect', resolve) : resolve(null)))));
    const sixth = await outcome(rawSocket(port('mqtt'), bytesOf(V2, CONNECT)));
    assert.equal(sixth.answer, '');
    for (const { answer } of await Promise.all(ends)) assert.equal(answer, '');
    // Their places are free again.
    const client = await WireClient.over(rawSocket(port('mqtt'), bytesOf(V2, CONNECT)));
    await client.expect(ACCEPTED);
    client.close();
  });

  it('are the only ones that read headers', async () => {
    for (const header of [V1, V2]) {
      const { answer } = await outcome(rawSocket(port('plain'), bytesOf(header, CONNECT)));
      assert.equal(answer, '');
    }
    assert.deepEqual(await stage.asked('door', 'authenticate'), []);
  });
});
