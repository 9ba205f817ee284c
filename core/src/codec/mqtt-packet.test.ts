import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { IConnackPacket, IConnectPacket, IPublishPacket, ISubscription, Packet as TheirPacket } from 'mqtt-packet';
import { generate, parser } from 'mqtt-packet';
import { encodeAck, encodeAuth, encodeConnack, encodeDisconnect, encodeSuback, encodeUnsuback, PINGRESP } from './encode.js';
import { publishLength, writePublish } from './encode-publish.js';
import { decodeGood, publish } from './hex.test.support.js';
import type { ProtocolVersion, Qos } from './packet-types.js';
import { decodePublishProperties, encodePublishProperties, type PublishProperties } from './publish-properties.js';

// An independent codec as the oracle: what it writes we must read, and what we write it must read.

const version = fc.constantFrom<ProtocolVersion>(3, 4, 5);
const qos = fc.constantFrom<Qos>(0, 1, 2);
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((value) => value.replaceAll('\0', '0'));
const name = fc.stringMatching(/^[a-z]{1,8}$/);
const topic = fc.array(name, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const packetId = fc.integer({ min: 1, max: 65_535 });
const uint16 = fc.integer({ min: 1, max: 65_535 });
const uint32 = fc.integer({ min: 1, max: 4_294_967_295 });
const userProperties = fc.dictionary(name, text, { minKeys: 1, maxKeys: 4, noNullPrototype: true });

function parse(packet: Buffer, protocolVersion: ProtocolVersion): TheirPacket {
  const theirs = parser({ protocolVersion });
  const packets: TheirPacket[] = [];
  theirs.on('packet', (parsed) => packets.push(parsed));
  theirs.on('error', (error) => {
    throw error;
  });
  assert.equal(theirs.parse(packet), 0, 'bytes left over');
  assert.equal(packets.length, 1);
  return packets[0] as TheirPacket;
}

function fields<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

test('a CONNECT that mqtt-packet writes is read as it was meant', () => {
  const connect = fc.record({
    version,
    clientId: text,
    clean: fc.boolean(),
    keepalive: fc.integer({ min: 0, max: 65_535 }),
    username: optional(text),
    password: optional(bytes.filter((value) => value.length > 0)),
    will: optional(fc.record({ topic, payload: bytes, qos, retain: fc.boolean(), delay: uint32, expiry: uint32, contentType: text })),
    properties: fc.record({
      sessionExpiryInterval: uint32,
      receiveMaximum: uint16,
      maximumPacketSize: uint32,
      topicAliasMaximum: uint16,
      requestResponseInformation: fc.boolean(),
      requestProblemInformation: fc.boolean(),
      authenticationMethod: text,
      authenticationData: bytes,
      userProperties,
    }),
  });
  fc.assert(
    fc.property(connect, (c) => {
      const five = c.version === 5;
      const password = c.username === undefined ? undefined : c.password;
      const will = c.will && {
        topic: c.will.topic,
        payload: c.will.payload,
        qos: c.will.qos,
        retain: c.will.retain,
        properties: { willDelayInterval: c.will.delay, messageExpiryInterval: c.will.expiry, contentType: c.will.contentType },
      };
      const theirs = fields({
        cmd: 'connect',
        protocolId: c.version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: c.version,
        clean: c.clean,
        clientId: c.clientId,
        keepalive: c.keepalive,
        username: c.username,
        password,
        will,
        properties: five ? c.properties : undefined,
      }) as IConnectPacket;
      const ours = decodeGood(generate(theirs), 4, 1);
      assert.equal(ours.protocolVersion, c.version);
      assert.equal(ours.clientId, c.clientId);
      assert.equal(ours.cleanStart, c.clean);
      assert.equal(ours.keepAliveSeconds, c.keepalive);
      assert.equal(ours.username, c.username ?? null);
      assert.deepEqual(ours.password, password ?? null);
      assert.equal(ours.will === null, will === undefined);
      if (ours.will !== null && c.will !== undefined) {
        assert.deepEqual(
          [ours.will.topic, ours.will.payload, ours.will.qos, ours.will.retain, ours.will.delaySeconds, ours.will.messageExpirySeconds],
          [c.will.topic, c.will.payload, c.will.qos, c.will.retain, five ? c.will.delay : 0, five ? c.will.expiry : -1],
        );
        assert.deepEqual(decodePublishProperties(ours.will.properties), five ? { contentType: c.will.contentType } : {});
      }
      assert.equal(ours.sessionExpirySeconds, five ? c.properties.sessionExpiryInterval : null);
      if (!five) return;
      assert.deepEqual(
        [ours.receiveMaximum, ours.maximumPacketSize, ours.topicAliasMaximum, ours.requestResponseInformation, ours.requestProblemInformation],
        [
          c.properties.receiveMaximum,
          c.properties.maximumPacketSize,
          c.properties.topicAliasMaximum,
          c.properties.requestResponseInformation,
          c.properties.requestProblemInformation,
        ],
      );
      assert.equal(ours.authenticationMethod, c.properties.authenticationMethod);
      assert.deepEqual(ours.authenticationData, c.properties.authenticationData);
      assert.deepEqual(Object.fromEntries(ours.userProperties), c.properties.userProperties);
    }),
  );
});

test('SUBSCRIBE and UNSUBSCRIBE that mqtt-packet writes are read as they were meant', () => {
  const filter = fc.record({ topic, qos, nl: fc.boolean(), rap: fc.boolean(), rh: qos });
  fc.assert(
    fc.property(
      version,
      packetId,
      fc.array(filter, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 268_435_455 }),
      userProperties,
      (v, messageId, filters, subscriptionIdentifier, pairs) => {
        const five = v === 5;
        const subscriptions = filters.map((f) => (five ? f : { topic: f.topic, qos: f.qos })) as ISubscription[];
        const properties = five ? { properties: { subscriptionIdentifier, userProperties: pairs } } : {};
        const subscribed = decodeGood(generate({ cmd: 'subscribe', messageId, subscriptions, ...properties }, { protocolVersion: v }), v, 8);
        assert.equal(subscribed.packetId, messageId);
        assert.equal(subscribed.subscriptionId, five ? subscriptionIdentifier : 0);
        assert.deepEqual(Object.fromEntries(subscribed.userProperties), five ? pairs : {});
        assert.deepEqual(
          subscribed.filters,
          filters.map((f) => ({
            filter: f.topic,
            qos: f.qos,
            noLocal: five && f.nl,
            retainAsPublished: five && f.rap,
            retainHandling: five ? f.rh : 0,
          })),
        );
        const unsubscriptions = filters.map((f) => f.topic);
        const unsubscribed = decodeGood(generate({ cmd: 'unsubscribe', messageId, unsubscriptions }, { protocolVersion: v }), v, 10);
        assert.deepEqual([unsubscribed.packetId, unsubscribed.filters], [messageId, unsubscriptions]);
      },
    ),
  );
});

