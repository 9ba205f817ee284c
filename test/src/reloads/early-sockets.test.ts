import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { BrokerProcess } from '../support/broker-process.js';
import { connect5, connect311, publish } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

/** A plugin that says the same to everybody, or nothing before a file is there. */
const PLUGIN = `
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
export default {
  name: 'door', sdk: '^1.0.0', decides: { authenticate: ['allow', 'deny'] },
  config: { type: 'object', additionalProperties: false, properties: { says: { type: 'string' }, effect: { type: 'string' } } },
  start({ hooks, timers, log, baseFolder }, { says, effect }) {
    const actions = ['publish', 'subscribe', 'receive'];
    hooks.loadPolicy.tap((_request, give) => give.policy({ version: 1, rules: [{ effect, actions, pattern: '#', from: 'the plugin' }] }));
    const answer = (decide) => (says === 'no' ? decide.deny('banned') : decide.allow({ identity: { username: 'ann' } }));
    hooks.authenticate.tap((_request, decide) => {
      if (says !== 'wait') return answer(decide);
      log.info({}, 'asked');
      return new Promise((resolve) => {
        const stop = timers.every(20, () => {
          if (!existsSync(join(baseFolder, 'go'))) return;
          stop();
          resolve(answer(decide));
        });
      });
    });
  },
};`;

/** Two listeners; \`front\` leads to this chain. The other keeps the open chain in the configuration. */
function document(front: string, open: 'yes' | 'wait' = 'yes', effect: 'allow' | 'deny' = 'allow') {
  const door = (says: string) => ({ use: './door', isolation: 'inProcess', timeoutMs: 20_000, config: { says, effect } });
  return {
    version: 1,
    listeners: { front: { url: 'mqtt://127.0.0.1:0', chain: front }, back: { url: 'mqtt://127.0.0.1:0', chain: 'open' } },
    plugins: { [open]: door(open), no: door('no') },
    chains: {
      open: { authenticate: [open], authorize: [open], denyPublish: 'close', deadlineMs: 20_000 },
      shut: { authenticate: ['no'], authorize: ['no'] },
    },
    control: { socket: 'control.sock' },
    // Nothing of this is about time.
    limits: { connectTimeoutMs: 20_000, pluginDrainMs: 20_000 },
  };
}

const VERSIONS = {
  '3.1.1': { packet: connect311({ clientId: 'early' }), allowed: /^20 02 00 00$/, banned: /^20 02 00 05$/, unavailable: /^20 02 00 03$/ },
  '5.0': { packet: connect5({ clientId: 'early' }), allowed: /^20 .. 00 00/, banned: /^20 03 00 8a 00$/, unavailable: /^20 03 00 88 00$/ },
};

interface Status {
  readonly generation: { readonly number: number };
  readonly listeners: readonly { readonly name: string; readonly connections: number }[];
}

describe('a socket that is older than the configuration in force', () => {
  const brokers: BrokerProcess[] = [];
  afterEach(() => {
    for (const broker of brokers.splice(0)) broker.signal('SIGKILL');
  });

  async function start(open: 'yes' | 'wait'): Promise<BrokerProcess> {
    const files = {
      'plugins.json': document('open', open),
      'door/package.json': { name: 'door', version: '1.0.0', type: 'module', exports: './index.js' },
      'door/index.js': PLUGIN,
    };
    const broker = await BrokerProcess.start({ files });
    brokers.push(broker);
    return broker;
  }

  function status(broker: BrokerProcess): Promise<Status> {
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = connect({ path: join(broker.folder, 'control.sock') }, () => socket.write('{"command":"status"}\n'));
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      socket.on('error', reject);
      socket.on('end', () => resolve(JSON.parse(text) as Status));
    });
  }

  /** Asks the broker how it is until that is so. */
  async function until(broker: BrokerProcess, reached: (status: Status) => boolean): Promise<void> {
    const tired = performance.now() + 10_000;
    while (!reached(await status(broker))) assert.ok(performance.now() < tired, 'the broker did not come to that');
  }

  /** Puts another configuration in force, as an administrator would, and waits for the end of it unless told otherwise. */
  function reload(broker: BrokerProcess, next: object): Promise<unknown> {
    const since = broker.output.length;
    writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(next));
    broker.signal('SIGHUP');
    return broker.waitForOutput(/reloaded the configuration/, since);
  }

  for (const [version, { packet, allowed, banned, unavailable }] of Object.entries(VERSIONS)) {
    it(`is judged by the chain that its listener leads to now, not by the one it was accepted for (${version})`, async () => {
      const broker = await start('yes');
      const early = await WireClient.connect(broker.port('front'));
      const back = await WireClient.connect(broker.port('back'));
      // What the other end calls connected may still lie in the kernel.
      await until(broker, ({ listeners }) => listeners.every(({ connections }) => connections === 1));
      await reload(broker, document('shut'));
      early.send(packet);
      assert.match(await early.readPacket(), banned);
      await early.expectClosed();
      back.send(packet);
      assert.match(await back.readPacket(), allowed);
      back.close();
      assert.equal(await broker.stop(), 0);
    });

    it(`is refused as unavailable when the answer to its CONNECT comes from a chain that its listener no longer leads to (${version})`, async () => {
      const broker = await start('wait');
      const early = await WireClient.connect(broker.port('front'));
      early.send(packet);
      await broker.waitForOutput(/asked plugin=wait/);
      const reloaded = reload(broker, document('shut', 'wait'));
      // The reload itself ends when the generation before is not needed any more.
      await until(broker, ({ generation }) => generation.number === 2);
      writeFileSync(join(broker.folder, 'go'), '');
      assert.match(await early.readPacket(), unavailable);
      await early.expectClosed();
      await reloaded;
      assert.equal(await broker.stop(), 0);
    });

    it(`stands under the new rights when its CONNECT was answered by the configuration before (${version})`, async () => {
      const broker = await start('wait');
      const early = await WireClient.connect(broker.port('front'));
      early.send(packet);
      await broker.waitForOutput(/asked plugin=wait/);
      const reloaded = reload(broker, document('open', 'wait', 'deny'));
      await until(broker, ({ generation }) => generation.number === 2);
      writeFileSync(join(broker.folder, 'go'), '');
      assert.match(await early.readPacket(), allowed);
      await reloaded;
      early.send(publish({ topic: 't', qos: 1, packetId: 7, ...(version === '5.0' ? { properties: '' } : {}) }));
      if (version === '5.0') assert.match(await early.readPacket(), /^40 .. 00 07 87/);
      else await early.expectClosed();
      early.close();
      assert.equal(await broker.stop(), 0);
    });
  }
});
