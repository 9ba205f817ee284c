import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { forget, watch } from './guardian.js';
import { poll } from './poll.js';
import { freezeTree, isRunning, killTree, signal, thawTree } from './process-tree.js';

const STOP_MS = 30_000;
const LOG_LINES = 20;
const NOBODY = 65_534;

/** Who a server runs as: oneself, or the user without rights when that is root, which PostgreSQL refuses. */
export function unprivileged(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** How to start one server. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** In addition to a small environment of our own; nothing of the caller's gets through. */
  readonly env: Readonly<Record<string, string>>;
  readonly as: { uid?: number; gid?: number };
  readonly logFile: string;
  /** What asks it to end, and what asks it to end at once when its starter is gone. */
  readonly stopSignal: NodeJS.Signals;
  readonly abandonSignal: NodeJS.Signals;
}

/** The environment of servers and of the programs that prepare for them: messages in English, no settings of the caller. */
export function serverEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC', ...more };
}

/** One running program; it keeps no event loop alive, and ends with the process that started it. */
export class ServerProcess {
  readonly #command: ServerCommand;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly pid: number;
  #running = true;

  constructor(command: ServerCommand) {
    this.#command = command;
    const log = openSync(command.logFile, 'a');
    try {
      const { program, args, as, env } = command;
      this.#child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', log, log], env: serverEnvironment(env), ...as });
    } finally {
      closeSync(log);
    }
    const { pid } = this.#child;
    this.#ended = new Promise((resolve) => {
      const done = (): void => {
        this.#running = false;
        if (pid !== undefined) forget(pid);
        resolve();
      };
      this.#child.once('exit', done);
      this.#child.once('error', done);
    });
    if (pid === undefined) throw new Error(`${command.program} cannot be run`);
    this.pid = pid;
    watch(pid, command.abandonSignal);
    this.#child.unref();
  }

  get running(): boolean {
    return this.#running;
  }

  /** The last lines that it wrote. */
  lastWords(): string {
    return lastLines(this.#command.logFile);
  }

  /** Asks it to end, and waits; kills it when it does not. */
  async stop(): Promise<void> {
    await this.#askToEnd(this.#command.stopSignal);
  }

  /** Ends it at once, when nobody needs its data any more. */
  async abandon(): Promise<void> {
    await this.#askToEnd(this.#command.abandonSignal);
  }

  async #askToEnd(how: NodeJS.Signals): Promise<void> {
    if (!this.#running) return;
    // Frozen processes hear nothing.
    thawTree(this.pid);
    signal(this.pid, how);
    try {
      await this.#end();
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async kill(): Promise<void> {
    if (!this.#running) return;
    const pids = killTree(this.pid);
    await this.#end();
    await poll('the end of all killed processes', STOP_MS, () => !pids.some((pid) => isRunning(pid)));
  }

  freeze(): void {
    if (!this.#running) throw new Error('a server that does not run cannot be frozen');
    freezeTree(this.pid);
  }

  thaw(): void {
    if (this.#running) thawTree(this.pid);
  }

  async #end(): Promise<void> {
    await poll(`the end of ${this.#command.program}`, STOP_MS, () => !this.#running);
    await this.#ended;
  }
}

export function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  } catch {
    return '';
  }
}
