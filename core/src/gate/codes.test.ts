import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DENY_WORDS } from '@portcullis/sdk';
import { connectReturnCode, FAULT_CODE, OVERLOAD_CODE, refusalCode } from './codes.js';

// The table of docs/refusals.md, by hand: CONNACK, SUBACK, PUBACK, DISCONNECT.
const TABLE = {
  'bad-credentials': [0x86, 0x87, 0x87, 0x87],
  'not-authorized': [0x87, 0x87, 0x87, 0x87],
  banned: [0x8a, 0x87, 0x87, 0x98],
  rate: [0x9f, 0x97, 0x97, 0x96],
  quota: [0x97, 0x97, 0x97, 0x97],
  busy: [0x89, 0x80, 0x97, 0x89],
} as const;
const PACKETS = ['connack', 'suback', 'puback', 'disconnect'] as const;

test('Every deny word becomes the code of the table in every packet.', () => {
  for (const word of DENY_WORDS) {
    assert.deepEqual(
      PACKETS.map((packet) => refusalCode(word, packet)),
      [...TABLE[word]],
      word,
    );
  }
});

test('A number that the packet may carry is sent as it is, any other as 0x87; never one below 0x80.', () => {
  assert.equal(refusalCode(0x9d, 'connack'), 0x9d);
  assert.equal(refusalCode(0x9d, 'suback'), 0x87);
  assert.equal(refusalCode(0x99, 'puback'), 0x99);
  assert.equal(refusalCode(0xa0, 'disconnect'), 0xa0);
  assert.equal(refusalCode(0x88, 'disconnect'), 0x87);
  for (const packet of PACKETS) {
    for (let code = -1; code <= 0x101; code += 1) {
      const sent = refusalCode(code, packet);
      assert.ok(sent === 0x87 || (sent === code && code >= 0x80 && code <= 0xff), `${packet} ${code}`);
    }
  }
});

// Sections 3.2.2.2, 3.9.3, 3.4.2.1 and 3.14.2.1 of 5.0, by hand.
const SENDABLE = {
  connack: '80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f',
  suback: '80 83 87 8f 91 97 9e a1 a2',
  puback: '80 83 87 90 91 97 99',
  disconnect: '80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2',
} as const;

test('Of all numbers from 0x80 to 0xFF each packet carries those of its table, and 0x87 for all others.', () => {
  for (const packet of PACKETS) {
    const sendable = SENDABLE[packet].split(' ').map((code) => Number.parseInt(code, 16));
    for (let code = 0x80; code <= 0xff; code += 1)
      assert.equal(refusalCode(code, packet), sendable.includes(code) ? code : 0x87, `${packet} ${code}`);
  }
});

test('Return codes of MQTT 3 are those of its section 3.2.2.3.', () => {
  const expected = new Map([
    [0, 0],
    [0x84, 1],
    [0x85, 2],
    [0x86, 4],
    [0x88, 3],
    [0x89, 3],
    [0x97, 3],
    [0x9f, 3],
  ]);
  for (let code = 0x80; code <= 0xff; code += 1) assert.equal(connectReturnCode(code), expected.get(code) ?? 5, code.toString(16));
  assert.equal(connectReturnCode(0), 0);
});

test('Faults have codes of their own, none of which is a success.', () => {
  assert.deepEqual(
    PACKETS.map((packet) => FAULT_CODE[packet]),
    [0x88, 0x80, 0x83, 0x83],
  );
  assert.equal(OVERLOAD_CODE, 0x89);
});
