import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { BrokerProcess, type FolderFiles, runCommand } from '../support/broker-process.js';
import { connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const SDK = JSON.stringify(new URL('../../../sdk/dist/index.js', import.meta.url).href);
const ACCEPTED = '20 02 00 00';
const UNAVAILABLE = '20 02 00 03';

/** A plugin whose backend is a file: down while it is not there. */
const BACKED = `
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BackendUnavailable, definePlugin } from ${SDK};
export default definePlugin({
  name: 'backed', sdk: '^1.0.0', decides: { authenticate: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, log, baseFolder, onDispose }) {
    onDispose(() => log.warn({}, 'let go'));
    if (!existsSync(join(baseFolder, 'backend'))) throw new BackendUnavailable('there is no backend yet');
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
  },
});`;

const manifest = (name: string) => ({ name, version: '1.0.0', type: 'module', exports: './index.js' });

function files(startup: string, entry: object = {}): FolderFiles {
  return {
    'plugins.json': {
      version: 1,
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
      plugins: { backed: { use: './backed', isolation: 'inProcess', startup, ...entry } },
      chains: { default: { authenticate: ['backed'] } },
      control: { socket: 'control.sock' },
    },
    'backed/package.json': manifest('backed'),
    'backed/index.js': BACKED,
  };
}

const brokers: BrokerProcess[] = [];
const kept = (broker: BrokerProcess): BrokerProcess => {
  brokers.push(broker);
  return broker;
};
// Those that a failed test has left would keep this process alive.
afterEach(() => {
  for (const broker of brokers.splice(0)) broker.signal('SIGKILL');
});

const LOGIN = { clientId: 'c', username: 'u', password: 'p' };

/** How a login of each version is answered. */
async function logins(port: number): Promise<[string, string]> {
  const old = await WireClient.connect(port);
  old.send(connect311(LOGIN));
  const first = await old.readPacket();
  old.close();
  const five = await WireClient.connect(port);
  five.send(connect5({ ...LOGIN, clientId: 'five' }));
  const second = (await five.readPacket()).slice(0, 11);
  five.close();
  return [first, second.replace(/^20 [0-9a-f]{2}/, '20 ..')];
}

describe('a backend that is down at start', () => {
  it('is waited for behind open ports with "gate": clients are refused as unavailable until it is there, without a restart', async () => {
    const broker = kept(await BrokerProcess.start({ files: files('gate') }));
    await broker.waitForOutput(/Portcullis is ready/);
    assert.deepEqual(await logins(broker.port('local')), [UNAVAILABLE, '20 .. 00 88']);
    const status = await runCommand({ folder: broker.folder, args: ['status'] });
    assert.match(status.output, /^backed +backed 1\.0\.0 +gated /m);
    assert.match(status.output, /^ {2}backed is down: there is no backend yet$/m);
    const since = broker.output.length;
    writeFileSync(join(broker.folder, 'backend'), '');
    await broker.waitForOutput(/the plugin is ready plugin=backed/, since);
    assert.deepEqual(await logins(broker.port('local')), [ACCEPTED, '20 .. 00 00']);
    const later = await runCommand({ folder: broker.folder, args: ['status'] });
    assert.match(later.output, /^backed +backed 1\.0\.0 +ready /m);
    assert.equal(await broker.stop(), 0);
  });

  it('keeps sockets out with "gate" when its plugin judges nothing but sockets: they are closed without a byte', async () => {
    const addresses = BACKED.replace("decides: { authenticate: ['allow'] }", "taps: ['acceptConnection']")
      .replace("name: 'backed'", "name: 'addresses'")
      .replace("'backend'", "'addresses-there'")
      .replace(/hooks\.authenticate\.tap.*/, 'hooks.acceptConnection.tap((_request, decide) => decide.pass());');
    const all = files('gate');
    const document = structuredClone(all['plugins.json']) as { plugins: Record<string, unknown> };
    document.plugins.addresses = { use: './addresses', isolation: 'inProcess' };
    const more = { backend: '', 'plugins.json': document, 'addresses/package.json': manifest('addresses'), 'addresses/index.js': addresses };
    const broker = kept(await BrokerProcess.start({ files: { ...all, ...more } }));
    for (const packet of [connect311(LOGIN), connect5(LOGIN)]) {
      const client = await WireClient.connect(broker.port('local'));
      client.send(packet);
      await client.expectClosed();
    }
    const since = broker.output.length;
    writeFileSync(join(broker.folder, 'addresses-there'), '');
    await broker.waitForOutput(/the plugin is ready plugin=addresses/, since);
    assert.deepEqual(await logins(broker.port('local')), [ACCEPTED, '20 .. 00 00']);
    assert.equal(await broker.stop(), 0);
  });

  it('is waited for with "wait": no port is open until it is there', async () => {
    const port = await freePort();
    const waiting = files('wait');
    const document = structuredClone(waiting['plugins.json']) as { listeners: { local: { url: string } } };
    document.listeners.local.url = `mqtt://127.0.0.1:${port}`;
    const broker = kept(new BrokerProcess({ files: { ...waiting, 'plugins.json': document }, env: { PORTCULLIS_PORT: String(port) } }));
    await broker.waitForOutput(/the backend of a plugin is down/);
    assert.equal(await refused(port), 'ECONNREFUSED');
    assert.equal((await runCommand({ folder: broker.folder, args: ['status'] })).code, 3);
    writeFileSync(join(broker.folder, 'backend'), '');
    await broker.ready(['local']);
    assert.deepEqual(await logins(port), [ACCEPTED, '20 .. 00 00']);
    assert.equal(await broker.stop(), 0);
  });

  it('ends the broker with "exit", with status 1 and no port opened', async () => {
    const { code, output } = await runCommand({ files: files('exit') });
    assert.equal(code, 1);
    assert.match(output, /^plugins\.json:\d+:\d+ {2}plugins\.backed: plugin backed could not start: there is no backend yet$/m);
    assert.match(output, /let go/);
    assert.doesNotMatch(output, /listening name=|^\s+at /m);
  });
});

describe('a reload to a plugin whose backend is down', () => {
  for (const [startup, code, says] of [
    ['gate', 0, /^warning: plugins\.json:\d+:\d+ {2}plugins\.other: its backend is down: there is no backend yet[\s\S]*generation 2 is in force/m],
    ['exit', 1, /plugins\.json:\d+:\d+ {2}plugins\.other: plugin other could not start: there is no backend yet/],
  ] as const) {
    it(`ends with status ${code} when its startup is "${startup}"`, async () => {
      const sound = files('gate');
      const broker = kept(await BrokerProcess.start({ files: { ...sound, backend: '', 'other/package.json': manifest('other') } }));
      await broker.waitForOutput(/Portcullis is ready/);
      const document = structuredClone(sound['plugins.json']) as {
        plugins: Record<string, unknown>;
        chains: { default: { authenticate: string[] } };
      };
      document.plugins.other = { use: './other', isolation: 'inProcess', startup };
      document.chains.default.authenticate.push('other');
      writeFileSync(join(broker.folder, 'other/index.js'), BACKED.replace("name: 'backed'", "name: 'other'").replace("'backend'", "'other-backend'"));
      writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(document, null, 2));
      const reload = await runCommand({ folder: broker.folder, args: ['reload'] });
      assert.equal(reload.code, code, reload.output);
      assert.match(reload.output, says);
      // What a plugin would have kept out must not get in because it is down, nor because it was refused.
      assert.deepEqual(await logins(broker.port('local')), code === 0 ? [UNAVAILABLE, '20 .. 00 88'] : [ACCEPTED, '20 .. 00 00']);
      assert.equal(await broker.stop(), 0);
    });
  }
});

