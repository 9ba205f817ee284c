import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DECODE_LIMITS } from './decode-limits.js';
import { assertMalformed, decode, decodeGood, hex, packet } from './hex.test.support.js';
import type { ProtocolVersion } from './packet-types.js';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

function subscribe(version: ProtocolVersion, payload: string, properties = '00', packetId = '00 0a'): Buffer {
  return packet(0x82, `${packetId} ${version === 5 ? properties : ''} ${payload}`);
}

function unsubscribe(version: ProtocolVersion, payload: string, properties = '00', packetId = '00 0a'): Buffer {
  return packet(0xa2, `${packetId} ${version === 5 ? properties : ''} ${payload}`);
}

test('a SUBSCRIBE of 3.x lists its filters in order', () => {
  const bytes = hex("82 0d 00 0a 00 03 'a/b' 01 00 02 '+/' 02");
  for (const version of [3, 4] as const) {
    assert.deepEqual(decode(bytes, version), {
      type: 8,
      packetId: 10,
      subscriptionId: 0,
      filters: [
        { filter: 'a/b', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
        { filter: '+/', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ],
      userProperties: [],
    });
  }
});

test('a SUBSCRIBE of 5.0 has options, an identifier and user properties', () => {
  const bytes = subscribe(5, "00 01 '#' 2e 00 0a '$share/g/a' 19", "0c 0b ff ff ff 7f 26 00 01 'k' 00 01 'v'");
  const subscribed = decodeGood(bytes, 5, 8);
  assert.equal(subscribed.subscriptionId, 268_435_455);
  assert.deepEqual(subscribed.filters, [
    { filter: '#', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
    { filter: '$share/g/a', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 1 },
  ]);
  assert.deepEqual(subscribed.userProperties, [['k', 'v']]);
});

test('an UNSUBSCRIBE lists its filters in order', () => {
  for (const version of VERSIONS) {
    const decoded = decodeGood(unsubscribe(version, "00 01 'a' 00 03 'b/#'", "07 26 00 01 'k' 00 01 'v'"), version, 10);
    assert.deepEqual(decoded.filters, ['a', 'b/#']);
    assert.equal(decoded.packetId, 10);
    assert.equal(decoded.userProperties.length, version === 5 ? 1 : 0);
  }
});

test('MQTT-3.8.1-1, MQTT-3.10.1-1: the flags are 0010; 3.1 may add DUP', () => {
  for (const version of VERSIONS) {
    const list = version === 5 ? '00' : '';
    for (const flags of [0, 1, 3, 4, 6, 8, 0x0a, 0x0b, 0x0f]) {
      const isLegal = version === 3 && flags === 0x0a;
      const subscribed = packet(0x80 | flags, `00 01 ${list} 00 01 'a' 00`);
      const unsubscribed = packet(0xa0 | flags, `00 01 ${list} 00 01 'a'`);
      for (const bytes of [subscribed, unsubscribed]) {
        if (isLegal) assert.notEqual(decode(bytes, version).type, 0);
        else assertMalformed(bytes, version, 0x81);
      }
    }
  }
});

test('MQTT-2.2.1-3: packet identifier 0 is refused', () => {
  for (const version of VERSIONS) {
    assertMalformed(subscribe(version, "00 01 'a' 00", '00', '00 00'), version, 0x82);
    assertMalformed(unsubscribe(version, "00 01 'a'", '00', '00 00'), version, 0x82);
  }
});

test('MQTT-3.8.3-2, MQTT-3.10.3-2: no filter at all is refused', () => {
  for (const version of VERSIONS) {
    assertMalformed(subscribe(version, ''), version, 0x82);
    assertMalformed(unsubscribe(version, ''), version, 0x82);
  }
});

test('MQTT-3.8.3-5: reserved option bits are malformed; in 3.x all but the QoS are reserved', () => {
  for (const version of VERSIONS) {
    for (const options of ['40', '80', 'c0']) assertMalformed(subscribe(version, `00 01 'a' ${options}`), version, 0x81);
    for (const options of ['04', '08', '10', '20']) {
      if (version === 5) assert.equal(decode(subscribe(version, `00 01 'a' ${options}`), version).type, 8);
      else assertMalformed(subscribe(version, `00 01 'a' ${options}`), version, 0x81);
    }
  }
});

test('QoS 3 and retain handling 3 are refused', () => {
  for (const version of VERSIONS) assertMalformed(subscribe(version, "00 01 'a' 03"), version, 0x82);
  assertMalformed(subscribe(5, "00 01 'a' 30"), 5, 0x82);
});

test('MQTT-3.8.3-4: no local on a shared subscription is refused, elsewhere it is not', () => {
  assertMalformed(subscribe(5, "00 0a '$share/g/a' 05"), 5, 0x82);
  assert.equal(decode(subscribe(5, "00 09 '$shared/a' 05"), 5).type, 8);
});

test('a filter of bad syntax is told apart from one that is no string', () => {
  for (const version of VERSIONS) {
    for (const filter of ['00 00', "00 02 'a#'", "00 03 '#/x'", "00 07 '$share/'", "00 09 '$share//a'", "00 08 '$share/g'"]) {
      assertMalformed(subscribe(version, `${filter} 00`), version, 0x8f);
      assertMalformed(unsubscribe(version, filter), version, 0x8f);
    }
    for (const filter of ['00 01 ff', '00 01 00', '00 03 ed a0 80']) {
      assertMalformed(subscribe(version, `${filter} 00`), version, 0x81);
      assertMalformed(unsubscribe(version, filter), version, 0x81);
    }
  }
});

test('properties: identifier 0, repeats and those of other packets are refused', () => {
  for (const [properties, code] of [
    ['02 0b 00', 0x82],
    ['04 0b 01 0b 02', 0x82],
    ["04 1f 00 01 'r'", 0x81],
    ['05 0b ff ff ff ff', 0x81],
    ['03 0b 81 00', 0x81],
  ] as const) {
    assertMalformed(subscribe(5, "00 01 'a' 00", properties), 5, code);
  }
  assertMalformed(unsubscribe(5, "00 01 'a'", '02 0b 01'), 5, 0x81);
});

test('every truncation is malformed', () => {
  for (const version of VERSIONS) {
    const bodies = [subscribe(version, "00 03 'a/b' 01", '02 0b 05').subarray(2), unsubscribe(version, "00 03 'a/b'").subarray(2)];
    bodies.forEach((body, index) => {
      for (let length = 0; length < body.length; length++) {
        const decoded = decode(packet(index === 0 ? 0x82 : 0xa2, Buffer.from(body.subarray(0, length))), version);
        assert.equal(decoded.type, 0, `${version} ${index} ${length}`);
      }
    });
  }
});

test('more filters or levels than the limits are refused as quota', () => {
  const limits = { ...DEFAULT_DECODE_LIMITS, maxFiltersPerPacket: 2, maxTopicLevels: 2 };
  for (const version of VERSIONS) {
    assert.equal(decode(subscribe(version, "00 01 'a' 00 00 03 'a/b' 00"), version, limits).type, 8);
    assertMalformed(subscribe(version, "00 01 'a' 00 00 01 'b' 00 00 01 'c' 00"), version, 0x97, limits);
    assertMalformed(unsubscribe(version, "00 01 'a' 00 01 'b' 00 01 'c'"), version, 0x97, limits);
    assertMalformed(subscribe(version, "00 05 'a/b/c' 00"), version, 0x97, limits);
  }
});
