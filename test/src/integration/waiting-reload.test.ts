import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const SDK = fileURLToPath(new URL('../../../sdk/dist/index.js', import.meta.url));
const PLUGIN = `
import { BackendUnavailable, definePlugin } from ${JSON.stringify(SDK)};
export default definePlugin({
  name: 'down', sdk: '^1.0.0', config: { type: 'object', additionalProperties: false, properties: {} },
  start({ log, onDispose }) { onDispose(() => log.warn({}, 'let go')); log.warn({}, 'asked for its backend'); throw new BackendUnavailable('the database is down'); },
});`;

/** Reloads with a plugin for which the broker is to wait, and whose backend stays down. */
async function waiting(): Promise<{ broker: BrokerProcess; before: string }> {
  const broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
  const file = join(broker.folder, 'plugins.json');
  const before = readFileSync(file, 'utf8');
  mkdirSync(join(broker.folder, 'down'));
  writeFileSync(
    join(broker.folder, 'down', 'package.json'),
    JSON.stringify({ name: 'down', version: '1.0.0', type: 'module', exports: './index.js' }),
  );
  writeFileSync(join(broker.folder, 'down', 'index.js'), PLUGIN);
  const document = JSON.parse(before);
  document.plugins.down = { use: './down', isolation: 'inProcess', startup: 'wait' };
  writeFileSync(file, JSON.stringify(document));
  broker.signal('SIGHUP');
  await broker.waitForOutput(/asked for its backend[\s\S]*asked for its backend/);
  return { broker, before };
}

describe('a reload that waits for a backend', () => {
  it('does not keep the broker from stopping', async () => {
    const { broker } = await waiting();
    assert.equal(await broker.stop(), 0);
    assert.match(broker.output, /reload refused.*overtaken/);
  });

  it('gives way to the next reload', async () => {
    const { broker, before } = await waiting();
    writeFileSync(join(broker.folder, 'plugins.json'), `${before}\n`);
    broker.signal('SIGHUP');
    await broker.waitForOutput(/reloaded the configuration/);
    assert.equal(await broker.stop(), 0);
  });
});

describe('a start that waits for a backend', () => {
  async function starting(): Promise<BrokerProcess> {
    const files = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n');
    const document = files['plugins.json'] as { plugins: Record<string, unknown> };
    document.plugins.down = { use: './down', isolation: 'inProcess', startup: 'wait' };
    const broker = new BrokerProcess({
      files: {
        ...files,
        'down/package.json': { name: 'down', version: '1.0.0', type: 'module', exports: './index.js' },
        'down/index.js': PLUGIN,
      },
    });
    await broker.waitForOutput(/asked for its backend[\s\S]*asked for its backend/);
    return broker;
  }

  it('binds nothing, is not hurt by SIGHUP, and ends at SIGTERM with everything let go', async () => {
    const broker = await starting();
    assert.doesNotMatch(broker.output, /listening name=/);
    broker.signal('SIGHUP');
    await broker.waitForOutput(/reload refused.*still starting/);
    assert.equal(await broker.stop(), 0);
    assert.match(broker.output, /let go/);
  });
});
