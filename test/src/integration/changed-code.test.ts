import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WARNING =
  /warning: plugins\.json:\d+:\d+ {2}plugins\.near\.use: its code has changed, and a reload does not load it again: .* — restart the broker/g;

/** A plugin that answers everybody alike. */
function code(answer: string): string {
  return `import { definePlugin } from '@portcullis/sdk';
export default definePlugin({ name: 'door', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny'] },
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) { hooks.authenticate.tap((_request, decide) => ${answer}); } });
`;
}

const OPEN = "decide.allow({ identity: { username: 'x' } })";
const SHUT = "decide.deny('banned')";

describe('the code of a plugin that is changed while the broker runs', () => {
  let folder: string;
  let broker: BrokerProcess;

  before(async () => {
    folder = temporaryFolder();
    mkdirSync(join(folder, 'door', 'node_modules', '@portcullis'), { recursive: true });
    symlinkSync(join(ROOT, 'sdk'), join(folder, 'door', 'node_modules', '@portcullis', 'sdk'));
    write(OPEN, 1000);
    broker = await BrokerProcess.start({ folder });
  });

  after(async () => {
    assert.equal(await broker.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  function write(answer: string, timeoutMs: number): void {
    writeFiles(folder, {
      'door/package.json': { name: 'door', version: '1.0.0', type: 'module', exports: './index.js' },
      'door/index.js': code(answer),
      'plugins.json': {
        version: 1,
        listeners: { near: { url: 'mqtt://127.0.0.1:0', chain: 'near' }, far: { url: 'mqtt://127.0.0.1:0', chain: 'far' } },
        control: { socket: 'control.sock' },
        plugins: { near: { use: './door', isolation: 'inProcess', timeoutMs }, far: { use: './door', isolation: 'worker', timeoutMs } },
        chains: { near: { authenticate: ['near'] }, far: { authenticate: ['far'] } },
      },
    });
  }

  async function codeOf(listener: string): Promise<string> {
    const client = await WireClient.connect(broker.port(listener));
    client.send(connect311({ clientId: 'c', username: 'x', password: 'y' }));
    const connack = await client.readPacket();
    client.close();
    return connack;
  }

  async function reloadWarns(): Promise<number> {
    const { code: status, output } = await runCommand({ folder, args: ['reload', '-c', 'plugins.json'] });
    assert.equal(status, 0, output);
    return output.match(WARNING)?.length ?? 0;
  }

  it('runs in a worker after the next generation; inside the broker it stays as it was, and every reload says so', async () => {
    assert.deepEqual([await codeOf('near'), await codeOf('far')], ['20 02 00 00', '20 02 00 00']);
    write(OPEN, 1000);
    assert.equal(await reloadWarns(), 0, 'written again as it was');

    write(SHUT, 1000);
    assert.equal(await reloadWarns(), 1, 'with the configuration as before');
    write(SHUT, 1500);
    assert.equal(await reloadWarns(), 1, 'with another configuration');
    assert.equal(broker.output.match(WARNING)?.length, 2, broker.output);
    assert.deepEqual([await codeOf('near'), await codeOf('far')], ['20 02 00 00', '20 02 00 05']);

    write(OPEN, 1500);
    assert.equal(await reloadWarns(), 0, 'what runs is what is on disk');
  });
});
