import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DECODE_LIMITS } from './decode-limits.js';
import { assertMalformed, decode, decodeGood, hex, packet } from './hex.test.support.js';
import type { ProtocolVersion } from './packet-types.js';

const HEADS: Readonly<Record<ProtocolVersion, string>> = { 3: "00 06 'MQIsdp' 03", 4: "00 04 'MQTT' 04", 5: "00 04 'MQTT' 05" };
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

/** Flags, then everything behind the property list. Keep alive is 60 s, the property list of 5.0 is as given. */
function connect(version: ProtocolVersion, flags: string, payload: string, properties = '00'): Buffer {
  return packet(0x10, `${HEADS[version]} ${flags} 00 3c ${version === 5 ? properties : ''} ${payload}`);
}

function bad(bytes: Buffer, code = 0x81): void {
  assertMalformed(bytes, 4, code);
}

test('the smallest CONNECT of each version gives every field, defaults included', () => {
  for (const version of VERSIONS) {
    assert.deepEqual(decode(connect(version, '02', "00 01 'a'"), 4), {
      type: 1,
      protocolVersion: version,
      cleanStart: true,
      keepAliveSeconds: 60,
      clientId: 'a',
      will: null,
      username: null,
      password: null,
      sessionExpirySeconds: version === 5 ? 0 : null,
      receiveMaximum: 65_535,
      maximumPacketSize: 0,
      topicAliasMaximum: 0,
      requestResponseInformation: false,
      requestProblemInformation: true,
      userProperties: [],
      authenticationMethod: null,
      authenticationData: null,
    });
  }
});

test('a CONNECT with everything, 3.1.1, all bytes written out', () => {
  const bytes = hex("10 1e 00 04 'MQTT' 04 ee 00 0a 00 03 'cid' 00 01 't' 00 03 'bye' 00 01 'u' 00 02 01 00");
  const connected = decodeGood(bytes, 5, 1);
  assert.equal(connected.clientId, 'cid');
  assert.equal(connected.username, 'u');
  assert.deepEqual(connected.password, hex('01 00'));
  assert.equal(connected.keepAliveSeconds, 10);
  assert.deepEqual(connected.will, {
    topic: 't',
    payload: hex("'bye'"),
    qos: 1,
    retain: true,
    delaySeconds: 0,
    messageExpirySeconds: -1,
    properties: Buffer.alloc(0),
  });
});

test('a CONNECT with everything, 5.0', () => {
  const properties =
    "2f 11 00 00 00 78 21 00 0a 27 00 01 00 00 22 00 05 19 01 17 00 26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 01 'w' 15 00 05 'SCRAM' 16 00 02 ff 00";
  const will = "1f 18 00 00 00 05 01 01 02 ff ff ff ff 03 00 01 'c' 08 00 01 'r' 26 00 01 'a' 00 01 'b' 09 00 01 00";
  const bytes = connect(5, 'f6', `00 00 ${will} 00 03 'a/b' 00 00 00 01 'u' 00 01 'p'`, properties);
  const connected = decodeGood(bytes, 3, 1);
  assert.equal(connected.clientId, '');
  assert.equal(connected.sessionExpirySeconds, 120);
  assert.equal(connected.receiveMaximum, 10);
  assert.equal(connected.maximumPacketSize, 65_536);
  assert.equal(connected.topicAliasMaximum, 5);
  assert.equal(connected.requestResponseInformation, true);
  assert.equal(connected.requestProblemInformation, false);
  assert.deepEqual(connected.userProperties, [
    ['k', 'v'],
    ['k', 'w'],
  ]);
  assert.equal(connected.authenticationMethod, 'SCRAM');
  assert.deepEqual(connected.authenticationData, hex('ff 00'));
  assert.deepEqual(connected.will, {
    topic: 'a/b',
    payload: Buffer.alloc(0),
    qos: 2,
    retain: true,
    delaySeconds: 5,
    messageExpirySeconds: 4_294_967_295,
    properties: hex("01 01 03 00 01 'c' 08 00 01 'r' 26 00 01 'a' 00 01 'b' 09 00 01 00"),
  });
});

test('what a CONNECT holds does not change with the read buffer', () => {
  const bytes = connect(5, 'c6', "00 01 'a' 02 01 00 00 01 't' 00 01 'x' 00 01 'u' 00 02 'pw'", "08 15 00 01 'm' 16 00 01 'd'");
  const decoded = decodeGood(bytes, 5, 1);
  const before = structuredClone(decoded);
  bytes.fill(0x58);
  assert.deepEqual(structuredClone(decoded), before);
  assert.deepEqual(decoded.password, hex("'pw'"));
});

