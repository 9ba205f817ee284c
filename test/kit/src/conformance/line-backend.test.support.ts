import { connect, createServer, type Server, type Socket } from 'node:net';
import { BackendUnavailable, definePlugin, type PluginDefinition } from '@portcullis/sdk';

const USERS: ReadonlyMap<string, string> = new Map([['alice', 'wonderland']]);

/** A database of one line a question: `<id> <username in hexadecimal>` is answered by `<id> found <password in hexadecimal> end` or `<id> missing end`. */
export class LineBackend {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#attend(socket));
  }

  static async start(): Promise<LineBackend> {
    const backend = new LineBackend();
    await new Promise<void>((resolve) => backend.#server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #attend(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let unread = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (unread + text).split('\n');
      unread = lines.pop() ?? '';
      for (const line of lines) {
        const [id, name = ''] = line.split(' ');
        const password = USERS.get(Buffer.from(name, 'hex').toString());
        socket.write(`${id} ${password === undefined ? 'missing' : `found ${Buffer.from(password).toString('hex')}`} end\n`);
      }
    });
  }
}

/** How a plugin before that database is wrong. */
export type Mistake = 'none' | 'open when the connection breaks' | 'half a row is a row' | 'never connects again' | 'unheard errors';

/** An authority that asks the database, or one of its unreliable sisters. */
export function lineAuth(mistake: Mistake): PluginDefinition {
  return definePlugin({
    name: 'line-auth',
    sdk: '^1.0.0',
    decides: { authenticate: ['allow', 'deny', 'skip'] },
    config: {
      type: 'object',
      required: ['port'],
      additionalProperties: false,
      properties: { port: { type: 'integer', minimum: 1, maximum: 65_535 } },
    },
    start({ hooks, onDispose }, { port }) {
      const client = new LineClient(port, mistake);
      onDispose(() => client.end());
      hooks.authenticate.tap(async ({ credentials, signal }, decide) => {
        const { username } = credentials;
        if (username === null) return decide.skip();
        let row: string | null;
        try {
          row = await client.ask(username, signal);
        } catch (error) {
          if (mistake === 'open when the connection breaks') return decide.allow({ identity: { username } });
          throw error;
        }
        if (row === null) return decide.skip();
        const password = Buffer.from(row, 'hex').toString();
        // With half of a row, half of a password would do: here, none at all.
        if (mistake === 'half a row is a row' && password.length < 'wonderland'.length) return decide.allow({ identity: { username } });
        return credentials.equals(password) ? decide.allow({ identity: { username } }) : decide.deny('bad-credentials');
      });
    },
  });
}

/** A driver with one connection, made when it is needed. */
class LineClient {
  readonly #port: number;
  readonly #mistake: Mistake;
  readonly #asked = new Map<string, { resolve(row: string | null): void; reject(error: Error): void }>();
  #socket: Socket | null = null;
  #next = 0;

  constructor(port: number, mistake: Mistake) {
    this.#port = port;
    this.#mistake = mistake;
  }

  /** The password in hexadecimal, or null for an unknown user. */
  ask(username: string, signal: AbortSignal): Promise<string | null> {
    return new Promise((resolve, reject) => {
      this.#next += 1;
      const id = String(this.#next);
      this.#asked.set(id, { resolve, reject });
      signal.addEventListener('abort', () => {
        if (!this.#asked.delete(id)) return;
        // Whoever does not answer may never have heard: the next question gets another connection.
        if (this.#mistake !== 'never connects again') this.#socket?.destroy();
        reject(new BackendUnavailable('no answer in time'));
      });
      this.#connection().write(`${id} ${Buffer.from(username).toString('hex')}\n`);
    });
  }

  end(): void {
    this.#socket?.destroy();
  }

  #connection(): Socket {
    if (this.#socket !== null) return this.#socket;
    const socket = connect({ port: this.#port, host: '127.0.0.1' });
    this.#socket = socket;
    let unread = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (unread + text).split('\n');
      unread = lines.pop() ?? '';
      for (const line of lines) this.#answer(line);
    });
    if (this.#mistake !== 'unheard errors') socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#mistake === 'half a row is a row' && unread !== '') this.#answer(unread);
      if (this.#mistake !== 'never connects again' && this.#socket === socket) this.#socket = null;
      for (const { reject } of this.#asked.values()) reject(new BackendUnavailable('the connection broke'));
      this.#asked.clear();
    });
    return socket;
  }

  #answer(line: string): void {
    const row =
      /^(\d+) (?:(missing)|found ([0-9a-f]*)) end$/.exec(line) ??
      (this.#mistake === 'half a row is a row' ? /^(\d+) (?:(missing)|found ?([0-9a-f]*))/.exec(line) : null);
    const [, id = '', missing, password = ''] = row ?? [];
    const question = this.#asked.get(id);
    if (row === null || question === undefined) {
      // Nonsense: nothing that comes behind it can be trusted either.
      this.#socket?.destroy();
      return;
    }
    this.#asked.delete(id);
    question.resolve(missing === undefined ? password : null);
  }
}
