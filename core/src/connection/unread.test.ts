import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unread } from './unread.js';

const text = (unread: Unread): string => (unread.length === 0 ? '' : unread.bytes().toString('latin1'));

test('Bytes that are handled piece by piece stay in order, whatever comes meanwhile.', () => {
  const unread = new Unread();
  let expected = '';
  let next = 0;
  const letters = (count: number): string => {
    let made = '';
    for (let i = 0; i < count; i += 1) {
      made += String.fromCharCode(0x61 + (next % 26));
      next += 1;
    }
    return made;
  };
  for (let round = 0; round < 400; round += 1) {
    const more = letters((round * 37) % 300);
    unread.add(Buffer.from(more));
    expected += more;
    const gone = Math.min(expected.length, (round * 53) % 290);
    unread.drop(gone);
    expected = expected.slice(gone);
    assert.equal(text(unread), expected);
  }
});

test('What is being handled does not move when more comes.', () => {
  const unread = new Unread();
  unread.add(Buffer.alloc(250, 'a'));
  unread.drop(200);
  const handled = unread.bytes();
  unread.add(Buffer.alloc(5000, 'b'));
  assert.equal(handled.toString(), 'a'.repeat(50));
  assert.equal(text(unread), 'a'.repeat(50) + 'b'.repeat(5000));
});

test('What is put back comes before what came meanwhile.', () => {
  const unread = new Unread();
  unread.add(Buffer.from('xx later'));
  unread.drop(3);
  unread.putBack(Buffer.from('first '));
  assert.equal(text(unread), 'first later');
  unread.clear();
  assert.equal(unread.length, 0);
});
