import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardableProperties } from './forwardable-properties.js';
import { hex, packet, publish } from './hex.test.support.js';
import type { ProtocolVersion } from './packet-types.js';
import { PublishView, readPublish } from './publish.js';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

function assertFault(bytes: Buffer, version: ProtocolVersion, fault: number): void {
  assert.equal(publish(bytes, version).fault.toString(16), fault.toString(16), bytes.toString('hex'));
}

/** A QoS 0 PUBLISH of 5.0 to topic `t` with payload `p`. */
function withProperties(properties: string): Buffer {
  return packet(0x30, `00 01 't' ${properties} 'p'`);
}

test('a QoS 0 PUBLISH of 3.x, all bytes written out', () => {
  const bytes = hex("31 08 00 03 'a/b' 'xyz'");
  for (const version of [3, 4] as const) {
    const { fault, view, topic, properties, payload } = publish(bytes, version);
    assert.deepEqual([fault, topic, properties, payload], [0, 'a/b', '', 'xyz']);
    assert.deepEqual(
      [view.start, view.end, view.qos, view.retain, view.dup, view.packetId, view.topicAlias, view.messageExpirySeconds, view.forwardable],
      [3, 13, 0, true, false, 0, 0, -1, true],
    );
  }
});

test('a QoS 1 and a QoS 2 PUBLISH have a packet identifier and may be repeats', () => {
  for (const version of VERSIONS) {
    const list = version === 5 ? '00' : '';
    const one = publish(packet(0x3a, `00 01 't' 12 34 ${list} 'p'`), version);
    assert.deepEqual([one.fault, one.view.qos, one.view.dup, one.view.retain, one.view.packetId, one.payload], [0, 1, true, false, 0x1234, 'p']);
    const two = publish(packet(0x35, `00 01 't' ff ff ${list}`), version);
    assert.deepEqual([two.fault, two.view.qos, two.view.dup, two.view.retain, two.view.packetId, two.payload], [0, 2, false, true, 0xffff, '']);
  }
});

test('a PUBLISH of 5.0 gives the bounds of its properties and what must not be forwarded', () => {
  const list = "01 01 26 00 01 'k' 00 01 'v' 08 00 01 'r' 09 00 02 00 ff 03 00 00 26 00 01 'k' 00 01 'w'";
  const plain = publish(packet(0x32, `00 01 't' 00 05 20 ${list} 'p'`), 5);
  assert.equal(plain.fault, 0x81, 'a wrong property length');
  const right = publish(packet(0x32, `00 01 't' 00 05 1c ${list} 'p'`), 5);
  assert.deepEqual([right.fault, right.properties, right.payload, right.view.forwardable], [0, hex(list).toString('hex'), 'p', true]);
  const aliased = publish(withProperties('03 23 01 00'), 5);
  assert.deepEqual([aliased.fault, aliased.view.topicAlias, aliased.view.forwardable], [0, 256, false]);
  const expiring = publish(withProperties('05 02 ff ff ff ff'), 5);
  assert.deepEqual([expiring.fault, expiring.view.messageExpirySeconds, expiring.view.forwardable], [0, 4_294_967_295, false]);
  const atOnce = publish(withProperties('05 02 00 00 00 00'), 5);
  assert.deepEqual([atOnce.fault, atOnce.view.messageExpirySeconds], [0, 0]);
});

test('a reused view keeps nothing of the message before', () => {
  const view = new PublishView();
  const rich = hex("3b 0e 00 01 't' 00 05 08 23 00 09 02 00 00 00 07");
  const poor = hex("30 04 00 01 'u' 00");
  assert.equal(readPublish(rich, 0, 2, rich.length, 5, view), 0);
  assert.equal(view.topicAlias, 9);
  assert.equal(readPublish(poor, 0, 2, poor.length, 5, view), 0);
  const fresh = new PublishView();
  readPublish(poor, 0, 2, poor.length, 5, fresh);
  assert.deepEqual(view, fresh);
});

test('MQTT-3.3.1-4: QoS 3 is refused', () => {
  for (const version of VERSIONS) for (const first of [0x36, 0x37, 0x3e, 0x3f]) assertFault(packet(first, "00 01 't' 00 05 00"), version, 0x81);
});

test('MQTT-3.3.1-2: DUP with QoS 0 is refused', () => {
  for (const version of VERSIONS) assertFault(packet(0x38, "00 01 't' 00"), version, 0x81);
});

test('MQTT-2.2.1-3: packet identifier 0 is refused', () => {
  for (const version of VERSIONS) for (const first of [0x32, 0x34]) assertFault(packet(first, "00 01 't' 00 00 00"), version, 0x82);
});

test('MQTT-4.7.3-1: an empty topic is refused, unless an alias of 5.0 stands for it', () => {
  for (const version of VERSIONS) assertFault(packet(0x30, "00 00 00 'p'"), version, 0x82);
  const aliased = publish(packet(0x30, "00 00 03 23 00 01 'p'"), 5);
  assert.deepEqual([aliased.fault, aliased.topic, aliased.view.topicAlias], [0, '', 1]);
});

