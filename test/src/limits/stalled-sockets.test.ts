import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { openFiles, residentBytes, until } from '../fuzz/process-figures.js';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { connect311, publish, subscribe } from '../support/packets.js';
import { fromHex, WireClient } from '../support/wire-client.js';

const ALICE = { username: 'alice', password: 'secret' };
const MIB = 1024 * 1024;

describe('sockets that nobody reads', () => {
  let broker: BrokerProcess;
  const sockets: Socket[] = [];

  before(async () => {
    const limits = { maxSocketBufferBytes: 262_144, maxQueuedBytes: 1_048_576, slowConsumerTimeoutMs: 2000, connectTimeoutMs: 1000 };
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n', { limits }) });
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    assert.equal(await broker.stop(), 0, broker.output);
    assert.doesNotMatch(broker.output, /PCL_INVARIANT/);
  });

  /** Connected, subscribed, and never heard of again. */
  async function stalled(clientId: string, qos: 0 | 1): Promise<void> {
    const socket = connect({ port: broker.port('local'), host: '127.0.0.1' });
    socket.on('error', () => {});
    sockets.push(socket);
    // At QoS 1 the window may be full before the buffer is: then it is the keep alive that ends the connection.
    socket.write(fromHex(connect311({ clientId, ...ALICE, keepAlive: qos === 1 ? 1 : 0 })));
    socket.write(fromHex(subscribe({ filters: [['t/flood', qos]] })));
    await new Promise<void>((resolve) => {
      let bytes = 0;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes >= 9) resolve();
      });
    });
    socket.removeAllListeners('data');
    socket.pause();
  }

  it('cost the process their buffers and no more, do not slow anybody, and are closed in the end', async () => {
    const files = openFiles(broker.pid);
    for (let i = 0; i < 6; i += 1) await stalled(`stalled-${i}`, (i % 2) as 0 | 1);
    const reader = await WireClient.connect(broker.port('local'));
    reader.send(connect311({ clientId: 'reader', ...ALICE }) + subscribe({ filters: [['t/end', 0]] }));
    await reader.expect('20 02 00 00 90 03 00 01 00');
    const publisher = await WireClient.connect(broker.port('local'));
    publisher.send(connect311({ clientId: 'publisher', ...ALICE }));
    await publisher.expect('20 02 00 00');
    const memory = residentBytes(broker.pid);
    const one = fromHex(publish({ topic: 't/flood', payload: 'x'.repeat(1000), qos: 1, packetId: 1 }));
    const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
    let peak = 0;
    for (let i = 0; i < 100; i += 1) {
      publisher.send(many);
      // Every one of them is acknowledged, whatever became of the copies.
      await publisher.read(4000);
      peak = Math.max(peak, residentBytes(broker.pid) ?? 0);
    }
    publisher.send(publish({ topic: 't/end', payload: 'end' }));
    await reader.expect(publish({ topic: 't/end', payload: 'end' }));
    // 100 MB came, times six; six buffers and three queues of a mebibyte may stand.
    if (memory !== null) assert.ok(peak - memory < 80 * MIB, `${(peak - memory) / MIB} MiB`);
    for (const client of [publisher, reader]) client.close();
    if (files !== null) {
      await until(
        () => (openFiles(broker.pid) ?? 0) <= files,
        () => ({ before: files, now: openFiles(broker.pid) }),
      );
    }
    await broker.waitForOutput(/PCL_SLOW_CONSUMER/);
  });

  it('are closed when their CONNECT never comes, a hundred at once', async () => {
    const files = openFiles(broker.pid);
    const half = Array.from({ length: 100 }, (_, index) => {
      const socket = connect({ port: broker.port('local'), host: '127.0.0.1' });
      socket.on('error', () => {});
      sockets.push(socket);
      if (index % 2 === 0) socket.write(fromHex('10 1c 00 04 4d 51'));
      const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      socket.resume();
      return closed;
    });
    await Promise.all(half);
    if (files !== null) {
      await until(
        () => (openFiles(broker.pid) ?? 0) <= files,
        () => ({ before: files, now: openFiles(broker.pid) }),
      );
    }
  });
});
