import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { upgradeRequest } from '../support/upgrade-request.js';
import { WireClient } from '../support/wire-client.js';
import type { Transport } from './cells.js';

export interface Place {
  readonly transport: Transport;
  readonly port: number;
  /** The authority of the broker's certificate, PEM. */
  readonly ca: string;
  /** Address that a PROXY header in front of everything names. */
  readonly behind?: string;
}

/** A connection, and the socket beneath it, which counts every byte that came. */
export interface Line {
  readonly raw: Socket;
  /** Settles when the transport is open, rejects when the broker closes it before. */
  readonly open: Promise<WireClient>;
}

/** A TCP connection with the PROXY header written, if there is to be one, and TLS around it where the transport has it. */
function carry({ transport, port, ca, behind }: Place): {
  readonly raw: Socket;
  readonly socket: Socket;
  readonly ready: 'connect' | 'secureConnect';
} {
  const raw = connectTcp({ host: '127.0.0.1', port, noDelay: true });
  raw.on('error', () => {});
  if (behind !== undefined) raw.write(`PROXY TCP4 ${behind} 127.0.0.1 1024 1883\r\n`);
  if (transport === 'tcp' || transport === 'ws') return { raw, socket: raw, ready: 'connect' };
  return { raw, socket: connectTls({ socket: raw, ca, servername: 'localhost' }), ready: 'secureConnect' };
}

/** Opens a connection for MQTT. */
export function dial(place: Place): Line {
  const { raw, socket, ready } = carry(place);
  if (place.transport === 'tcp' || place.transport === 'tls') return { raw, open: WireClient.over(socket, ready) };
  const scheme = place.transport;
  return { raw, open: WireClient.connectWebSocket(`${scheme}://127.0.0.1:${place.port}/mqtt`, { createConnection: () => socket }) };
}

/** Asks for a WebSocket by hand; tells the status of the answer and whether the connection was closed behind it. */
export function upgrade(place: Place, userAgent: string, waitMs: number): Promise<string> {
  const { socket } = carry(place);
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no whole answer to an upgrade within ${waitMs} ms, but ${JSON.stringify(text)}`)), waitMs);
    const done = (how: 'open' | 'closed'): void => {
      clearTimeout(timer);
      socket.destroy();
      const [, status = 'without a status'] = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/.exec(text) ?? [];
      resolve(text === '' ? how : `HTTP ${status} | ${how}`);
    };
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      if (text.startsWith('HTTP/1.1 101 ') && text.includes('\r\n\r\n')) done('open');
    });
    socket.on('error', () => {});
    socket.on('close', () => done('closed'));
    socket.write(upgradeRequest('/mqtt', [`User-Agent: ${userAgent}`]));
  });
}
