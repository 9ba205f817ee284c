import { renameSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { openFiles, until } from '../fuzz/process-figures.js';
import { BrokerProcess, runCommand } from '../support/broker-process.js';
import { badConfigurations, FUTURE, soundConfiguration } from './configurations.js';
import { Load, type LoadFigures } from './load.js';
import { type Testimony, WITNESS } from './witness.js';

export interface CampaignOptions {
  /** Half of them are sound. */
  readonly reloads: number;
  /** Clients that come and go, and that stay. */
  readonly coming: number;
  readonly staying: number;
}

export interface CampaignResult {
  readonly load: LoadFigures;
  readonly testimony: Testimony;
  /** Reloads that did not end as they had to. */
  readonly wrong: string[];
  /** Generations that were put in force, the first included. */
  readonly inForce: number;
  /** Open files of the broker before the first reload and after the last. */
  readonly files: readonly [before: number | null, after: number | null];
  readonly heapBytes: readonly [before: number, after: number];
  /** What the broker wrote. */
  readonly output: string;
}

interface Status {
  readonly counters: Readonly<Record<string, number>>;
}

/** Good and bad configurations in turn, by the real command or what it says, while clients come, go and talk. */
export async function reloadCampaign({ reloads, coming, staying }: CampaignOptions): Promise<CampaignResult> {
  const manifest = (name: string) => ({ name, version: '1.0.0', type: 'module', exports: './index.js' });
  const broker = await BrokerProcess.start({
    files: {
      'plugins.json': soundConfiguration(1),
      'witness/package.json': manifest('witness'),
      'witness/index.js': WITNESS,
      'future/package.json': manifest('future'),
      'future/index.js': FUTURE,
    },
  });
  const other = createServer();
  try {
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const before = await testimonyOf(broker, soundConfiguration(1));
    const filesBefore = openFiles(broker.pid);
    const load = new Load(broker.port('local'));
    await load.start(coming, staying);
    const { wrong, inForce, text } = await alternate(broker, reloads, taken);
    const figures = await load.stop();
    // Connections that have just ended take a moment; whoever counts the files finds out if it is not only those.
    await until(
      () => (openFiles(broker.pid) ?? 0) <= (filesBefore ?? 0),
      () => '',
    ).catch(() => {});
    const testimony = await testimonyOf(broker, text);
    const files = [filesBefore, openFiles(broker.pid)] as const;
    const exit = await broker.stop();
    if (exit !== 0) wrong.push(`the broker ended with ${exit}`);
    return { load: figures, testimony, wrong, inForce, files, heapBytes: [before.heapBytes, testimony.heapBytes], output: broker.output };
  } finally {
    other.close();
    broker.signal('SIGKILL');
  }
}

async function alternate(broker: BrokerProcess, reloads: number, taken: number): Promise<{ wrong: string[]; inForce: number; text: string }> {
  const wrong: string[] = [];
  let inForce = 1;
  let sound = soundConfiguration(1);
  for (let i = 0; i < reloads; i += 1) {
    const number = i + 2;
    if (i % 2 === 0) {
      sound = soundConfiguration(number);
      replace(broker, sound);
      const problem = await (i % 6 === 0 ? bySignal(broker) : i % 6 === 2 ? byCommand(broker, 0, /generation \d+ is in force/) : bySocket(broker, 0));
      if (problem !== null) wrong.push(`a sound configuration: ${problem}`);
      inForce += 1;
    } else {
      const all = badConfigurations(number, taken);
      const { what, text, says } = all[((i - 1) / 2) % all.length] ?? { what: 'none', text: '', says: /$^/ };
      replace(broker, text);
      // What each is refused for is looked at the first time that it comes.
      const problem = await (i < 2 * all.length ? byCommand(broker, 1, says) : bySocket(broker, 1));
      if (problem !== null) wrong.push(`${what}: ${problem}`);
    }
  }
  return { wrong, inForce, text: sound };
}

/** As editors and tools do it: whoever reads meets the old file or the new one. */
function replace(broker: BrokerProcess, text: string): void {
  const path = join(broker.folder, 'plugins.json');
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

async function byCommand(broker: BrokerProcess, status: number, says: RegExp): Promise<string | null> {
  const { code, output } = await run(broker, 'reload');
  return code === status && says.test(output) ? null : `exit status ${code}: ${output}`;
}

/** What the command asks, without its process: a start of Node takes longer than all the rest. */
async function bySocket(broker: BrokerProcess, status: 0 | 1): Promise<string | null> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect({ path: join(broker.folder, 'control.sock') }, () => socket.write('{"command":"reload"}\n'));
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
  });
  return (JSON.parse(answer) as { ok: boolean }).ok === (status === 0) ? null : answer;
}

async function bySignal(broker: BrokerProcess): Promise<string | null> {
  const since = broker.output.length;
  broker.signal('SIGHUP');
  const [line] = await broker.waitForOutput(/.*(?:reloaded the configuration|reload refused).*\n/, since);
  return /reloaded/.test(line) ? null : line;
}

function run(broker: BrokerProcess, ...args: string[]): Promise<{ code: number | NodeJS.Signals; output: string }> {
  return runCommand({ folder: broker.folder, args: [...args, '--socket', 'control.sock'] });
}

/** What the witness has seen; it collects the garbage first. */
async function testimonyOf(broker: BrokerProcess, text: string): Promise<Testimony> {
  // With the configuration in force the witness is told to reload, and nothing else happens.
  replace(broker, text);
  const again = await byCommand(broker, 0, /as before/);
  if (again !== null) throw new Error(again);
  const { counters } = await statusOf(broker);
  const of = (name: string): number => counters[`plugin.first.${name}`] ?? Number.NaN;
  return {
    judged: of('judged'),
    mixed: of('mixed'),
    strays: of('strays'),
    started: of('started'),
    alive: of('alive'),
    open: of('open'),
    heapBytes: of('heapBytes'),
  };
}

async function statusOf(broker: BrokerProcess): Promise<Status> {
  const { code, output } = await run(broker, 'status', '--json');
  if (code !== 0) throw new Error(output);
  return JSON.parse(output) as Status;
}
