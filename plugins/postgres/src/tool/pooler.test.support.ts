import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

const DATA_ROW = 0x44;
const NOTIFICATION = 0x41;
const KEY_DATA = 0x4b;
const COMMAND_COMPLETE = 0x43;
const READY = 0x5a;

/** What a pooler between does to those behind it; "falls silent" means after LISTEN, and nobody hears a word from it on that connection any more. */
export type PoolerHabit = 'swallows notifications' | 'changes connections' | 'falls silent';

/** Stands before a server as a pooler does, as far as can be seen from outside. Gives its port; ends with the test. The habit may change meanwhile. */
export async function pooler(t: TestContext, serverPort: number, habit: PoolerHabit | (() => PoolerHabit | null)): Promise<number> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    const answers = new Answers(typeof habit === 'function' ? habit : () => habit);
    server.on('data', (bytes) => client.write(answers.rewrite(bytes)));
    client.on('data', (bytes) => server.write(bytes));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Messages of the server: a byte of type, and a length that counts itself. */
class Answers {
  readonly #habit: () => PoolerHabit | null;
  #isSilent = false;
  #rest = Buffer.alloc(0);
  #processId = '';
  #told = 0;
  #listens = false;

  constructor(habit: () => PoolerHabit | null) {
    this.#habit = habit;
  }

  rewrite(bytes: Buffer): Buffer {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const kept: Buffer[] = [];
    while (this.#rest.length >= 5 && this.#rest.length > this.#rest.readUInt32BE(1)) {
      const end = this.#rest.readUInt32BE(1) + 1;
      const message = Buffer.from(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      if (message[0] === KEY_DATA) this.#processId = String(message.readUInt32BE(5));
      const habit = this.#habit();
      if (this.#isSilent || (habit === 'swallows notifications' && message[0] === NOTIFICATION)) continue;
      kept.push(habit === 'changes connections' && message[0] === DATA_ROW ? this.#asAnother(message) : message);
      if (message[0] === COMMAND_COMPLETE) this.#listens = message.includes('LISTEN');
      if (habit === 'falls silent' && this.#listens && message[0] === READY) this.#isSilent = true;
    }
    return Buffer.concat(kept);
  }

  /** The process of the server is another one each time it is asked for. */
  #asAnother(row: Buffer): Buffer {
    const at = row.indexOf(this.#processId);
    if (this.#processId !== '' && at >= 0) row[at + this.#processId.length - 1] = 0x30 + (this.#told++ % 10);
    return row;
  }
}
