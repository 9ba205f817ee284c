import { parseArgs } from 'node:util';
import { BenchError } from './bench-error.js';
import { TRANSPORTS, type Transport } from './load.js';
import { SCENARIOS, type Scenario, SHORT } from './scenarios.js';

export const USAGE = `npm run bench -- [options]

  --scenarios a,b      which ones, or "all"; without it a short set
  --list               the scenarios and what they do
  --transport T        tcp (default), ws, tls or wss, for the scenarios that publish
  --mosquitto [PATH]   compare with Mosquitto, in two variants; the program of this system unless named
  --against "COMMAND"  compare with the broker that this command runs in the foreground on 127.0.0.1;
                       {port} {config} {passwords} {acl} {cert} {key} in it are replaced
  --against-port N     the port of that broker, when its command has no {port}
  --start-seconds N    how long a broker may take until its port is open (default 20)
  --rounds N           runs of each scenario and broker (default 3); medians count
  --seconds N          length of a measurement (default 4)
  --warmup N           seconds before it (default 2)
  --markdown           print tables for a document
  --json FILE          write every figure of every run
  --help
`;

const MOST_ROUNDS = 100;
const MOST_SECONDS = 600;

export interface Options {
  readonly action: 'run' | 'list' | 'help';
  readonly scenarios: readonly Scenario[];
  readonly transport: Transport;
  readonly mosquitto: boolean;
  readonly mosquittoPath: string | null;
  readonly against: string | null;
  readonly againstPort: number | null;
  readonly startSeconds: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly markdown: boolean;
  readonly jsonFile: string | null;
}

/** Reads the command line. Throws a BenchError whose message is the one line to show. */
export function parseArguments(args: readonly string[]): Options {
  const values = read(args);
  const transport = transportOf(values.transport);
  return {
    action: values.help === true ? 'help' : values.list === true ? 'list' : 'run',
    scenarios: scenariosOf(values.scenarios, transport),
    transport,
    mosquitto: values.mosquitto !== undefined,
    mosquittoPath: values.mosquitto === undefined || values.mosquitto === '' ? null : values.mosquitto,
    against: values.against ?? null,
    againstPort: againstPort(values),
    startSeconds: number(values['start-seconds'], '--start-seconds', 20, 0.1, MOST_SECONDS),
    rounds: whole(values.rounds, '--rounds', 3, 1, MOST_ROUNDS) ?? 3,
    seconds: number(values.seconds, '--seconds', 4, 0.1, MOST_SECONDS),
    warmupSeconds: number(values.warmup, '--warmup', 2, 0, MOST_SECONDS),
    markdown: values.markdown === true,
    jsonFile: values.json ?? null,
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.map((each, index) => (each === '--mosquitto' && (args[index + 1] ?? '-').startsWith('-') ? '--mosquitto=' : each)),
      strict: true,
      allowPositionals: false,
      options: {
        scenarios: { type: 'string' },
        list: { type: 'boolean' },
        transport: { type: 'string' },
        mosquitto: { type: 'string' },
        against: { type: 'string' },
        'against-port': { type: 'string' },
        'start-seconds': { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        markdown: { type: 'boolean' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    // Node's own advice about "--" does not help here, and takes several sentences.
    const message = error instanceof Error ? (error.message.split(/[\n.](?:\s|$)/)[0] ?? '') : String(error);
    throw new BenchError(`${message}; see --help`);
  }
}

function transportOf(value: string | undefined): Transport {
  const found = TRANSPORTS.find((each) => each === (value ?? 'tcp'));
  if (found === undefined) throw new BenchError(`--transport is one of ${TRANSPORTS.join(', ')}, not ${JSON.stringify(value)}`);
  return found;
}

function scenariosOf(value: string | undefined, transport: Transport): Scenario[] {
  const suited = SCENARIOS.filter(({ anyTransport }) => anyTransport || transport === 'tcp');
  if (value === 'all') return suited;
  const names = value === undefined ? SHORT.filter((name) => suited.some((each) => each.name === name)) : value.split(',');
  return names.map((name) => {
    const found = SCENARIOS.find((each) => each.name === name);
    if (found === undefined) throw new BenchError(`there is no scenario ${JSON.stringify(name)}; see --list`);
    if (!suited.includes(found)) throw new BenchError(`the scenario ${name} runs over tcp only`);
    return found;
  });
}

function againstPort(values: { readonly against?: string | undefined; readonly 'against-port'?: string | undefined }): number | null {
  const port = whole(values['against-port'], '--against-port', null, 1, 65_535);
  if (port !== null && values.against === undefined) throw new BenchError('--against-port needs --against');
  return port;
}

function whole(value: string | undefined, name: string, without: number | null, least: number, most: number): number | null {
  if (value === undefined) return without;
  if (!/^\d+$/.test(value) || Number(value) < least || Number(value) > most)
    throw new BenchError(`${name} is a whole number from ${least} to ${most}, not ${JSON.stringify(value)}`);
  return Number(value);
}

function number(value: string | undefined, name: string, without: number, least: number, most: number): number {
  if (value === undefined) return without;
  if (!/^\d+(?:\.\d+)?$/.test(value) || Number(value) < least || Number(value) > most)
    throw new BenchError(`${name} is a number from ${least} to ${most}, not ${JSON.stringify(value)}`);
  return Number(value);
}
