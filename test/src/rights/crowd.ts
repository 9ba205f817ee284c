import { connect, type Socket } from 'node:net';
import { connect311, publish, subscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

// A process of its own: many receivers that note when each of them last got a message, and one publisher.

/** What the process is told, one line of JSON after the other on its standard input, and what it answers with. */
export type CrowdCommand =
  | { readonly start: { readonly port: number; readonly clients: number; readonly topics: number } }
  | { readonly rate: number }
  | { readonly report: true };
export interface CrowdReport {
  /** When each receiver last got something, on the monotonic clock that all processes share, in milliseconds; 0 for never. */
  readonly last: readonly number[];
  readonly bytes: number;
}

/** Time between two portions of messages, in milliseconds. */
const PORTION_MS = 5;
const PAYLOAD = 'x'.repeat(32);

const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const last: number[] = [];
let bytes = 0;
let publisher: Socket | null = null;
let topics = 1;
let rate = 0;

function member(port: number, clientId: string, filter: string | null, ready: () => void): Socket {
  const socket = connect(port, '127.0.0.1');
  const packets = connect311({ clientId, keepAlive: 0, username: clientId, password: 'x' });
  socket.write(fromHex(filter === null ? packets : packets + subscribe({ packetId: 1, filters: [[filter, 0]] })));
  let awaited = filter === null ? 4 : 9;
  const index = filter === null ? -1 : Number(clientId.slice(1));
  socket.on('data', (chunk: Buffer) => {
    if (awaited > 0) {
      awaited -= chunk.length;
      if (awaited <= 0) ready();
      return;
    }
    if (index < 0) return;
    last[index] = now();
    bytes += chunk.length;
  });
  socket.on('error', () => process.exit(3));
  return socket;
}

async function start(port: number, clients: number, count: number): Promise<void> {
  topics = count;
  for (let i = 0; i < clients; i += 1) {
    last.push(0);
    await new Promise<void>((resolve) => member(port, `r${i}`, `load/${i % topics}`, resolve));
  }
  await new Promise<void>((resolve) => {
    publisher = member(port, 'publisher', null, resolve);
  });
  process.stdout.write('{}\n');
  let owed = 0;
  let topic = 0;
  setInterval(() => {
    owed += (rate * PORTION_MS) / 1000;
    let text = '';
    for (; owed >= 1; owed -= 1) {
      text += publish({ topic: `load/${topic}`, payload: PAYLOAD });
      topic = (topic + 1) % topics;
    }
    if (text !== '') publisher?.write(fromHex(text));
  }, PORTION_MS);
}

function obey(command: CrowdCommand): void {
  if ('start' in command) void start(command.start.port, command.start.clients, command.start.topics);
  else if ('rate' in command) {
    rate = command.rate;
    process.stdout.write('{}\n');
  } else {
    const report: CrowdReport = { last, bytes };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    bytes = 0;
  }
}

let unread = '';
process.stdin.setEncoding('utf8').on('data', (text: string) => {
  const lines = (unread + text).split('\n');
  unread = lines.pop() ?? '';
  for (const line of lines) obey(JSON.parse(line) as CrowdCommand);
});
process.stdin.on('end', () => process.exit(0));
