import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from './hex.test.support.js';
import { PROPERTIES, PropertyWalk } from './properties.js';
import { decodePublishProperties, encodePublishProperties, publishPropertiesFault } from './publish-properties.js';
import { readVarint, varintLength, writeVarint } from './varint.js';

/** One good value of each property of the 5.0 specification, and the packets of its table; `will` is 0. */
const SPECIFIED: ReadonlyArray<readonly [string, readonly number[]]> = [
  ['01 01', [3, 0]],
  ['02 00 00 00 01', [3, 0]],
  ["03 00 01 'c'", [3, 0]],
  ["08 00 01 'r'", [3, 0]],
  ["09 00 01 'd'", [3, 0]],
  ['0b 01', [3, 8]],
  ['11 00 00 00 01', [1, 2, 14]],
  ["12 00 01 'a'", [2]],
  ['13 00 01', [2]],
  ["15 00 01 'm'", [1, 2, 15]],
  ["16 00 01 'd'", [1, 2, 15]],
  ['17 01', [1]],
  ['18 00 00 00 01', [0]],
  ['19 01', [1]],
  ["1a 00 01 'i'", [2]],
  ["1c 00 01 's'", [2, 14]],
  ["1f 00 01 'r'", [2, 4, 5, 6, 7, 9, 11, 14, 15]],
  ['21 00 01', [1, 2]],
  ['22 00 01', [1, 2]],
  ['23 00 01', [3]],
  ['24 01', [2]],
  ['25 01', [2]],
  ["26 00 01 'k' 00 01 'v'", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]],
  ['27 00 00 00 01', [1, 2]],
  ['28 01', [2]],
  ['29 01', [2]],
  ['2a 01', [2]],
];

function walkOnce(list: Buffer, packet: number, walk = new PropertyWalk()): number {
  walk.begin(64);
  let at = 0;
  while (at < list.length && at >= 0) at = walk.next(list, at, list.length, packet);
  return at < 0 ? walk.fault : 0;
}

test('the table has all 27 properties, each once', () => {
  assert.equal(PROPERTIES.length, 27);
  assert.deepEqual(
    PROPERTIES.map((row) => row.id),
    SPECIFIED.map(([value]) => hex(value)[0]),
  );
  assert.equal(new Set(PROPERTIES.map((row) => row.name)).size, 27);
});

test('each property is accepted in its packets and malformed in all others', () => {
  for (const [value, packets] of SPECIFIED) {
    for (let packet = 0; packet < 16; packet++) {
      assert.equal(walkOnce(hex(value), packet), packets.includes(packet) ? 0 : 0x81, `${value} in ${packet}`);
    }
  }
});

test('each property but the user property, and the subscription identifier of a PUBLISH, stands once', () => {
  for (const [value, packets] of SPECIFIED) {
    for (const packet of packets) {
      const mayRepeat = value.startsWith('26') || (value.startsWith('0b') && packet === 3);
      assert.equal(walkOnce(hex(`${value} ${value}`), packet), mayRepeat ? 0 : 0x82, `${value} twice in ${packet}`);
    }
  }
});

test('each property cut off at any byte is malformed', () => {
  for (const [value, packets] of SPECIFIED) {
    const bytes = hex(value);
    for (let length = 1; length < bytes.length; length++) {
      assert.equal(walkOnce(Buffer.from(bytes.subarray(0, length)), packets[0] as number), 0x81, `${value} to ${length}`);
    }
  }
});

test('flags are 0 or 1, and counts are not 0', () => {
  for (const id of ['01', '17', '19', '24', '25', '28', '29', '2a']) {
    const packet = SPECIFIED.find(([value]) => value.startsWith(id))?.[1][0] as number;
    assert.equal(walkOnce(hex(`${id} 00`), packet), 0, id);
    for (const value of ['02', 'ff']) assert.equal(walkOnce(hex(`${id} ${value}`), packet), 0x82, `${id} ${value}`);
  }
  assert.equal(walkOnce(hex('0b 00'), 8), 0x82);
  assert.equal(walkOnce(hex('21 00 00'), 1), 0x82);
  assert.equal(walkOnce(hex('27 00 00 00 00'), 1), 0x82);
  assert.equal(walkOnce(hex('23 00 00'), 3), 0x94);
  assert.equal(walkOnce(hex('22 00 00'), 1), 0);
  assert.equal(walkOnce(hex('13 00 00'), 2), 0);
});

