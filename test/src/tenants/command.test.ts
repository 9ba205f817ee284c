import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { portcullis } from '../explain/command.js';
import { BrokerProcess, passwordLine, runCommand } from '../support/broker-process.js';
import { WireClient } from '../support/wire-client.js';
import { Guest, type Version } from './scene.js';

const URL = 'mqtt://127.0.0.1:0';
const EVERYTHING = 'topic readwrite #\npattern readwrite #\n';

type Json = Readonly<Record<string, unknown>>;

/** Each tenant has users of its own. */
function files(tenants: Json): Record<string, unknown> {
  const plugins: Record<string, object> = { rules: { use: '@portcullis/plugin-acl-file', config: { file: 'acl' } } };
  const chains: Record<string, object> = {};
  for (const name of ['acme', 'beta', 'gamma']) {
    plugins[`${name}-users`] = { use: '@portcullis/plugin-password-file', config: { file: `${name}.users` } };
    chains[name] = { authenticate: [`${name}-users`], authorize: ['rules'] };
  }
  const listeners = {
    front: { url: URL, chain: 'acme', tenant: { username: '<tenant>/<user>' } },
    side: { url: URL, chain: 'acme', tenant: { username: '<tenant>/<user>' }, mountpoint: 'side/' },
  };
  return { 'plugins.json': { version: 1, control: { socket: 'control.sock' }, listeners, plugins, chains, tenants } };
}

const TENANTS: Readonly<Record<string, Json>> = { acme: { chain: 'acme' }, beta: { chain: 'beta' } };

describe('tenants over the life of a broker', () => {
  let broker: BrokerProcess;

  before(async () => {
    const users = Object.fromEntries(['acme', 'beta', 'gamma'].map((name) => [`${name}.users`, passwordLine('amy', name)]));
    broker = await BrokerProcess.start({ files: { ...files(TENANTS), ...users, acl: EVERYTHING } });
  });
  after(async () => assert.equal(await broker.stop(), 0));

  async function reload(tenants: Json): Promise<string> {
    writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(files(tenants)['plugins.json'], null, 2));
    const { status, out, err } = await portcullis(broker.folder, ['reload', '-c', 'plugins.json']);
    return `${status} ${out}${err}`;
  }

  async function knock(listener: string, version: Version, tenant: string, clientId: string, more: object = {}): Promise<Guest> {
    const wire = await WireClient.connect(broker.port(listener));
    return Guest.over(wire, version, { clientId, username: `${tenant}/amy`, password: tenant, ...more });
  }

  it('are let in by their own users, whatever the chain of the listener', async () => {
    for (const tenant of ['acme', 'beta']) assert.equal((await knock('front', '5.0', tenant, 'c')).connack[1], 0);
    assert.equal((await knock('front', '5.0', 'beta', 'd', { password: 'acme' })).connack[1], 0x86);
    assert.equal((await knock('front', '5.0', 'gamma', 'c')).connack[1], 0x86);
  });

  it('are explained by their own chains, by the topics that their clients name', async () => {
    const ask = (...args: string[]) => portcullis(broker.folder, ['explain', '-c', 'plugins.json', ...args]);
    const login = ['explain', '-c', 'plugins.json', '--user', 'beta/amy', '--listener', 'front', '--password-stdin', 'connect'];
    for (const [password, status] of [
      ['beta', 0],
      ['acme', 1],
    ] as const) {
      const asked = await portcullis(broker.folder, login, password);
      assert.equal(asked.status, status, asked.out + asked.err);
      assert.match(asked.out, /beta-users/);
    }
    const stated = await ask('publish', 't/1', '--user', 'amy', '--tenant', 'beta', '--listener', 'side', '--group', 'x');
    assert.equal(stated.status, 0, stated.out + stated.err);
    assert.match(stated.out, /side\/t\/1/);
    const unknown = await ask('publish', 't/1', '--user', 'delta/amy', '--listener', 'front', '--group', 'x');
    assert.match(unknown.out, /there is no such tenant/);
  });

  it('are shown by status, with what they have', async () => {
    const guest = await knock('front', '3.1.1', 'beta', 'shown');
    await guest.publish('kept', 'x', true);
    const { out } = await portcullis(broker.folder, ['status', '-c', 'plugins.json']);
    assert.match(out, /^tenant +sessions +retained +retained bytes +queued bytes$/m);
    assert.match(out, /^beta +\d+ +1 +\d+ +0$/m);
  });

  it('that are removed lose their clients with 0x98, their sessions and what they retained; others notice nothing', async () => {
    const kept = { cleanSession: false, properties: '11 00000e10' };
    const sleeper = await knock('front', '5.0', 'beta', 'sleeper', kept);
    await sleeper.subscribe('#');
    await sleeper.receives(['kept', 'x', true]);
    sleeper.wire.send('e0 00');
    await sleeper.wire.expectClosed();
    const [five, three] = [await knock('front', '5.0', 'beta', 'five'), await knock('front', '3.1.1', 'beta', 'three')];
    const acme = await knock('front', '5.0', 'acme', 'stays');
    await acme.subscribe('#');
    assert.match(await reload({ acme: TENANTS.acme, gamma: { chain: 'gamma' } }), /^0 /);
    await five.wire.expect('e0 01 98');
    await five.wire.expectClosed();
    await three.wire.expectClosed();
    await acme.publish('t', 'still here');
    await acme.receives(['t', 'still here']);
    assert.equal((await knock('front', '5.0', 'beta', 'five')).connack[1], 0x86);
    assert.equal((await knock('front', '5.0', 'gamma', 'new')).connack[1], 0);
    assert.match(await reload(TENANTS), /^0 /);
    const back = await knock('front', '5.0', 'beta', 'sleeper', kept);
    assert.deepEqual(back.connack, [0, 0]);
    await back.subscribe('#');
    await back.receives();
  });

  it('may get other limits, and be shut out of a listener, while they are connected', async () => {
    const [front, side] = [await knock('front', '5.0', 'beta', 'front'), await knock('side', '5.0', 'beta', 'side')];
    assert.match(await reload({ ...TENANTS, beta: { ...TENANTS.beta, listeners: ['front'], limits: { sessions: 1 } } }), /^0 /);
    await side.wire.expect('e0 01 98');
    await side.wire.expectClosed();
    await front.publish('t', 'still here');
    assert.equal((await knock('front', '5.0', 'beta', 'one-more')).connack[1], 0x97);
    assert.equal((await knock('side', '5.0', 'beta', 'one-more')).connack[1], 0x86);
    assert.match(await reload(TENANTS), /^0 /);
    assert.equal((await knock('front', '5.0', 'beta', 'one-more')).connack[1], 0);
  });

  it('stay as they are when the new configuration is wrong, which says where', async () => {
    const guest = await knock('front', '5.0', 'beta', 'guest');
    const said = await reload({ acme: { chain: 'amce' }, beta: { limits: { sessions: -1 } } });
    assert.match(said, /^1 /);
    assert.match(said, /plugins\.json:\d+:\d+.*there is no chain "amce" — did you mean "acme"\?/);
    assert.match(said, /plugins\.json:\d+:\d+.*tenants\.beta\.limits\.sessions/);
    await guest.publish('t', 'still here');
    const { code, output } = await runCommand({ folder: broker.folder, args: ['check', '-c', 'plugins.json'] });
    assert.equal(code, 1);
    assert.match(output, /plugins\.json:\d+:\d+.*tenants\.acme\.chain: there is no chain "amce"/);
  });
});
