import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, runCommand } from '../support/broker-process.js';
import { connect311, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

/** Reads its rights anew at SIGHUP: then ann has none any more, bob's cannot be found out, and carol's are not answered about. */
const SOURCE = `
export default {
  name: 'source', sdk: '^1.0.0', decides: { authenticate: ['allow'] }, capabilities: ['policy'],
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks, policy, log, stats, timers, onReload }) {
    const ALL = [{ effect: 'allow', actions: ['subscribe', 'receive'], pattern: '#', from: 'test' }];
    hooks.authenticate.tap(({ credentials }, decide) => decide.allow({ identity: { username: credentials.username } }));
    hooks.loadPolicy.tap(({ reason, identity }, give) => {
      if (reason === 'connect') return give.policy({ version: 1, rules: ALL });
      if (identity.username === 'ann') return give.policy({ version: 2, rules: [] });
      if (identity.username === 'bob') throw new Error('not now');
      return new Promise(() => {});
    });
    onReload(() => {
      policy.invalidate('all');
      const look = () => {
        const seen = { stale: stats.get('policyStale'), waiting: stats.get('rechecksWaiting') };
        if (seen.stale === 1 && seen.waiting === 1) log.info(seen, 'invalidated');
        else timers.after(20, look);
      };
      look();
    });
  },
};`;

describe('portcullis status', () => {
  let broker: BrokerProcess;
  before(async () => {
    broker = await BrokerProcess.start({
      files: {
        'plugins.json': {
          version: 1,
          control: { socket: 'control.sock' },
          listeners: { local: { url: 'mqtt://127.0.0.1:0', chain: 'default' } },
          plugins: { source: { use: './source', isolation: 'inProcess', timeoutMs: 60_000, config: {} } },
          chains: { default: { authenticate: ['source'], authorize: ['source'], staleGraceMs: 60_000, deadlineMs: 60_000 } },
        },
        'source/package.json': { name: 'source', version: '1.0.0', type: 'module', exports: './index.js' },
        'source/index.js': SOURCE,
      },
    });
  });
  after(() => broker.stop());

  it('shows how far behind their source the rights are, whose are stale, and what was suspended; plugins see the same', async () => {
    const status = async (): Promise<string> => (await runCommand({ folder: broker.folder, args: ['status', '-c', 'plugins.json'] })).output;
    for (const username of ['ann', 'bob', 'carol']) {
      const client = await WireClient.connect(broker.port('local'));
      client.send(connect311({ clientId: username, username }));
      await client.expect('20 02 00 00');
      client.send(subscribe({ packetId: 1, filters: [['t', 0]] }));
      await client.expect('90 03 00 01 00');
    }
    assert.match(await status(), /^revocation lag 0 ms, at most 0 ms; policy stale for 0 clients; 0 subscriptions suspended$/m);
    broker.signal('SIGHUP');
    await broker.waitForOutput(/invalidated .*stale=1 waiting=1/);
    assert.match(
      await status(),
      /^revocation lag \d+ ms, at most \d+ ms, 1 clients still to be judged; policy stale for 1 clients; 1 subscriptions suspended$/m,
    );
  });
});
