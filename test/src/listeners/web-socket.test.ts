import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { BrokerProcess } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { LOGIN, startWith, tlsOptions } from './scene.js';

/** The answer to RFC 6455's own example of a key. */
const EXAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const EXAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const HEADERS: Readonly<Record<string, string>> = {
  Host: 'broker.example',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': EXAMPLE_KEY,
  'Sec-WebSocket-Protocol': 'mqtt',
};

interface Request {
  readonly method?: string;
  readonly path?: string;
  /** Instead of the usual ones; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

describe('requests for a WebSocket', () => {
  let broker: BrokerProcess;
  let ca: string;

  before(async () => {
    const authority = await Authority.create();
    ca = authority.pem;
    const pair = await authority.issue();
    const tls = { cert: 'cert.pem', key: 'key.pem' };
    const origins = ['https://console.example', 'http://localhost:3000'];
    broker = await startWith(
      {
        ws: { url: 'ws://127.0.0.1:0/mqtt' },
        wss: { url: 'wss://127.0.0.1:0/mqtt', tls },
        'ws-list': { url: 'ws://127.0.0.1:0/', origins },
        'wss-list': { url: 'wss://127.0.0.1:0/', tls, origins },
      },
      { 'cert.pem': pair.cert, 'key.pem': pair.key },
    );
  });

  after(async () => assert.equal(await broker.stop(), 0));

  /** Sends a request byte by byte as written here, with `behind` after it, and gives what came until `bytes` were there or the end. */
  function exchange(
    listener: string,
    { method = 'GET', path = '/mqtt', headers = {} }: Request,
    behind: Buffer = Buffer.alloc(0),
    bytes = 0,
  ): Promise<Buffer> {
    const lines = Object.entries({ ...HEADERS, ...headers }).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
    const request = Buffer.concat([Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '\r\n'].join('\r\n'), 'latin1'), behind]);
    const port = broker.port(listener);
    const socket = listener.startsWith('wss') ? connectTls(tlsOptions(port, { ca })) : connectTcp({ host: '127.0.0.1', port });
    socket.on(listener.startsWith('wss') ? 'secureConnect' : 'connect', () => socket.write(request));
    return new Promise((resolve, reject) => {
      let got = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        const head = got.indexOf('\r\n\r\n');
        if (head >= 0 && got.length >= head + 4 + bytes && (bytes > 0 || got.subarray(0, 12).toString() === 'HTTP/1.1 101')) socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(got));
    });
  }

  const firstLine = async (listener: string, request: Request): Promise<string> =>
    (await exchange(listener, request)).toString('latin1').split('\r\n', 1)[0] ?? '';

  for (const listener of ['ws', 'wss']) {
    it(`are granted with the answer of RFC 6455 and carry MQTT in the same breath, ${listener}`, async () => {
      const packet = fromHex(connect311(LOGIN));
      const frame = Buffer.concat([fromHex(`82 ${(0x80 + packet.length).toString(16)} 00000000`), packet]);
      const answer = await exchange(listener, {}, frame, 6);
      const [head = '', ...rest] = answer.toString('latin1').split('\r\n\r\n');
      assert.deepEqual(head.split('\r\n').sort(), [
        'Connection: Upgrade',
        'HTTP/1.1 101 Switching Protocols',
        `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}`,
        'Sec-WebSocket-Protocol: mqtt',
        'Upgrade: websocket',
      ]);
      assert.equal(Buffer.from(rest.join('\r\n\r\n'), 'latin1').toString('hex'), '820420020000');
    });

    it(`are refused, each by its own code, ${listener}`, async () => {
      for (const [request, expected] of [
        [{ path: '/' }, 'HTTP/1.1 404 Not Found'],
        [{ path: '/mqtt/' }, 'HTTP/1.1 404 Not Found'],
        [{ path: '/MQTT' }, 'HTTP/1.1 404 Not Found'],
        [{ path: '/mqtt/../mqtt' }, 'HTTP/1.1 404 Not Found'],
        [{ path: '/%6dqtt' }, 'HTTP/1.1 404 Not Found'],
        [{ path: '/mqtt?a=1' }, 'HTTP/1.1 101 Switching Protocols'],
        [{ headers: { 'Sec-WebSocket-Protocol': null } }, 'HTTP/1.1 400 Bad Request'],
        [{ headers: { 'Sec-WebSocket-Protocol': 'chat' } }, 'HTTP/1.1 400 Bad Request'],
        [{ headers: { 'Sec-WebSocket-Protocol': 'MQTT' } }, 'HTTP/1.1 400 Bad Request'],
        [{ headers: { 'Sec-WebSocket-Protocol': 'chat, mqtt' } }, 'HTTP/1.1 101 Switching Protocols'],
        [{ headers: { 'Sec-WebSocket-Protocol': 'mqttv3.1' } }, 'HTTP/1.1 101 Switching Protocols'],
        [{ headers: { Origin: 'https://evil.example' } }, 'HTTP/1.1 403 Forbidden'],
        [{ headers: { Origin: 'null' } }, 'HTTP/1.1 403 Forbidden'],
        [{ headers: { Origin: '' } }, 'HTTP/1.1 403 Forbidden'],
        [{ headers: { Origin: 'https://broker.example.evil.example' } }, 'HTTP/1.1 403 Forbidden'],
        [{ headers: { Origin: 'https://broker.example:444' } }, 'HTTP/1.1 403 Forbidden'],
        [{ headers: { Origin: 'https://broker.example' } }, 'HTTP/1.1 101 Switching Protocols'],
        [{ headers: { 'Sec-WebSocket-Version': '12' } }, 'HTTP/1.1 400 Bad Request'],
        [{ headers: { 'Sec-WebSocket-Key': 'short' } }, 'HTTP/1.1 400 Bad Request'],
        [{ method: 'POST' }, 'HTTP/1.1 405 Method Not Allowed'],
        [{ headers: { Upgrade: null, Connection: 'close' } }, 'HTTP/1.1 426 Upgrade Required'],
        [{ path: '/other', headers: { Upgrade: null, Connection: 'close' } }, 'HTTP/1.1 404 Not Found'],
      ] as const satisfies readonly (readonly [Request, string])[]) {
        assert.equal(await firstLine(listener, request), expected, JSON.stringify(request));
      }
    });

    it(`may come only from the origins of a list, ${listener}`, async () => {
      for (const [origin, expected] of [
        ['https://console.example', 'HTTP/1.1 101 Switching Protocols'],
        ['http://localhost:3000', 'HTTP/1.1 101 Switching Protocols'],
        [null, 'HTTP/1.1 101 Switching Protocols'],
        ['https://broker.example', 'HTTP/1.1 403 Forbidden'],
        ['http://console.example', 'HTTP/1.1 403 Forbidden'],
        ['https://console.example.evil.example', 'HTTP/1.1 403 Forbidden'],
        ['https://CONSOLE.example', 'HTTP/1.1 403 Forbidden'],
      ] as const) {
        assert.equal(await firstLine(`${listener}-list`, { path: '/', headers: { Origin: origin } }), expected, String(origin));
      }
    });
  }
});
