import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, temporaryFolder, writeFiles } from '../support/broker-process.js';
import type { CrowdCommand, CrowdReport } from './crowd.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CROWD = fileURLToPath(new URL('./crowd.js', import.meta.url));
/** Time in which a round's deliveries flow before the rights go, and in which nothing may come any more after it, in milliseconds. */
const FLOW_MS = 300;
const STILL_MS = 400;

export interface LoadOptions {
  readonly clients: number;
  readonly deliveriesPerSecond: number;
  readonly rounds: number;
}

/** Milliseconds from the invalidation call; of leaks to the arrival of the last copy, for each client that got one after it. */
export interface LoadResult {
  readonly deliveriesPerSecond: number;
  /** Over all clients and rounds, those without a leak as 0. */
  readonly leakP50: number;
  readonly leakP99: number;
  readonly leakLongest: number;
  /** Until the broker had judged every client: the longest of the rounds, with deliveries and without. */
  readonly judgedLoaded: number;
  readonly judgedIdle: number;
  /** Time of the broker's processor from the call until then, deliveries included: the median of the rounds. */
  readonly cpuLoaded: number;
  readonly cpuIdle: number;
}

/** Gives rights by `loadPolicy`, takes them away when told, and says when it did. */
const PLUGIN = `
import { connect } from 'node:net';
import { definePlugin } from '@portcullis/sdk';
export default definePlugin({
  name: 'mine', sdk: '^1.0.0', decides: { authenticate: ['allow'] }, capabilities: ['policy'],
  config: { type: 'object', additionalProperties: false, required: ['port'], properties: { port: { type: 'integer' } } },
  start({ hooks, policy, stats, onDispose }, { port }) {
    let version = 1;
    let allowed = true;
    const cpu = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
    const rule = (actions, pattern) => ({ effect: 'allow', actions, pattern, from: 'mine' });
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    hooks.loadPolicy.tap(({ identity }, give) => give.policy({
      version,
      rules: identity.username === 'publisher' || allowed ? [rule(['publish', 'subscribe', 'receive'], '#')] : [rule(['publish'], '#')],
    }));
    const socket = connect(port, '127.0.0.1');
    onDispose(() => socket.destroy());
    socket.setEncoding('utf8').on('data', (text) => {
      for (const command of text.trim().split('\\n')) {
        if (command === 'stats') {
          socket.write(JSON.stringify({ cpu: cpu(), ...Object.fromEntries(stats.names().map((name) => [name, stats.get(name)])) }) + '\\n');
          continue;
        }
        allowed = command === 'grant';
        version += 1;
        const before = cpu();
        const at = Number(process.hrtime.bigint()) / 1e6;
        policy.invalidate('all', version);
        socket.write(JSON.stringify({ at, cpu: before }) + '\\n');
      }
    });
  },
});`;

/** Takes the rights of all receivers away while they are being sent messages, again and again. */
export async function measureUnderLoad(options: LoadOptions): Promise<LoadResult> {
  const folder = join(temporaryFolder(), 'mine');
  mkdirSync(join(folder, 'node_modules', '@portcullis'), { recursive: true });
  symlinkSync(join(ROOT, 'sdk'), join(folder, 'node_modules', '@portcullis', 'sdk'));
  writeFiles(folder, {
    'package.json': { name: 'mine', version: '1.0.0', type: 'module', exports: './index.js', dependencies: { '@portcullis/sdk': '^1.0.0' } },
    'index.js': PLUGIN,
  });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const linked = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const { port } = server.address() as { port: number };
  const broker = await BrokerProcess.start({
    files: {
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'main' } },
        plugins: { mine: { use: folder, isolation: 'inProcess', config: { port } } },
        chains: { main: { authenticate: ['mine'], authorize: ['mine'], revokedGraceSeconds: 600 } },
        log: { level: 'error' },
      },
    },
  });
  const crowd = spawn(process.execPath, [CROWD], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    return await play(options, broker.port('local'), new Lines(await linked), new Lines(crowd));
  } finally {
    await ended(crowd);
    await broker.stop();
    await closed(server);
    rmSync(join(folder, '..'), { recursive: true, force: true });
  }
}

