import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.js';
import { type BrokerFiles, writeMosquittoConf, writePluginsJson } from './broker-files.js';
import type { Transport } from './load.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
// Daemons are often outside the search path of ordinary users.
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/usr/bin'];

/** A broker that takes part: how it is started for one run. */
export interface Contestant {
  readonly name: string;
  /** For the record: what exactly this is. */
  readonly version: string;
  /** The port that it always takes; null lets the benchmark choose, 0 lets the broker. */
  readonly fixedPort: number | null;
  /** Finds the port in what a broker prints that chose it itself; null for others. */
  readonly announces: RegExp | null;
  /** Writes what it needs and gives the command. */
  command(files: BrokerFiles, port: number, transport: Transport): readonly string[];
}

export function portcullis(): Contestant {
  const manifest: { version?: string } = JSON.parse(readFileSync(join(ROOT, 'core', 'package.json'), 'utf8'));
  return {
    name: 'portcullis',
    version: [`Portcullis ${manifest.version}`, commit()].join(''),
    fixedPort: 0,
    announces: /listening name=bench url=\w+:\/\/127\.0\.0\.1:(\d+)/,
    command: (files, port, transport) => [
      process.execPath,
      join(ROOT, 'core', 'bin', 'portcullis.js'),
      'serve',
      '-c',
      writePluginsJson(files, port, transport),
    ],
  };
}

/** " (commit abc)", where this is a clone and not an archive. */
function commit(): string {
  try {
    const hash = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = execFileSync('git', ['status', '--porcelain', '-uno'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return ` (commit ${hash}${changed === '' ? '' : ' and changes'})`;
  } catch {
    return '';
  }
}

/** Mosquitto twice: as it comes, and without the delay that batches small packets. The better one counts. */
export function mosquitto(path: string | null): Contestant[] {
  const program = path ?? findProgram('mosquitto');
  if (program === null || !existsSync(program)) throw new BenchError(`there is no mosquitto${path === null ? '; name its path' : ` at ${path}`}`);
  const version = mosquittoVersion(program);
  const variant = (name: string, lines: readonly string[]): Contestant => ({
    name,
    version: [version, ...lines].join(', '),
    fixedPort: null,
    announces: null,
    command: (files, port, transport) => [program, '-c', writeMosquittoConf(files, port, transport, lines)],
  });
  return [variant('mosquitto', []), variant('mosquitto-nodelay', ['set_tcp_nodelay true'])];
}

function mosquittoVersion(program: string): string {
  try {
    return (
      execFileSync(program, ['-h'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        .split('\n')[0]
        ?.trim() ?? program
    );
  } catch (error) {
    // It answers with a help text and status 3 in some versions.
    const text = (error as { stdout?: unknown }).stdout;
    const first = typeof text === 'string' ? (text.split('\n')[0] ?? '') : '';
    if (!/mosquitto/i.test(first)) throw new BenchError(`${program} does not say that it is a Mosquitto`);
    return first.trim();
  }
}

function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate)) ?? null;
}

/**
 * Any broker, by its command. `{port}`, `{config}` (a mosquitto.conf), `{passwords}`, `{acl}`, `{cert}` and `{key}` stand for what each run needs.
 * With neither `{port}` nor `{config}` in the command its port must be told.
 */
export function byCommand(command: string, port: number | null): Contestant {
  const words = splitWords(command);
  const [program] = words;
  if (program === undefined) throw new BenchError('--against needs a command');
  if (port === null && !/\{(?:port|config)\}/.test(command)) throw new BenchError('--against without {port} or {config} in it needs --against-port');
  return {
    name: basename(program),
    version: command,
    fixedPort: port,
    announces: null,
    command: (files, chosen, transport) => {
      const values: Record<string, () => string> = {
        '{port}': () => String(chosen),
        '{config}': () => writeMosquittoConf(files, chosen, transport, []),
        '{passwords}': () => files.passwords,
        '{acl}': () => files.acl,
        '{cert}': () => files.certificate,
        '{key}': () => files.key,
      };
      return words.map((word) => word.replace(/\{(?:port|config|passwords|acl|cert|key)\}/g, (name) => values[name]?.() ?? name));
    },
  };
}

/** Cuts a command into words as a shell does with quotes, and nothing else that a shell does. */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (const letter of command) {
    if (quote !== null) {
      if (letter === quote) quote = null;
      else word = (word ?? '') + letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + letter;
  }
  if (quote !== null) throw new BenchError(`--against has a ${quote} without its other half`);
  if (word !== null) words.push(word);
  return words;
}
