import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, type CommandResult, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { canary, findCanary } from '../support/canary.js';
import { connect5 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { LEAKY_PLUGIN } from './leaky-plugin.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TOKEN = canary();
const KEY = canary();
const PASSWORD = canary();
const env = { LEAKY_TOKEN: TOKEN };

function configuration(how: string, startup = 'gate'): object {
  const config = { token: { $env: 'LEAKY_TOKEN' }, key: { $file: 'key' }, how };
  return {
    version: 1,
    control: { socket: 'control.sock' },
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: { leaky: { use: './leaky', isolation: 'inProcess', startup, breaker: { faults: 1 }, config } },
    chains: { default: { authenticate: ['leaky'] } },
  };
}

describe('what the commands for a running broker print', () => {
  let folder: string;

  before(() => {
    folder = temporaryFolder();
    const home = join(folder, 'leaky');
    mkdirSync(join(home, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(home, 'node_modules', '@portcullis', 'sdk'));
    writeFiles(home, { 'package.json': { name: 'leaky', version: '1.0.0', type: 'module', exports: './index.js' }, 'index.js': LEAKY_PLUGIN });
    writeFiles(folder, { key: `${KEY}\n` });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a command and holds what it prints against every secret. */
  async function printed(...args: readonly string[]): Promise<CommandResult> {
    const result = await runCommand({ folder, env, args });
    for (const [name, secret] of Object.entries({ TOKEN, KEY, PASSWORD })) {
      assert.equal(findCanary(result.output, secret), null, `${args.join(' ')}: ${name}`);
    }
    return result;
  }

  async function knock(broker: BrokerProcess, username: string): Promise<void> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect5({ clientId: username, username, password: PASSWORD }));
    await client.readPacket('a CONNACK');
    client.close();
  }

  it('holds no secret, while plugins show theirs in every error', async () => {
    const broker = await BrokerProcess.start({ folder, env, files: { 'plugins.json': configuration('serve') } });
    try {
      for (const username of ['quote', 'escape', 'ok', 'down', 'down']) await knock(broker, username);
      for (const args of [['status'], ['status', '--json']]) assert.equal((await printed(...args)).code, 0);
      // The plugin's own files: its callback rejects with the token.
      const same = await printed('reload');
      assert.match(same.output, /\[\*\*\*\]/);
      for (const how of ['invalid', 'throw', 'stack']) {
        writeFiles(folder, { 'plugins.json': configuration(how) });
        const refused = await printed('reload', ...(how === 'throw' ? ['--json'] : []));
        assert.equal(refused.code, 1, refused.output);
        assert.match(refused.output, /\[\*\*\*\]/);
        await printed('status', '--json');
      }
    } finally {
      await broker.stop();
    }
    for (const [name, secret] of Object.entries({ TOKEN, KEY, PASSWORD })) assert.equal(findCanary(broker.output, secret), null, name);
  });

  it('holds no secret while a backend is down', async () => {
    const broker = await BrokerProcess.start({ folder, env, files: { 'plugins.json': configuration('down') } });
    try {
      for (const args of [['status'], ['status', '--json']]) assert.match((await printed(...args)).output, /\[\*\*\*\]/);
    } finally {
      await broker.stop();
    }
  });

  it('holds no secret when a plugin is started for a trial', async () => {
    for (const how of ['serve', 'invalid', 'down', 'stack']) {
      writeFiles(folder, { 'plugins.json': configuration(how) });
      const { code, output } = await printed('check', '--probe');
      assert.equal(code, how === 'serve' ? 0 : 1, output);
      assert.match(output, /\[\*\*\*\]/);
    }
  });
});
