import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { definePlugin, type PluginDefinition } from '@portcullis/sdk';
import { ERRORS, PortcullisError } from '../errors.js';
import type { LoadedPlugin } from '../hooks/loader.js';
import { check } from './check.js';
import { loadEverything } from './load-all.js';
import { problemLines } from './print-problems.js';
import { printSchema } from './schema.js';
import { RecordingTerminal } from './terminal.test.support.js';

const schema = {
  type: 'object',
  required: ['file'],
  additionalProperties: false,
  properties: { file: { type: 'string' }, watch: { type: 'boolean', default: true } },
} as const;

const users = definePlugin({ name: 'users', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny', 'skip'] }, config: schema, start() {} });
const mild = definePlugin({ name: 'mild', sdk: '^1.0.0', decides: { authenticate: ['allow', 'skip'] }, config: schema, start() {} });
const open = definePlugin({ name: 'open', sdk: '^1.0.0', config: { type: 'object' }, start() {} });

const KNOWN: Readonly<Record<string, unknown>> = { './users': users, './mild': mild, './open': open };
const asked: string[] = [];

async function load(use: string, baseFolder: string): Promise<LoadedPlugin> {
  asked.push(use);
  const definition = KNOWN[use] as PluginDefinition | undefined;
  if (definition === undefined) throw new PortcullisError(ERRORS.pluginLoad, `cannot find ${use}: is it installed?\u001b[31m`);
  return { definition, root: join(baseFolder, use), packageName: definition.name, version: '1.0.0' };
}

const SOUND = `{
  "version": 1,
  "listeners": { "local": { "url": "mqtt://127.0.0.1:1883", "chain": "default" } },
  "plugins": {
    "users": { "use": "./users", "isolation": "inProcess", "config": { "file": "data/users" } }
  },
  "chains": { "default": { "authenticate": ["users"], "authorize": ["users"] } }
}`;

describe('loading everything', () => {
  let folder = '';
  let file = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-all-'));
    file = join(folder, 'plugins.json');
  });
  after(() => rm(folder, { recursive: true }));

  async function problems(text: string): Promise<string[]> {
    await writeFile(file, text);
    const result = await loadEverything(file, {}, load);
    return 'problems' in result ? problemLines('plugins.json', result.problems) : [];
  }

  test('gives each plugin its judged options beside its code', async () => {
    await writeFile(file, SOUND);
    const result = await loadEverything(file, {}, load);
    assert.ok('config' in result);
    const [plugin] = result.plugins;
    assert.equal(plugin?.loaded.definition, users);
    assert.equal(JSON.stringify(plugin?.spec.config), '{"file":"data/users","watch":true}');
    assert.deepEqual([plugin?.spec.name, plugin?.spec.timeoutMs, plugin?.spec.onFault], ['users', 2000, 'refuse']);
    assert.equal(plugin?.loaded.root, join(folder, 'users'));
  });

  test('names mistakes of the file, of options and of code together, in the order of the file', async () => {
    const text = SOUND.replace('"version": 1', '"version": 2')
      .replace('"file": "data/users"', '"fiel": "data/users"')
      .replace(
        '} }\n  },',
        '} },\n    "gone": { "use": "./gone", "isolation": "inProcess" },\n    "open": { "use": "./open", "isolation": "inProcess" }\n  },',
      );
    assert.deepEqual(await problems(text), [
      'plugins.json:2:14  version: must be 1 — write 1 there',
      'plugins.json:5:60  plugins.users.config.file: "file" is missing',
      'plugins.json:5:72  plugins.users.config.fiel: unknown key "fiel" — did you mean "file"?',
      'plugins.json:6:22  plugins.gone.use: cannot find ./gone: is it installed?\\u001b[31m',
      `plugins.json:7:22  plugins.open.use: this plugin's config schema cannot be used: the schema itself is an open object: set "additionalProperties" to false, or to a schema — this is for the author of the plugin to correct`,
    ]);
  });

  test('loads no code that nobody agreed to run inside the broker', async () => {
    asked.length = 0;
    assert.match((await problems(SOUND.replace('"isolation": "inProcess", ', ''))).join(), /must state "isolation"/);
    assert.deepEqual(asked, []);
  });

  test('allows failing over only behind a plugin that never denies', async () => {
    const skipping = SOUND.replace('"config"', '"onFault": "skip", "config"');
    assert.deepEqual(await problems(skipping), [
      'plugins.json:5:71  plugins.users.onFault: "skip" is only for an authority that never denies — users does not declare decides: { authenticate: ["allow", "skip"] }; a user it would have denied could get in',
    ]);
    assert.deepEqual(await problems(skipping.replace('./users', './mild')), []);
    assert.equal((await problems(skipping.replace('./users', './open'))).length, 2);
  });

  test('says that the file is missing', async () => {
    const result = await loadEverything(join(folder, 'none.json'), {}, load);
    assert.ok('problems' in result && result.missing);
  });

  test('check says that all is well, with its warnings', async () => {
    await writeFile(file, SOUND.replace(', "authorize": ["users"]', ''));
    const terminal = new RecordingTerminal({ PORTCULLIS_WS_PORT: '0' });
    assert.equal(await check(file, terminal, (path, env) => loadEverything(path, env, load)), 0);
    assert.deepEqual(terminal.printed, [
      `warning: ${file}:3:16  PORTCULLIS_WS_PORT: this environment variable has no effect: there is no ws:// listener`,
      `warning: ${file}:7:15  chains.default.authorize: nobody is authorized: clients of this chain can connect, but neither publish nor subscribe — name a plugin that gives rights`,
      `${file} is fine: 1 listener, 1 plugin, 1 chain`,
    ]);
  });

  test('check prints problems and fails', async () => {
    await writeFile(file, '{ "version": 1, }');
    const terminal = new RecordingTerminal();
    assert.equal(await check(file, terminal), 1);
    assert.deepEqual(terminal.printed, [`${file}:1:15  a comma before "}" — remove the comma after the last entry`]);
    assert.equal(await check(join(folder, 'none.json'), terminal), 1);
    assert.equal(terminal.printed[1], `${join(folder, 'none.json')}  does not exist — "portcullis serve --quickstart" makes one`);
  });

  test('schema describes the plugins that can be loaded and names the others', async () => {
    await writeFile(file, SOUND.replace('"plugins": {', '"plugins": { "gone": { "use": "./gone", "isolation": "inProcess" },'));
    const terminal = new RecordingTerminal();
    assert.equal(await printSchema(file, false, terminal, load), 0);
    assert.deepEqual(terminal.complaints, ['left out: cannot find ./gone: is it installed?\\u001b[31m']);
    const printed = JSON.parse(terminal.printed.join('\n'));
    assert.equal(printed.properties.plugins.additionalProperties.allOf.length, 1);
    assert.equal(printed.properties.plugins.additionalProperties.allOf[0].if.properties.use.const, './users');
  });

  test('schema needs no file unless one is named', async () => {
    const terminal = new RecordingTerminal();
    assert.equal(await printSchema(join(folder, 'none.json'), true, terminal, load), 0);
    assert.equal(terminal.printed.length, 1);
    assert.equal(await printSchema(join(folder, 'none.json'), false, terminal, load), 1);
    assert.equal(terminal.complaints.length, 1);
  });
});
