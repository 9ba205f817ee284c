import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../core/bin/portcullis.js', import.meta.url));
const START_MS = 15_000;
const STOP_MS = 10_000;
const SECRET_MODE = 0o600;

const running = new Set<ChildProcess>();
const folders = new Set<string>();

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

process.on('exit', killAll);
// The test runner ends a file that takes too long with SIGTERM; by default that would skip 'exit' and leave brokers behind.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

/** Files of a broker's folder, by name; what is neither text nor bytes is written as JSON. */
export type FolderFiles = Readonly<Record<string, unknown>>;

export interface BrokerOptions {
  readonly files?: FolderFiles;
  /** An existing folder to work in; it is not removed at the end. */
  readonly folder?: string;
  /** Arguments of the command; `serve -c plugins.json` unless told. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The script to run with Node instead of the one in this repository. */
  readonly command?: string;
  /** How many files the process may have open. */
  readonly maxFiles?: number;
  /** Names of the listeners to wait for; those of `plugins.json` unless told. */
  readonly listeners?: readonly string[];
}

/** The real command in a process of its own, in a temporary folder, on free ports. */
export class BrokerProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #urls = new Map<string, string>();
  readonly #ownFolder: boolean;
  #output = '';
  /** Length of the output whose lines were looked at. */
  #linesRead = 0;
  #exit: number | NodeJS.Signals | null = null;
  #changed = new Set<() => void>();

  constructor(options: BrokerOptions = {}) {
    this.#ownFolder = options.folder === undefined;
    this.folder = options.folder ?? temporaryFolder();
    writeFiles(this.folder, options.files ?? {});
    // Without the rehearsal, which is tested by itself: it would add seconds of work to every test.
    const env = { ...process.env, PORTCULLIS_PORT: '0', PORTCULLIS_WS_PORT: '0', PORTCULLIS_WARM_UP_MS: '0', ...options.env };
    const command = [process.execPath, options.command ?? COMMAND, ...(options.args ?? ['serve', '-c', 'plugins.json'])];
    const limited = options.maxFiles === undefined ? command : ['/bin/sh', '-c', `ulimit -n ${options.maxFiles} && exec "$@"`, 'sh', ...command];
    this.#child = spawn(limited[0] as string, limited.slice(1), {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => this.#wrote(text));
    this.#child.on('close', (code, signal) => {
      running.delete(this.#child);
      this.#exit = code ?? signal ?? 1;
      this.#notify();
    });
  }

  /** Starts a broker and waits until every listener is there. */
  static async start(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const broker = new BrokerProcess(options);
    try {
      await broker.ready(options.listeners);
    } catch (error) {
      broker.signal('SIGKILL');
      throw error;
    }
    return broker;
  }

  /** Everything that the command printed, both streams. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(listeners: readonly string[] = listenersOf(this.folder)): Promise<void> {
    const there = (): boolean => listeners.every((name) => this.#urls.has(name));
    await this.#until(`listeners ${listeners.join(', ')}`, START_MS, () => there() || this.#exit !== null);
    if (!there()) throw new Error(`the broker ended (${this.#exit}) before it listened:\n${this.#output}`);
  }

  /** Address of a listener, with the port that it really has. */
  url(listener: string): string {
    const url = this.#urls.get(listener);
    if (url === undefined) throw new Error(`no listener "${listener}" in:\n${this.#output}`);
    return url;
  }

  port(listener: string): number {
    return Number(new URL(this.url(listener)).port);
  }

  /** Waits for a text in what the command prints, from `since` on (a former length of `output`). */
  async waitForOutput(pattern: RegExp, since = 0): Promise<RegExpExecArray> {
    await this.#until(`output ${pattern}`, STOP_MS, () => pattern.test(this.#output.slice(since)) || this.#exit !== null);
    const found = pattern.exec(this.#output.slice(since));
    if (found === null) throw new Error(`the broker ended (${this.#exit}) without printing ${pattern}:\n${this.#output}`);
    return found;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for the command to end by itself; gives its exit code. */
  async exited(): Promise<number | NodeJS.Signals> {
    await this.#until('its end', STOP_MS, () => this.#exit !== null);
    this.#clean();
    return this.#exit ?? 1;
  }

  /** SIGTERM, then waits; gives the exit code. */
  stop(): Promise<number | NodeJS.Signals> {
    this.signal('SIGTERM');
    return this.exited();
  }

  /** SIGKILL, as when the machine dies. */
  kill(): Promise<number | NodeJS.Signals> {
    this.signal('SIGKILL');
    return this.exited();
  }

  #wrote(text: string): void {
    this.#output += text;
    // Whole lines, each once: a broker may print very many.
    const whole = this.#output.lastIndexOf('\n') + 1;
    const news = this.#output.slice(this.#linesRead, whole);
    this.#linesRead = whole;
    for (const [, name = '', url = ''] of news.matchAll(/\blistening\b[^\n]*? name=(\S+)[^\n]*? url=(\S+)/g)) this.#urls.set(name, url);
    this.#notify();
  }

  #notify(): void {
    for (const callback of this.#changed) callback();
  }

  #clean(): void {
    if (this.#ownFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  #until(what: string, limitMs: number, reached: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#changed.delete(check);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (reached()) finish();
      };
      const timer = setTimeout(() => finish(new Error(`awaited ${what} of the broker for ${limitMs} ms; it printed:\n${this.#output}`)), limitMs);
      this.#changed.add(check);
      check();
    });
  }
}