test('acknowledgements, PINGREQ, DISCONNECT and AUTH that mqtt-packet writes are read as they were meant', () => {
  const acks = fc.constantFrom(['puback', 4], ['pubrec', 5], ['pubrel', 6], ['pubcomp', 7]) as fc.Arbitrary<['puback', 4 | 5 | 6 | 7]>;
  fc.assert(
    fc.property(version, acks, packetId, text, fc.option(bytes), (v, [cmd, type], messageId, reasonString, data) => {
      assert.equal(decodeGood(generate({ cmd, messageId }, { protocolVersion: v }), v, type).packetId, messageId);
      assert.equal(decodeGood(generate({ cmd: 'pingreq' }), v, 12).type, 12);
      assert.equal(decodeGood(generate({ cmd: 'disconnect' }, { protocolVersion: v }), v, 14).reasonCode, 0);
      if (v !== 5) return;
      const reasonCode = type < 6 ? 0x97 : 0x92;
      const ack = decodeGood(generate({ cmd, messageId, reasonCode, properties: { reasonString } }, { protocolVersion: 5 }), 5, type);
      assert.deepEqual([ack.packetId, ack.reasonCode], [messageId, reasonCode]);
      const properties = { sessionExpiryInterval: messageId, reasonString };
      const left = decodeGood(generate({ cmd: 'disconnect', reasonCode: 4, properties }, { protocolVersion: 5 }), 5, 14);
      assert.deepEqual([left.reasonCode, left.sessionExpirySeconds, left.reasonString], [4, messageId, reasonString]);
      const method = { authenticationMethod: reasonString, ...(data === null ? {} : { authenticationData: data }) };
      const auth = decodeGood(generate({ cmd: 'auth', reasonCode: 0x18, properties: method }, { protocolVersion: 5 }), 5, 15);
      assert.deepEqual([auth.method, auth.data], [reasonString, data]);
    }),
  );
});

