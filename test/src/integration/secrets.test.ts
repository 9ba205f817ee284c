import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { canary, findCanary } from '../support/canary.js';
import { connect5, connect31, connect311, field, packet, publish } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { LEAKY_PLUGIN, WITNESS_PLUGIN } from './leaky-plugin.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TOKEN = canary();
const KEY = canary();
const NEXT_KEY = canary();
/** Passwords of clients. */
const PASSWORD = canary();
const env = { LEAKY_TOKEN: TOKEN };

function configuration(how: string, more: object = {}): object {
  return {
    version: 1,
    log: { level: 'debug' },
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: {
      witness: { use: './witness', isolation: 'inProcess', config: { file: 'seen.txt' } },
      leaky: {
        use: './leaky',
        isolation: 'inProcess',
        breaker: { faults: 1000 },
        publishTo: ['granted'],
        config: { token: { $env: 'LEAKY_TOKEN' }, key: { $file: 'key' }, how, ...more },
      },
    },
    chains: { default: { guards: ['witness'], authenticate: ['witness', 'leaky'] } },
  };
}

describe('secrets by reference, and passwords of clients', () => {
  let folder: string;

  before(() => {
    folder = temporaryFolder();
    for (const [name, source] of Object.entries({ leaky: LEAKY_PLUGIN, witness: WITNESS_PLUGIN })) {
      const home = join(folder, name);
      mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
      symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
      writeFiles(home, { 'package.json': { name, version: '1.0.0', type: 'module', exports: './index.js' }, 'index.js': source });
    }
    writeFiles(folder, { key: `${KEY}\n` });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function nothingIn(text: string, what: string): void {
    for (const [name, secret] of Object.entries({ TOKEN, KEY, NEXT_KEY, PASSWORD })) assert.equal(findCanary(text, secret), null, `${what}: ${name}`);
  }

  const run = (args: readonly string[], files: object) => runCommand({ folder, env, args, files: { 'plugins.json': files } });

  it('are found by this test in whatever form they were shown', () => {
    for (const text of [
      PASSWORD,
      JSON.stringify({ a: JSON.stringify(PASSWORD) }),
      encodeURIComponent(PASSWORD),
      Buffer.from(PASSWORD).toString('hex'),
      Buffer.from(`user:${PASSWORD}`).toString('base64'),
      JSON.stringify(new Uint8Array(Buffer.from(PASSWORD))),
      JSON.stringify(Buffer.from(PASSWORD)),
      PASSWORD.slice(5, 20),
    ]) {
      assert.notEqual(findCanary(`before ${text} behind`, PASSWORD), null, text);
    }
  });

  it('appear neither in the log, nor in news, requests, statistics and command line of a broker, whatever plugins do', async () => {
    const broker = await BrokerProcess.start({ folder, env, files: { 'plugins.json': configuration('serve') } });
    try {
      const knock = async (bytes: string): Promise<void> => {
        const client = await WireClient.connect(broker.port('local'));
        client.send(bytes);
        await client.readPacket('CONNACK').catch(() => '');
        client.close();
      };
      for (const username of ['quote', 'reject', 'escape', 'metric', 'return', 'down', 'ok', 'wrong']) {
        for (const connect of [connect31, connect311, connect5]) await knock(connect({ clientId: username, username, password: PASSWORD }));
      }
      const plain = `15 ${field('PLAIN')} 16 ${field(`\0user\0${PASSWORD}`)}`;
      await knock(connect5({ clientId: 'plain', username: 'user', properties: plain }));
      // Broken behind the password, cut off within it, and with a bit set that must not be.
      const whole = connect311({ clientId: 'broken', username: 'ok', password: PASSWORD });
      await knock(`${whole}00`);
      await knock(packet(0x10, `${field('MQTT')}04c30000${field('broken')}${field('ok')}${field(PASSWORD)}`));
      const cut = await WireClient.connect(broker.port('local'));
      cut.send(whole.slice(0, -20));
      cut.reset();
      const client = await WireClient.connect(broker.port('local'));
      client.send(connect311({ clientId: 'last', username: 'ok', password: PASSWORD }));
      await client.expect('20 02 00 00');
      client.send(publish({ topic: 't', qos: 1 }));
      await client.expect('40 02 00 01');
      for (const text of ['timer: ', 'rejection: ', 'emitter: ']) await broker.waitForOutput(new RegExp(text));

      const commandLine = readFileSync(`/proc/${broker.pid}/cmdline`, 'latin1') + readFileSync(`/proc/${broker.pid}/comm`, 'latin1');
      nothingIn(commandLine, 'command line and title');

      // The same file again, another secret, and one that is refused.
      let since = broker.output.length;
      broker.signal('SIGHUP');
      await broker.waitForOutput(/read their files again/, since);
      writeFiles(folder, { key: NEXT_KEY, 'plugins.json': configuration('invalid') });
      since = broker.output.length;
      broker.signal('SIGHUP');
      await broker.waitForOutput(/reload refused/, since);
      writeFiles(folder, { 'plugins.json': configuration('serve', { url: 'another' }) });
      since = broker.output.length;
      broker.signal('SIGHUP');
      await broker.waitForOutput(/reloaded the configuration/, since);
      client.close();
    } finally {
      await broker.stop();
    }
    assert.ok(broker.output.includes('[***]') && broker.output.includes('[password]') && broker.output.length > 50_000, 'the plugins did show them');
    nothingIn(broker.output, 'log');
    const seen = readFileSync(join(folder, 'seen.txt'), 'utf8');
    assert.match(seen, /decisionMade[\s\S]*brokerStopping/);
    nothingIn(seen, 'what plugins are told');
  });

  for (const how of ['throw', 'stack', 'invalid']) {
    it(`do not appear when a plugin cannot start: ${how}`, async () => {
      writeFiles(folder, { key: KEY });
      const { code, output } = await run(['serve', '-c', 'plugins.json'], configuration(how));
      assert.equal(code, 1);
      assert.match(output, /plugins\.json:\d+:\d+ .*could not start: .*\[\*\*\*\]/);
      nothingIn(output, how);
    });
  }

  it('do not appear while a backend is down, and when that ends the broker', async () => {
    const waiting = configuration('down') as { plugins: { leaky: object } };
    const broker = await BrokerProcess.start({ folder, env, files: { 'plugins.json': waiting } });
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect5({ clientId: 'c', username: 'ok', password: PASSWORD }));
    await client.expect('20 03 00 88 00');
    await broker.stop();
    assert.match(broker.output, /the backend of a plugin is down.*\[\*\*\*\]/);
    nothingIn(broker.output, 'gate');
    const { code, output } = await run(['serve', '-c', 'plugins.json'], {
      ...waiting,
      plugins: { ...waiting.plugins, leaky: { ...waiting.plugins.leaky, startup: 'exit' } },
    });
    assert.equal(code, 1);
    nothingIn(output, 'exit');
  });

  it('do not appear in the output of check and schema, sound or not', async () => {
    for (const more of [{}, { token: TOKEN }, { token: { $env: TOKEN } }, { key: { $file: KEY } }, { unknown: 1 }, { key: 'x' }]) {
      const { code, output } = await run(['check'], configuration('serve', more));
      assert.equal(code, Object.keys(more).length > 0 ? 1 : 0, output);
      nothingIn(output, `check with ${Object.keys(more)}`);
    }
    const schema = await run(['schema'], configuration('serve', { token: TOKEN, key: { $file: KEY } }));
    assert.match(schema.output, /"token"/);
    nothingIn(schema.output, 'schema');
    writeFiles(folder, { key: NEXT_KEY.slice(1) });
    const refused = await run(['check'], configuration('serve'));
    assert.match(refused.output, /plugins\.leaky\.config\.key: /);
    nothingIn(refused.output, 'a secret that does not meet the schema');
  });

  it('are warned of when everybody may read their file', async () => {
    writeFileSync(join(folder, 'key'), KEY);
    chmodSync(join(folder, 'key'), 0o644);
    const { code, output } = await run(['check'], configuration('serve'));
    assert.equal(code, 0);
    assert.match(output, /warning: plugins\.json:\d+:\d+ {2}plugins\.leaky\.config\.key: every account of this machine may read the file/);
    nothingIn(output, 'warning');
  });
});
