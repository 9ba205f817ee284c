import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PortcullisError } from '../errors.js';
import { definitionProblems } from './definition.js';
import { loadPlugin } from './loader.js';

const base = await realpath(await mkdtemp(join(tmpdir(), 'pcl-loader-')));
after(() => rm(base, { recursive: true }));

const GOOD = "export default { name: 'p', sdk: '^1.0.0', config: { type: 'object' }, decides: { authenticate: ['allow'] }, start() {} };";

let made = 0;

/** Makes a package in a folder of its own and returns what `use` would say. */
async function make(
  source: string | null,
  manifest: unknown = { name: 'my-plugin', version: '2.3.4', type: 'module', exports: './index.js' },
): Promise<string> {
  made += 1;
  const folder = join(base, `p${made}`);
  await mkdir(folder);
  if (manifest !== null) await writeFile(join(folder, 'package.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  if (source !== null) await writeFile(join(folder, 'index.js'), source);
  return `./p${made}`;
}

async function refusal(use: string): Promise<string> {
  try {
    await loadPlugin(use, base);
  } catch (error) {
    assert.ok(error instanceof PortcullisError);
    assert.equal(error.code, 'PCL_PLUGIN_LOAD');
    assert.ok(!error.message.includes('\n'), 'one line');
    return error.message;
  }
  assert.fail(`${use} was loaded`);
}

test('loads a package in a folder, with its name, version and real place', async () => {
  const use = await make(GOOD);
  const loaded = await loadPlugin(use, base);
  assert.deepEqual([loaded.packageName, loaded.version, loaded.root], ['my-plugin', '2.3.4', join(base, use)]);
  assert.deepEqual({ ...loaded.definition.decides }, { authenticate: ['allow'] });
  assert.equal((await loadPlugin(join(base, use), '/')).root, join(base, use));
});

test('loads a package by name, from the folder of the configuration or any above it', async () => {
  const folder = join(base, 'node_modules', '@acme', 'plugin-x');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: '@acme/plugin-x', version: '1.0.0', type: 'module', main: 'main.js' }));
  await writeFile(join(folder, 'main.js'), GOOD);
  await mkdir(join(base, 'deep', 'config'), { recursive: true });
  assert.equal((await loadPlugin('@acme/plugin-x', join(base, 'deep', 'config'))).root, folder);
});

test('a package that is missing is refused with what to do', async () => {
  assert.match(
    await refusal('@acme/plugin-y'),
    /"@acme\/plugin-y" cannot be loaded: there is no such package; install it with "npm install @acme\/plugin-y"/,
  );
  assert.match(await refusal('./nowhere'), /there is no folder .*nowhere/);
  assert.match(await refusal('..\\x'), /there is no folder|neither the name of a package/);
  assert.match(await refusal('Bad Name'), /neither the name of a package nor a folder/);
  assert.match(await refusal('node:fs'), /neither the name of a package nor a folder/);
  assert.match(await refusal('a/../../b'), /neither the name of a package nor a folder/);
});

test('a folder that is named without "./", and a file instead of its folder, are refused with what to write', async () => {
  const use = (await make(GOOD)).slice(2);
  assert.match(await refusal(use), new RegExp(`there is no such package, but a folder: write "./${use}"`));
  assert.match(await refusal(`./${use}/index.js`), new RegExp(`/${use}/index\\.js is a file; name the folder of its package: \\S+/${use}$`));
});

test('a plugin that is loaded again is the first one, and it is told when its file holds something else by then', async () => {
  const use = await make(GOOD);
  assert.equal((await loadPlugin(use, base)).codeChanged, undefined);
  assert.equal((await loadPlugin(use, base)).codeChanged, undefined);
  await writeFile(join(base, use, 'index.js'), GOOD.replace("name: 'p'", "name: 'other'"));
  const again = await loadPlugin(use, base);
  assert.deepEqual([again.codeChanged, again.definition.name], [true, 'p']);
});

test('a module that does not parse is refused with its place, also where another file of the package is the one', async () => {
  assert.match(await refusal(await make('export default {\n  start() {} }};')), /importing .*index\.js failed: .* \(at index\.js:2\)$/);
  const importing = await make("import './part.js';\nexport default {};");
  await writeFile(join(base, importing, 'part.js'), 'export const one = 1;\n\nlet of = = 2;');
  assert.match(await refusal(importing), /importing .*index\.js failed: Unexpected token/);
});

test('the module is found through exports or main as Node finds it', async () => {
  const manifests = [
    { type: 'module', exports: { '.': './index.js' } },
    { type: 'module', exports: { '.': { types: './x.d.ts', import: './index.js' } } },
    { type: 'module', exports: { types: './x.d.ts', node: { import: './index.js' }, default: './no.js' } },
    { type: 'module', exports: { '.': [{ browser: './no.js' }, './index.js'], './package.json': './package.json' } },
    { type: 'module', main: './index.js' },
    { type: 'module' },
  ];
  for (const manifest of manifests) assert.equal((await loadPlugin(await make(GOOD, manifest), base)).version, '0.0.0');
});

