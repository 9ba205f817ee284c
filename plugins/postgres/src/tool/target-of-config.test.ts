import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { targetsOfConfig } from './target-of-config.js';
import { Bench, runTool } from './tool.test.support.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postgres-tool-'));
  file = join(folder, 'plugins.json');
});
afterEach(() => rm(folder, { recursive: true }));

const USE = '@portcullis/plugin-postgres';
const write = (plugins: unknown) => writeFile(file, JSON.stringify({ version: 1, plugins }));
const users = (config: unknown) => write({ files: { use: 'other' }, users: { use: USE, config } });

test("the tool uses the plugin's own entry, with its references, schema and hosts", async () => {
  await writeFile(join(folder, 'pw'), 'secret\n');
  await writeFile(join(folder, 'ca.pem'), 'CA');
  await users({
    host: ['db1', '[::1]:6000'],
    port: 5433,
    database: 'd',
    user: 'broker',
    password: { $file: 'pw' },
    schema: 'mine',
    tls: { ca: 'ca.pem' },
  });
  const ssl = { rejectUnauthorized: true, ca: 'CA' };
  const login = { database: 'd', user: 'broker', password: 'secret', ssl };
  assert.deepEqual(targetsOfConfig(file, null, {}), [
    { config: { host: 'db1', port: 5433, ...login }, host: 'db1', where: 'db1:5433/d', schema: 'mine' },
    { config: { host: '::1', port: 6000, ...login }, host: '::1', where: '[::1]:6000/d', schema: 'mine' },
  ]);
});

test('who changes something connects as himself', async () => {
  await users({ database: 'd', user: 'broker', password: { $env: 'NOT_SET' } });
  const [target] = targetsOfConfig(file, null, { PGUSER: 'admin' });
  assert.deepEqual(target?.config, { host: '127.0.0.1', port: 5432, database: 'd', user: 'admin', ssl: false });
});

test('a server of another machine must prove who it is unless that is switched off', async () => {
  await users({ host: 'db', database: 'd', user: 'broker' });
  assert.deepEqual(targetsOfConfig(file, null, {})[0]?.config.ssl, { rejectUnauthorized: true });
  await users({ host: 'db', database: 'd', user: 'broker', tls: { mode: 'disable' } });
  assert.equal(targetsOfConfig(file, null, {})[0]?.config.ssl, false);
});

test('a file that does not say which database it is is refused in one line', async () => {
  const says = (line: RegExp, plugin: string | null = null) => assert.throws(() => targetsOfConfig(file, plugin, {}), line);
  says(/plugins\.json cannot be read \(ENOENT\)$/);
  await writeFile(file, '{');
  says(/is not JSON; portcullis check says where$/);
  await write({ files: { use: 'other' } });
  says(/has no entry with "use": "@portcullis\/plugin-postgres"/);
  says(/has no plugin "users"; it has files$/, 'users');
  await write({ a: { use: USE, config: { database: 'a' } }, b: { use: USE, config: { database: 'b' } } });
  says(/has 2 entries of this plugin \(a, b\); --plugin names one$/);
  assert.equal(targetsOfConfig(file, 'b', {})[0]?.config.database, 'b');
  await users({ database: 'd', user: 'u', password: { $env: 'NOT_SET' } });
  says(/"password": the environment variable NOT_SET is not set$/);
  await users({ database: 'd', user: 'u', password: { $file: 'none' } });
  says(/"password": .* cannot be read \(ENOENT\)$/);
  await users({ database: 'd', user: 'u', host: 'a b' });
  says(/"host" has no server in "a b"$/);
  await users({ database: 'd', user: 'u', queries: { user: 'select 1' } });
  says(/reads tables of your own/);
});

test('of several servers the tool takes the primary, and says of each why it is not', async (t) => {
  const bench = await Bench.open(t);
  const { port, pathname, username } = new URL(bench.url);
  await users({ host: ['127.0.0.1:1', `127.0.0.1:${port}`], database: pathname.slice(1), user: username });
  assert.equal((await runTool(['-c', file, 'group', 'add', 'red'])).out, 'added group red\n');
  assert.match((await runTool(['-c', file, 'check'])).out, /^nothing failed$/m);
  await users({ host: ['127.0.0.1:1', '127.0.0.1:2'], database: 'd', user: 'u' });
  const { status, error } = await runTool(['-c', file, 'group', 'list']);
  assert.equal(status, 1);
  assert.match(error, /^portcullis-postgres: none of the servers is the primary: .*127\.0\.0\.1:1\/d.*; .*127\.0\.0\.1:2\/d.*\n$/);
});