const publishProperties = fc.record(
  {
    payloadFormat: fc.constantFrom<0 | 1>(0, 1),
    contentType: text,
    responseTopic: topic,
    correlationData: bytes,
    userProperties: fc.uniqueArray(fc.tuple(name, text), { minLength: 1, maxLength: 4, selector: ([key]) => key }),
  },
  { requiredKeys: [] },
);

const message = fc.record({
  version,
  topic,
  payload: bytes,
  qos,
  retain: fc.boolean(),
  packetId,
  expiry: fc.option(uint32, { nil: -1 }),
  properties: publishProperties,
});

function theirProperties(p: PublishProperties): NonNullable<IPublishPacket['properties']> {
  return fields({
    payloadFormatIndicator: p.payloadFormat === undefined ? undefined : p.payloadFormat === 1,
    contentType: p.contentType,
    responseTopic: p.responseTopic,
    correlationData: p.correlationData as Buffer | undefined,
    userProperties: p.userProperties === undefined ? undefined : Object.fromEntries(p.userProperties),
  }) as NonNullable<IPublishPacket['properties']>;
}

test('a PUBLISH that mqtt-packet writes is read as it was meant', () => {
  fc.assert(
    fc.property(message, optional(uint16), (m, alias) => {
      const expiry = m.expiry < 0 ? undefined : m.expiry;
      const properties = fields({ ...theirProperties(m.properties), messageExpiryInterval: expiry, topicAlias: alias }) as object;
      const theirs = { cmd: 'publish' as const, topic: m.topic, payload: m.payload, qos: m.qos, retain: m.retain, dup: false, messageId: m.packetId };
      const read = publish(generate({ ...theirs, ...(m.version === 5 ? { properties } : {}) }, { protocolVersion: m.version }), m.version);
      assert.equal(read.fault, 0);
      assert.equal(read.topic, m.topic);
      assert.equal(read.payload, m.payload.toString());
      assert.deepEqual([read.view.qos, read.view.retain, read.view.packetId], [m.qos, m.retain, m.qos === 0 ? 0 : m.packetId]);
      if (m.version !== 5) return;
      assert.deepEqual([read.view.topicAlias, read.view.messageExpirySeconds], [alias ?? 0, m.expiry]);
      assert.deepEqual(theirProperties(decodePublishProperties(Buffer.from(read.properties, 'hex'))), theirProperties(m.properties));
    }),
  );
});

test('a PUBLISH that we write is read by mqtt-packet as it was meant', () => {
  fc.assert(
    fc.property(message, fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }), fc.boolean(), (m, ids, dup) => {
      const out = {
        topic: Buffer.from(m.topic),
        payload: m.payload,
        qos: m.qos,
        retain: m.retain,
        dup,
        packetId: m.packetId,
        properties: encodePublishProperties(m.properties),
        messageExpirySeconds: m.expiry,
        subscriptionIds: ids,
      };
      const packet = Buffer.alloc(publishLength(m.version, out));
      assert.equal(writePublish(packet, 0, m.version, out), packet.length);
      const theirs = parse(packet, m.version) as IPublishPacket;
      assert.deepEqual([theirs.cmd, theirs.topic, theirs.payload], ['publish', m.topic, m.payload]);
      assert.deepEqual([theirs.qos, theirs.retain, theirs.dup], [m.qos, m.retain, dup && m.qos !== 0]);
      assert.equal(theirs.messageId, m.qos === 0 ? undefined : m.packetId);
      if (m.version !== 5) return;
      const expected = fields({
        ...theirProperties(m.properties),
        messageExpiryInterval: m.expiry < 0 ? undefined : m.expiry,
        subscriptionIdentifier: ids.length === 0 ? undefined : ids.length === 1 ? ids[0] : ids,
      });
      assert.deepEqual(structuredClone(theirs.properties ?? {}), structuredClone(expected));
    }),
  );
});

