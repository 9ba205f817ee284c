import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, type CommandResult, type FolderFiles, runCommand, standardFiles, temporaryFolder } from '../support/broker-process.js';
import { canary, findCanary } from '../support/canary.js';
import { connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const SOCKET = 'data/control.sock';
const FILES = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n', { control: { socket: SOCKET } });
const SOUND = `${JSON.stringify(FILES['plugins.json'], null, 2)}\n`;
const ALICE = { username: 'alice', password: 'secret' };

function run(folder: string, ...args: string[]): Promise<CommandResult> {
  return runCommand({ folder, args });
}

interface Status {
  readonly ok: boolean;
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly configFile: string;
  readonly generation: { readonly number: number; readonly since: number };
  readonly lastReload: { readonly ok: boolean; readonly by: string; readonly what: string; readonly problems: readonly object[] } | null;
  readonly listeners: readonly { readonly name: string; readonly url: string; readonly connections: number }[];
  readonly plugins: readonly { readonly name: string; readonly package: string; readonly state: string; readonly breaker: string }[];
  readonly limitsReached: readonly { readonly limits: readonly string[]; readonly times: number }[];
  readonly counters: Readonly<Record<string, number>>;
}

async function statusOf(folder: string): Promise<Status> {
  const { code, output } = await run(folder, 'status', '--json');
  assert.equal(code, 0, output);
  assert.match(output, /^\{.*\}\n$/, 'one line');
  return JSON.parse(output) as Status;
}

describe('a running broker that is asked', () => {
  let broker: BrokerProcess;
  let folder: string;
  let alice: WireClient;

  before(async () => {
    broker = await BrokerProcess.start({ files: FILES });
    await broker.waitForOutput(/Portcullis is ready/);
    folder = broker.folder;
    alice = await WireClient.connect(broker.port('local'));
    alice.send(connect311({ clientId: 'alice', ...ALICE }));
    await alice.expect('20 02 00 00');
  });

  after(async () => {
    await alice.silence();
    alice.close();
    assert.equal(await broker.stop(), 0);
    assert.equal(existsSync(join(folder, SOCKET)), false, 'the socket goes with the broker');
  });

  const write = (text: string): void => writeFileSync(join(folder, 'plugins.json'), text);

  it('has a socket for its own account alone', () => {
    assert.equal(statSync(join(folder, SOCKET)).mode & 0o777, 0o600);
  });

  it('tells programs how it is', async () => {
    const status = await statusOf(folder);
    assert.match(status.version, /^\d+\.\d+\.\d+/);
    assert.deepEqual([status.pid, status.configFile, status.generation.number], [broker.pid, join(folder, 'plugins.json'), 1]);
    assert.ok(status.uptimeSeconds >= 0 && Math.abs(Date.now() - status.generation.since) < 600_000);
    assert.deepEqual(
      status.listeners.map(({ name, connections }) => [name, connections]),
      [
        ['local', 1],
        ['web', 0],
      ],
    );
    assert.equal(status.listeners[0]?.url, broker.url('local'));
    assert.deepEqual(
      status.plugins.map((plugin) => [plugin.name, plugin.package, plugin.state, plugin.breaker]),
      [
        ['passwords', '@portcullis/plugin-password-file', 'ready', 'closed'],
        ['rules', '@portcullis/plugin-acl-file', 'ready', 'closed'],
      ],
    );
    assert.deepEqual([status.counters.clientsConnected, status.counters.sessions, status.limitsReached], [1, 1, []]);
  });

  it('tells people how it is', async () => {
    const { code, output } = await run(folder, 'status');
    assert.equal(code, 0);
    assert.match(output, new RegExp(`^Portcullis \\S+, process ${broker.pid}, up \\d+ (?:s|min)`));
    assert.match(output, /^1 clients connected, 1 sessions, /m);
    assert.match(output, /^local +mqtt:\/\/127\.0\.0\.1:\d+ +default +1$/m);
    assert.match(output, /^rules +@portcullis\/plugin-acl-file 1\.0\.0 +ready +0 +0 +0 /m);
  });

  it('reads files again when the configuration is as before, and says which of them it could not use', async () => {
    const good = await run(folder, 'reload');
    assert.deepEqual([good.code, /the configuration is as before/.test(good.output)], [0, true], good.output);
    writeFileSync(join(folder, 'data/passwords'), 'no colon here\n');
    const bad = await run(folder, 'reload');
    writeFileSync(join(folder, 'data/passwords'), FILES['data/passwords'] as string);
    assert.equal(bad.code, 1);
    assert.match(bad.output, /^plugins\.json:14:5 {2}plugins\.passwords: .*data\/passwords:1: .*the users read before stay in force/m);
    assert.equal((await statusOf(folder)).generation.number, 1);
    const again = await WireClient.connect(broker.port('local'));
    again.send(connect311({ clientId: 'again', ...ALICE }));
    await again.expect('20 02 00 00');
    again.close();
  });

  it('refuses a reload with every problem, its place and what to do, and tells of it later', async () => {
    write(SOUND.replace('"authorize": [', '"authorise": [').replace('data/acl', 'data/nothing'));
    const { code, output } = await run(folder, 'reload');
    assert.equal(code, 1);
    assert.match(output, /^plugins\.json:23:\d+ {2}plugins\.rules\.config\.file: there is no file .*data\/nothing — .+$/m);
    assert.match(output, /^plugins\.json:\d+:\d+ {2}chains\.default\.authorise: unknown key "authorise" — did you mean "authorize"\?$/m);
    assert.match(output, /^portcullis: reload refused, everything stays as it was$/m);
    const { lastReload } = await statusOf(folder);
    assert.deepEqual([lastReload?.ok, lastReload?.by, lastReload?.problems.length], [false, 'command', 3]);
    const told = await run(folder, 'status');
    assert.match(told.output, /^last reload \S+ by portcullis reload: refused, 3 problems$/m);
    assert.match(told.output, /^ {2}plugins\.json:23:\d+ {2}plugins\.rules\.config\.file: /m);
    const machine = await run(folder, 'reload', '--json');
    assert.equal(machine.code, 1);
    const { problems } = JSON.parse(machine.output) as { problems: { file: string; line: number; hint: string }[] };
    assert.deepEqual([problems[0]?.file, problems[0]?.line, typeof problems[0]?.hint], [join(folder, 'plugins.json'), 20, 'string']);
    write(SOUND);
  });

  it('cannot be found by a file that does not parse, but by the path of its socket', async () => {
    write(SOUND.slice(0, -10));
    const lost = await run(folder, 'status');
    assert.equal(lost.code, 1);
    assert.match(lost.output, /^plugins\.json:\d+:\d+ .*\n.*--socket/);
    assert.equal((await run(folder, 'status', '--socket', SOCKET)).code, 0);
    const refused = await run(folder, 'reload', '--socket', SOCKET);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /^plugins\.json:\d+:\d+ /);
    write(SOUND);
  });

  it('moves its socket with a reload, and answers where it was asked', async () => {
    write(SOUND.replace(SOCKET, 'data/elsewhere.sock'));
    assert.equal((await run(folder, 'reload')).code, 3, 'the file names a socket that is not there yet');
    const { code, output } = await run(folder, 'reload', '--socket', SOCKET);
    assert.equal(code, 0, output);
    assert.match(output, /generation \d+ is in force/);
    assert.deepEqual([existsSync(join(folder, SOCKET)), existsSync(join(folder, 'data/elsewhere.sock'))], [false, true]);
    write(SOUND);
    assert.equal((await run(folder, 'reload', '--socket', 'data/elsewhere.sock')).code, 0);
    assert.equal(existsSync(join(folder, 'data/elsewhere.sock')), false);
    assert.equal((await statusOf(folder)).ok, true);
  });

  it('is refused nothing by a second broker with the same socket, which does not start', async () => {
    const { code, output } = await run(folder, 'serve');
    assert.equal(code, 1);
    assert.match(output, /^portcullis: control socket .*data\/control\.sock: the socket is in use; /m);
    assert.doesNotMatch(output, /^\s+at |listening name/m);
    assert.equal((await statusOf(folder)).pid, broker.pid);
  });

  it('counts the limits that were reached', async () => {
    write(SOUND.replace('"chain": "default"', '"chain": "default", "maxConnections": 1'));
    assert.equal((await run(folder, 'reload')).code, 0);
    const refused = await WireClient.connect(broker.port('local'));
    refused.send(connect5({ clientId: 'more', ...ALICE }));
    assert.match(await refused.readPacket(), /^20 [0-9a-f]{2} 00 97/);
    const [reached] = (await statusOf(folder)).limitsReached;
    assert.deepEqual([reached?.limits, reached?.times], [['listeners.*.maxConnections'], 1]);
    assert.match((await run(folder, 'status')).output, /^ {2}listeners\.\*\.maxConnections: refusedListener 1$/m);
    write(SOUND);
    assert.equal((await run(folder, 'reload')).code, 0);
  });
});

