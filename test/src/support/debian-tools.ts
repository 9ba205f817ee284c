import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { libraryFolders, unpackDebianPackages } from '@portcullis/test-servers';

const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/portcullis-debian-tools/', import.meta.url));
const PACKAGES = ['mosquitto', 'mosquitto-clients', 'python3-paho-mqtt'];
// Daemons are often outside the search path of ordinary users.
const SYSTEM_FOLDERS = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin'];

/** Why tests that need these programs are skipped, or false; for `it(…, { skip })`. Only an explicit wish skips them. */
export const WITHOUT_DEBIAN: string | false = process.env.PORTCULLIS_TEST_WITHOUT_DEBIAN === '1' ? 'PORTCULLIS_TEST_WITHOUT_DEBIAN=1' : false;

const ADVICE = `Some tests use the programs of Mosquitto and Python's paho-mqtt, and they are not to be had here. Either
  - install them: apt-get install mosquitto mosquitto-clients python3-paho-mqtt (no service needs to run), or
  - make apt-get able to download them (it needs no root), or
  - set PORTCULLIS_TEST_WITHOUT_DEBIAN=1 to leave those tests out.`;

/** A program, with the variables that it needs in addition to ours. */
export interface Tool {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Programs that are not ours, as independent judges. */
export interface DebianTools {
  readonly mosquitto: Tool;
  readonly mosquittoSub: Tool;
  readonly mosquittoPub: Tool;
  readonly mosquittoPasswd: Tool;
  /** Python 3 with paho-mqtt. */
  readonly python: Tool;
}

let found: DebianTools | null = null;

/** The programs from the system, or taken out of Debian's packages into a cache folder without installing anything. */
export function debianTools(): DebianTools {
  found ??= findTools();
  return found;
}

function findTools(): DebianTools {
  const names = ['mosquitto', 'mosquitto_sub', 'mosquitto_pub', 'mosquitto_passwd'] as const;
  const installed = new Map(names.map((name) => [name, onPath(name)[0]]));
  const python = pythonWithPaho();
  if (python !== null && [...installed.values()].every((path) => path !== undefined))
    return assemble((name) => ({ path: installed.get(name) ?? '', env: {} }), python);
  let root: string;
  try {
    root = extractPackages(CACHE);
  } catch (error) {
    throw new Error(`${ADVICE}\nWhat went wrong: ${error instanceof Error ? error.message : error}`);
  }
  return assemble((name) => {
    const path = installed.get(name);
    return path === undefined ? extractedTool(root, name) : { path, env: {} };
  }, python ?? extractedPython(root));
}

type ProgramName = 'mosquitto' | 'mosquitto_sub' | 'mosquitto_pub' | 'mosquitto_passwd';

function assemble(tool: (name: ProgramName) => Tool, python: Tool): DebianTools {
  return {
    mosquitto: tool('mosquitto'),
    mosquittoSub: tool('mosquitto_sub'),
    mosquittoPub: tool('mosquitto_pub'),
    mosquittoPasswd: tool('mosquitto_passwd'),
    python,
  };
}

function onPath(name: string): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  return folders.filter((folder) => folder !== '').flatMap((folder) => (existsSync(join(folder, name)) ? [join(folder, name)] : []));
}

/** Debian's Python first: another one that stands earlier in the path does not see Debian's modules. */
function pythons(): string[] {
  return [...(existsSync('/usr/bin/python3') ? ['/usr/bin/python3'] : []), ...onPath('python3')];
}

function hasPaho(python: string, env: Readonly<Record<string, string>>): boolean {
  try {
    execFileSync(python, ['-c', 'import paho.mqtt.client'], { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

function pythonWithPaho(): Tool | null {
  const path = pythons().find((candidate) => hasPaho(candidate, {}));
  return path === undefined ? null : { path, env: {} };
}

function extractedPython(root: string): Tool {
  const env = { PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') };
  const path = pythons().find((candidate) => hasPaho(candidate, env));
  if (path === undefined) throw new Error(`${ADVICE}\nWhat went wrong: there is no python3`);
  return { path, env };
}

function extractedTool(root: string, name: ProgramName): Tool {
  const path = ['usr/bin', 'usr/sbin'].map((folder) => join(root, folder, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`${ADVICE}\nWhat went wrong: the packages do not contain ${name}`);
  return { path, env: { LD_LIBRARY_PATH: libraryFolders(root) } };
}

/** Downloads the packages and the libraries that the system lacks, and unpacks them below `cache`. Needs no root. */
export function extractPackages(cache: string): string {
  const root = join(cache, `${process.arch}-${process.version}`);
  if (existsSync(root)) return root;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'work-'));
  try {
    const unpacked = join(work, 'root');
    mkdirSync(unpacked);
    // Python itself is there, or nothing of it would run.
    unpackDebianPackages(PACKAGES, unpacked, work, (name) => !/^(?:lib)?python3/.test(name));
    try {
      renameSync(unpacked, root);
    } catch (error) {
      // Another test file was faster: what it unpacked is the same.
      if (!existsSync(root)) throw error;
    }
    return root;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

export interface ToolResult {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program; `ended` resolves with what it printed. */
export interface RunningTool {
  readonly ended: Promise<ToolResult>;
  /** Waits until its output, both streams, contains a text. */
  printed(pattern: RegExp): Promise<void>;
  stop(signal?: NodeJS.Signals): void;
}

export function startTool(
  tool: Tool,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number; readonly cwd?: string } = {},
): RunningTool {
  const { input = '', timeoutMs = 20_000, cwd } = options;
  // Into a pipe most programs write nothing before they end; what they say while they run is what tests wait for.
  const child = spawn('stdbuf', ['-oL', tool.path, ...args], {
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...tool.env },
    stdio: 'pipe',
    timeout: timeoutMs,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  let stdout = '';
  let stderr = '';
  let over = false;
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    notify();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    notify();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<ToolResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.removeListener('exit', kill);
      over = true;
      notify();
      resolve({ code: code ?? signal ?? 1, stdout, stderr });
    });
  });
  const printed = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const there = pattern.test(stdout) || pattern.test(stderr);
        if (!there && !over) return;
        listeners.delete(check);
        if (there) resolve();
        else reject(new Error(`${tool.path} ended without printing ${pattern}:\n${stdout}${stderr}`));
      };
      listeners.add(check);
      check();
    });
  return { ended, printed, stop: (signal = 'SIGTERM') => child.kill(signal) };
}

/** Runs a program to its end. */
export function runTool(
  tool: Tool,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number; readonly cwd?: string } = {},
): Promise<ToolResult> {
  return startTool(tool, args, options).ended;
}
