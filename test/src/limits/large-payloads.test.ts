import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';
import { connect5, connect311, publish } from '../support/packets.js';
import { fromHex, WireClient } from '../support/wire-client.js';

const MIB = 1024 * 1024;
const ALICE = { username: 'alice', password: 'secret' };

function pattern(bytes: number, seed: number): Buffer {
  const payload = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 1) payload[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff;
  return payload;
}

describe('payloads of a mebibyte', () => {
  let broker: BrokerProcess;
  const clients: MqttClient[] = [];

  before(async () => {
    broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    assert.equal(await broker.stop(), 0, broker.output);
    assert.doesNotMatch(broker.output, /PCL_INVARIANT/);
  });

  for (const [from, to] of [
    ['local', 'local'],
    ['web', 'local'],
    ['local', 'web'],
  ] as const) {
    it(`come through whole from ${from} to ${to}, at every QoS and between versions`, async () => {
      const login = { ...ALICE, reconnectPeriod: 0 };
      const four = await mqtt.connectAsync(broker.url(to), { ...login, protocolVersion: 4 }, false);
      const five = await mqtt.connectAsync(broker.url(to), { ...login, protocolVersion: 5 }, false);
      const publisher = await mqtt.connectAsync(broker.url(from), { ...login, protocolVersion: 5 }, false);
      clients.push(four, five, publisher);
      const came = new Map([four, five].map((client) => [client, new Map<string, Buffer>()]));
      const whole = new Promise<void>((resolve, reject) => {
        for (const [client, got] of came) {
          client.on('close', () => reject(new Error(`a subscriber was closed after ${got.size} messages`)));
          client.on('message', (topic, payload) => {
            // By topic: the client hands a QoS 2 message on when its handshake is over, behind later ones of QoS 0.
            got.set(topic, payload);
            if ([...came.values()].every(({ size }) => size === 6)) resolve();
          });
        }
      });
      await Promise.all([four, five].map((client) => client.subscribeAsync(`t/${from}-${to}/#`, { qos: 2 })));
      const payloads = Array.from({ length: 6 }, (_, index) => pattern(MIB - 40 - index, index));
      for (const [index, payload] of payloads.entries())
        await publisher.publishAsync(`t/${from}-${to}/${index}`, payload, { qos: (index % 3) as 0 | 1 | 2 });
      await whole;
      for (const got of came.values())
        for (const [index, payload] of payloads.entries()) assert.ok(got.get(`t/${from}-${to}/${index}`)?.equals(payload), `message ${index}`);
    });
  }

  it('end the connection when the packet is larger than allowed, before its body has come', async () => {
    const five = await WireClient.connect(broker.port('local'));
    five.send(connect5({ clientId: 'large', ...ALICE }));
    assert.match(await five.readPacket(), /^20 .. 00 00 .*27 00 10 00 00/);
    const packet = fromHex(publish({ topic: 't/x', payload: pattern(MIB, 0), properties: '' }));
    five.send(packet.subarray(0, 100));
    assert.match(await five.readPacket(), /^e0 (?:01 95|02 95 00)$/);
    await five.expectClosed();
    const four = await WireClient.connect(broker.port('local'));
    four.send(connect311({ clientId: 'large', ...ALICE }));
    await four.expect('20 02 00 00');
    four.send(packet.subarray(0, 100));
    await four.expectClosed();
  });
});
