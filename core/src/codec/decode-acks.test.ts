import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMalformed, decode, hex, packet } from './hex.test.support.js';
import type { ProtocolVersion } from './packet-types.js';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const ACKS = [
  [4, 0x40],
  [5, 0x50],
  [6, 0x62],
  [7, 0x70],
] as const;

test('the short form of an acknowledgement is success in every version', () => {
  for (const version of VERSIONS) {
    for (const [type, first] of ACKS) assert.deepEqual(decode(packet(first, '12 34'), version), { type, packetId: 0x1234, reasonCode: 0 });
  }
});

test('an acknowledgement of 5.0 may have a code, and then properties', () => {
  assert.deepEqual(decode(hex('40 03 00 07 97'), 5), { type: 4, packetId: 7, reasonCode: 0x97 });
  assert.deepEqual(decode(hex('50 04 00 07 10 00'), 5), { type: 5, packetId: 7, reasonCode: 0x10 });
  assert.deepEqual(decode(hex("62 0f 00 07 92 0b 1f 00 01 'r' 26 00 01 'k' 00 01 'v'"), 5), { type: 6, packetId: 7, reasonCode: 0x92 });
  assert.deepEqual(decode(hex("70 08 00 07 00 04 1f 00 01 'r'"), 5), { type: 7, packetId: 7, reasonCode: 0 });
});

test('in 3.x two bytes are all an acknowledgement has', () => {
  for (const version of [3, 4] as const) {
    for (const [, first] of ACKS) {
      for (const body of ['', '00', '00 07 00', '00 07 00 00']) assertMalformed(packet(first, body), version, 0x81);
    }
  }
});

test('an acknowledgement that is cut off or has bytes left over is malformed in 5.0', () => {
  for (const [, first] of ACKS) {
    for (const body of ['', '00', '00 07 00 01', '00 07 00 00 00', '00 07 00 05 1f 00 01', "00 07 00 04 1f 00 01 'r' 00"]) {
      assertMalformed(packet(first, body), 5, 0x81);
    }
  }
});

test('packet identifier 0 is refused in every form', () => {
  for (const version of VERSIONS) for (const [, first] of ACKS) assertMalformed(packet(first, '00 00'), version, 0x82);
  for (const [, first] of ACKS) assertMalformed(packet(first, '00 00 00'), 5, 0x82);
});

test('each acknowledgement takes only its own reason codes', () => {
  const received = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
  for (const [type, first] of ACKS) {
    const legal = type < 6 ? received : [0x00, 0x92];
    for (let code = 0; code < 256; code++) {
      const bytes = Buffer.from([first, 3, 0, 7, code]);
      if (legal.includes(code)) assert.deepEqual(decode(bytes, 5), { type, packetId: 7, reasonCode: code });
      else assertMalformed(bytes, 5, 0x82);
    }
  }
});

test('properties of an acknowledgement: reason string once, user properties, nothing else', () => {
  for (const [, first] of ACKS) {
    assertMalformed(packet(first, "00 07 00 08 1f 00 01 'r' 1f 00 01 'r'"), 5, 0x82);
    assertMalformed(packet(first, '00 07 00 02 01 00'), 5, 0x81);
    assertMalformed(packet(first, '00 07 00 04 1f 00 01 ff'), 5, 0x81);
  }
});

test('MQTT-2.1.3-1: reserved flags of every packet are checked', () => {
  for (const version of VERSIONS) {
    for (const [type, first] of ACKS) {
      for (let flags = 0; flags < 16; flags++) {
        const bytes = packet((first & 0xf0) | flags, '00 07');
        if (flags === (first & 0x0f) || (version === 3 && type === 6 && flags === 0x0a)) assert.equal(decode(bytes, version).type, type);
        else assertMalformed(bytes, version, 0x81);
      }
    }
    for (let flags = 1; flags < 16; flags++) {
      for (const first of [0xc0, 0xe0, 0xf0]) assertMalformed(packet(first | flags, ''), version, 0x81);
    }
  }
});

