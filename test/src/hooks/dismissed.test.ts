import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess } from '../support/broker-process.js';
import { connect5, connect311, disconnect } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

/** Disconnects a user while its rights are loaded, as one does that has just been banned. Its authority has let it in by then. */
const PLUGIN = `
export default {
  name: 'late-ban', sdk: '^1.0.0', decides: { authenticate: ['allow'] }, capabilities: ['sessions'],
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, sessions, log }) {
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    hooks.loadPolicy.tap(async (_request, give) => {
      await null;
      log.info({ count: sessions.disconnect({ username: 'banned' }) }, 'disconnected');
      await null;
      return give.policy({ version: 1, rules: [] });
    });
  },
};`;

const FILES = {
  'plugins.json': {
    version: 1,
    listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
    plugins: { ban: { use: './late-ban', isolation: 'inProcess' } },
    chains: { default: { authenticate: ['ban'], authorize: ['ban'] } },
  },
  'late-ban/package.json': { name: 'late-ban', version: '1.0.0', type: 'module', exports: './index.js' },
  'late-ban/index.js': PLUGIN,
};

describe('sessions.disconnect', () => {
  let broker: BrokerProcess;
  before(async () => {
    broker = await BrokerProcess.start({ files: FILES });
  });
  after(async () => assert.equal(await broker.stop(), 0));

  for (const [version, packet, refused, accepted] of [
    ['3.1.1', connect311, /^20 02 00 05$/, /^20 02 00 00$/],
    ['5.0', connect5, /^20 03 00 87 00$/, /^20 .. 00 00/],
  ] as const) {
    it(`also refuses who is meant and has no session yet, and nobody else (${version})`, async () => {
      const banned = await WireClient.connect(broker.port('local'));
      banned.send(packet({ clientId: 'b', username: 'banned' }));
      assert.match(await banned.readPacket(), refused);
      await banned.expectClosed();
      await broker.waitForOutput(/disconnected plugin=ban count=1/);
      const other = await WireClient.connect(broker.port('local'));
      other.send(packet({ clientId: 'o', username: 'other' }));
      assert.match(await other.readPacket(), accepted);
      other.send(disconnect());
    });
  }
});
