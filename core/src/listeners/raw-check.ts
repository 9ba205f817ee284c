import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { ConnectionInfo } from '@portcullis/sdk';
import { systemClock, TimerWheel } from '../clock.js';
import { errorText } from '../errors.js';
import { Stats } from '../stats.js';
import { findRawSockets, type RawSockets, rawServerOf } from './raw-handle.js';
import { RawRoom, RawTransport } from './raw-transport.js';

const DEADLINE_MS = 2000;
const PATTERN = 'answer ';
/** About 1 MiB of whole patterns, sent again until a write has to wait: how much a kernel takes at once depends on how it is set. */
const ANSWER_BYTES = PATTERN.length * 149_797;
const MAX_ANSWERS = 128;
const INFO: ConnectionInfo = Object.freeze({ id: 'check', listener: 'check', transport: 'tcp', address: '127.0.0.1', port: 0 });

export type RawCheck = { readonly sockets: RawSockets } | { readonly reason: string };

let checked: Promise<RawCheck> | null = null;

/**
 * Whether Node's own handles do here what the broker expects of them; tried once, on a connection of the process with itself. Where they do not
 * (another runtime, a later Node), listeners use `net.Socket`, which costs more and does the same.
 */
export function checkRawSockets(env: NodeJS.ProcessEnv = process.env): Promise<RawCheck> {
  if (env.PORTCULLIS_RAW_SOCKETS === '0') return Promise.resolve({ reason: 'switched off by PORTCULLIS_RAW_SOCKETS=0' });
  checked ??= tryRawSockets(findRawSockets());
  return checked;
}

/** The trial itself. Never rejects. */
export async function tryRawSockets(sockets: RawSockets | null): Promise<RawCheck> {
  if (sockets === null) return { reason: 'this runtime does not show its socket handles' };
  const wheel = new TimerWheel(systemClock, () => {});
  const server = createServer();
  /** What a trial that got stuck has left open. */
  const open: { destroy(): void }[] = [];
  let late: NodeJS.Timeout | null = null;
  try {
    const deadline = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(new Error(`no answer within ${DEADLINE_MS} ms`)), DEADLINE_MS);
    });
    await Promise.race([trial(server, new RawRoom(sockets, wheel, new Stats()), open), deadline]);
    return { sockets };
  } catch (error) {
    return { reason: errorText(error) };
  } finally {
    if (late !== null) clearTimeout(late);
    for (const end of open) end.destroy();
    wheel.stop();
    server.close();
  }
}

interface Seen {
  request: string;
  /** How many times the answer was written. */
  answers: number;
  waited: boolean;
  drained: boolean;
}

/** A peer sends a message and gets back more than it reads; then it reads, and gets all of it; then it goes, and that is seen. */
async function trial(server: ReturnType<typeof createServer>, room: RawRoom, open: { destroy(): void }[]): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const handle = rawServerOf(server);
  if (handle === null) throw new Error('a bound port has no handle that is known');
  const answer = Buffer.alloc(ANSWER_BYTES, PATTERN);
  const seen: Seen = { request: '', answers: 1, waited: false, drained: false };
  const ended = new Promise<void>((resolve, reject) => {
    handle.onconnection = (status, accepted) => {
      if (status !== 0 || accepted === undefined) return reject(new Error('a connection was not accepted'));
      const peer: { address?: string } = {};
      if (accepted.getpeername(peer) !== 0 || peer.address !== '127.0.0.1') return reject(new Error('the address of the peer is not told'));
      const transport = new RawTransport(room, accepted, INFO, () => {});
      open.push(transport);
      transport.start({
        received(bytes) {
          seen.request += bytes.toString('latin1');
          if (seen.request.length < 8) return;
          transport.write(answer.subarray(0, 5), null);
          transport.writeAll([answer.subarray(5, 10), answer.subarray(10)]);
          for (; transport.buffered === 0 && seen.answers < MAX_ANSWERS; seen.answers += 1) transport.write(answer, null);
          seen.waited = transport.buffered > 0;
        },
        drained() {
          seen.drained = true;
        },
        ended: () => {
          resolve();
          return true;
        },
        closed: () => resolve(),
      });
    };
  });
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  open.push(client);
  await Promise.race([ended, exchange(client, answer, seen).then(() => ended)]);
  if (seen.request !== 'question' || !seen.waited || !seen.drained) throw new Error('the exchange did not go as expected');
}

async function exchange(client: Socket, answer: Buffer, seen: Seen): Promise<void> {
  client.pause();
  await once(client, 'connect');
  client.write('ques');
  client.write('tion');
  let at = 0;
  for await (const chunk of client as AsyncIterable<Buffer>) {
    const from = at % PATTERN.length;
    if (!chunk.equals(answer.subarray(from, from + chunk.length))) throw new Error('other bytes came than were written');
    at += chunk.length;
    if (at >= seen.answers * ANSWER_BYTES) break;
  }
  if (at !== seen.answers * ANSWER_BYTES) throw new Error('the answer is cut off, or goes on');
  client.end();
}
