import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { BrokerProcess } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { ACCEPTED, clientHello, LOGIN, outcome, rawSocket, startWith, tlsLogin, tlsOptions } from './scene.js';

const CONNECT_TIMEOUT_MS = 1500;
const STALLED = 200;

describe('handshakes that go wrong', () => {
  let broker: BrokerProcess;
  let ca: string;
  let hello: Buffer;

  before(async () => {
    const authority = await Authority.create();
    ca = authority.pem;
    const pair = await authority.issue();
    hello = await clientHello();
    const tls = { cert: 'cert.pem', key: 'key.pem' };
    broker = await startWith(
      {
        tls: { url: 'mqtts://127.0.0.1:0', tls },
        web: { url: 'wss://127.0.0.1:0/mqtt', tls },
        small: { url: 'mqtts://127.0.0.1:0', tls, maxConnections: 2 },
      },
      { 'cert.pem': pair.cert, 'key.pem': pair.key },
      { more: { limits: { connectTimeoutMs: CONNECT_TIMEOUT_MS } } },
    );
  });

  after(async () => assert.equal(await broker.stop(), 0));

  for (const listener of ['tls', 'web']) {
    it(`are ended by the deadline, wherever they stop, without a byte of MQTT or HTTP: ${listener}`, async () => {
      const cuts = [0, 1, 5, 6, Math.floor(hello.length / 2), hello.length - 1];
      const began = performance.now();
      const sockets = cuts.map((cut) => rawSocket(broker.port(listener), hello.subarray(0, cut)));
      for (const { answer } of await Promise.all(sockets.map(outcome))) assert.equal(answer, '');
      // A whole ClientHello is answered by the server's part of the handshake, and then waited on no longer than the others.
      const whole = rawSocket(broker.port(listener), hello);
      await once(whole, 'data');
      await once(whole, 'close');
      assert.ok(performance.now() - began < CONNECT_TIMEOUT_MS * 6);
    });
  }

  it(`do no harm by the hundred: ${STALLED} of them, and then everything is as before`, async () => {
    const stalled = Array.from({ length: STALLED }, (_, index) =>
      rawSocket(broker.port('tls'), hello.subarray(0, index % 2 === 0 ? hello.length : 40)),
    );
    const closed = stalled.map((socket) => new Promise((resolve) => socket.on('close', resolve)));
    for (const socket of stalled) socket.resume();
    // While they are there, others come through.
    (await tlsLogin(broker.port('tls'), { ca })).close();
    for (const socket of stalled.slice(0, STALLED / 4)) socket.resetAndDestroy();
    await Promise.all(closed);
    const client = await tlsLogin(broker.port('tls'), { ca });
    await client.silence();
    client.close();
    // Told of, but not once for each.
    const lines = broker.output.split('\n').filter((line) => line.includes('TLS handshake failed'));
    assert.ok(lines.length >= 1 && lines.length < 10, broker.output);
    assert.doesNotMatch(broker.output, /PCL_INVARIANT|PCL_PLUGIN_ESCAPED| {4}at /);
  });

  it('count as connections while they last', async () => {
    const port = broker.port('small');
    const stalled = [rawSocket(port, hello), rawSocket(port, hello)];
    // Their answers show that both were let in.
    await Promise.all(stalled.map((socket) => once(socket, 'data')));
    assert.equal((await outcome(rawSocket(port, hello))).answer, '');
    const gone = once(stalled[0] as Socket, 'close');
    stalled[0]?.resetAndDestroy();
    await gone;
    // The broker hears of it in its own time.
    for (;;) {
      const socket = connectTls(tlsOptions(port, { ca }));
      const secured = await new Promise<boolean>((resolve) => {
        socket.once('secureConnect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (!secured) continue;
      socket.write(Buffer.from(connect311(LOGIN), 'hex'));
      const { answer } = await outcome(socket);
      assert.equal(answer, ACCEPTED.replaceAll(' ', ''));
      break;
    }
    stalled[1]?.destroy();
  });

  it('do not harm when they are nonsense', async () => {
    for (let round = 0; round < 100; round += 1) {
      const bytes = Buffer.from(hello);
      for (let change = 0; change < 4; change += 1) bytes[(round * 31 + change * 97) % bytes.length] = (round * 89 + change * 53) & 0xff;
      const socket = rawSocket(broker.port(round % 2 === 0 ? 'tls' : 'web'), bytes);
      socket.end();
      socket.resume();
      await once(socket, 'close');
    }
    (await tlsLogin(broker.port('tls'), { ca })).close();
    assert.doesNotMatch(broker.output, /PCL_INVARIANT|PCL_PLUGIN_ESCAPED| {4}at /);
  });
});
