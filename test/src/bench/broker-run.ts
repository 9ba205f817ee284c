import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { BenchError } from './bench-error.js';
import { type BrokerFiles, targetOf, writeSharedFiles } from './broker-files.js';
import type { Contestant } from './contestants.js';
import type { Target, Transport } from './load.js';
import { forgetGroup, keepGroup, removeFolder, signalGroup, temporaryFolder } from './running.js';
import type { Step } from './scenarios.js';

const KNOCK_MS = 25;
const STOP_MS = 5000;
const MOST_OUTPUT = 4000;
const MOST_LAST_LINES = 4;

/** A broker that listens, in a process of its own, with files of its own. */
export interface RunningBroker {
  readonly pid: number;
  readonly files: BrokerFiles;
  readonly target: Target;
  /** How it ended, when it has although nobody asked it to. */
  ended(): string | null;
  /** Ends it and all that it started, and removes its files. */
  stop(): Promise<void>;
}

/** Starts a broker for one run and waits until its port is open. Throws a BenchError when it ends before, or takes too long. */
export async function startBroker(contestant: Contestant, step: Step, transport: Transport, startSeconds: number): Promise<RunningBroker> {
  const folder = temporaryFolder();
  try {
    const files = writeSharedFiles(folder, step, transport);
    const chosen = contestant.fixedPort ?? (await freePort());
    if (chosen !== 0 && (await isOpen(chosen))) throw new BenchError(`${contestant.name}: something else listens on port ${chosen} already`);
    const child = new Child(contestant, contestant.command(files, chosen, transport), folder);
    let port: number;
    try {
      port = await child.listening(chosen, startSeconds);
    } catch (error) {
      await child.stop();
      throw error;
    }
    const stop = async (): Promise<void> => {
      await child.stop();
      // A child of it may take a moment longer, and the next broker may need the same port.
      for (const limit = performance.now() + STOP_MS; performance.now() < limit && (await isOpen(port)); ) await pause(KNOCK_MS);
      removeFolder(folder);
    };
    return { pid: child.pid, files, target: targetOf(files, port, transport), ended: () => child.end, stop };
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

class Child {
  readonly #contestant: Contestant;
  readonly #process: ChildProcess;
  readonly #closed: Promise<void>;
  #output = '';
  end: string | null = null;

  constructor(contestant: Contestant, [program = '', ...args]: readonly string[], folder: string) {
    this.#contestant = contestant;
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32' });
    this.#process = child;
    keepGroup(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MOST_OUTPUT);
      });
    this.#closed = new Promise((resolve) => {
      child.on('error', (error) => {
        this.end ??= error.message;
        resolve();
      });
      child.on('exit', (code, signal) => {
        this.end ??= signal === null ? `ended with status ${code}` : `ended by ${signal}`;
      });
      child.on('close', () => resolve());
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Waits until the port is open; gives the port, which is the one that it told when `chosen` is 0. */
  async listening(chosen: number, startSeconds: number): Promise<number> {
    const limit = performance.now() + startSeconds * 1000;
    for (;;) {
      const port = chosen === 0 ? Number(this.#contestant.announces?.exec(this.#output)?.[1] ?? 0) : chosen;
      if (port !== 0 && (await isOpen(port))) return port;
      if (this.end !== null) {
        // What it says at its end may still be on the way.
        await within(this.#closed, KNOCK_MS * 4);
        throw new BenchError(`${this.#contestant.name}: ${this.end} before it listened${this.#lastWords()}`);
      }
      if (performance.now() > limit) {
        const what = chosen === 0 ? 'it did not listen' : `port ${chosen} did not open`;
        throw new BenchError(`${this.#contestant.name}: ${what} within ${startSeconds} s${this.#lastWords()}`);
      }
      await pause(KNOCK_MS);
    }
  }

  async stop(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.end === null) signalGroup(this.#process, signal);
      if (await within(this.#closed, STOP_MS)) break;
    }
    // Whatever it started and left behind.
    signalGroup(this.#process, 'SIGKILL');
    forgetGroup(this.#process);
  }

  #lastWords(): string {
    const lines = this.#output
      .trim()
      .split(/\s*\n\s*/)
      .slice(-MOST_LAST_LINES);
    return lines[0] === '' ? '' : `; it said: ${lines.join(' / ')}`;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether something is over before a time is. */
async function within(over: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const result = await Promise.race([over.then(() => true), late]);
  clearTimeout(timer);
  return result;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** A port that nobody has at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
