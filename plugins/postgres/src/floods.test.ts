import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connectTo } from './connect.js';
import { RealTimers } from './real-timers.js';
import { ending } from './scene.test.support.js';
import type { Settings } from './settings.js';

/** "Come in", and "ask". */
const GREETING = Buffer.from('520000000800000000' + '5a0000000549', 'hex');
/** A row that is about to be a gigabyte. */
const ROW = Buffer.from('443fffffff0001', 'hex');
/** What the buffers of two sockets may take of what nobody reads. */
const MOST_BYTES = 32 * 1024 * 1024;

const moments: readonly (readonly [moment: string, greeting: Buffer])[] = [
  ['before it is known as a server', Buffer.alloc(0)],
  ['when it is asked whether it is the primary', GREETING],
];

for (const [moment, greeting] of moments) {
  test(`what answers without end ${moment} is left at once`, async (t) => {
    const end = ending(t);
    let sent = 0;
    const flood = (socket: Socket): void => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (socket.writable && sent < 100 * MOST_BYTES) {
          sent += chunk.length;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on('drain', more);
      socket.write(ROW);
      more();
    };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => {
        if (greeting.length === 0) return flood(socket);
        socket.write(greeting);
        socket.once('data', () => flood(socket));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const timers = new RealTimers();
    end.after(() => {
      timers.stop();
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const settings = {
      database: 'd',
      user: 'u',
      password: () => '',
      tlsFor: () => null,
      statementTimeoutMs: 800,
      queries: null,
    } as unknown as Settings;
    const { signal } = new AbortController();
    const connecting = connectTo({ host: '127.0.0.1', port } as Parameters<typeof connectTo>[0], 'primary', {
      settings,
      timers,
      pipeline: false,
      signal,
    });
    await assert.rejects(connecting, /no PostgreSQL/);
    assert.ok(sent < MOST_BYTES, `${sent} bytes were sent`);
  });
}
