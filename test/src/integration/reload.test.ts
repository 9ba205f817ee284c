import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, passwordLine, standardFiles } from '../support/broker-process.js';
import { connect5, connect311, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const ACCEPTED = '20 02 00 00';
const BAD_CREDENTIALS = '20 02 00 04';
const USERS = { alice: 'secret', bob: 'secret' };
const RIGHTS = 'user alice\ntopic readwrite t/#\nuser bob\ntopic readwrite t/#\n';

describe('files that change while the broker runs', () => {
  let broker: BrokerProcess;

  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles(USERS, RIGHTS) });
  });

  after(async () => assert.equal(await broker.stop(), 0));

  /** Writes a file, asks for a reload as an administrator would, and waits until the plugin says what it made of it. */
  async function reload(name: string, text: string, says: RegExp): Promise<void> {
    const since = broker.output.length;
    writeFileSync(join(broker.folder, name), text);
    broker.signal('SIGHUP');
    await broker.waitForOutput(says, since);
  }

  async function connect(username: string, password: string, clientId = username): Promise<WireClient> {
    const client = await WireClient.connect(broker.port('local'));
    client.send(connect311({ clientId, username, password }));
    return client;
  }

  const passwords = (users: Readonly<Record<string, string>>): string =>
    Object.entries(users)
      .map(([name, password]) => passwordLine(name, password))
      .join('');

  it('let a new user in, and keep others out', async () => {
    const early = await connect('carol', 'new');
    await early.expect(BAD_CREDENTIALS);
    await early.expectClosed();
    await reload('data/passwords', passwords({ ...USERS, carol: 'new' }), /data\/passwords|passwords.*reload|reload.*passwords/);
    const carol = await connect('carol', 'new');
    await carol.expect(ACCEPTED);
    const wrong = await connect('carol', 'old');
    await wrong.expect(BAD_CREDENTIALS);
    carol.close();
  });

  it('keep the old users in force when the new file is broken', async () => {
    await reload('data/passwords', `${passwords({ mallory: 'x' })}no colon here\n`, / error .*passwords:2/);
    const alice = await connect('alice', 'secret');
    await alice.expect(ACCEPTED);
    alice.close();
    const mallory = await connect('mallory', 'x');
    await mallory.expect(BAD_CREDENTIALS);
  });

  it('end the connection of a user who was removed', async () => {
    await reload('data/passwords', passwords(USERS), /info .*passwords/);
    const bob = await WireClient.connect(broker.port('local'));
    bob.send(connect5({ clientId: 'bob-5', username: 'bob', password: 'secret' }));
    assert.match(await bob.readPacket(), /^20 [0-9a-f]{2} 00 00/);
    const alice = await connect('alice', 'secret');
    await alice.expect(ACCEPTED);
    await reload('data/passwords', passwords({ alice: 'secret' }), /info .*passwords/);
    assert.match(await bob.readPacket(), /^e0 (?:01 87|02 87 00)$/);
    await bob.expectClosed();
    // A new salt for the same password is a changed line; whether that ends the connection is the plugin's to say, so only the login is judged.
    const again = await connect('alice', 'secret', 'alice-2');
    await again.expect(ACCEPTED);
    again.close();
  });

  it('take rights away from a subscription that exists, and give them back', async () => {
    const alice = await connect('alice', 'secret', 'reader');
    await alice.expect(ACCEPTED);
    alice.send(subscribe({ filters: [['t/#', 0]] }));
    await alice.expect('90 03 00 01 00');
    const message = publish({ topic: 't/a', payload: 'x' });
    alice.send(message);
    await alice.expect(message);
    await reload('data/acl', 'user alice\ntopic write t/#\n', /info .*(?:acl|rules)/);
    alice.send(message);
    await alice.silence();
    await reload('data/acl', RIGHTS, /info .*(?:acl|rules)/);
    alice.send(message);
    await alice.expect(message);
    alice.close();
  });

  it('keep the old rights in force when the new file is broken', async () => {
    await reload('data/acl', 'user alice\ntopic readwrite #\nallow everything\n', / error .*acl:3/);
    const alice = await connect('alice', 'secret', 'strict');
    await alice.expect(ACCEPTED);
    alice.send(subscribe({ filters: [['elsewhere', 0]] }));
    await alice.expect('90 03 00 01 80');
    alice.send(subscribe({ packetId: 2, filters: [['t/1', 0]] }));
    await alice.expect('90 03 00 02 00');
    alice.close();
  });

  it('replace the configuration as a whole, or not at all', async () => {
    const anonymous = async (): Promise<string> => {
      const client = await WireClient.connect(broker.port('local'));
      client.send(connect311({ clientId: 'nobody' }));
      const answer = await client.readPacket('CONNACK');
      client.close();
      return answer;
    };
    await reload('data/acl', RIGHTS, /info .*rules read/);
    const before = readFileSync(join(broker.folder, 'plugins.json'), 'utf8');
    const open = JSON.parse(before) as { plugins: Record<string, unknown>; chains: { default: { authenticate: string[] } } };
    open.plugins.guests = { use: '@portcullis/plugin-anonymous' };
    open.chains.default.authenticate.push('guests');
    assert.equal(await anonymous(), BAD_CREDENTIALS);

    // Everything in it is right but one name: nothing of it may take effect.
    const broken = JSON.stringify({ ...open, chains: { default: { ...open.chains.default, authorize: ['ruels'] } } }, null, 2);
    await reload('plugins.json', broken, /plugins\.json:\d+:\d+ .*"ruels".*rules[\s\S]* error /);
    assert.equal(await anonymous(), BAD_CREDENTIALS);
    const alice = await connect('alice', 'secret', 'through-it-all');
    await alice.expect(ACCEPTED);

    await reload('plugins.json', JSON.stringify(open, null, 2), /info .*reloaded the configuration/);
    assert.equal(await anonymous(), ACCEPTED);
    await alice.silence();

    await reload('plugins.json', before, /info .*reloaded the configuration/);
    assert.equal(await anonymous(), BAD_CREDENTIALS);
    await alice.silence();
    alice.close();
  });
});
