import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import { hex } from './hex.test.support.js';
import { isValidTopicName, topicFilterFault, topicNameFault } from './topic-syntax.js';
import { decodeUtf8, isValidUtf8 } from './utf8.js';

const valid = (bytes: Buffer): boolean => isValidUtf8(bytes, 0, bytes.length);

test('MQTT-1.5.4-1: ill-formed UTF-8 is refused', () => {
  const bad = {
    'lone continuation': '80',
    'lead alone': 'c3',
    'overlong slash': 'c0 af',
    'overlong, two bytes': 'c1 bf',
    'overlong, three bytes': 'e0 9f bf',
    'overlong, four bytes': 'f0 8f bf bf',
    'high surrogate': 'ed a0 80',
    'low surrogate': 'ed bf bf',
    'a pair of surrogates': 'ed a0 bd ed b8 80',
    'above U+10FFFF': 'f4 90 80 80',
    'lead f5': 'f5 80 80 80',
    'lead ff': 'ff',
    'cut three': 'e2 82',
    'cut four': 'f0 9f 98',
    'ASCII inside a sequence': 'e2 41 ac',
    'ASCII as the third': 'e2 82 41',
    'ASCII as the fourth': 'f0 9f 98 41',
  };
  for (const [what, text] of Object.entries(bad)) assert.equal(valid(hex(text)), false, what);
});

test('MQTT-1.5.4-2: U+0000 is refused wherever it stands, other control characters are not', () => {
  assert.equal(valid(hex("'a' 00")), false);
  assert.equal(valid(hex('00')), false);
  assert.equal(valid(hex('01 1f 7f c2 80 c2 9f')), true);
});

test('the first and last character of each length is accepted', () => {
  for (const text of ['', '01', '7f', 'c2 80', 'df bf', 'e0 a0 80', 'ed 9f bf', 'ee 80 80', 'ef bf bf', 'f0 90 80 80', 'f4 8f bf bf']) {
    assert.equal(valid(hex(text)), true, text);
  }
});

test('MQTT-1.5.4-3: a byte order mark is kept', () => {
  assert.equal(decodeUtf8(hex("ef bb bf 'a'"), 0, 4), '\ufeffa');
});

test('every sequence of two bytes is judged as Node judges it', () => {
  for (let first = 1; first < 256; first++) {
    for (let second = 1; second < 256; second++) {
      const bytes = Buffer.from([first, second]);
      assert.equal(valid(bytes), isUtf8(bytes), bytes.toString('hex'));
    }
  }
});

test('every lead with every second byte and good or bad tails is judged as Node judges it', () => {
  for (let lead = 0xe0; lead < 256; lead++) {
    for (let second = 1; second < 256; second++) {
      for (const tail of ['80', 'bf', '80 80', 'bf bf', '80 41', 'c0 80', "80 'a'", '80 80 80']) {
        const bytes = Buffer.concat([Buffer.from([lead, second]), hex(tail)]);
        assert.equal(valid(bytes), isUtf8(bytes), bytes.toString('hex'));
      }
    }
  }
});

test('only the given range is judged and decoded', () => {
  const bytes = hex("ff 'ab' ff");
  assert.equal(isValidUtf8(bytes, 1, 3), true);
  assert.equal(decodeUtf8(bytes, 1, 3), 'ab');
  assert.equal(decodeUtf8(bytes, 0, 3), null);
});

function nameFault(text: string | Buffer, maxLevels = 128): number {
  const bytes = Buffer.from(text as string);
  return topicNameFault(bytes, 0, bytes.length, maxLevels);
}

function filterFault(text: string, maxLevels = 128): number {
  const bytes = Buffer.from(text);
  return topicFilterFault(bytes, 0, bytes.length, maxLevels);
}

test('MQTT-4.7.3-1: a topic name has one to 65,535 bytes', () => {
  assert.equal(nameFault(''), 0x90);
  assert.equal(nameFault('a'), 0);
  assert.equal(nameFault('a'.repeat(65_535)), 0);
  assert.equal(nameFault('a'.repeat(65_536)), 0x90);
});

test('MQTT-3.3.2-2: a topic name has no wildcard anywhere', () => {
  for (const name of ['+', '#', 'a/+', 'a+b', '#/a', 'a/b#', '\u00e9/#']) assert.equal(nameFault(name), 0x90, name);
});

test('a topic name may be empty levels, $ topics, spaces and any other character', () => {
  for (const name of ['/', '//', '/a', 'a/', '$SYS/x', ' ', '\u00e9\u{1f600}/\ufeff', '__proto__', 'a\u0001b'])
    assert.equal(nameFault(name), 0, name);
});

test('MQTT-3.3.2-1, MQTT-4.7.3-2: a topic name with ill-formed UTF-8 or U+0000 is malformed', () => {
  assert.equal(nameFault(hex("'a/' ed a0 80")), 0x81);
  assert.equal(nameFault(hex("'a' 00 'b'")), 0x81);
  assert.equal(nameFault(hex('80')), 0x81);
  assert.equal(isValidTopicName(hex("'a' ff"), 0, 2, 128), false);
  assert.equal(isValidTopicName(hex("'a' ff"), 0, 1, 128), true);
});

test('a topic name or filter of too many levels is refused as quota', () => {
  assert.equal(nameFault('a/b/c', 3), 0);
  assert.equal(nameFault('a/b/c/', 3), 0x97);
  assert.equal(filterFault('a/b/#', 3), 0);
  assert.equal(filterFault('a/b/c/#', 3), 0x97);
  assert.equal(filterFault('$share/g/a/b/c', 3), 0);
  assert.equal(filterFault('$share/g/a/b/c/d', 3), 0x97);
});

test('MQTT-4.7.1-1, MQTT-4.7.1-2: wildcards fill a level, and # is the last', () => {
  for (const filter of ['#', '+', '+/+', '/+', '+/', '/#', 'a/+/b', 'a/#', '+/#', '/', '$SYS/#', 'a//b'])
    assert.equal(filterFault(filter), 0, filter);
  for (const filter of ['', 'sport#', 'sp+rt', '#/x', 'a/#/b', '+a', 'a+', '##', '++', 'a/+b', 'a/b+/c', 'a/#b', '/##', '#/']) {
    assert.equal(filterFault(filter), 0x8f, filter);
  }
});

test('MQTT-4.8.2-1, MQTT-4.8.2-2: a shared filter has a name without wildcards, and a filter behind it', () => {
  for (const filter of ['$share/g/a', '$share/g/#', '$share/g/+/a', '$share/g//', '$share/g/$share/h/x', '$share', '$shared/a', '$SHARE/+']) {
    assert.equal(filterFault(filter), 0, filter);
  }
  for (const filter of [
    '$share/',
    '$share/g',
    '$share/g/',
    '$share//a',
    '$share/+/a',
    '$share/#',
    '$share/a#/b',
    '$share/g+/a',
    '$share/g/a#',
    '$share/g/#/a',
  ]) {
    assert.equal(filterFault(filter), 0x8f, filter);
  }
});