test('a package that is not one is refused', async () => {
  assert.match(await refusal(await make(GOOD, null)), /package\.json is missing; a plugin is a package/);
  assert.match(await refusal(await make(GOOD, '{')), /package\.json is not a JSON object/);
  for (const text of ['[]', 'null', '7', '"x"', 'true'])
    assert.match(await refusal(await make(GOOD, text)), /package\.json is not a JSON object/, text);
  assert.match(await refusal(await make(null)), /does not exist; has the package been built\?/);
  assert.match(await refusal(await make(GOOD, { type: 'module', exports: { './other': './index.js' } })), /"exports" .* no module for "import"/);
  assert.match(await refusal(await make(GOOD, { type: 'module', main: '../p1/index.js' })), /is outside of its folder/);
});

test('a link that leads out of the package is refused', async () => {
  const use = await make(null);
  await symlink(join(base, 'p1', 'index.js'), join(base, use, 'index.js'));
  assert.match(await refusal(use), /is outside of its folder/);
});

test('a module that fails, or gives no definition, is refused', async () => {
  assert.match(await refusal(await make("throw new Error('no database')")), /importing .*index\.js failed: no database/);
  assert.match(await refusal(await make('throw null')), /failed: threw null/);
  assert.match(await refusal(await make('export default {')), /importing .* failed/);
  assert.match(await refusal(await make("import 'not-installed-anywhere';")), /failed: Cannot find package/);
  assert.match(await refusal(await make("export const name = 'p';")), /no default export/);
  for (const wrong of ['null', '7', '[]', '() => {}']) assert.match(await refusal(await make(`export default ${wrong};`)), /not a plugin definition/);
  assert.match(await refusal(await make("export default { get name() { throw new Error('gotcha'); } };")), /gotcha/);
});

test('a plugin for another SDK is refused in those words', async () => {
  assert.match(await refusal(await make(GOOD.replace('^1.0.0', '^2.0.0'))), /it was built for SDK \^2\.0\.0, this broker has SDK 1\.0\.0/);
});

test('every problem of a definition is named', () => {
  const good = { name: 'p', sdk: '^1.0.0', config: {}, start() {} };
  const cases: [object, RegExp][] = [
    [{ ...good, name: '1p' }, /"name" must be/],
    [{ ...good, sdk: 'one' }, /"sdk" must be a range/],
    [{ ...good, sdk: undefined }, /"sdk" must be a range/],
    [{ ...good, start: null }, /"start" must be a function/],
    [{ ...good, config: null }, /"config" must be a JSON Schema/],
    [{ ...good, capabilities: ['policies'] }, /unknown capability "policies"; there are publish, sessions, policy, retained, credentials, stores/],
    [{ ...good, capabilities: ['publsh'] }, /unknown capability "publsh", did you mean "publish"\?/],
    [{ ...good, capabilities: 'publish' }, /"capabilities" must be an array/],
    [{ ...good, capabilites: [] }, /unknown key "capabilites" in its definition, did you mean "capabilities"\?/],
    [{ ...good, decides: { authentcate: ['allow'] } }, /names "authentcate", which is no hook of authorities, did you mean "authenticate"\?/],
    [{ ...good, decides: { admitClient: ['deny'] } }, /names "admitClient", which is no hook of authorities/],
    [{ ...good, decides: { authenticate: ['permit'] } }, /"decides\.authenticate" lists "permit"; possible are allow, deny, skip/],
    [{ ...good, decides: { authenticateEnhanced: ['skip'] } }, /possible are allow, deny, continue/],
    [{ ...good, decides: { authenticate: [] } }, /must list what the plugin may answer/],
    [{ ...good, decides: ['allow'] }, /"decides" must be an object/],
  ];
  assert.deepEqual(definitionProblems(good), []);
  for (const [definition, message] of cases) {
    const problems = definitionProblems(definition);
    assert.equal(problems.length, 1);
    assert.match(problems[0] as string, message);
  }
  assert.equal(definitionProblems({}).length, 4);
});

test('a definition that is changed after it was checked changes nothing', async () => {
  const use = await make(
    `const decides = { authenticate: ['allow'] }; globalThis.changePcl = () => decides.authenticate.push('deny'); ${GOOD.replace("decides: { authenticate: ['allow'] }", 'decides')}`,
  );
  const { definition } = await loadPlugin(use, base);
  (globalThis as unknown as { changePcl(): void }).changePcl();
  assert.deepEqual(definition.decides?.authenticate, ['allow']);
});
