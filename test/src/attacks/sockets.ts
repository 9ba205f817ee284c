import { WebSocket } from 'ws';
import { connect5, connect311, publish } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { type Attack, count, scaled, turn, within } from './aim.js';
import { SUBSCRIBE } from './bursts.js';
import { Line, sleep } from './line.js';

const ADDRESSES = 10;
const address = (index: number): string => `127.0.0.${2 + (index % ADDRESSES)}`;

/**
 * What each message to a stalled client has. A thousand of them fill the kernel's own memory for sockets before they fill the broker's: beyond
 * that the machine is measured, and no longer the broker.
 */
const FLOOD_BYTES = 8192;

/** Sockets that never become clients: some say nothing, some half a CONNECT, some a byte now and then. */
export const halfOpen: Attack = async (aim) => {
  const connect = fromHex(connect311({ clientId: 'slow', username: 'amy', password: 'p' }));
  const lines: Line[] = [];
  const total = scaled(aim, 5000);
  for (let i = 0; i < total && aim.running(); i += 1) {
    const line = await Line.open({ port: aim.port, from: address(i) });
    if (line === null) continue;
    count(aim, 'opened');
    lines.push(line);
    if (i % 3 === 1) line.socket.write(connect.subarray(0, connect.length >> 1));
    if (i % 3 === 2) line.socket.write(connect.subarray(0, 1));
  }
  for (let second = 1; aim.running() && lines.some(({ closed }) => !closed); second += 1) {
    await sleep(1000);
    count(aim, 'waited');
    for (let i = 2; i < lines.length; i += 3) if (lines[i]?.closed === false) lines[i]?.socket.write(connect.subarray(second, second + 1));
  }
  count(aim, 'closedByBroker', lines.filter(({ closed }) => closed).length);
  for (const line of lines) line.end();
};

/** Logins as fast as they go: right ones, wrong ones, and one client that takes over from itself. */
export const connectFlood: Attack = async (aim) => {
  const packets = [
    (name: string) => connect311({ clientId: name, username: 'amy', password: 'p' }),
    (name: string) => connect5({ clientId: name, username: 'amy', password: 'wrong' }),
    () => connect311({ clientId: 'again', username: 'amy', password: 'p' }),
  ];
  const total = scaled(aim, 20_000);
  let made = 0;
  const work = async (): Promise<void> => {
    while (aim.running() && made < total) {
      const index = made;
      made += 1;
      const line = await Line.open({ port: aim.port, from: address(index) });
      if (line === null) continue;
      line.socket.write(fromHex((packets[index % 3] as (name: string) => string)(`f${index}`)));
      while (line.received < 4 && !line.closed && aim.running()) await line.eitherWithin(1000, 'data', 'close');
      if (line.head[0] === 0x20) count(aim, line.head[3] === 0 ? 'accepted' : 'refused');
      else if (aim.running()) count(aim, 'unanswered');
      line.end();
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
};

/** A PUBLISH of a mebibyte in a million pieces, over TCP. */
export const fragments: Attack = async (aim) => {
  const payload = Buffer.alloc(Math.min(1_000_000, scaled(aim, 1_000_000)), 'x');
  const bytes = fromHex(publish({ topic: 'x/fragments', payload }));
  const dribble = async (name: string): Promise<void> => {
    const line = await Line.client({ port: aim.port }, name);
    for (let at = 0; at < bytes.length && aim.running() && !line.closed; at += 1) {
      count(aim, 'pieces');
      await within(aim, line.send(bytes.subarray(at, at + 1)));
      if (at % 16 === 15) await turn();
    }
    if (line.closed) count(aim, 'closedByBroker');
    line.end();
  };
  await Promise.all(['d0', 'd1', 'd2', 'd3'].map(dribble));
};

/** The same over WebSocket, each byte a frame that continues the one before. */
export const webSocketFragments: Attack = async (aim) => {
  const payload = Buffer.alloc(scaled(aim, 1_000_000), 'x');
  const bytes = fromHex(publish({ topic: 'x/fragments', payload }));
  const dribble = async (name: string): Promise<void> => {
    const socket = new WebSocket(aim.webUrl, ['mqtt'], { perMessageDeflate: false });
    let closed = false;
    socket.on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    await new Promise<void>((resolve) => socket.once('open', resolve).once('close', resolve));
    if (closed) return;
    socket.send(fromHex(connect311({ clientId: name, username: 'amy', password: 'p' })));
    await new Promise<void>((resolve) => socket.once('message', () => resolve()).once('close', () => resolve()));
    for (let at = 0; at < bytes.length && aim.running() && !closed; at += 1) {
      count(aim, 'pieces');
      socket.send(bytes.subarray(at, at + 1), { fin: at === bytes.length - 1 });
      if (at % 64 === 63) await turn();
      while (socket.bufferedAmount > 65_536 && aim.running() && !closed) await sleep(1);
    }
    if (closed) count(aim, 'closedByBroker');
    socket.terminate();
  };
  await Promise.all(['v0', 'v1'].map(dribble));
};

/** Clients that subscribe and never read, while much is sent to them. */
export const stalledSubscribers: Attack = async (aim) => {
  const lines: Line[] = [];
  const total = scaled(aim, 1000, 2);
  for (let i = 0; i < total && aim.running(); i += 1) {
    const line = await Line.client({ port: aim.port }, `st${i}`);
    line.stall();
    line.socket.write(SUBSCRIBE('x/flood', i % 2));
    lines.push(line);
    count(aim, 'stalled');
  }
  const publisher = await Line.client({ port: aim.port }, 'flood');
  const message = fromHex(publish({ topic: 'x/flood', payload: Buffer.alloc(FLOOD_BYTES, 'f') }));
  while (aim.running()) {
    await within(aim, publisher.send(message));
    count(aim, 'published');
    await sleep(50);
  }
  for (const line of [...lines, publisher]) line.end();
};
