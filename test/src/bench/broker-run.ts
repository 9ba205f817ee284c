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
    const port = contestant.fixedPort ?? (await freePort());
    if (await isOpen(port)) throw new BenchError(`${contestant.name}: something else listens on port ${port} already`);
    const child = new Child(contestant, contestant.command(files, port, transport), folder);
    try {
      await child.listening(port, startSeconds);
    } catch (error) {
      await child.stop();
      throw error;
    }
    const stop = async (): Promise<void> => {
      await child.stop();
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

  async listening(port: number, startSeconds: number): Promise<void> {
    const limit = performance.now() + startSeconds * 1000;
    while (!(await isOpen(port))) {
      if (this.end !== null) {
        // What it says at its end may still be on the way.
        await Promise.race([this.#closed, pause(KNOCK_MS * 4)]);
        throw new BenchError(`${this.#contestant.name}: ${this.end} before it listened${this.#lastWords()}`);
      }
      if (performance.now() > limit)
        throw new BenchError(`${this.#contestant.name}: port ${port} did not open within ${startSeconds} s${this.#lastWords()}`);
      await pause(KNOCK_MS);
    }
  }

  async stop(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.end === null) signalGroup(this.#process, signal);
      if (await Promise.race([this.#closed.then(() => true), pause(STOP_MS)])) break;
    }
    // Whatever it started and left behind.
    signalGroup(this.#process, 'SIGKILL');
    forgetGroup(this.#process);
  }

  #lastWords(): string {
    const line = this.#output.trim().split('\n').at(-1) ?? '';
    return line === '' ? '' : `; it said: ${line}`;
  }
}

/** A pause that holds nothing up; resolves with false. */
function pause(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
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
