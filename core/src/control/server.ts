import { createServer, type Server, type Socket } from 'node:net';
import { errorText } from '../errors.js';
import type { Limits } from '../limits.js';
import { bindUnixSocket } from '../listeners/unix-socket.js';
import type { Logger } from '../log.js';
import { type ControlAnswer, type ControlCommand, type ControlRequest, refusal } from './protocol.js';

export interface ControlServerOptions {
  /** Absolute path of the socket. */
  readonly path: string;
  /** What may be asked, by name. */
  readonly commands: ReadonlyMap<string, ControlCommand>;
  readonly limits: Pick<Limits, 'maxControlConnections' | 'maxControlRequestBytes' | 'controlTimeoutMs'>;
  readonly log: Logger;
  /** Calls back after so many milliseconds unless the function it returns is called before; the machine's timers by default. */
  readonly after?: After;
}

type After = (milliseconds: number, callback: () => void) => () => void;

/** Whoever may speak to the broker over this socket may have it reload: its owner alone. */
const MODE = 0o600;
const NEWLINE = 0x0a;

const systemAfter: After = (milliseconds, callback) => {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
};

/** A bound control socket: answers one request a connection. */
export class ControlServer {
  readonly path: string;
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  /** Those that are there, and whether their command is being worked on. */
  readonly #sockets = new Map<Socket, { busy: boolean }>();

  private constructor(options: ControlServerOptions) {
    this.path = options.path;
    this.#options = options;
    // Half-open: who has sent a request and shuts that side still gets its answer.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Binds the socket, for its owner alone. Rejects with one line when it is in use, or cannot be made. */
  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(options);
    await bindUnixSocket(server.#server, { path: options.path, mode: MODE, called: `control socket ${options.path}` }, options.log);
    return server;
  }

  /** Removes the socket. Requests that are being worked on are answered still; resolves when the last one is. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, { busy }] of this.#sockets) if (!busy) socket.destroy();
    return closed;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    const full = this.#sockets.size >= this.#options.limits.maxControlConnections;
    const state = { busy: false };
    if (!full) {
      this.#sockets.set(socket, state);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const { after = systemAfter, limits } = this.#options;
    const patience = new Patience(after, limits.controlTimeoutMs, socket);
    if (full) {
      patience.start();
      this.#send(socket, refusal('too many connections to the control socket', 'try again when the others have been answered'));
      return;
    }
    const answer = (given: ControlAnswer): void => {
      patience.start();
      this.#send(socket, given);
    };
    patience.start();
    readLine(socket, limits.maxControlRequestBytes, (line) => {
      patience.stop();
      if (line === null) return answer(refusal('the request is too long'));
      state.busy = true;
      void this.#perform(line).then(answer);
    });
  }

  #send(socket: Socket, answer: ControlAnswer): void {
    // What plugins say of themselves is among it, and they may say anything.
    const { log } = this.#options;
    const line = JSON.stringify(answer, (_, value: unknown) => (typeof value === 'string' ? log.hide(value) : value));
    // Closed as soon as it is written: a peer that never shuts its own side would keep the place.
    socket.end(`${line}\n`, () => socket.destroy());
  }

  /** Never rejects. */
  async #perform(line: string): Promise<ControlAnswer> {
    const request = parseRequest(line);
    if (request === null) return refusal('the request is not a JSON object with a "command"', 'such as {"command":"status"}');
    const command = this.#options.commands.get(request.command);
    if (command === undefined) {
      return refusal(`unknown command ${JSON.stringify(request.command.slice(0, 64))}`, `it knows ${[...this.#options.commands.keys()].join(', ')}`);
    }
    try {
      return await command(request);
    } catch (error) {
      this.#options.log.error({ command: request.command, cause: errorText(error) }, 'a command of the control socket failed');
      return refusal(errorText(error));
    }
  }
}

/** Closes a socket whose peer takes too long. */
class Patience {
  readonly #after: After;
  readonly #milliseconds: number;
  readonly #socket: Socket;
  #cancel: () => void = () => {};

  constructor(after: After, milliseconds: number, socket: Socket) {
    this.#after = after;
    this.#milliseconds = milliseconds;
    this.#socket = socket;
    socket.once('close', () => this.stop());
  }

  start(): void {
    this.stop();
    this.#cancel = this.#after(this.#milliseconds, () => this.#socket.destroy());
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }
}

/** Hands over the first line, or null when it is too long. The end of what the peer sends ends a line, too; nothing is handed over for none. */
function readLine(socket: Socket, maxBytes: number, done: (line: string | null) => void): void {
  const parts: Buffer[] = [];
  let length = 0;
  const finish = (line: string | null): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    // Whatever else it sends is not read.
    socket.pause();
    done(line);
  };
  const onData = (bytes: Buffer): void => {
    const end = bytes.indexOf(NEWLINE);
    const part = end < 0 ? bytes : bytes.subarray(0, end);
    length += part.length;
    if (length > maxBytes) return finish(null);
    parts.push(part);
    if (end >= 0) finish(Buffer.concat(parts).toString('utf8'));
  };
  const onEnd = (): void => {
    if (length === 0) socket.destroy();
    else finish(Buffer.concat(parts).toString('utf8'));
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
}

function parseRequest(line: string): ControlRequest | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('command' in value) || typeof value.command !== 'string') return null;
    return value as ControlRequest;
  } catch {
    return null;
  }
}
