import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from './certificate.test.support.js';
import { Tag } from './der.js';
import { asciiText, isPlain, textOf } from './text.js';

test('Text is what its type says it is, and else nothing.', () => {
  const text = (tag: number, bytes: string): string | null => textOf({ tag, content: hex(bytes) });
  assert.equal(text(Tag.UTF8_STRING, 'c3a4'), 'ä');
  assert.equal(text(Tag.UTF8_STRING, 'efbbbf61'), '\ufeffa');
  for (const bytes of ['ff', 'c080', 'eda080', 'c3']) assert.equal(text(Tag.UTF8_STRING, bytes), null, bytes);
  for (const tag of [Tag.PRINTABLE_STRING, Tag.IA5_STRING, Tag.NUMERIC_STRING, Tag.VISIBLE_STRING, Tag.TELETEX_STRING]) {
    assert.equal(text(tag, '3120'), '1 ');
    for (const bytes of ['c3a4', '00', '7f', '0a']) assert.equal(text(tag, bytes), null, bytes);
  }
  assert.equal(text(Tag.BMP_STRING, '00e40061'), 'äa');
  for (const bytes of ['00', 'd83d', 'd83ddd12']) assert.equal(text(Tag.BMP_STRING, bytes), null, bytes);
  assert.equal(text(Tag.UNIVERSAL_STRING, '0001f512'), '\u{1f512}');
  for (const bytes of ['0061', '00110000', '0000d83d']) assert.equal(text(Tag.UNIVERSAL_STRING, bytes), null, bytes);
  for (const tag of [Tag.OCTET_STRING, Tag.INTEGER, Tag.SEQUENCE]) assert.equal(text(tag, '61'), null);
});

test('Text that could deceive is not plain.', () => {
  assert.equal(asciiText(hex('61')), 'a');
  for (const text of [null, '', 'a\0', 'a\n', 'a\u009f', '\ud800', '\ufffd', '\ufffe', 'x'.repeat(1025)]) assert.equal(isPlain(text), false);
  for (const text of ['a', 'x'.repeat(1024), '\u{1f512}', '+/#', ' ']) assert.equal(isPlain(text), true);
});
