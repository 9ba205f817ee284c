import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { PipedSecrets, readHidden } from './secret-input.js';

test('piped lines are taken as bytes, whatever the pieces they come in', async () => {
  async function* pieces() {
    for (const piece of ['o', 'ne\r', '\n', '\n', 'la', 'st']) yield Buffer.from(piece);
  }
  const input = new PipedSecrets(pieces());
  for (const line of ['one', '', 'last']) assert.equal((await input.next())?.toString(), line);
  assert.equal(await input.next(), null);
});

test('what is typed on a terminal is read without its echo, with corrections', async () => {
  for (const [typed, expected] of [
    ['one\r', 'one'],
    ['on\u007fne\n', 'one'],
    ['aé\u007f\bb\r', 'b'],
    ['\u007fx\r', 'x'],
    ['x\u0004', 'x'],
    ['\u0004', null],
    ['abc\u0003', null],
    ['\r', ''],
  ] as const) {
    const modes: boolean[] = [];
    const keyboard = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => modes.push(on) });
    const line = readHidden(keyboard);
    for (const byte of Buffer.from(typed)) keyboard.write(Buffer.from([byte]));
    assert.equal((await line)?.toString() ?? null, expected);
    assert.deepEqual(modes, [true, false]);
  }
});

test('two lines pasted at once answer both questions', async () => {
  const keyboard = Object.assign(new PassThrough(), { setRawMode: () => undefined });
  const first = readHidden(keyboard);
  keyboard.write('one\rtwo\r');
  assert.equal((await first)?.toString(), 'one');
  assert.equal((await readHidden(keyboard))?.toString(), 'two');
});