test('the walk describes the property it has passed', () => {
  const walk = new PropertyWalk();
  const list = hex("26 00 02 'ab' 00 01 'c'");
  assert.equal(walkOnce(list, 1, walk), 0);
  assert.deepEqual([walk.id, walk.start, walk.end, walk.pairStart, walk.pairEnd, walk.userPropertyCount], [0x26, 3, 5, 7, 8, 1]);
  assert.equal(walkOnce(hex('11 ff ff ff fe'), 1, walk), 0);
  assert.equal(walk.number, 4_294_967_294);
});

test('MQTT-1.5.5-1: variable byte integers, both ways, at the ends of their ranges', () => {
  const cases: ReadonlyArray<readonly [number, string]> = [
    [0, '00'],
    [127, '7f'],
    [128, '80 01'],
    [16_383, 'ff 7f'],
    [16_384, '80 80 01'],
    [2_097_151, 'ff ff 7f'],
    [2_097_152, '80 80 80 01'],
    [268_435_455, 'ff ff ff 7f'],
  ];
  for (const [value, text] of cases) {
    const bytes = hex(text);
    assert.equal(readVarint(bytes, 0, bytes.length), value);
    assert.equal(varintLength(value), bytes.length);
    const written = Buffer.alloc(bytes.length);
    assert.equal(writeVarint(written, 0, value), bytes.length);
    assert.deepEqual(written, bytes);
    assert.equal(readVarint(bytes, 0, bytes.length - 1), -1, `${text} cut off`);
  }
  for (const text of ['80 00', 'ff 00', '80 80 00', '80 80 80 00', 'ff ff ff ff', '80 80 80 80 01'])
    assert.equal(readVarint(hex(text), 0, hex(text).length), -1);
});

test('properties of a plugin`s message are written and read back', () => {
  const properties = {
    payloadFormat: 1 as const,
    contentType: 'text/plain',
    responseTopic: 'r/\u00e9',
    correlationData: hex('00 ff'),
    userProperties: [
      ['b', '1'],
      ['__proto__', '2'],
      ['b', ''],
    ] as const,
  };
  const bytes = encodePublishProperties(properties);
  assert.equal(
    bytes.toString('hex'),
    hex(
      "01 01 03 00 0a 'text/plain' 08 00 04 'r/' c3 a9 09 00 02 00 ff 26 00 01 'b' 00 01 '1' 26 00 09 '__proto__' 00 01 '2' 26 00 01 'b' 00 00",
    ).toString('hex'),
  );
  assert.deepEqual(decodePublishProperties(bytes), properties);
  assert.deepEqual(decodePublishProperties(Buffer.alloc(0)), {});
  assert.equal(encodePublishProperties({}).length, 0);
});

test('what MQTT cannot carry is named, and made fit if it is written all the same', () => {
  const long = '\u00e9'.repeat(32_768);
  const cases = [
    [{ contentType: 'a\0' }, 'contentType'],
    [{ contentType: '\ud800' }, 'contentType'],
    [{ contentType: long }, 'contentType'],
    [{ responseTopic: 'a/#' }, 'responseTopic'],
    [{ responseTopic: '' }, 'responseTopic'],
    [{ correlationData: Buffer.alloc(65_536) }, 'correlationData'],
    [{ userProperties: [['a', '\0']] as const }, 'userProperties'],
    [{ payloadFormat: 2 as 1 }, 'payloadFormat'],
  ] as const;
  for (const [properties, name] of cases) assert.equal(publishPropertiesFault(properties), name);
  assert.equal(publishPropertiesFault({ payloadFormat: 0, contentType: '', responseTopic: 'a', userProperties: [['', '']] }), null);
  assert.equal(decodePublishProperties(encodePublishProperties({ contentType: 'a\0\ud800' })).contentType, 'a\ufffd\ufffd');
  assert.equal(decodePublishProperties(encodePublishProperties({ contentType: long })).contentType, long.slice(1));
});
