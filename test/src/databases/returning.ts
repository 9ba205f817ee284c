import type { Socket } from 'node:net';
import { fromHex } from '@portcullis/testing';
import { connect5, connect311 } from '../support/packets.js';
import type { Asked, Backend } from './backend.js';
import { ACCEPTED } from './login-load.js';
import { sendConnect } from './send-connect.js';

/** What a crowd that came all at once has cost. */
export interface ReturnReport {
  /** Questions to the server, all together, and the most at one time. */
  readonly asked: Asked;
  /** Logins that were refused because the broker was busy, and tried again. */
  readonly refusedAsBusy: number;
  /** Until the last of them was in. */
  readonly tookMs: number;
}

/** What a busy broker says: server unavailable; and 5.0, server busy. */
const BUSY = new Set([3, 0x88, 0x89]);
const TRY_AGAIN_MS = 500;
/** Clients have addresses of their own; as many as end in one byte. */
const ADDRESSES = 250;

/** Users `<prefix>0`, … of the backend connect at once, each again and again until it is in; all stay until the last one is. */
export async function crowdReturns(backend: Backend, port: number, prefix: string, clients: number, password: string): Promise<ReturnReport> {
  const before = await backend.asked();
  const begunAt = performance.now();
  let refusedAsBusy = 0;
  const one = async (number: number): Promise<Socket> => {
    for (;;) {
      const { code, socket } = await login(port, number, `${prefix}${number}`, password);
      if (code === ACCEPTED) return socket;
      socket.destroy();
      if (code !== null && !BUSY.has(code)) throw new Error(`${prefix}${number} was refused with ${code}`);
      refusedAsBusy += 1;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  };
  const sockets = await Promise.all(Array.from({ length: clients }, (_, number) => one(number)));
  const tookMs = performance.now() - begunAt;
  const after = await backend.asked();
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy())));
  return { asked: { questions: after.questions - before.questions, mostAtOnce: after.mostAtOnce }, refusedAsBusy, tookMs };
}

/** Resolves with the code of the CONNACK, null for a connection that ended without one. */
function login(port: number, number: number, username: string, password: string): Promise<{ code: number | null; socket: Socket }> {
  const bytes = fromHex((number % 2 === 0 ? connect311 : connect5)({ clientId: username, username, password, keepAlive: 0 }));
  const from = `127.0.1.${1 + (number % ADDRESSES)}`;
  return new Promise((resolve) => {
    const socket = sendConnect({ port, host: '127.0.0.1', localAddress: from }, bytes, (code) => resolve({ code, socket }));
  });
}