test('every truncation of the fields is malformed', () => {
  for (const version of VERSIONS) {
    const body = hex(`00 03 'a/b' 00 07 ${version === 5 ? "04 03 00 01 'c'" : ''}`);
    for (let length = 0; length < body.length; length++) assertFault(packet(0x32, Buffer.from(body.subarray(0, length))), version, 0x81);
    assert.equal(publish(packet(0x32, body), version).fault, 0);
  }
  assertFault(packet(0x30, "ff ff 't'"), 4, 0x81);
});

test('the topic`s own bytes are left to the caller', () => {
  for (const version of VERSIONS) assert.equal(publish(packet(0x30, "00 03 '#' 00 ff 00"), version).fault, 0);
});

test('property rules of a PUBLISH', () => {
  const cases: ReadonlyArray<readonly [string, number, string]> = [
    ['03 23 00 00', 0x94, 'topic alias 0'],
    ['06 23 00 01 23 00 01', 0x82, 'topic alias twice'],
    ['02 0b 01', 0x82, 'subscription identifier from a client'],
    ['02 01 02', 0x82, 'payload format 2'],
    ['04 01 00 01 00', 0x82, 'payload format twice'],
    ["06 08 00 03 'a/#'", 0x82, 'response topic with #'],
    ["04 08 00 01 '+'", 0x82, 'response topic with +'],
    ['03 08 00 00', 0x82, 'empty response topic'],
    ["08 08 00 01 'r' 08 00 01 'r'", 0x82, 'response topic twice'],
    ['06 09 00 00 09 00 00', 0x82, 'correlation data twice'],
    ['06 03 00 00 03 00 00', 0x82, 'content type twice'],
    ['0a 02 00 00 00 01 02 00 00 00 01', 0x82, 'expiry twice'],
    ['05 11 00 00 00 01', 0x81, 'session expiry in a PUBLISH'],
    ['05 18 00 00 00 01', 0x81, 'will delay in a PUBLISH'],
    ["04 1f 00 01 'r'", 0x81, 'reason string in a PUBLISH'],
    ['02 00 00', 0x81, 'identifier 0'],
    ['02 7f 00', 0x81, 'identifier 0x7f'],
    ['02 ff 01', 0x81, 'identifier of two bytes'],
    ['04 03 00 01 ff', 0x81, 'ill-formed content type'],
    ['04 03 00 01 00', 0x81, 'U+0000 in the content type'],
    ['06 08 00 03 ed a0 80', 0x81, 'a surrogate in the response topic'],
    ['06 26 00 01 ff 00 00', 0x81, 'ill-formed user property name'],
    ['06 26 00 00 00 01 ff', 0x81, 'ill-formed user property value'],
    ["04 26 00 01 'k'", 0x81, 'a pair without its value'],
    ['02 02 00', 0x81, 'expiry cut off'],
    ['01 01', 0x81, 'payload format cut off'],
    ['03 09 00 05', 0x81, 'correlation data beyond the list'],
    ['02 09 00', 0x81, 'length cut off'],
    ['03 0b 80 00', 0x81, 'identifier not in its shortest form'],
    ['7f', 0x81, 'list longer than the packet'],
    ['80 80 80 80 01', 0x81, 'property length of five bytes'],
    ['80 00', 0x81, 'property length not in its shortest form'],
  ];
  for (const [properties, fault, what] of cases) {
    assert.equal(publish(withProperties(properties), 5).fault.toString(16), fault.toString(16), what);
  }
  assert.equal(publish(withProperties("07 08 00 04 '$a/ '"), 5).fault, 0);
});

test('a property behind a response topic is not taken for a wildcard, though the identifier of an alias is the byte of #', () => {
  const { fault, view } = publish(withProperties("07 08 00 01 'r' 23 00 05"), 5);
  assert.deepEqual([fault, view.topicAlias], [0, 5]);
});

test('user properties may repeat, up to the limit', () => {
  const pair = "26 00 01 'k' 00 01 'v' ";
  assert.equal(publish(packet(0x30, `00 01 't' c0 03 ${pair.repeat(64)}`), 5).fault, 0);
  assertFault(packet(0x30, `00 01 't' c7 03 ${pair.repeat(65)}`), 5, 0x97);
});

test('3.x does not look for properties', () => {
  assert.equal(publish(packet(0x30, "00 01 't' 02 01 02"), 4).payload, '\u0002\u0001\u0002');
});

test('MQTT-3.3.2-7: forwardable properties are copied in order without alias and expiry', () => {
  const list = hex("23 00 01 01 01 26 00 01 'b' 00 01 '1' 02 00 00 00 09 26 00 01 'a' 00 01 '2' 09 00 02 23 02");
  const copy = forwardableProperties(list, 0, list.length);
  assert.deepEqual(copy, hex("01 01 26 00 01 'b' 00 01 '1' 26 00 01 'a' 00 01 '2' 09 00 02 23 02"));
  assert.equal(forwardableProperties(hex('23 00 01 02 00 00 00 01'), 0, 8).length, 0);
  assert.equal(forwardableProperties(list, 3, 3).length, 0);
  const whole = hex("03 00 01 'c'");
  const kept = forwardableProperties(whole, 0, 4);
  whole.fill(0);
  assert.deepEqual(kept, hex("03 00 01 'c'"));
});