describe('a plugin that cannot be', () => {
  const broken = (index: string): FolderFiles => ({ ...files('gate'), backend: '', 'backed/index.js': index });
  const CASES: readonly (readonly [what: string, files: FolderFiles, says: RegExp])[] = [
    ['is not installed', { ...files('gate', { use: './nowhere' }) }, /plugins\.backed\.use: plugin "\.\/nowhere" cannot be loaded: /],
    ['was made for another SDK', broken(BACKED.replace('^1.0.0', '^9.0.0')), /plugins\.backed\.use: .*\^9\.0\.0/],
    ['taps a hook that does not exist', broken(BACKED.replace('hooks.authenticate.tap', 'hooks.autenticate.tap')), /plugins\.backed: .*autenticate/],
    [
      'is given an option that it does not have',
      { ...files('gate', { config: { host: 'db' } }) },
      /plugins\.backed\.config\.host: unknown key "host"/,
    ],
    ['has a module that throws', broken('throw new Error("no way");'), /plugins\.backed\.use: .*no way/],
    ['exports something else', broken('export default () => {};'), /plugins\.backed\.use: .*is not a plugin definition/],
  ];
  for (const [what, folder, says] of CASES) {
    it(`keeps the broker from starting, with status 1 and no port opened: it ${what}`, async () => {
      const { code, output } = await runCommand({ files: folder });
      assert.equal(code, 1, output);
      assert.match(output, says);
      assert.match(output, /^plugins\.json:\d+:\d+ /m);
      assert.doesNotMatch(output, /listening name=|^\s+at /m);
    });
  }
});

describe('check --probe', () => {
  it('starts the plugins, says which backend is down, and opens no port', async () => {
    for (const startup of ['gate', 'wait', 'exit']) {
      const { code, output } = await runCommand({ files: files(startup), args: ['check', '--probe'] });
      assert.equal(code, 1, output);
      assert.match(output, /^plugins\.json is fine: /m);
      assert.match(output, /^plugins\.json:\d+:5 {2}plugins\.backed: .*: there is no backend yet$/m);
      assert.match(output, /let go/);
      assert.doesNotMatch(output, /listening name=|^\s+at /m);
    }
  });

  it('ends with 0 when all of them start, and has let go of everything', async () => {
    const { code, output } = await runCommand({ files: { ...files('gate'), backend: '' }, args: ['check', '--probe'] });
    assert.equal(code, 0, output);
    assert.match(output, /^the plugin starts, and can reach what it needs$/m);
    assert.match(output, /let go plugin=backed$/m);
  });

  it('ends with 1 for what only a start can find, and starts nothing where the check has found something', async () => {
    const tapping = { ...files('gate'), backend: '', 'backed/index.js': BACKED.replace('hooks.authenticate.tap', 'hooks.autenticate.tap') };
    const wrong = await runCommand({ files: tapping, args: ['check', '--probe'] });
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /plugins\.backed: .*autenticate/);
    const bad = await runCommand({ files: { ...files('gate', { config: { host: 'db' } }) }, args: ['check', '--probe'] });
    assert.equal(bad.code, 1);
    assert.doesNotMatch(bad.output, /let go|is fine/);
  });
});

/** A port that nobody listens on just now. */
async function freePort(): Promise<number> {
  const broker = await BrokerProcess.start({ files: { ...files('gate'), backend: '' } });
  const port = broker.port('local');
  assert.equal(await broker.stop(), 0);
  return port;
}

function refused(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
