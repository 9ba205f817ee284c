import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAck, encodeAuth, encodeConnack, encodeDisconnect, encodeSuback, encodeUnsuback, PINGRESP, writeAck } from './encode.js';
import { type PublishFields, publishLength, writePublish } from './encode-publish.js';
import { headerLength, writeHeader } from './header.js';
import { hex } from './hex.test.support.js';
import { MAX_PACKET_BYTES, type ProtocolVersion } from './packet-types.js';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

function same(actual: Buffer, expected: string): void {
  assert.equal(actual.toString('hex'), hex(expected).toString('hex'));
}

test('CONNACK without properties', () => {
  same(encodeConnack(4, false, 0), '20 02 00 00');
  same(encodeConnack(4, true, 0), '20 02 01 00');
  same(encodeConnack(4, false, 5, { reasonString: 'not in 3.x' }), '20 02 00 05');
  same(encodeConnack(3, true, 0), '20 02 00 00');
  same(encodeConnack(5, true, 0), '20 03 01 00 00');
  same(encodeConnack(5, false, 0x87, {}), '20 03 00 87 00');
});

test('MQTT-3.2.2-6: a refusal never says that a session is present', () => {
  same(encodeConnack(4, true, 3), '20 02 00 03');
  same(encodeConnack(5, true, 0x88), '20 03 00 88 00');
});

test('CONNACK with every property', () => {
  const bytes = encodeConnack(5, false, 0, {
    sessionExpirySeconds: 4_294_967_295,
    receiveMaximum: 10,
    maximumQos: 1,
    retainAvailable: false,
    maximumPacketSize: 1_048_576,
    assignedClientId: 'id',
    topicAliasMaximum: 3,
    reasonString: 'r',
    userProperties: [['k', 'v']],
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: false,
    serverKeepAliveSeconds: 60,
    responseInformation: 'i',
    authenticationMethod: 'm',
    authenticationData: hex('00 ff'),
  });
  same(
    bytes,
    "20 3d 00 00 3a 11 ff ff ff ff 21 00 0a 24 01 25 00 27 00 10 00 00 12 00 02 'id' 22 00 03 1f 00 01 'r' 26 00 01 'k' 00 01 'v' 28 01 29 01 2a 00 13 00 3c 1a 00 01 'i' 15 00 01 'm' 16 00 02 00 ff",
  );
});

test('a property list of 128 bytes and more has a longer length', () => {
  const bytes = encodeConnack(5, false, 0, { reasonString: 'x'.repeat(200) });
  same(bytes, `20 cf 01 00 00 cb 01 1f 00 c8 '${'x'.repeat(200)}'`);
});

test('SUBACK has one code per filter; 3.1.1 knows one failure', () => {
  same(encodeSuback(4, 0x1234, [0, 1, 2, 0x87, 0x97]), '90 07 12 34 00 01 02 80 80');
  same(encodeSuback(3, 1, [2]), '90 03 00 01 02');
  same(encodeSuback(5, 1, [2, 0x87]), '90 05 00 01 00 02 87');
});

test('UNSUBACK has codes in 5.0 only', () => {
  for (const version of [3, 4] as const) same(encodeUnsuback(version, 7, [0, 0x11]), 'b0 02 00 07');
  same(encodeUnsuback(5, 7, [0, 0x11]), 'b0 05 00 07 00 00 11');
});

test('a SUBACK of many filters has a longer header', () => {
  const bytes = encodeSuback(5, 1, new Array<number>(1024).fill(1));
  assert.equal(bytes.length, 3 + 3 + 1024);
  same(bytes.subarray(0, 6), '90 83 08 00 01 00');
});

test('acknowledgements are short when they are a success, and in 3.x always', () => {
  for (const version of VERSIONS) {
    same(encodeAck(version, 4, 0x1234, 0), '40 02 12 34');
    same(encodeAck(version, 5, 1, 0), '50 02 00 01');
    same(encodeAck(version, 6, 0xffff, 0), '62 02 ff ff');
    same(encodeAck(version, 7, 1, 0), '70 02 00 01');
  }
  same(encodeAck(5, 4, 1, 0x10), '40 03 00 01 10');
  same(encodeAck(5, 6, 1, 0x92), '62 03 00 01 92');
  same(encodeAck(4, 5, 1, 0x87), '50 02 00 01');
});

test('acknowledgements are written behind each other into one buffer', () => {
  const target = Buffer.alloc(10, 0xee);
  assert.equal(writeAck(target, writeAck(target, 1, 4, 0x0102), 6, 0x0304), 9);
  same(target, 'ee 40 02 01 02 62 02 03 04 ee');
});

test('PINGRESP', () => {
  same(PINGRESP, 'd0 00');
});

