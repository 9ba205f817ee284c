import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { BrokerProcess, standardFiles } from '../support/broker-process.js';

const VERSIONS = [3, 4, 5] as const;
const QOS = [0, 1, 2] as const;

/** MQTT.js is a client that many use in browsers and on servers; here it speaks over WebSocket and over TCP. */
for (const listener of ['web', 'local'] as const) {
  describe(`MQTT.js through listener "${listener}"`, () => {
    let broker: BrokerProcess;
    const clients: MqttClient[] = [];

    before(async () => {
      broker = await BrokerProcess.start({ files: standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n') });
    });

    after(async () => {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      assert.equal(await broker.stop(), 0);
    });

    function options(version: 3 | 4 | 5, more: Partial<IClientOptions> = {}): IClientOptions {
      return {
        username: 'alice',
        password: 'secret',
        protocolVersion: version,
        ...(version === 3 ? { protocolId: 'MQIsdp' } : {}),
        reconnectPeriod: 0,
        connectTimeout: 5000,
        ...more,
      };
    }

    async function connect(version: 3 | 4 | 5, more: Partial<IClientOptions> = {}): Promise<MqttClient> {
      const client = await mqtt.connectAsync(broker.url(listener), options(version, more), false);
      clients.push(client);
      return client;
    }

    function nextMessage(client: MqttClient): Promise<{ topic: string; text: string; qos: number; retain: boolean }> {
      return new Promise((resolve) => {
        client.once('message', (topic, payload, packet) => resolve({ topic, text: payload.toString(), qos: packet.qos, retain: packet.retain }));
      });
    }

    for (const version of VERSIONS) {
      for (const qos of QOS) {
        it(`exchanges live and retained messages, version ${version}, QoS ${qos}`, async () => {
          const topic = `t/${listener}/${version}/${qos}`;
          const receiver = await connect(version);
          await receiver.subscribeAsync(topic, { qos });
          const live = nextMessage(receiver);
          const sender = await connect(version);
          await sender.publishAsync(topic, 'hello', { qos, retain: true });
          assert.deepEqual(await live, { topic, text: 'hello', qos, retain: false });
          const later = await connect(version);
          const retained = nextMessage(later);
          await later.subscribeAsync(topic, { qos });
          assert.deepEqual(await retained, { topic, text: 'hello', qos, retain: true });
          await Promise.all([receiver, sender, later].map((client) => client.endAsync()));
        });

        it(`publishes the will of a client whose connection breaks, version ${version}, QoS ${qos}`, async () => {
          const topic = `t/will/${listener}/${version}/${qos}`;
          const receiver = await connect(version);
          await receiver.subscribeAsync(topic, { qos });
          const will = nextMessage(receiver);
          const dying = await connect(version, { will: { topic, payload: Buffer.from('gone'), qos, retain: false } });
          dying.stream.destroy();
          assert.deepEqual(await will, { topic, text: 'gone', qos, retain: false });
          await receiver.endAsync();
        });
      }

      it(`keeps messages for a session whose client is away, version ${version}`, async () => {
        const topic = `t/session/${listener}/${version}`;
        const session = {
          clientId: `js-${listener}-${version}`,
          clean: false,
          ...(version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
        };
        const first = await connect(version, session);
        await first.subscribeAsync(topic, { qos: 2 });
        await first.endAsync();
        const sender = await connect(version);
        for (let index = 0; index < 20; index += 1) await sender.publishAsync(topic, String(index), { qos: 2 });
        const came: string[] = [];
        const second = mqtt.connect(broker.url(listener), options(version, session));
        clients.push(second);
        await new Promise<void>((resolve) => {
          second.on('message', (_topic, payload) => {
            if (came.push(payload.toString()) === 20) resolve();
          });
        });
        assert.deepEqual(
          came,
          Array.from({ length: 20 }, (_, index) => String(index)),
        );
        await Promise.all([second.endAsync(), sender.endAsync()]);
      });

      it(`hears why it is refused, version ${version}`, async () => {
        const refused = mqtt.connect(broker.url(listener), options(version, { password: 'wrong' }));
        clients.push(refused);
        const error = await new Promise<Error & { code?: number }>((resolve) => refused.once('error', resolve));
        assert.match(error.message, /bad user ?name or password/i);
        assert.equal(error.code, version === 5 ? 0x86 : 4);
      });
    }

    it('carries user properties, content type and correlation data of version 5', async () => {
      const receiver = await connect(5);
      await receiver.subscribeAsync('t/properties', { qos: 1 });
      const message = new Promise<unknown>((resolve) => receiver.once('message', (_topic, _payload, packet) => resolve(packet.properties)));
      const properties = {
        contentType: 'text/plain',
        responseTopic: 't/answer',
        correlationData: Buffer.from('42'),
        userProperties: { a: ['1', '2'], b: '3' },
      };
      await receiver.publishAsync('t/properties', 'x', { qos: 1, properties });
      const came = (await message) as typeof properties;
      assert.equal(came.contentType, 'text/plain');
      assert.equal(came.responseTopic, 't/answer');
      assert.deepEqual(came.correlationData, properties.correlationData);
      assert.deepEqual({ ...came.userProperties }, properties.userProperties);
      await receiver.endAsync();
    });

    it('is told in version 5 that a topic is not for it', async () => {
      const client = await connect(5);
      await assert.rejects(client.publishAsync('elsewhere', 'x', { qos: 1 }), /not authorized/i);
      await assert.rejects(client.subscribeAsync('elsewhere', { qos: 1 }), /not authorized/i);
      await client.endAsync();
    });
  });
}