test('MQTT-3.1.2-1, MQTT-3.1.2-2: another name or level is refused with the level it named', () => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ["00 04 'MQTT' 06", 6],
    ["00 04 'MQTT' 03", 3],
    ["00 04 'MQTT' 00", 0],
    ["00 04 'MQTT' 84", 0x84],
    ["00 06 'MQIsdp' 83", 0x83],
    ["00 06 'MQIsdp' 04", 4],
    ["00 06 'MQIsdp' 05", 5],
    ["00 04 'mqtt' 04", 4],
    ["00 05 'MQTTX' 04", 4],
    ["00 03 'MQT' 05", 5],
    ['00 00 05', 5],
  ];
  for (const [head, level] of cases) {
    assert.equal(assertMalformed(packet(0x10, `${head} 02 00 3c 00 00 00`), 4, 0x84).protocolLevel, level, head);
    assert.equal(assertMalformed(packet(0x10, head), 4, 0x84).protocolLevel, level, head);
  }
});

test('a CONNECT cut off before its level is malformed, not of another version', () => {
  for (const body of ['', '00', '00 04', "00 04 'MQ'", "00 04 'MQTT'", "ff ff 'MQTT' 04"]) bad(packet(0x10, body));
});

test('MQTT-2.1.3-1: flags in the fixed header of a CONNECT are refused', () => {
  for (const first of [0x11, 0x12, 0x14, 0x18]) bad(packet(first, "00 04 'MQTT' 04 02 00 3c 00 01 'a'"));
});

test('MQTT-3.1.2-3: the reserved connect flag is refused in every version', () => {
  for (const version of VERSIONS) bad(connect(version, '03', "00 01 'a'"));
});

test('MQTT-3.1.2-11, MQTT-3.1.2-12, MQTT-3.1.2-13: will bits without a will, and will QoS 3, are refused', () => {
  for (const version of VERSIONS) {
    for (const flags of ['0a', '12', '1a', '22']) bad(connect(version, flags, "00 01 'a'"));
    bad(connect(version, '1e', version === 5 ? "00 01 'a' 00 00 01 't' 00 00" : "00 01 'a' 00 01 't' 00 00"));
  }
});

test('a password without a user name is refused by 3.x and accepted by 5.0', () => {
  for (const version of [3, 4] as const) bad(connect(version, '42', "00 01 'a' 00 01 'p'"));
  const connected = decodeGood(connect(5, '42', "00 01 'a' 00 01 'p'"), 5, 1);
  assert.equal(connected.username, null);
  assert.deepEqual(connected.password, hex("'p'"));
});

test('flags and fields of user name and password agree', () => {
  for (const version of [4, 5] as const) {
    bad(connect(version, '82', "00 01 'a'"));
    bad(connect(version, 'c2', "00 01 'a' 00 01 'u'"));
    bad(connect(version, '02', "00 01 'a' 00 01 'u'"));
    bad(connect(version, '82', "00 01 'a' 00 01 'u' 00 01 'p'"));
  }
});

test('in 3.1 a promised user name or password may be missing at the end, but not be cut off', () => {
  assert.equal(decodeGood(connect(3, '82', "00 01 'a'"), 4, 1).username, null);
  const half = decodeGood(connect(3, 'c2', "00 01 'a' 00 01 'u'"), 4, 1);
  assert.deepEqual([half.username, half.password], ['u', null]);
  bad(connect(3, '82', "00 01 'a' 00"));
  bad(connect(3, '82', "00 01 'a' 00 02 'u'"));
});

test('an empty user name or password is not a missing one', () => {
  for (const version of VERSIONS) {
    const connected = decodeGood(connect(version, 'c2', "00 01 'a' 00 00 00 00"), 4, 1);
    assert.equal(connected.username, '');
    assert.deepEqual(connected.password, Buffer.alloc(0));
  }
});

test('bytes left over, and every truncation, make a CONNECT malformed', () => {
  for (const version of [4, 5] as const) {
    const list = version === 5 ? '02 01 00' : '';
    const whole = connect(version, 'c6', `00 01 'a' ${list} 00 01 't' 00 01 'x' 00 01 'u' 00 01 'p'`, "0a 11 00 00 00 01 15 00 02 'me'");
    const body = whole.subarray(2);
    assert.equal(decode(whole, 4).type, 1);
    bad(packet(0x10, Buffer.concat([body, hex('00')])));
    for (let length = 0; length < body.length; length++) bad(packet(0x10, Buffer.from(body.subarray(0, length))));
  }
});

test('MQTT-1.5.4-1, MQTT-1.5.4-2: client identifier, will topic and user name are strict UTF-8 without U+0000', () => {
  for (const version of VERSIONS) {
    const list = version === 5 ? '00' : '';
    for (const text of ['00 02 c3 28', '00 01 00', '00 03 ed a0 80', "00 03 'a' 00 'b'"]) {
      bad(connect(version, '02', text));
      bad(connect(version, '06', `00 01 'a' ${list} ${text} 00 00`));
      bad(connect(version, '82', `00 01 'a' ${text}`));
    }
  }
});

