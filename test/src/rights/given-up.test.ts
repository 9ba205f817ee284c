import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, writeFiles } from '../support/broker-process.js';
import { connect5, connect311, publish } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

/** Announces a version that it never gives, and then cannot start. */
const SOURCE = `
export default {
  name: 'source', sdk: '^1.0.0', decides: { authenticate: ['allow'] }, capabilities: ['policy'],
  config: { type: 'object', additionalProperties: false, properties: { broken: { type: 'boolean' } } },
  start({ hooks, policy, log }, { broken }) {
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    hooks.loadPolicy.tap(({ reason }, give) => {
      log.info({ reason }, 'rights were asked for');
      return give.policy({ version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: 't', from: 'test' }] });
    });
    if (broken !== true) return;
    policy.invalidate('all', 99);
    log.info({}, 'announced');
    throw new Error('it cannot start');
  },
};`;

const configuration = (config: object): object => ({
  version: 1,
  listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
  plugins: { source: { use: './source', isolation: 'inProcess', config } },
  chains: { default: { authenticate: ['source'], authorize: ['source'] } },
});

describe('a configuration that is given up', () => {
  let broker: BrokerProcess;
  before(async () => {
    broker = await BrokerProcess.start({
      files: {
        'plugins.json': configuration({}),
        'source/package.json': { name: 'source', version: '1.0.0', type: 'module', exports: './index.js' },
        'source/index.js': SOURCE,
      },
    });
  });
  after(() => broker.stop());

  for (const [version, packet, properties, puback] of [
    ['3.1.1', connect311, {}, '40 02 00 01'],
    ['5.0', connect5, { properties: '' }, '40 03 00 01 10'],
  ] as const)
    it(`changes no rights, whatever its plugins have announced before it was (${version})`, async () => {
      const client = await WireClient.connect(broker.port('local'));
      client.send(packet({ clientId: version, username: 'ann', cleanSession: false }));
      assert.match(await client.readPacket(), /^20 .. 00 00/);
      const since = broker.output.length;
      writeFiles(broker.folder, { 'plugins.json': configuration({ broken: true }) });
      broker.signal('SIGHUP');
      await broker.waitForOutput(/reload refused/, since);
      assert.match(broker.output.slice(since), /announced/);
      assert.doesNotMatch(broker.output.slice(since), /rights were asked for .*reason=(?!connect)/);
      client.send(publish({ topic: 't', qos: 1, packetId: 1, ...properties }));
      await client.expect(puback);
      client.close();
      writeFiles(broker.folder, { 'plugins.json': configuration({}) });
    });
});