async function play({ clients, deliveriesPerSecond, rounds }: LoadOptions, port: number, plugin: Lines, crowd: Lines): Promise<LoadResult> {
  const topics = Math.max(1, Math.round(clients / 20));
  const tell = async (command: CrowdCommand): Promise<CrowdReport> => (await crowd.ask(JSON.stringify(command))) as CrowdReport;
  const change = async (to: 'grant' | 'revoke'): Promise<{ at: number; cpu: number }> => (await plugin.ask(to)) as { at: number; cpu: number };
  const judged = async (): Promise<{ lag: number; cpu: number }> => {
    for (;;) {
      const stats = (await plugin.ask('stats')) as Readonly<Record<string, number>>;
      if (stats.rechecksWaiting === 0) return { lag: stats.revocationLagMs ?? 0, cpu: stats.cpu ?? 0 };
      await pause(1);
    }
  };
  /** Takes the rights away and waits until everybody was judged. */
  const revoke = async (lags: number[], cpus: number[]): Promise<number> => {
    const { at, cpu } = await change('revoke');
    const after = await judged();
    lags.push(after.lag);
    cpus.push(after.cpu - cpu);
    return at;
  };
  await tell({ start: { port, clients, topics } });
  const idle: number[] = [];
  const cpuIdle: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await revoke(idle, cpuIdle);
    await change('grant');
    await judged();
  }
  const leaks: number[] = [];
  const loaded: number[] = [];
  const cpuLoaded: number[] = [];
  await tell({ rate: (deliveriesPerSecond * topics) / clients });
  await pause(FLOW_MS);
  await tell({ report: true });
  let bytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    await pause(FLOW_MS);
    bytes += (await tell({ report: true })).bytes;
    const at = await revoke(loaded, cpuLoaded);
    await pause(STILL_MS);
    const { last } = await tell({ report: true });
    for (const arrived of last) leaks.push(Math.max(0, arrived - at));
    await change('grant');
    await judged();
    await tell({ report: true });
  }
  leaks.sort((one, other) => one - other);
  const leak = (part: number): number => leaks[Math.min(leaks.length - 1, Math.floor(leaks.length * part))] ?? 0;
  // Fixed header, topic length, topic of 6 or 7 characters, payload.
  const delivered = bytes / (2 + 2 + 6.5 + 32) / ((rounds * FLOW_MS) / 1000);
  return {
    deliveriesPerSecond: Math.round(delivered),
    leakP50: leak(0.5),
    leakP99: leak(0.99),
    leakLongest: leak(1),
    judgedLoaded: Math.max(...loaded),
    judgedIdle: Math.max(...idle),
    cpuLoaded: median(cpuLoaded),
    cpuIdle: median(cpuIdle),
  };
}

function median(list: readonly number[]): number {
  return [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)] ?? 0;
}

/** Questions and answers, a line each, in their order. */
class Lines {
  readonly #write: (line: string) => void;
  readonly #awaited: ((answer: unknown) => void)[] = [];
  #unread = '';

  constructor(far: Socket | ChildProcess) {
    const [input, output] = 'stdin' in far ? [far.stdout, far.stdin] : [far, far];
    if (input === null || output === null) throw new Error('the process has no pipes');
    this.#write = (line) => void output.write(`${line}\n`);
    input.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#unread + text).split('\n');
      this.#unread = lines.pop() ?? '';
      for (const line of lines) this.#awaited.shift()?.(JSON.parse(line));
    });
  }

  ask(line: string): Promise<unknown> {
    return new Promise((resolve) => {
      this.#awaited.push(resolve);
      this.#write(line);
    });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  await exit;
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
