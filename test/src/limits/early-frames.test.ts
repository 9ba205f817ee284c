import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { upgradeRequest } from '../support/upgrade-request.js';

describe('a WebSocket frame before CONNECT', () => {
  let broker: BrokerProcess;
  let visitors = 0;
  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
  });
  after(async () => assert.equal(await broker.stop(), 0));

  /** Upgrades, sends the same bytes until the broker has enough of them, and waits until its log says why. */
  async function refused(bytes: Buffer, expected: RegExp): Promise<void> {
    const before = broker.output.length;
    visitors += 1;
    // From an address of its own: what one address does again and again is summed up in the log.
    const socket = connect({ port: broker.port('web'), host: '127.0.0.1', localAddress: `127.0.0.${visitors + 1}` });
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(upgradeRequest());
    await once(socket, 'data');
    socket.resume();
    const more = (): void => {
      if (socket.writable) socket.write(bytes, more);
    };
    const began = performance.now();
    more();
    await closed;
    while (!expected.test(broker.output.slice(before))) {
      // Long before the time for a CONNECT is over.
      assert.ok(performance.now() - began < 5000, broker.output.slice(before));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

  it('is not gathered beyond what a stranger may send, whatever length it claims', { timeout: 20_000 }, async () => {
    // One binary frame of a mebibyte, masked with zeros.
    const header = '82 ff 00 00 00 00 00 10 00 00 00 00 00 00';
    await refused(Buffer.concat([hex(`${header} 10 80 80 3f`), Buffer.alloc(200_000)]), /PCL_PACKET_TOO_LARGE/);
    // It is looked at as it comes: its first byte is that of no CONNECT.
    await refused(hex(`${header} 00`), /PCL_PROTOCOL_ERROR/);
  });

  it('counts although nothing of it is MQTT: empty frames, pings and pongs', { timeout: 20_000 }, async () => {
    for (const frame of ['82 80 00 00 00 00', '89 80 00 00 00 00', '8a 80 00 00 00 00']) {
      await refused(Buffer.concat(Array.from({ length: 1000 }, () => hex(frame))), /PCL_PRE_AUTH_BYTES/);
    }
  });
});