test('a CONNACK that we write is read by mqtt-packet as it was meant', () => {
  const properties = fc.record(
    {
      sessionExpirySeconds: uint32,
      receiveMaximum: uint16,
      maximumQos: fc.constantFrom<0 | 1>(0, 1),
      retainAvailable: fc.boolean(),
      maximumPacketSize: uint32,
      assignedClientId: text,
      topicAliasMaximum: uint16,
      reasonString: text,
      wildcardSubscriptionAvailable: fc.boolean(),
      subscriptionIdentifiersAvailable: fc.boolean(),
      sharedSubscriptionAvailable: fc.boolean(),
      serverKeepAliveSeconds: uint16,
      responseInformation: text,
      authenticationMethod: text,
      authenticationData: bytes,
      userProperties: fc.uniqueArray(fc.tuple(name, text), { minLength: 1, maxLength: 4, selector: ([key]) => key }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.boolean(), properties, (sessionPresent, p) => {
      const theirs = parse(encodeConnack(5, sessionPresent, 0, p), 5) as IConnackPacket;
      assert.deepEqual([theirs.reasonCode, theirs.sessionPresent], [0, sessionPresent]);
      const { sessionExpirySeconds, assignedClientId, serverKeepAliveSeconds, maximumQos, userProperties: pairs, ...same } = p;
      const expected = fields({
        ...same,
        sessionExpiryInterval: sessionExpirySeconds,
        assignedClientIdentifier: assignedClientId,
        serverKeepAlive: serverKeepAliveSeconds,
        maximumQoS: maximumQos,
        userProperties: pairs === undefined ? undefined : Object.fromEntries(pairs),
      });
      assert.deepEqual(structuredClone(theirs.properties ?? {}), structuredClone(expected));
      const old = parse(encodeConnack(4, sessionPresent, 0, p), 4) as IConnackPacket;
      assert.deepEqual([old.returnCode, old.sessionPresent], [0, sessionPresent]);
    }),
  );
});

test('everything else that we write is read by mqtt-packet as it was meant', () => {
  fc.assert(
    fc.property(version, packetId, text, fc.option(bytes), (v, id, reason, data) => {
      assert.equal(parse(PINGRESP, v).cmd, 'pingresp');
      const granted = v === 5 ? [0, 1, 2, 0x87] : [0, 1, 2, 0x80];
      const suback = parse(encodeSuback(v, id, [0, 1, 2, 0x87]), v);
      assert.deepEqual([suback.cmd, suback.messageId, (suback as { granted: number[] }).granted], ['suback', id, granted]);
      const unsuback = parse(encodeUnsuback(v, id, [0, 0x11]), v);
      assert.deepEqual(
        [unsuback.cmd, unsuback.messageId, (unsuback as { granted?: number[] }).granted],
        ['unsuback', id, v === 5 ? [0, 0x11] : undefined],
      );
      for (const [cmd, type, code] of [
        ['puback', 4, 0x10],
        ['pubrec', 5, 0x87],
        ['pubrel', 6, 0x92],
        ['pubcomp', 7, 0x92],
      ] as const) {
        const good = parse(encodeAck(v, type, id, 0), v);
        assert.deepEqual([good.cmd, good.messageId], [cmd, id]);
        const bad = parse(encodeAck(v, type, id, code), v) as { reasonCode?: number };
        assert.equal(bad.reasonCode, v === 5 ? code : undefined);
      }
      if (v !== 5) return;
      const left = parse(encodeDisconnect(0x9c, { reasonString: reason, serverReference: 'other:1883' }), 5) as {
        reasonCode: number;
        properties: object;
      };
      assert.equal(left.reasonCode, 0x9c);
      assert.deepEqual(structuredClone(left.properties), { reasonString: reason, serverReference: 'other:1883' });
      assert.equal((parse(encodeDisconnect(0x8e), 5) as { reasonCode: number }).reasonCode, 0x8e);
      const auth = parse(encodeAuth(0x18, reason, data), 5) as { reasonCode: number; properties: object };
      assert.equal(auth.reasonCode, 0x18);
      const expected = { authenticationMethod: reason, ...(data === null ? {} : { authenticationData: data }) };
      assert.deepEqual(structuredClone(auth.properties), structuredClone(expected));
    }),
  );
});
