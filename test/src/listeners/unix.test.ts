import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mqtt from 'mqtt';
import { Stage } from '../hooks/stage.js';
import { BrokerProcess, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { debianTools, runTool, startTool, WITHOUT_DEBIAN } from '../support/debian-tools.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, filesWith, LOGIN, startWith } from './scene.js';

async function login(path: string): Promise<WireClient> {
  const client = await WireClient.over(connect({ path }));
  client.send(connect311(LOGIN));
  await client.expect(ACCEPTED);
  return client;
}

describe('a Unix socket', () => {
  let broker: BrokerProcess;
  let path: string;

  before(async () => {
    broker = await startWith({ local: { url: 'unix:data/mqtt.sock' }, group: { url: 'unix:data/group.sock', mode: '0660' } });
    path = join(broker.folder, 'data/mqtt.sock');
  });

  after(async () => {
    assert.equal(await broker.stop(), 0);
    assert.equal(existsSync(path), false, 'the socket is removed at the end');
  });

  it('is relative to plugins.json, and announced by its whole path', () => {
    assert.equal(broker.url('local'), `unix:${path}`);
    assert.ok(lstatSync(path).isSocket());
  });

  it('is open to its owner alone, unless the configuration says otherwise', () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(broker.folder, 'data/group.sock')).mode & 0o777, 0o660);
  });

  it('carries MQTT like any other', async () => {
    const client = await login(path);
    client.send('82 08 0001 0003 74 2f 23 00');
    await client.expect('90 03 00 01 00');
    client.send('30 06 0003 74 2f 78 21');
    await client.expect('30 06 0003 74 2f 78 21');
    client.send('e0 00');
    await client.expectClosed();
  });

  it('does not let anybody in whom the chain would not', async () => {
    const client = await WireClient.over(connect({ path }));
    client.send(connect311({ ...LOGIN, password: 'wrong' }));
    await client.expect('20 02 00 04');
    await client.expectClosed();
  });

  it('serves MQTT.js', async () => {
    const client = new mqtt.MqttClient(() => connect({ path }), { username: 'alice', password: 'secret', reconnectPeriod: 0 });
    await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
    await client.publishAsync('t/js', 'x', { qos: 2 });
    await client.endAsync();
  });

  it('serves mosquitto_sub and mosquitto_pub', { skip: WITHOUT_DEBIAN }, async () => {
    const common = ['--unix', path, '-u', 'alice', '-P', 'secret', '-t', 't/u', '-q', '1'];
    const sub = startTool(debianTools().mosquittoSub, [...common, '-C', '1', '-d']);
    await sub.printed(/^Subscribed/m);
    assert.equal((await runTool(debianTools().mosquittoPub, [...common, '-m', 'through a file'])).code, 0);
    assert.match((await sub.ended).stdout, /^through a file$/m);
  });

  it('is refused in one line when another process listens on it, which goes on undisturbed', async () => {
    const { code, output } = await runCommand({ files: filesWith({ local: { url: `unix:${path}` } }) });
    assert.equal(code, 1);
    assert.match(output, /^portcullis: listener "local" \(unix:\/.*mqtt\.sock\): the socket is in use; .*$/m);
    assert.doesNotMatch(output, /^\s+at /m);
    (await login(path)).close();
  });

  it('keeps its connections over a reload, and takes another mode', async () => {
    const client = await login(path);
    const since = broker.output.length;
    const files = filesWith({ other: { url: `unix:///${path.slice(1)}`, mode: '666' } });
    writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(files['plugins.json']));
    broker.signal('SIGHUP');
    await broker.waitForOutput(/reloaded the configuration/, since);
    await client.silence();
    assert.equal(statSync(path).mode & 0o777, 0o666);
    assert.equal(existsSync(join(broker.folder, 'data/group.sock')), false, 'a listener that is gone takes its socket with it');
    client.close();
    (await login(path)).close();
  });
});

describe('a path at which something is already', () => {
  it('is taken over from a process that died', async () => {
    const first = await startWith({ local: { url: 'unix:mqtt.sock' } }, {}, { folder: temporaryFolder() });
    const path = join(first.folder, 'mqtt.sock');
    await first.kill();
    assert.ok(lstatSync(path).isSocket(), 'what is to be taken over is there');
    const second = await BrokerProcess.start({ folder: first.folder });
    (await login(path)).close();
    assert.equal(await second.stop(), 0);
    assert.equal(existsSync(path), false);
    rmSync(first.folder, { recursive: true });
  });

  it('is left alone when it is no socket', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'precious'), 'data');
    mkdirSync(join(folder, 'folder'));
    for (const name of ['precious', 'folder']) {
      const { code, output } = await runCommand({ folder, files: filesWith({ local: { url: `unix:${name}` } }) });
      assert.equal(code, 1);
      assert.match(output, /^portcullis: listener "local" .*it is no socket; .*$/m);
    }
    assert.equal(readFileSync(join(folder, 'precious'), 'utf8'), 'data');
    rmSync(folder, { recursive: true });
  });

  it('is left alone when a program that is not ours listens there', async () => {
    const folder = temporaryFolder();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 'x.sock'), resolve));
    const { code, output } = await runCommand({ folder, files: filesWith({ local: { url: 'unix:x.sock' } }) });
    assert.equal(code, 1);
    assert.match(output, /the socket is in use/);
    assert.ok(existsSync(join(folder, 'x.sock')));
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it('is refused when its folder is missing', async () => {
    const { code, output } = await runCommand({ files: filesWith({ local: { url: 'unix:nowhere/x.sock' } }) });
    assert.equal(code, 1);
    assert.match(output, /there is no folder .*nowhere; make it first/);
  });

  it('is refused when its folder is closed to us', { skip: process.getuid?.() === 0 ? 'root may write everywhere' : false }, async () => {
    const folder = temporaryFolder();
    writeFiles(folder, filesWith({ local: { url: 'unix:closed/x.sock' } }));
    mkdirSync(join(folder, 'closed'));
    chmodSync(join(folder, 'closed'), 0o500);
    assert.match((await runCommand({ folder })).output, /no permission to make a socket/);
  });

  it('is refused by the check when it is too long for a socket', async () => {
    const { code, output } = await runCommand({ args: ['check'], files: filesWith({ local: { url: `unix:${'x'.repeat(108)}` } }) });
    assert.equal(code, 1);
    assert.match(output, /plugins\.json:\d+:\d+ .*the path of the socket has \d+ bytes, and at most 107 are possible/);
  });
});

describe('what plugins see of a Unix socket', () => {
  it('is its kind, and no address', async () => {
    const stage = await Stage.start({
      actors: { door: { taps: ['acceptConnection', 'authenticate', 'loadPolicy'] } },
      chains: { main: { authenticate: ['door'], authorize: ['door'] } },
      more: { listeners: { local: { url: 'unix:x.sock', chain: 'main' } } },
    });
    const path = stage.broker.url('local').slice('unix:'.length);
    const client = await WireClient.over(connect({ path }));
    client.send(connect311({ clientId: 'c', username: 'u' }));
    await client.expect(ACCEPTED);
    const { connection } = (await stage.heard('door', 'acceptConnection')) as { connection: Record<string, unknown> };
    const { id, ...rest } = connection;
    assert.match(String(id), /^\w+$/);
    assert.deepEqual(rest, { listener: 'local', transport: 'unix', address: '', port: 0 });
    client.close();
    await stage.script('door', { acceptConnection: ['deny', 'banned'] });
    const refused = await WireClient.over(connect({ path }));
    await refused.expectClosed();
    assert.equal(await stage.stop(), 0);
  });
});