describe('where no broker answers', () => {
  const folder = temporaryFolder();

  after(() => rmSync(folder, { recursive: true, force: true }));

  async function asked(): Promise<CommandResult> {
    const reload = await run(folder, 'reload');
    const status = await run(folder, 'status');
    assert.deepEqual([reload.code, status.code], [3, 3], reload.output + status.output);
    assert.equal(reload.output, status.output);
    return status;
  }

  it('commands end with 3 and say in one line what is missing', async () => {
    writeFileSync(join(folder, 'plugins.json'), '{}');
    assert.match((await asked()).output, /^portcullis: plugins\.json names no control socket; .*\n$/);
    writeFileSync(join(folder, 'plugins.json'), SOUND);
    mkdirSync(join(folder, 'data'));
    assert.match((await asked()).output, /^portcullis: the control socket .*control\.sock is not there: no broker runs .*\n$/);
    writeFileSync(join(folder, SOCKET), '');
    assert.match((await asked()).output, /^portcullis: the control socket .*control\.sock has nobody behind it.*\n$/);
    rmSync(join(folder, SOCKET));
    const broker = await BrokerProcess.start({ folder, files: FILES });
    await broker.waitForOutput(/Portcullis is ready/);
    await broker.kill();
    assert.ok(lstatSync(join(folder, SOCKET)).isSocket());
    assert.match((await asked()).output, /^portcullis: the control socket .*control\.sock has nobody behind it.*\n$/);
  });

  it('a socket that a dead broker left is replaced, and a file that is none is not', async () => {
    assert.ok(lstatSync(join(folder, SOCKET)).isSocket());
    const broker = await BrokerProcess.start({ folder });
    await broker.waitForOutput(/Portcullis is ready/);
    assert.equal((await run(folder, 'status')).code, 0);
    assert.equal(await broker.stop(), 0);
    writeFileSync(join(folder, SOCKET), 'precious');
    const { code, output } = await run(folder, 'serve');
    assert.equal(code, 1);
    assert.match(output, /^portcullis: control socket .*it is no socket; /m);
    assert.equal(readFileSync(join(folder, SOCKET), 'utf8'), 'precious');
    rmSync(join(folder, SOCKET));
  });

  it('somebody who is no broker is told from one', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('hello\n'),
    );
    await new Promise<void>((resolve) => server.listen(join(folder, SOCKET), resolve));
    assert.match((await asked()).output, /answered with something else than a broker does\n$/);
    await new Promise((resolve) => server.close(resolve));
  });

  it('wrong command lines end with 2', async () => {
    for (const args of [
      ['status', '--quickstart'],
      ['reload', 'now'],
      ['serve', '--json'],
      ['status', '--socket='],
    ]) {
      const { code, output } = await run(folder, ...args);
      assert.deepEqual([code, output.split('\n').length], [2, 2], output);
    }
  });
});

