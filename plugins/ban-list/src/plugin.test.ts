import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { definePlugin } from '@portcullis/sdk';
import { startTestBroker, type TestBroker, type TestClient } from '@portcullis/testing';
import { makePlugin } from './plugin.js';

/** Everybody is who it says. A client called `as-…` is the user behind the dash, whatever it says. One called `slow…` is let in by `release`. */
const NOTHING = (): void => {};
let release: () => void = NOTHING;
const users = definePlugin({
  name: 'users',
  sdk: '^1.0.0',
  taps: ['authenticate', 'loadPolicy', 'resolveTenant'],
  decides: { authenticate: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.resolveTenant.tap(({ username }, give) => (username?.endsWith('@acme') === true ? give.tenant({ name: 'acme' }) : give.nothing()));
    hooks.authenticate.tap(({ credentials, client }, decide) => {
      if (credentials.username === null) return decide.allow({ identity: { anonymous: true } });
      return decide.allow({ identity: { username: client.id.startsWith('as-') ? client.id.slice(3) : credentials.username } });
    });
    hooks.loadPolicy.tap(async ({ client }, give) => {
      if (client.id.startsWith('slow')) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return give.policy({ version: 1, rules: [] });
    });
  },
});

const START = '# nobody yet\n';

describe('ban-list in a broker', () => {
  let now: number;
  let broker: TestBroker;

  beforeEach(async () => {
    now = Date.parse('2027-01-01');
    broker = await start(START);
  });

  afterEach(() => broker.stop());

  function start(text: string | null, config: object = {}): Promise<TestBroker> {
    return startTestBroker({
      plugins: { plugin: makePlugin(() => now), users },
      config: { file: 'bans', ...config },
      files: text === null ? {} : { bans: text },
    });
  }

  /** Puts a list in force, as SIGHUP and `portcullis reload` do. */
  async function list(text: string): Promise<void> {
    await broker.write('bans', text);
    await broker.reload();
  }

  async function code(fields: { username?: string; clientId?: string }, protocol: '3.1.1' | '5.0' = '5.0'): Promise<number> {
    const client = await broker.client({ protocol });
    client.sendConnect(fields);
    const connack = await client.expectPacket();
    if (connack.code === 0) await client.disconnect();
    else await client.expectClosed();
    return connack.code ?? -1;
  }

  async function connected(fields: { username?: string; clientId: string }, protocol: '3.1.1' | '5.0' = '5.0'): Promise<TestClient> {
    const client = await broker.client({ protocol });
    await client.connect(fields);
    return client;
  }

  test('whoever is banned is refused with 5 and 0x8A: by user, client identifier or address', async () => {
    await list('user mallory\nclient probe-*\n');
    assert.deepEqual([await code({ username: 'mallory' }), await code({ username: 'mallory' }, '3.1.1')], [0x8a, 5]);
    assert.deepEqual([await code({ username: 'ann', clientId: 'probe-1' }), await code({ username: 'ann', clientId: 'p' })], [0x8a, 0]);
    assert.equal(broker.stats.get('plugin.plugin.refused'), 3);
    await list('address 127.0.0.0/8\n');
    assert.deepEqual([await code({ username: 'ann' }), await code({ username: 'ann' }, '3.1.1')], [0x8a, 5]);
    await list(START);
    assert.equal(await code({ username: 'mallory' }), 0);
  });

  test('the user that an authority finds is banned, not only the one that a client claims to be', async () => {
    await list('user mallory\n');
    assert.equal(await code({ username: 'ann', clientId: 'as-mallory' }), 0x8a);
    assert.equal(await code({ username: 'mallory', clientId: 'as-ann' }), 0x8a);
  });

  test('a client that comes onto the list is disconnected with 0x98, and nobody else', async () => {
    const mallory = await connected({ username: 'mallory', clientId: 'one' });
    const old = await connected({ username: 'mallory', clientId: 'two' }, '3.1.1');
    const probe = await connected({ username: 'ann', clientId: 'probe-1' });
    const ann = await connected({ username: 'ann', clientId: 'three' });
    const nobody = await connected({ clientId: 'four' });
    await list('user mallory\nclient probe-*\n');
    await broker.advance(50);
    for (const client of [mallory, old, probe]) await client.expectExpelled(0x98);
    for (const client of [ann, nobody]) await client.expectSilence();
    assert.equal(broker.stats.get('plugin.plugin.disconnected'), 3);
    await list('address 127.0.0.1\n');
    await broker.advance(50);
    for (const client of [ann, nobody]) await client.expectExpelled(0x98);
  });

  test('a ban of one tenant leaves the clients of others alone, also those of the same name', async () => {
    const inside = await connected({ username: 'ann@acme', clientId: 'same' });
    const outside = await connected({ username: 'ann', clientId: 'same' });
    await list('client same tenant acme\n');
    await broker.advance(50);
    await inside.expectExpelled(0x98);
    await outside.expectSilence();
    assert.deepEqual([await code({ username: 'bob@acme', clientId: 'same' }), await code({ username: 'ann', clientId: 'same' })], [0x8a, 0]);
  });

  test('a client that was on its way in while the list changed does not stay', async () => {
    const slow = await broker.client({ protocol: '5.0' });
    slow.sendConnect({ username: 'mallory', clientId: 'slow' });
    await broker.until('the client has passed the guards', () => release !== NOTHING);
    await list('user mal*\n');
    await broker.advance(50);
    release();
    await slow.expectConnack(0);
    await slow.expectExpelled(0x98);
  });

  test('a bad file leaves the old list in force and says why, with line numbers; the next good one counts', async () => {
    await list('user mallory\n');
    const since = broker.log.length;
    await list('# better\nuser\nadress 192.0.2.1\n');
    const line = await broker.logged(/bans:2: there is nothing after \\"user\\"/, since);
    assert.match(line, /line 3: begins with \\"adress\\"/);
    assert.match(line, /the bans read before stay in force/);
    assert.deepEqual([await code({ username: 'mallory' }), await code({ username: 'eve' })], [0x8a, 0]);
    await list('user eve\n');
    assert.deepEqual([await code({ username: 'mallory' }), await code({ username: 'eve' })], [0, 0x8a]);
  });

  test('an emptied or vanished file lifts no ban', async () => {
    await list('user mallory\n');
    await list('');
    assert.equal(await code({ username: 'mallory' }), 0x8a);
    await rm(join(broker.folder, 'bans'));
    await broker.reload();
    assert.equal(await code({ username: 'mallory' }), 0x8a);
  });

  test('a change of the file is seen without a reload', async () => {
    const mallory = await connected({ username: 'mallory', clientId: 'one' });
    await broker.write('bans', 'user mallory\n');
    await broker.until('the new list', () => {
      void broker.advance(1000);
      return broker.log.some((line) => /bans read.*bans=1|bans=1.*bans read/.test(line));
    });
    await mallory.expectExpelled(0x98);
    assert.equal(await code({ username: 'mallory' }), 0x8a);
  });

  test('a ban that ends lets its client in again, without a reload', async () => {
    await list('user mallory until 2027-01-01T01:00Z\n');
    assert.equal(await code({ username: 'mallory' }), 0x8a);
    now = Date.parse('2027-01-01T01:00Z');
    assert.equal(await code({ username: 'mallory' }), 0);
  });

  test('without its file, or with a bad one, the broker does not start', async () => {
    await assert.rejects(start(null), /there is no file .*bans — create it with a comment line/);
    await assert.rejects(start('user ann\nwrong\n'), /bans:2: begins with "wrong"/);
    await assert.rejects(start(''), /is empty/);
  });

  test('closeSockets closes the socket of a banned address without a byte', async () => {
    await broker.stop();
    broker = await start('address 127.0.0.1\n', { closeSockets: true });
    const wire = await broker.wire();
    await wire.expectClosed();
  });

  test('a new configuration with another list disconnects whom it bans', async () => {
    const mallory = await connected({ username: 'mallory', clientId: 'one' });
    await broker.write('others', 'user mallory\n');
    await broker.reconfigure({ file: 'others' });
    await broker.advance(1100);
    await mallory.expectExpelled(0x98);
  });
});
