import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, type CommandResult, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect5 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MANIFEST = { name: 'roster', version: '1.0.0', type: 'module', exports: './index.js' };

/** A module whose handler is in line 5 and whose start begins in line 4, behind `begin`. */
const source = (begin: string, handler: string): string => `import { definePlugin } from '@portcullis/sdk';
export default definePlugin({ name: 'roster', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny', 'skip'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, timers }) { ${begin}
    hooks.authenticate.tap(async ({ credentials }, decide) => { ${handler} });
  } });
`;

describe('what goes wrong in a plugin is told with its place', () => {
  let folder = '';

  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder, 'roster', 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'roster', 'node_modules', '@portcullis', 'sdk'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function install(index: string, isolation: string, entry: object = {}): void {
    writeFiles(folder, {
      'roster/package.json': MANIFEST,
      'roster/index.js': index,
      'plugins.json': {
        version: 1,
        listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
        plugins: { roster: { use: './roster', isolation, ...entry } },
        chains: { default: { authenticate: ['roster'] } },
        log: { level: 'debug' },
      },
    });
  }

  async function outputAfterLogin(pattern: RegExp): Promise<string> {
    const broker = await BrokerProcess.start({ folder });
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect5({ clientId: 'c', username: 'ann', password: 'a secret of hers' }));
    assert.match(await client.readPacket(), /^20 [0-9a-f]{2} 00 88/);
    client.close();
    await broker.waitForOutput(pattern);
    assert.equal(await broker.stop(), 0);
    return broker.output;
  }

  const check = (...args: string[]): Promise<CommandResult> => runCommand({ folder, args: ['check', '-c', 'plugins.json', ...args] });

  for (const isolation of ['inProcess', 'worker']) {
    it(`a throw of a handler, with its stack at level debug, and without the password (${isolation})`, async () => {
      install(source('', "throw new Error('no crew for ' + '\\n    at a secret of hers (/x.js:1:1)');"), isolation);
      const output = await outputAfterLogin(/PCL_PLUGIN_FAULT.* cause="?no crew.* at=index\.js:5:\d+/);
      assert.match(output, /DEBUG.*where it failed plugin=roster frame=.*roster\/index\.js:5:\d+/i);
      assert.doesNotMatch(output, /secret of hers|x\.js:1:1\)? *$/m);
    });

    it(`an error that escapes (${isolation})`, async () => {
      install(source("timers.after(1, () => { throw new Error('too late'); });", "throw new Error('x');"), isolation);
      await outputAfterLogin(/PCL_PLUGIN_ESCAPED.*cause="?too late.* at=index\.js:4:\d+/);
      install(source('', "queueMicrotask(() => { throw new Error('later'); }); return undefined;"), isolation);
      const output = await outputAfterLogin(/PCL_PLUGIN_ESCAPED.*cause=later.* at=index\.js:5:\d+/);
      assert.match(output, /answered with undefined instead of a decision: is a return missing\?/);
    });

    it(`a verb that is misspelt, with those that there are (${isolation})`, async () => {
      install(source('', 'return decide.alow({ identity: { username: credentials.username } });'), isolation);
      await outputAfterLogin(/decide\.alow is not a function; authenticate may answer allow, deny, skip" at=index\.js:5:\d+/);
    });

    it(`a start that throws, and a module that does not parse or breaks (${isolation})`, async () => {
      install(source('null.crew;', ''), isolation);
      const start = await check('--probe');
      assert.equal(start.code, 1, start.output);
      assert.match(start.output, /plugin roster could not start: .*null.* \(at index\.js:4:\d+\)/);
      install('import { definePlugin } from "@portcullis/sdk";\n\nconst a = [1,,;\n', isolation);
      const parse = await check();
      assert.equal(parse.code, 1, parse.output);
      assert.match(parse.output, /importing .*index\.js failed: .* \(at index\.js:3\)/);
      install('\nundefinedThing();\n', isolation);
      assert.match((await check()).output, /failed: undefinedThing is not defined \(at index\.js:2:1\)/);
      install('module.exports = {};\n', isolation);
      assert.match((await check()).output, /module is not defined in ES module scope; .*write "export default", or call the file index\.cjs \(at /);
    });
  }

  it('a name that is wrong in plugins.json, with what to write instead', async () => {
    install(source('', 'return decide.skip();'), 'inProcess');
    const problem = async (entry: object): Promise<string> => {
      install(source('', 'return decide.skip();'), 'inProcess', entry);
      const { code, output } = await check();
      assert.equal(code, 1, output);
      return output;
    };
    assert.match(await problem({ use: './roster/index.js' }), /index\.js is a file; name the folder of its package: .*\/roster$/m);
    const bare = await problem({ use: 'roster' });
    assert.match(bare, /there is no such package, but a folder: write "\.\/roster"/);
    assert.doesNotMatch(bare, /npm install/);
    assert.match(await problem({ config: { a: 1 } }), /plugins\.roster\.config\.a: unknown key "a" — this plugin has no options/);
  });
});