describe('reloads that are asked for at the same time', () => {
  const SLOW = `
import { definePlugin } from ${JSON.stringify(new URL('../../../sdk/dist/index.js', import.meta.url).href)};
export default definePlugin({
  name: 'slow', sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: { n: { type: 'integer' } } },
  async start({ log, timers }, { n }) {
    log.warn({ n }, 'begun');
    await new Promise((resolve) => timers.after(50, resolve));
    log.warn({ n }, 'ended');
  },
});`;
  const configured = (n: number): FolderFiles => {
    const document = structuredClone(FILES['plugins.json']) as { plugins: Record<string, unknown> };
    document.plugins.slow = { use: './slow', isolation: 'inProcess', config: { n } };
    return {
      ...FILES,
      'plugins.json': document,
      'slow/package.json': { name: 'slow', version: '1.0.0', type: 'module', exports: './index.js' },
      'slow/index.js': SLOW,
    };
  };

  it('are done one after the other, by signal or by command, and each has its own end', async () => {
    const broker = await BrokerProcess.start({ files: configured(0) });
    await broker.waitForOutput(/Portcullis is ready/);
    const since = broker.output.length;
    const write = (n: number): void => writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(configured(n)['plugins.json'], null, n % 3));
    write(1);
    broker.signal('SIGHUP');
    const commands = await Promise.all([1, 2, 3].map(() => run(broker.folder, 'reload')));
    for (const { code, output } of commands) assert.equal(code, 0, output);
    write(2);
    const [first, second] = await Promise.all([run(broker.folder, 'reload'), run(broker.folder, 'reload')]);
    assert.deepEqual([first.code, second.code], [0, 0], first.output + second.output);
    assert.equal([first, second].filter(({ output }) => /in force/.test(output)).length, 1, 'one changes it, the other finds it as before');
    const steps = [...broker.output.slice(since).matchAll(/(begun|ended)|(reloaded the configuration|configuration is as before)/g)];
    assert.deepEqual(
      steps.map(([, step]) => step ?? 'told').filter((step, index, all) => step !== 'told' || all[index - 1] !== 'told'),
      ['begun', 'ended', 'told', 'begun', 'ended', 'told'],
    );
    assert.equal(await broker.stop(), 0);
    assert.doesNotMatch(broker.output, /overtaken|refused/);
  });
});