test('a will topic is a topic name', () => {
  for (const version of VERSIONS) {
    const list = version === 5 ? '00' : '';
    bad(connect(version, '06', `00 01 'a' ${list} 00 03 'a/#' 00 00`), 0x90);
    bad(connect(version, '06', `00 01 'a' ${list} 00 01 '+' 00 00`), 0x90);
    bad(connect(version, '06', `00 01 'a' ${list} 00 00 00 00`), 0x90);
    assertMalformed(connect(version, '06', `00 01 'a' ${list} 00 03 'a/b' 00 00`), 4, 0x97, { ...DEFAULT_DECODE_LIMITS, maxTopicLevels: 1 });
  }
});

test('properties of a CONNECT: wrong values, repeats and properties of other packets are refused', () => {
  const cases: ReadonlyArray<readonly [string, number, string]> = [
    ['02 17 02', 0x82, 'request problem information 2'],
    ['02 19 ff', 0x82, 'request response information 255'],
    ['03 21 00 00', 0x82, 'receive maximum 0'],
    ['05 27 00 00 00 00', 0x82, 'maximum packet size 0'],
    ['0a 11 00 00 00 01 11 00 00 00 01', 0x82, 'session expiry twice'],
    ['04 17 01 17 01', 0x82, 'request problem information twice'],
    ['04 16 00 01 00', 0x82, 'authentication data without a method'],
    ["08 15 00 01 'a' 15 00 01 'b'", 0x82, 'method twice'],
    ['03 23 00 01', 0x81, 'topic alias belongs to PUBLISH'],
    ['05 18 00 00 00 01', 0x81, 'will delay belongs to the will'],
    ["04 1f 00 01 'x'", 0x81, 'reason string is not for CONNECT'],
    ['01 00', 0x81, 'identifier 0'],
    ['02 2b 00', 0x81, 'identifier 0x2b'],
    ['03 91 00 00', 0x81, 'identifier of two bytes'],
    ['04 11 00 00 00', 0x81, 'cut off by the end of the list'],
    ["06 26 00 01 'k' 00 01", 0x81, 'pair reaches beyond the list'],
    ['04 15 00 01 ff', 0x81, 'ill-formed method'],
    ["07 26 00 01 'k' 00 01 00", 0x81, 'U+0000 in a user property'],
    ['7f', 0x81, 'list longer than the packet'],
    ['80 00', 0x81, 'property length not in its shortest form'],
    ['ff ff ff ff 01', 0x81, 'property length of five bytes'],
  ];
  for (const [properties, code, what] of cases) {
    const decoded = assertMalformed(connect(5, '02', "00 01 'a'", properties), 5, code);
    assert.ok(decoded.detail.length > 0, what);
  }
});

test('properties of a will: each once, and only a will`s', () => {
  const will = (list: string): Buffer => connect(5, '06', `00 01 'a' ${list} 00 01 't' 00 00`);
  assert.equal(decode(will('00'), 5).type, 1);
  for (const list of ['0a 18 00 00 00 01 18 00 00 00 01', '04 01 00 01 00', '02 01 02', "04 08 00 01 '+'", '03 08 00 00']) bad(will(list), 0x82);
  for (const list of ['03 23 00 01', '05 11 00 00 00 01', '02 0b 01', '03 21 00 01']) bad(will(list), 0x81);
});

test('user properties beyond the limit are refused as quota, in the CONNECT and in its will', () => {
  const limits = { ...DEFAULT_DECODE_LIMITS, maxUserProperties: 2 };
  const pair = '26 00 00 00 00 ';
  assert.equal(decode(connect(5, '02', "00 01 'a'", `0a ${pair.repeat(2)}`), 5, limits).type, 1);
  assertMalformed(connect(5, '02', "00 01 'a'", `0f ${pair.repeat(3)}`), 5, 0x97, limits);
  assertMalformed(connect(5, '06', `00 01 'a' 0f ${pair.repeat(3)} 00 01 't' 00 00`), 5, 0x97, limits);
});

test('the detail names the property at fault', () => {
  assert.match(assertMalformed(connect(5, '02', "00 01 'a'", '03 21 00 00'), 5, 0x82).detail, /receive maximum/);
  assert.match(assertMalformed(connect(5, '02', "00 01 'a'", '01 00'), 5, 0x81).detail, /unknown/);
});

test('names of Object.prototype are only text', () => {
  const bytes = connect(5, '82', "00 09 '__proto__' 00 0b 'constructor'", "18 26 00 09 '__proto__' 00 0a 'prototype!'");
  const connected = decodeGood(bytes, 5, 1);
  assert.deepEqual([connected.clientId, connected.username], ['__proto__', 'constructor']);
  assert.deepEqual(connected.userProperties, [['__proto__', 'prototype!']]);
});

test('the detail never quotes a secret', () => {
  for (const bytes of [connect(4, 'c2', "00 01 'a' 00 01 'u' 00 09 'hunter2'"), connect(5, '02', "00 01 'a'", "0a 16 00 07 'hunter2'")]) {
    const decoded = decode(bytes, 5);
    assert.ok(decoded.type === 0);
    assert.doesNotMatch(decoded.detail, /hunter2/);
  }
});
