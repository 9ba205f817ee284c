import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isTopicFilter, isTopicName, parseSharedFilter } from './syntax.js';

const both = (text: string): [boolean, boolean] => [isTopicName(text), isTopicFilter(text)];

test('[MQTT-4.7.3-1] nothing is neither a topic name nor a topic filter, and empty levels are both', () => {
  assert.deepEqual(both(''), [false, false]);
  for (const text of ['/', '//', 'a/', '/a', 'a//b', ' ', '$', '$SYS/x', '$share', '%u']) assert.deepEqual(both(text), [true, true], text);
});

test('[MQTT-4.7.0-1] wildcards belong in filters, not in topic names', () => {
  for (const text of ['+', '#', '+/+', 'a/+', '+/a', 'a/#', '/#', '+/#', 'a/+/b/#']) assert.deepEqual(both(text), [false, true], text);
});

test('[MQTT-4.7.1-1] [MQTT-4.7.1-2] a wildcard that is not alone in its level, or a # that is not last, is no filter', () => {
  for (const text of ['a+', '+a', 'a/b+', 'a/+b/c', '++', 'a#', '#a', '#/', '#/a', 'a/#/', 'a/#/b', '##', '+#', '#+']) {
    assert.deepEqual(both(text), [false, false], text);
  }
});

test('[MQTT-4.7.3-2] U+0000 is refused anywhere', () => {
  for (const text of ['\0', 'a\0', '\0a', 'a/\0/b', '+/\0']) assert.deepEqual(both(text), [false, false]);
});

test('[MQTT-4.7.3-3] the bound of 65,535 counts bytes of UTF-8', () => {
  assert.deepEqual(both('a'.repeat(65_535)), [true, true]);
  assert.deepEqual(both('a'.repeat(65_536)), [false, false]);
  assert.deepEqual(both('/'.repeat(65_535)), [true, true]);
  assert.deepEqual(both('é'.repeat(32_767)), [true, true]);
  assert.deepEqual(both('é'.repeat(32_768)), [false, false]);
  assert.deepEqual(both('€'.repeat(21_845)), [true, true]);
  assert.deepEqual(both(`${'€'.repeat(21_845)}a`), [false, false]);
  assert.deepEqual(both(`${'😀'.repeat(16_383)}abc`), [true, true]);
  assert.deepEqual(both('😀'.repeat(16_384)), [false, false]);
});

test('half of a surrogate pair is refused: the wire cannot carry it', () => {
  for (const text of ['\ud800', '\udc00', 'a\ud83d', '\ude00\ud83d', '\ud83d\ud83d\ude00', 'a/\udfff/b'])
    assert.deepEqual(both(text), [false, false]);
  assert.deepEqual(both('\ud83d\ude00'), [true, true]);
});

test('what is not text is refused without an error', () => {
  for (const thing of [undefined, null, 0, true, {}, [], ['a'], Symbol('a'), new String('a')]) {
    assert.equal(isTopicName(thing), false);
    assert.equal(isTopicFilter(thing), false);
  }
});

test('[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared filter comes apart into group and filter, and is no topic filter itself', () => {
  assert.deepEqual(parseSharedFilter('$share/g/a/+/#'), { shareName: 'g', filter: 'a/+/#' });
  assert.deepEqual(parseSharedFilter('$share/g//'), { shareName: 'g', filter: '/' });
  assert.deepEqual(parseSharedFilter('$share/$/$SYS/#'), { shareName: '$', filter: '$SYS/#' });
  for (const text of ['a', '$share', '$shared/g/a', '$SHARE/g/a', '/$share/g/a', '']) assert.equal(parseSharedFilter(text), null, text);
  for (const text of [
    '$share/',
    '$share//',
    '$share//a',
    '$share/g',
    '$share/g/',
    '$share/+/a',
    '$share/#',
    '$share/g+/a',
    '$share/g/a#',
    '$share/g/#/a',
  ]) {
    assert.equal(parseSharedFilter(text), 'invalid', text);
  }
  assert.equal(parseSharedFilter('$share/g/$share/h/a'), 'invalid');
  assert.equal(parseSharedFilter('$share/\0/a'), 'invalid');
  assert.equal(parseSharedFilter(`$share/g/${'a'.repeat(65_535)}`), 'invalid');
  assert.equal(isTopicFilter('$share/g/a'), false);
});

test('no text makes a check throw, and a valid name is a valid filter unless it names a group', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const shared = parseSharedFilter(text);
      if (isTopicName(text)) assert.equal(isTopicFilter(text), !text.startsWith('$share/'));
      assert.equal(shared === null, !text.startsWith('$share/'));
      const parsed = parseSharedFilter(`$share/g/${text}`);
      assert.equal(parsed !== 'invalid', isTopicFilter(text));
    }),
    { numRuns: 5000 },
  );
});
