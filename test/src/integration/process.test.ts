import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { BrokerProcess, runCommand, standardFiles } from '../support/broker-process.js';
import { connect5, connect311, disconnect, publish, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';

const FILES = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n');
const ALICE = { username: 'alice', password: 'secret' };

async function login(port: number, clientId: string): Promise<WireClient> {
  const client = await WireClient.connect(port);
  client.send(connect311({ clientId, ...ALICE }));
  await client.expect('20 02 00 00');
  return client;
}

describe('the process of the broker', () => {
  it('says goodbye to its clients on SIGTERM and ends with 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const broker = await BrokerProcess.start({ files: FILES });
      const five = await WireClient.connect(broker.port('local'));
      five.send(connect5({ clientId: 'five', ...ALICE }));
      assert.match(await five.readPacket(), /^20 [0-9a-f]{2} 00 00/);
      const web = await WireClient.connectWebSocket(broker.url('web'));
      web.send(connect5({ clientId: 'web', ...ALICE }));
      assert.match(await web.readPacket(), /^20 [0-9a-f]{2} 00 00/);
      const four = await login(broker.port('local'), 'four');
      const silent = await WireClient.connect(broker.port('local'));
      broker.signal(signal);
      // DISCONNECT 0x8B: Server shutting down; with or without the empty property length.
      for (const client of [five, web]) assert.match(await client.readPacket(), /^e0 (?:01 8b|02 8b 00)$/);
      await Promise.all([five, web, four, silent].map((client) => client.expectClosed()));
      assert.equal(await broker.exited(), 0, broker.output);
    }
  });

  it('says in one line that a port is in use, and listens nowhere', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      for (const name of ['PORTCULLIS_PORT', 'PORTCULLIS_WS_PORT']) {
        const { code, output } = await runCommand({ files: FILES, env: { [name]: String(port) } });
        assert.equal(code, 1, output);
        const lines = output.split('\n').filter((line) => line.includes(String(port)));
        assert.equal(lines.length, 1, output);
        assert.match(lines[0] ?? '', /in use/);
        assert.doesNotMatch(output, /^\s+at |EADDRINUSE[^\n]*\n\s+at/m);
      }
    } finally {
      holder.close();
    }
  });

  it('rehearses before it listens, and serves its clients all the same', async () => {
    const broker = await BrokerProcess.start({ files: FILES, env: { PORTCULLIS_WARM_UP_MS: '500' } });
    const client = await login(broker.port('local'), 'first');
    client.send(subscribe({ filters: [['t/#', 0]] }));
    await client.expect('90 03 00 01 00');
    client.send(publish({ topic: 't/a', payload: 'x' }));
    await client.expect(publish({ topic: 't/a', payload: 'x' }));
    assert.equal(await broker.stop(), 0);
    const { code, output } = await runCommand({ files: FILES, env: { PORTCULLIS_WARM_UP_MS: 'soon' } });
    assert.equal(code, 1);
    assert.match(output, /^portcullis: PORTCULLIS_WARM_UP_MS is no number of milliseconds/m);
  });

  it('serves the same over the public sockets of Node, and says so, where its own way is switched off', async () => {
    const broker = await BrokerProcess.start({ files: FILES, env: { PORTCULLIS_RAW_SOCKETS: '0' } });
    assert.match(broker.output, /using net\.Socket/);
    const [one, other] = [await login(broker.port('local'), 'one'), await login(broker.port('local'), 'other')];
    one.send(subscribe({ filters: [['t/#', 1]] }));
    await one.expect('90 03 00 01 01');
    const payload = 'x'.repeat(100_000);
    for (let i = 0; i < 20; i += 1) other.send(publish({ topic: 't/a', payload }));
    for (let i = 0; i < 20; i += 1) await one.expect(publish({ topic: 't/a', payload }));
    other.send(disconnect());
    await other.expectClosed();
    assert.equal(await broker.stop(), 0);
  });

  it('refuses ports that are none', async () => {
    for (const value of ['-1', '65536', 'http', '18 83', '1883.5', '0x10']) {
      const { code, output } = await runCommand({ files: FILES, env: { PORTCULLIS_PORT: value } });
      assert.equal(code, 1, `${value}: ${output}`);
      assert.match(output, /PORTCULLIS_PORT/);
      assert.doesNotMatch(output, /listening name=/);
    }
  });

  it('survives clients that break off, and goes on serving', async () => {
    const broker = await BrokerProcess.start({ files: FILES });
    for (let index = 0; index < 20; index += 1) {
      const client = await login(broker.port('local'), `c${index}`);
      client.send(subscribe({ filters: [['t/#', 1]] }));
      await client.expect('90 03 00 01 01');
      client.send(publish({ topic: `t/${index}`, payload: 'x'.repeat(10_000), qos: 1 }));
      client.reset();
    }
    const client = await login(broker.port('local'), 'last');
    client.send(subscribe({ filters: [['t/last', 0]] }));
    await client.expect('90 03 00 01 00');
    client.send(publish({ topic: 't/last', payload: 'here' }));
    await client.expect(publish({ topic: 't/last', payload: 'here' }));
    client.send(disconnect());
    await client.expectClosed();
    assert.equal(await broker.stop(), 0);
  });

  it('prints its version and its help, and complains about what it does not know', async () => {
    const version = await runCommand({ args: ['--version'] });
    assert.match(version.output, /^\S*\s?\d+\.\d+\.\d+\n$/);
    assert.equal(version.code, 0);
    const help = await runCommand({ args: ['--help'] });
    assert.match(help.output, /serve[\s\S]*check[\s\S]*schema/);
    assert.equal(help.code, 0);
    for (const args of [['fly'], ['serve', '--fast'], ['check', 'a', 'b']]) {
      const { code, output } = await runCommand({ args });
      assert.equal(code, 2, output);
      assert.equal(output.trim().split('\n').length, 1, output);
    }
  });
});
