import assert from 'node:assert/strict';
import { connect as connectSocket, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connectionRig } from '../connection/connection.test.support.js';
import { CONNECTION } from '../gate/gate.test.support.js';
import { type ListenerOptions, type ListenerRoom, listen } from './index.js';
import { LOCAL } from './listener.test.support.js';
import { hex, theirFrame } from './web-socket.test.support.js';

/** Room for WebSocket connections; `counted` tells how many were opened and how many are gone. */
export function scene(given: Parameters<typeof connectionRig>[0] = {}) {
  const rig = connectionRig(given);
  const counted = { opened: 0, gone: 0 };
  const listenerRoom: ListenerRoom = {
    connections: rig.room,
    opened: () => {
      counted.opened += 1;
      return () => {
        counted.gone += 1;
      };
    },
  };
  return { ...rig, listenerRoom, counted };
}

/** The same behind a listener. */
export async function served(t: TestContext, given: Parameters<typeof connectionRig>[0] = {}) {
  const rig = scene(given);
  const options: ListenerOptions = { ...LOCAL, name: 'web', scheme: 'ws', path: '/mqtt' };
  const listener = await listen(rig.listenerRoom, options);
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    rig.clock.advance(10_000);
    await listener.close();
  });
  const dial = async (behind = ''): Promise<Client> => {
    const socket = connectSocket({ host: '127.0.0.1', port: Number(new URL(listener.url).port), noDelay: true, allowHalfOpen: true });
    sockets.push(socket);
    const client = new Client(socket);
    socket.write(Buffer.concat([Buffer.from(UPGRADE), hex(behind)]));
    await until(() => client.upgraded);
    return client;
  };
  return { ...rig, listener, dial };
}

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

/** How a socket arrived that nobody accepted. */
export function arrivalAt(room: ListenerRoom) {
  return { info: CONNECTION, tls: null, acceptedAt: room.connections.wheel.clock.now(), settled: () => {} };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A client that knows bytes only. */
export class Client {
  readonly socket: Socket;
  upgraded = false;
  /** Whether the broker has closed its side. */
  ended = false;
  closed = false;
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#arrived(chunk));
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get heard(): string {
    return this.#bytes.toString('hex');
  }

  send(...frames: string[]): void {
    this.socket.write(hex(frames.join('')));
  }

  #arrived(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (this.upgraded || end < 0) return;
    assert.match(this.#bytes.toString('latin1'), /^HTTP\/1\.1 101 /);
    this.#bytes = this.#bytes.subarray(end + 4);
    this.upgraded = true;
  }
}

/** A packet in a binary frame of its own. */
export const inFrame = (packet: string): string => theirFrame(2, hex(packet)).toString('hex');
export const CONNACK = '8204 20020000';
export const plain = (text: string): string => text.replaceAll(' ', '');
export const CLOSE = (code: number): string => `8802${code.toString(16).padStart(4, '0')}`;
export const HIS_CLOSE = (code: number): string => `888200000000${code.toString(16).padStart(4, '0')}`;