test('packets that only a server sends, type 0 and PUBLISH are not decoded', () => {
  for (const version of VERSIONS) {
    for (const bytes of ['20 02 00 00', '20 03 00 00 00', '90 03 00 01 00', 'b0 02 00 01', 'd0 00', '30 03 00 01 61']) {
      assertMalformed(hex(bytes), version, 0x82);
    }
    assertMalformed(hex('00 00'), version, 0x81);
  }
});

test('PINGREQ is empty', () => {
  for (const version of VERSIONS) {
    assert.deepEqual(decode(hex('c0 00'), version), { type: 12 });
    assertMalformed(hex('c0 01 00'), version, 0x81);
  }
});

test('DISCONNECT of 3.x is empty', () => {
  for (const version of [3, 4] as const) {
    assert.deepEqual(decode(hex('e0 00'), version), { type: 14, reasonCode: 0, sessionExpirySeconds: null, reasonString: null });
    assertMalformed(hex('e0 01 00'), version, 0x81);
  }
});

test('DISCONNECT of 5.0 may be empty, a code, or a code with properties', () => {
  const none = { type: 14, sessionExpirySeconds: null, reasonString: null };
  assert.deepEqual(decode(hex('e0 00'), 5), { ...none, reasonCode: 0 });
  assert.deepEqual(decode(hex('e0 01 04'), 5), { ...none, reasonCode: 4 });
  assert.deepEqual(decode(hex('e0 02 04 00'), 5), { ...none, reasonCode: 4 });
  const whole = decode(hex("e0 11 00 0f 11 00 00 00 00 1f 00 01 'r' 26 00 00 00 01 'v'"), 5);
  assert.deepEqual(whole, { type: 14, reasonCode: 0, sessionExpirySeconds: 0, reasonString: 'r' });
});

test('DISCONNECT with a server`s code, repeats, foreign properties or a bad length is refused', () => {
  const clients = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  for (let code = 0; code < 256; code++) {
    const bytes = Buffer.from([0xe0, 1, code]);
    if (clients.includes(code)) assert.equal(decode(bytes, 5).type, 14, String(code));
    else assertMalformed(bytes, 5, 0x82);
  }
  assertMalformed(packet(0xe0, '00 0a 11 00 00 00 01 11 00 00 00 01'), 5, 0x82);
  assertMalformed(packet(0xe0, '00 03 21 00 01'), 5, 0x81);
  assertMalformed(packet(0xe0, '00 00 00'), 5, 0x81);
  assertMalformed(packet(0xe0, '00 01'), 5, 0x81);
});

test('AUTH has a code of a client, a method, and copies its data', () => {
  const bytes = packet(0xf0, "18 13 15 00 01 'm' 16 00 02 'da' 26 00 01 'k' 00 01 'v' 1f 00 00");
  const decoded = decode(bytes, 5);
  assert.deepEqual(decoded, { type: 15, reasonCode: 0x18, method: 'm', data: hex("'da'"), reasonString: '', userProperties: [['k', 'v']] });
  const again = decode(packet(0xf0, "19 04 15 00 01 'm'"), 5);
  assert.deepEqual(again, { type: 15, reasonCode: 0x19, method: 'm', data: null, reasonString: null, userProperties: [] });
});

test('AUTH of a success, without a method, or before 5.0 is refused', () => {
  for (const body of ['', "00 04 15 00 01 'm'", "1a 04 15 00 01 'm'", '18 00', "18 04 16 00 01 'd'", "18 08 15 00 01 'm' 15 00 01 'm'"]) {
    assertMalformed(packet(0xf0, body), 5, 0x82);
  }
  for (const body of ['18', "18 05 15 00 01 'm'", "18 04 15 00 01 'm' 00", '18 03 21 00 01']) assertMalformed(packet(0xf0, body), 5, 0x81);
  for (const version of [3, 4] as const) assertMalformed(packet(0xf0, "18 04 15 00 01 'm'"), version, 0x81);
});