test('DISCONNECT leaves out what may be left out', () => {
  same(encodeDisconnect(0x8e), 'e0 01 8e');
  same(encodeDisconnect(0), 'e0 01 00');
  same(encodeDisconnect(0x9c, { reasonString: 'r', serverReference: 'h:1' }), "e0 0c 9c 0a 1f 00 01 'r' 1c 00 03 'h:1'");
});

test('MQTT-4.12.0-5: AUTH always names the method', () => {
  same(encodeAuth(0x18, 'm', null), "f0 06 18 04 15 00 01 'm'");
  same(encodeAuth(0x00, 'm', hex('00')), "f0 0a 00 08 15 00 01 'm' 16 00 01 00");
});

test('text that MQTT cannot carry never reaches the wire', () => {
  same(encodeDisconnect(0x87, { reasonString: 'a\0b' }), "e0 0a 87 08 1f 00 05 'a' ef bf bd 'b'");
  const long = encodeDisconnect(0x87, { reasonString: `${'x'.repeat(65_534)}\u20ac` });
  assert.equal(long.length, 4 + 1 + 3 + 1 + 2 + 65_534);
  same(long.subarray(0, 11), 'e0 85 80 04 87 81 80 04 1f ff fe');
});

const MESSAGE: PublishFields = {
  topic: hex("'a/b'"),
  payload: hex("'xyz'"),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
  properties: null,
  messageExpirySeconds: -1,
  subscriptionIds: null,
};

function written(version: ProtocolVersion, fields: Partial<PublishFields>): Buffer {
  const f = { ...MESSAGE, ...fields };
  const length = publishLength(version, f);
  const target = Buffer.alloc(length + 2, 0xee);
  assert.equal(writePublish(target, 1, version, f), length + 1);
  assert.deepEqual([target[0], target[length + 1]], [0xee, 0xee]);
  return target.subarray(1, length + 1);
}

test('PUBLISH in every version and QoS', () => {
  for (const version of [3, 4] as const) {
    same(written(version, {}), "30 08 00 03 'a/b' 'xyz'");
    same(written(version, { qos: 1, dup: true, retain: true, packetId: 0x1234 }), "3b 0a 00 03 'a/b' 12 34 'xyz'");
    same(
      written(version, { qos: 2, packetId: 1, properties: hex('01 01'), messageExpirySeconds: 5, subscriptionIds: [1] }),
      "34 0a 00 03 'a/b' 00 01 'xyz'",
    );
  }
  same(written(5, {}), "30 09 00 03 'a/b' 00 'xyz'");
  same(written(5, { qos: 1, packetId: 0xffff, payload: hex('') }), "32 08 00 03 'a/b' ff ff 00");
});

test('MQTT-3.3.1-2: a QoS 0 PUBLISH is never written as a repeat', () => {
  same(written(4, { dup: true }), "30 08 00 03 'a/b' 'xyz'");
});

test('PUBLISH of 5.0 carries expiry, properties and every subscription identifier', () => {
  same(
    written(5, { messageExpirySeconds: 4_294_967_295, properties: hex("26 00 01 'k' 00 01 'v'"), subscriptionIds: [1, 268_435_455] }),
    "30 1c 00 03 'a/b' 13 02 ff ff ff ff 26 00 01 'k' 00 01 'v' 0b 01 0b ff ff ff 7f 'xyz'",
  );
  same(written(5, { messageExpirySeconds: 0 }), "30 0e 00 03 'a/b' 05 02 00 00 00 00 'xyz'");
  same(written(5, { properties: hex(''), subscriptionIds: [] }), "30 09 00 03 'a/b' 00 'xyz'");
});

test('long topics and payloads are written whole', () => {
  const topic = Buffer.alloc(300, 'a');
  const payload = Buffer.alloc(20_000, 'p');
  const bytes = written(4, { topic, payload });
  same(bytes.subarray(0, 6), '30 ce 9e 01 01 2c');
  assert.deepEqual(bytes.subarray(6), Buffer.concat([topic, payload]));
});

test('the fixed header at the ends of each length, and a message that no header can announce', () => {
  for (const [remaining, expected] of [
    [0, 'c0 00'],
    [127, 'c0 7f'],
    [128, 'c0 80 01'],
    [268_435_455, 'c0 ff ff ff 7f'],
  ] as const) {
    const target = Buffer.alloc(5);
    assert.equal(headerLength(remaining), hex(expected).length);
    same(target.subarray(0, writeHeader(target, 0, 0xc0, remaining)), expected);
  }
  const huge = { ...MESSAGE, payload: { length: 268_435_455 } as Uint8Array };
  assert.ok(publishLength(4, huge) > MAX_PACKET_BYTES);
});
