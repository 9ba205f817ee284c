import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readActions,
  readAttributes,
  readHashFormat,
  readOptions,
  readQos,
  splitCommand,
  takeArguments,
  takeNamePassword,
  UsageError,
} from './index.js';

const OPTIONS = { batch: { type: 'boolean', short: 'b' }, url: { type: 'string' } } as const;
const KINDS = ['check', 'user add', 'user delete'] as const;

function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return 'none';
}

test('options and words are told apart; an unknown option is named in one clause, an empty one is refused', () => {
  const { values, positionals } = readOptions(['user', '-b', 'add', '--url', 'x', '--', '-ann'], OPTIONS);
  assert.deepEqual([{ ...values }, positionals], [{ batch: true, url: 'x' }, ['user', 'add', '-ann']]);
  assert.equal(
    complaint(() => readOptions(['--nope'], OPTIONS)),
    "unknown option '--nope'",
  );
  assert.equal(
    complaint(() => readOptions(['--url', ''], OPTIONS)),
    '--url needs a value',
  );
});

test('what may be a password is repeated in no complaint', () => {
  for (const flag of ['-b', '--batch'])
    for (const password of ['--canary', '-canary'])
      assert.doesNotMatch(
        complaint(() => readOptions(['user', 'add', 'bob', flag, password], OPTIONS)),
        /canary|-c|none/,
      );
  assert.equal(
    complaint(() => takeNamePassword('user add', ['bob', 'canary'], false)),
    '"user add" asks for the password; -b takes it from the command line',
  );
  assert.deepEqual(takeNamePassword('user add', ['bob', 'canary'], true), ['bob', 'canary']);
  assert.deepEqual(takeNamePassword('user add', ['bob'], undefined), ['bob', null]);
});

test('a command is one word or two, and has exactly its arguments', () => {
  assert.deepEqual(splitCommand(['check'], KINDS), ['check', []]);
  assert.deepEqual(splitCommand(['user', 'add', 'ann'], KINDS), ['user add', ['ann']]);
  for (const [words, text] of [
    [[], 'a command is needed'],
    [['user'], '"user" is followed by add, delete'],
    [['toString'], 'there is no command "toString"'],
  ] as const)
    assert.equal(
      complaint(() => splitCommand(words, KINDS)),
      text,
    );
  assert.equal(
    complaint(() => takeArguments('user add', [], 'a name', 'a word')),
    '"user add" needs a name and a word',
  );
  assert.equal(
    complaint(() => takeArguments('check', ['x'])),
    '"check" takes no argument after it',
  );
});

test('formats, attributes, actions and QoS are read exactly', () => {
  assert.deepEqual([readHashFormat(undefined), readHashFormat('sha512-pbkdf2')], ['argon2id', 'pbkdf2-sha512']);
  assert.match(
    complaint(() => readHashFormat('md5')),
    /^-H is one of sha512, sha512-pbkdf2, argon2id, bcrypt, scrypt$/,
  );
  assert.deepEqual(
    { ...readAttributes(['a=b=c', '__proto__=x']) },
    Object.fromEntries([
      ['a', 'b=c'],
      ['__proto__', 'x'],
    ]),
  );
  assert.match(
    complaint(() => readAttributes(['a=1', 'a=2'])),
    /gives "a" twice/,
  );
  assert.match(
    complaint(() => readAttributes(['=1'])),
    /name=value/,
  );
  assert.deepEqual(readActions('read,write,subscribe'), ['subscribe', 'receive', 'publish']);
  assert.deepEqual([readQos(undefined), readQos('2')], [null, 2]);
  assert.match(
    complaint(() => readQos('3')),
    /0, 1 or 2/,
  );
});
