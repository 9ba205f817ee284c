import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, runCommand, standardFiles } from '../support/broker-process.js';
import { connect5, connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const USERS = { alice: 'secret', bob: 'secret', mallory: 'secret' };

/** The standard broker with both guards in front of its password file. */
function files(): ReturnType<typeof standardFiles> {
  const standard = standardFiles(USERS, 'topic readwrite #\n', { control: { socket: 'data/control.sock' } });
  const document = standard['plugins.json'] as { plugins: Record<string, unknown>; chains: Record<string, Record<string, unknown>> };
  document.plugins.bans = { use: '@portcullis/plugin-ban-list', config: { file: 'data/bans' } };
  document.plugins.limits = {
    use: '@portcullis/plugin-rate-limit',
    config: { failedLogins: { free: 2, firstDelaySeconds: 600, maxDelaySeconds: 600 }, connects: { perAddress: { perSecond: 0.001, burst: 100 } } },
  };
  document.chains.default = { guards: ['bans', 'limits'], ...document.chains.default };
  return { ...standard, 'data/bans': '# nobody\n' };
}

describe('the guards of the command', () => {
  let broker: BrokerProcess;

  before(async () => {
    broker = await BrokerProcess.start({ files: files() });
  });

  after(async () => assert.equal(await broker.stop(), 0));

  async function login(username: string, password: string, version: 4 | 5 = 5): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    const fields = { clientId: username, username, password };
    client.send(version === 5 ? connect5({ ...fields, properties: '' }) : connect311(fields));
    return client;
  }

  const ban = (text: string): void => writeFileSync(join(broker.folder, 'data/bans'), text);
  const reload = () => runCommand({ folder: broker.folder, args: ['reload'] });

  it('disconnect whom `portcullis reload` finds on the list, and let it in no more', async () => {
    const mallory = await login('mallory', 'secret', 4);
    await mallory.expect('20 02 00 00');
    const alice = await login('alice', 'secret', 4);
    await alice.expect('20 02 00 00');
    ban('user mal*\n');
    const { code, output } = await reload();
    assert.equal(code, 0, output);
    await mallory.expectClosed();
    await (await login('mallory', 'secret')).expect('20 03 00 8a 00');
    await (await login('mallory', 'secret', 4)).expect('20 02 00 05');
    await alice.silence();
    alice.close();
  });

  it('keep the old list when the new one is bad: the reload fails, and says why', async () => {
    ban('# better?\nuser bob\nusr mallory\n');
    const { code, output } = await reload();
    assert.notEqual(code, 0);
    assert.match(output, /bans:3: begins with "usr" instead of address, user or client/);
    await (await login('mallory', 'secret')).expect('20 03 00 8a 00');
    const bob = await login('bob', 'secret', 4);
    await bob.expect('20 02 00 00');
    bob.close();
  });

  it('make whoever tries wrong passwords wait, for that name only, also over a reload', async () => {
    for (let i = 0; i < 2; i += 1) {
      const wrong = await login('alice', 'wrong');
      await wrong.expect('20 03 00 86 00');
      await wrong.expectClosed();
    }
    await (await login('alice', 'secret')).expect('20 03 00 9f 00');
    ban('# nobody\n');
    assert.equal((await reload()).code, 0);
    await (await login('alice', 'secret', 4)).expect('20 02 00 03');
    const bob = await login('bob', 'secret', 4);
    await bob.expect('20 02 00 00');
    bob.close();
  });

  it('do not start without their list, nor without a limit', async () => {
    const { 'data/bans': _, ...missing } = files();
    const without = await runCommand({ files: missing, args: ['check', '-c', 'plugins.json'] });
    assert.notEqual(without.code, 0);
    assert.match(without.output, /data\/bans — create it with a comment line/);
    const bad = await runCommand({ files: { ...files(), 'data/bans': '' }, args: ['serve', '-c', 'plugins.json'] });
    assert.notEqual(bad.code, 0);
    assert.match(bad.output, /is empty; a list that bans nobody has a comment/);
  });
});