describe('secrets', () => {
  const TALKATIVE = `
import { BackendUnavailable, definePlugin } from ${JSON.stringify(new URL('../../../sdk/dist/index.js', import.meta.url).href)};
export default definePlugin({
  name: 'talkative', sdk: '^1.0.0',
  config: { type: 'object', additionalProperties: false, properties: { token: { type: 'string', secret: true }, down: { type: 'boolean' } } },
  start({ onReload }, { token, down }) {
    onReload(() => { throw new Error('no file at ' + token); });
    if (down) throw new BackendUnavailable('cannot reach ' + token);
  },
});`;

  it('are in no answer, and a changed one is a changed configuration', async () => {
    const first = canary();
    const second = canary();
    const document = structuredClone(FILES['plugins.json']) as { plugins: Record<string, unknown> };
    const entry = (down: boolean) => ({ use: './talkative', isolation: 'inProcess', config: { token: { $file: 'token' }, down } });
    document.plugins.talkative = entry(false);
    const broker = await BrokerProcess.start({
      files: {
        ...FILES,
        'plugins.json': document,
        token: first,
        'talkative/package.json': { name: 'talkative', version: '1.0.0', type: 'module', exports: './index.js' },
        'talkative/index.js': TALKATIVE,
      },
    });
    await broker.waitForOutput(/Portcullis is ready/);
    const said: string[] = [];
    const ask = async (...args: string[]): Promise<CommandResult> => {
      const result = await run(broker.folder, ...args);
      said.push(result.output);
      return result;
    };
    const asBefore = await ask('reload');
    assert.equal(asBefore.code, 1);
    assert.match(asBefore.output, /plugins\.talkative: no file at /);
    writeFileSync(join(broker.folder, 'token'), second);
    assert.match((await ask('reload')).output, /generation 2 is in force/);
    document.plugins.talkative = entry(true);
    writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(document));
    assert.match((await ask('reload')).output, /its backend is down: cannot reach /);
    assert.match((await ask('status')).output, /talkative is down: cannot reach /);
    await ask('status', '--json');
    await ask('reload', '--json');
    const probed = await ask('check', '--probe');
    assert.match(probed.output, /talkative is down: cannot reach /);
    assert.equal(await broker.stop(), 0);
    for (const text of [...said, broker.output]) for (const secret of [first, second]) assert.equal(findCanary(text, secret), null);
  });
});
