import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMMAND = join(ROOT, 'core', 'bin', 'portcullis.js');
const OWNER_ONLY = 0o600;
const SHELL_LOOK_MS = 500;

/** One thing to try. */
export interface DemoStep {
  readonly title: string;
  /** Lines for a shell. */
  readonly commands: readonly string[];
  /** What is then to be seen. */
  readonly shows: string;
}

/** Where a demonstration runs. */
export interface DemoPlace {
  readonly folder: string;
  /** Port of a listener of `plugins.json`, which may ask for 0. */
  port(listener: string): number;
}

export interface Demo {
  readonly title: string;
  /** Files by name in the broker's folder; `plugins.json` is one of them. What is no text is written as JSON. */
  readonly files: Readonly<Record<string, unknown>>;
  /** What to print when the broker listens. */
  steps(place: DemoPlace): readonly DemoStep[];
  /** Ends what else was started. */
  stop?(): Promise<void>;
}

/**
 * Runs a broker with these files in a folder of its own, says what to try, and shows its log. Ctrl-C ends it and takes the folder away.
 * Resolves with an exit status when everything has ended.
 */
export async function runDemo(demo: Demo): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-demo-'));
  const over = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', over);
  try {
    write(folder, demo.files);
    return await serve(folder, demo);
  } finally {
    await demo.stop?.();
    over();
  }
}

function write(folder: string, files: Demo['files']): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`, { mode: OWNER_ONLY });
  }
}

function serve(folder: string, demo: Demo): Promise<number> {
  const broker = spawn(process.execPath, [COMMAND, 'serve', '-c', 'plugins.json'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const guard = guardOf(broker, folder);
  let asked = false;
  const end = (): void => {
    asked = true;
    broker.kill('SIGTERM');
  };
  // npm hands a signal to its shell, and some shells die of it without telling anybody: without this, a broker would stay behind.
  const shell = process.ppid;
  const look = setInterval(() => process.ppid !== shell && end(), SHELL_LOOK_MS);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  show(broker, folder, demo);
  return new Promise((resolve) => {
    broker.once('error', (error) => process.stderr.write(`the broker could not be started: ${error.message}\n`));
    broker.once('close', (code) => {
      guard.kill('SIGKILL');
      clearInterval(look);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
      resolve(asked ? 0 : code || 1);
    });
  });
}

/** A shell that waits for our end, whatever it is like: nothing else could clear up behind somebody who was killed. */
function guardOf(broker: ChildProcess, folder: string): ChildProcess {
  const script = 'cat > /dev/null; kill -TERM "$1" 2> /dev/null; sleep 2; rm -rf -- "$2"';
  const guard = spawn('/bin/sh', ['-c', script, 'sh', String(broker.pid), folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.on('error', () => undefined);
  return guard;
}

/** Hands the broker's output on, and says what to try as soon as it is ready. */
function show(broker: ChildProcess, folder: string, demo: Demo): void {
  const ports = new Map<string, number>();
  let before: string | null = '';
  broker.stderr?.pipe(process.stderr);
  broker.stdout?.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    if (before === null) return;
    before += text;
    if (!/^Portcullis is ready$/m.test(before)) return;
    for (const [, name = '', port] of before.matchAll(/\blistening\b[^\n]*? name=(\S+)[^\n]*? url=\w+:\/\/[^/\s]*:(\d+)/g))
      ports.set(name, Number(port));
    before = null;
    const port = (listener: string): number => ports.get(listener) ?? 0;
    process.stdout.write(instructions(demo.title, demo.steps({ folder, port })));
  });
}

function instructions(title: string, steps: readonly DemoStep[]): string {
  const lines = steps.flatMap(({ title: what, commands, shows }, index) => [
    '',
    `${index + 1}. ${what}`,
    ...commands.map((command) => `   ${command}`),
    `   → ${shows}`,
  ]);
  return ['', title, 'In another terminal:', ...lines, '', 'Ctrl-C ends it and takes everything away. The log of the broker:', '', ''].join('\n');
}

/** A client for the command line, as far as demonstrations use it. */
export interface DemoClient {
  publish(connection: ConnectionArguments, topic: string, message: string): string;
  subscribe(connection: ConnectionArguments, filter: string): string;
}

export interface ConnectionArguments {
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** Files for TLS. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

/** Mosquitto's clients where they are, else that of the library MQTT.js, which is installed with this repository. */
export function demoClient(): DemoClient {
  if (isProgram('mosquitto_pub')) {
    const login = ({ port, username, password, tls }: ConnectionArguments): string =>
      `-h localhost -p ${port}${flag('-u', username)}${flag('-P', password)}${tls === undefined ? '' : flag('--cafile', tls.ca) + flag('--cert', tls.cert) + flag('--key', tls.key)}`;
    return {
      publish: (connection, topic, message) => `mosquitto_pub -V 5 -q 1 ${login(connection)} -t ${quoted(topic)} -m ${quoted(message)}`,
      subscribe: (connection, filter) => `mosquitto_sub -V 5 -v ${login(connection)} -t ${quoted(filter)}`,
    };
  }
  const program = quoted(join(ROOT, 'node_modules', '.bin', 'mqtt'));
  const login = ({ port, username, password, tls }: ConnectionArguments): string =>
    `--protocolVersion 5 -h localhost -p ${port}${flag('-u', username)}${flag('-P', password)}${tls === undefined ? '' : ` -C mqtts${flag('--ca', tls.ca)}${flag('--cert', tls.cert)}${flag('--key', tls.key)}`}`;
  return {
    publish: (connection, topic, message) => `${program} pub -q 1 ${login(connection)} -t ${quoted(topic)} -m ${quoted(message)}`,
    subscribe: (connection, filter) => `${program} sub -v ${login(connection)} -t ${quoted(filter)}`,
  };
}

function flag(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name} ${quoted(value)}`;
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function isProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
