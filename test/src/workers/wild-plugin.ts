import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, passwordLine, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { type ConnectFields, connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the plugin does, by username. Everybody who is not named here is let in. */
const DEEDS: Readonly<Record<string, string>> = {
  deny: "return decide.deny('banned');",
  skip: 'return decide.skip();',
  fault: "throw new Error('thrown by a handler');",
  loop: 'for (;;) {}',
  later: 'await new Promise((resolve) => setTimeout(resolve, 20)); for (;;) {}',
  heap: 'const kept = []; for (;;) kept.push(new Array(1000).fill(kept.length));',
  buffers: 'for (let i = 0; i < 48; i += 1) hoard.push(Buffer.alloc(1024 * 1024, 1)); return new Promise(() => {});',
  map: 'const kept = new Map(); for (let i = 0; ; i += 1) kept.set(i, i);',
  slowly: 'setInterval(() => { for (let i = 0; i < 40_000; i += 1) hoard.push({ i }); }, 5); return new Promise(() => {});',
  exit: 'process.exit(7);',
  timer: "setTimeout(() => { throw new Error('thrown in a timer'); }, 1); await pause(); return decide.allow({ identity: { username: 'timer' } });",
  rejection: "void Promise.reject(new Error('rejected by nobody')); await pause(); return decide.allow({ identity: { username: 'r' } });",
  parent: "parentPort.postMessage({ t: 'answer', id: 1, answer: { kind: 'allow' } }); return new Promise(() => {});",
  inside:
    'return decide.allow(JSON.parse(JSON.stringify({ identity: { username: Object.keys(workerData).join() + Object.keys(process.env).join() + process.argv.length } })));',
  huge: "return decide.allow({ identity: { username: 'x'.repeat(50_000_000) } });",
  promise: "return decide.allow({ identity: { username: 'u', attributes: { a: () => {} } } });",
  equals: "return credentials.equals('secret') ? decide.allow({ identity: { username: 'u' } }) : decide.deny('bad-credentials');",
  verify: 'return (await credentials.verify(hash)) ? decide.allow({ identity: { username: "u" } }) : decide.deny("bad-credentials");',
  expose: 'return decide.allow({ identity: { username: Buffer.from(credentials.expose()).toString() } });',
  print: "for (let i = 0; i < 20_000; i += 1) console.log('a line of some length ' + i); return decide.deny('banned');",
  say: "for (let i = 0; i < 30_000; i += 1) log.info({ i }, 'said'); return decide.deny('banned');",
};

export interface WildOptions {
  /** More of the definition, as source. */
  readonly manifest?: string;
  /** More of `start`, as source. */
  readonly start?: string;
}

/** The module of a plugin that does what the username of a client tells it. */
export function wildIndex({ manifest = '', start = '' }: WildOptions = {}): string {
  const cases = Object.entries(DEEDS).map(([name, deed]) => `        case '${name}': { ${deed} }`);
  return `import { parentPort, workerData } from 'node:worker_threads';
import { definePlugin } from '@portcullis/sdk';
const hoard = [];
const pause = () => new Promise((resolve) => setTimeout(resolve, 30));
export default definePlugin({
  name: 'wild', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny', 'skip'] }, ${manifest}
  config: { type: 'object', additionalProperties: false, properties: { hash: { type: 'string' }, secret: { type: 'string', secret: true } } },
  async start(context, { hash, secret }) {
    const { hooks, log, policy, stats, metrics, timers, sessions, onDispose, onReload } = context;
    ${start}
    hooks.authenticate.tap(async ({ credentials, client, signal }, decide) => {
      switch (credentials.username) {
${cases.join('\n')}
        default: return decide.allow({ identity: { username: String(credentials.username) } });
      }
    });
  },
});
`;
}

export interface WildBroker {
  readonly broker: BrokerProcess;
  readonly folder: string;
  /** A client of the chain with the wild plugin, its CONNECT sent. */
  knock(username: string, more?: Partial<ConnectFields>, version?: '3.1.1' | '5.0'): Promise<WireClient>;
  /** A client of the chain that knows nothing of it, connected. */
  neighbour(clientId: string): Promise<WireClient>;
}

/** What is told apart in tests: limits that let them end soon. */
const LIMITS = { workerHeartbeatMs: 100, workerLateMs: 100, workerSilenceMs: 3000, workerRestartMs: 50, workerRestartMaxMs: 200 };

export function wildDocument(entry: object = {}, limits: object = {}, more: object = {}): Record<string, unknown> {
  return {
    version: 1,
    listeners: { wild: { url: 'mqtt://127.0.0.1:0', chain: 'wild' }, calm: { url: 'mqtt://127.0.0.1:0', chain: 'calm' } },
    plugins: {
      wild: { use: './wild', isolation: 'worker', timeoutMs: 400, breaker: { faults: 1000 }, ...entry },
      passwords: { use: '@portcullis/plugin-password-file', config: { file: 'data/passwords' } },
      rules: { use: '@portcullis/plugin-acl-file', config: { file: 'data/acl' } },
    },
    chains: { wild: { authenticate: ['wild'], authorize: ['rules'] }, calm: { authenticate: ['passwords'], authorize: ['rules'] } },
    limits: { ...LIMITS, ...limits },
    ...more,
  };
}

export function installWild(folder: string, index: string, name = 'wild'): void {
  const home = join(folder, name);
  mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
  symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
  writeFiles(home, { 'package.json': { name, version: '1.0.0', type: 'module', exports: './index.js' }, 'index.js': index });
}

/** A folder for the command with the wild plugin in it. */
export function wildFolder(index = wildIndex(), document: object = wildDocument()): string {
  const folder = temporaryFolder();
  installWild(folder, index);
  writeFiles(folder, { 'plugins.json': document, 'data/passwords': passwordLine('calm', 'secret'), 'data/acl': 'user calm\ntopic readwrite #\n' });
  return folder;
}

export async function startWild(index = wildIndex(), document: object = wildDocument(), env: Record<string, string> = {}): Promise<WildBroker> {
  const folder = wildFolder(index, document);
  const broker = await BrokerProcess.start({ folder, env });
  return {
    broker,
    folder,
    async knock(username, more = {}, version = '5.0') {
      const client = await WireClient.connect(broker.port('wild'));
      const fields = { clientId: `wild-${username}`, username, password: 'secret', ...more };
      client.send(version === '5.0' ? connect5(fields) : connect311(fields));
      return client;
    },
    async neighbour(clientId) {
      const client = await WireClient.connect(broker.port('calm'));
      client.send(connect311({ clientId, username: 'calm', password: 'secret' }));
      await client.expect('20 02 00 00');
      return client;
    },
  };
}