export interface CommandResult {
  readonly code: number | NodeJS.Signals;
  readonly output: string;
}

/** Runs the command to its end, for those that must not keep running. */
export async function runCommand(options: BrokerOptions): Promise<CommandResult> {
  const broker = new BrokerProcess(options);
  try {
    return { code: await broker.exited(), output: broker.output };
  } catch (error) {
    await broker.kill();
    throw error;
  }
}

/** A new folder; removed when this process ends, if not before. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  folders.add(folder);
  return folder;
}

export function writeFiles(folder: string, files: FolderFiles): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' || content instanceof Uint8Array ? content : `${JSON.stringify(content, null, 2)}\n`, {
      mode: SECRET_MODE,
    });
    chmodSync(path, SECRET_MODE);
  }
}

function listenersOf(folder: string): string[] {
  const file = join(folder, 'plugins.json');
  if (!existsSync(file)) return ['local', 'web'];
  const document: { listeners?: Record<string, unknown> } = JSON.parse(readFileSync(file, 'utf8'));
  return Object.keys(document.listeners ?? {});
}

/** A line of a password file in Mosquitto's oldest format, which costs nothing to check: tests are not about slow hashes. */
export function passwordLine(username: string, password: string): string {
  const salt = randomBytes(12);
  const hash = createHash('sha512').update(password).update(salt).digest('base64');
  return `${username}:$6$${salt.toString('base64')}$${hash}\n`;
}

/** A folder with one TCP and one WebSocket listener, these users and this access list. */
export function standardFiles(users: Readonly<Record<string, string>>, acl: string, more: Readonly<Record<string, unknown>> = {}): FolderFiles {
  return {
    'plugins.json': {
      version: 1,
      listeners: {
        local: { url: 'mqtt://127.0.0.1:1883', chain: 'default' },
        web: { url: 'ws://127.0.0.1:8083/mqtt', chain: 'default' },
      },
      plugins: {
        passwords: { use: '@portcullis/plugin-password-file', config: { file: 'data/passwords' } },
        rules: { use: '@portcullis/plugin-acl-file', config: { file: 'data/acl' } },
      },
      chains: { default: { authenticate: ['passwords'], authorize: ['rules'] } },
      ...more,
    },
    'data/passwords': Object.entries(users)
      .map(([name, password]) => passwordLine(name, password))
      .join(''),
    'data/acl': acl,
  };
}
