import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

describe('a WebSocket frame before CONNECT', () => {
  let broker: BrokerProcess;
  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
  });
  after(async () => assert.equal(await broker.stop(), 0));

  it('is not gathered beyond what a stranger may send, whatever length it claims', async () => {
    const socket = connect(broker.port('web'), '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(UPGRADE);
    await once(socket, 'data');
    // One binary frame of a mebibyte, masked with zeros; a fifth of it comes.
    socket.write(Buffer.from('82 ff 00 00 00 00 00 10 00 00 00 00 00 00'.replaceAll(' ', ''), 'hex'));
    socket.write(Buffer.alloc(200_000));
    const began = performance.now();
    await closed;
    // Long before the time for a CONNECT is over.
    assert.ok(performance.now() - began < 5000);
    assert.match(broker.output, /PCL_PRE_AUTH_BYTES/);
  });
});
