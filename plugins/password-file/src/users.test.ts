import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { isPasswordHash } from '@portcullis/sdk/passwords';
import { nameProblem } from './entries.js';
import { Users } from './users.js';

const HASH = '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==';
const BCRYPT = '$2b$05$abcdefghijklmnopqrstuuRWUgMyyCUnsDr8evYotXg5ZXVF/HhzS';

test('one line that is not a user refuses the whole file, by its number, without showing what may be a password', () => {
  const broken: readonly (readonly [string, RegExp])[] = [
    ['hunter2', /holds no ":"/],
    [':hunter2', /username is empty/],
    [`:${HASH}`, /username is empty/],
    ['bob:', /no password hash/],
    ['bob:hunter2', /not hashed; run: portcullis-passwd -U/],
    ['bob:$1$hunter2$x', /unknown format/],
    [`bob:${HASH} `, /damaged or its cost/],
    [`bob:${HASH}:0`, /damaged or its cost/],
    [`bob:${HASH.replace('101', '99999999')}`, /damaged or its cost/],
    [` bob:${HASH}`, /begins or ends with a blank/],
    [`bob\t:${HASH}`, /control character/],
    [`bo\rb:${HASH}`, /control character/],
    [`al:${HASH}`, /same user as line 1/],
    [`${'x'.repeat(65_536)}:${HASH}`, /longer than 65535 bytes/],
  ];
  for (const [line, message] of broken) {
    const text = `al:${HASH}\n# comment\n\n${line}\ncy:${HASH}\n`;
    assert.throws(
      () => Users.parse('/etc/passwords', text),
      (error: unknown) => {
        assert.ok(error instanceof InvalidPluginConfig);
        assert.match(error.message, /^\/etc\/passwords:4: /);
        assert.match(error.message, message);
        assert.ok(!error.message.includes('hunter2'));
        return true;
      },
    );
  }
});

test('names are compared as they are written, and those that cannot be written are refused', () => {
  const users = Users.parse('f', `é:${HASH}\nBob:${HASH}\n__proto__:${BCRYPT}\n`);
  assert.equal(users.size, 3);
  assert.equal(users.hashOf('__proto__'), BCRYPT);
  for (const name of ['e\u0301', 'bob', 'toString', '']) assert.equal(users.hashOf(name), undefined);
  for (const name of ['a b', 'ü', '-c', '$7$', 'a#b', '名']) assert.equal(nameProblem(name), null);
  for (const name of ['', 'a:b', 'a\nb', 'a\0', '\u007f', '#a', ' a', 'a ', 'a\u00a0']) assert.notEqual(nameProblem(name), null);
});

test('a hundred thousand damaged files never let a user in whose line is broken', () => {
  const seeds = [`al:${HASH}\n`, '# a comment: with a colon\n', '\r\n', `bob smith:${BCRYPT}\r\n`, `cy:${HASH}\n`];
  const original = Buffer.from(seeds.join(''), 'utf8');
  const inserts = ['\n', ':', '#', '\r', '\0', ' ', '$', '0', '', '\n\n', 'x:', '\ufeff', '=', '\u00e9'].map((text) => Buffer.from(text));
  const random = randomNumbers(20_240_501);
  const pick = (below: number) => Math.floor(random() * below);
  let accepted = 0;
  let refused = 0;
  for (let round = 0; round < 100_000; round++) {
    let bytes = original;
    for (let edits = 1 + pick(3); edits > 0; edits--) {
      const at = pick(bytes.length + 1);
      const insert = pick(4) === 0 ? Buffer.from([pick(256)]) : (inserts[pick(inserts.length)] as Buffer);
      bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + (pick(20) === 0 ? pick(200) : pick(3)))]);
    }
    const text = bytes.toString('utf8');
    const users = parse(text);
    if (users === null) {
      refused++;
      continue;
    }
    accepted++;
    const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
    const meant = lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
    assert.equal(users.size, meant.length);
    for (const line of meant) {
      const colon = line.indexOf(':');
      const stored = line.slice(colon + 1);
      assert.ok(colon > 0 && isPasswordHash(stored));
      assert.equal(users.hashOf(line.slice(0, colon)), stored);
    }
  }
  assert.ok(accepted > 1000 && refused > 1000, `${accepted} accepted, ${refused} refused`);
});

function parse(text: string): Users | null {
  try {
    return Users.parse('f', text);
  } catch (error) {
    assert.ok(error instanceof InvalidPluginConfig, String(error));
    return null;
  }
}

/** mulberry32: the same files at every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
