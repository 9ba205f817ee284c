import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { it } from 'node:test';
import { BrokerProcess, runCommand, temporaryFolder } from '../support/broker-process.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

it('a first start that finds its port in use has shown the password, and the next start takes it', async () => {
  const holder = createServer();
  holder.listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const port = String((holder.address() as AddressInfo).port);
  const folder = temporaryFolder();
  const first = await runCommand({ folder, args: ['serve', '--quickstart'], env: { PORTCULLIS_PORT: port } });
  holder.close();
  assert.equal(first.code, 1);
  assert.match(first.output, new RegExp(`port ${port} is in use`));
  const password = /password: (\S+)/.exec(first.output)?.[1];
  assert.ok(password !== undefined, first.output);
  const broker = await BrokerProcess.start({ folder, args: ['serve', '--quickstart'], listeners: ['local', 'web'] });
  const client = await WireClient.connect(broker.port('local'));
  client.send(connect311({ clientId: 'c', username: 'admin', password }));
  await client.expect('20 02 00 00');
  client.close();
  assert.equal(await broker.stop(), 0);
  assert.doesNotMatch(broker.output, /password:/);
});
