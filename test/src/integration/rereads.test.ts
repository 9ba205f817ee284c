import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const source = (reads: boolean): string => `import { definePlugin } from '@portcullis/sdk';
export default definePlugin({ name: 'roster', sdk: '^1.0.0', decides: { authenticate: ['allow'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, onReload }) {
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    ${reads ? 'onReload(() => {});' : ''}
  } });
`;

/** Runs a broker with these plugins, reloads it with the configuration as it was, and gives what the command printed. */
async function reload(plugins: Readonly<Record<string, 'reads' | 'does not'>>, isolation: 'inProcess' | 'worker'): Promise<string> {
  const folder = temporaryFolder();
  for (const [name, does] of Object.entries(plugins)) {
    mkdirSync(join(folder, name, 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, name, 'node_modules', '@portcullis', 'sdk'));
    writeFiles(join(folder, name), {
      'package.json': { name, version: '1.0.0', type: 'module', exports: './index.js' },
      'index.js': source(does === 'reads'),
    });
  }
  const names = Object.keys(plugins);
  writeFiles(folder, {
    'plugins.json': {
      version: 1,
      control: { socket: 'control.sock' },
      listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
      plugins: Object.fromEntries(names.map((name) => [name, { use: `./${name}`, isolation }])),
      chains: { default: { authenticate: names } },
    },
  });
  const broker = await BrokerProcess.start({ folder });
  await broker.waitForOutput(/Portcullis is ready/);
  const { code, output } = await runCommand({ folder, args: ['reload', '-c', 'plugins.json'] });
  assert.equal(code, 0, output);
  assert.equal(await broker.stop(), 0);
  return output;
}

for (const isolation of ['inProcess', 'worker'] as const) {
  it(`reload tells which plugins had nothing to read again (${isolation})`, async () => {
    const some = await reload({ one: 'reads', two: 'does not' }, isolation);
    assert.match(some, /as before; listeners and 1 of 2 plugins have read their files again; two has nothing to read again \(\d+ ms\)/);
    const all = await reload({ one: 'reads' }, isolation);
    assert.match(all, /as before; listeners and plugins have read their files again \(\d+ ms\)/);
    const none = await reload({ one: 'does not', two: 'does not' }, isolation);
    assert.match(none, /as before; listeners have read their files again; one, two have nothing to read again \(\d+ ms\)/);
  });
}
