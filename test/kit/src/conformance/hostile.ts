import type { TestCredentials } from './options.js';

/** Passwords that the suite brings; none may ever be logged. */
export const CANARY = 'kit-canary-5f1c-password';

const MAX_FIELD_BYTES = 65_535;

/** As long as a broker with its usual limits takes. */
export const LONG_NAME = 'x'.repeat(4096);

/** Names that mean something to a topic, a rule, an object, a database, a file, a terminal or a shell. None may mean anything here. */
export const HOSTILE_NAMES: readonly string[] = [
  '+',
  '#',
  '/',
  'a/b',
  '+/+',
  '$SYS',
  '$share/g/x',
  '%c',
  '%u',
  '%%',
  '%{username}',
  '%{attr.x}',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'null',
  'undefined',
  'true',
  '0',
  '-1',
  ' ',
  '*',
  '?',
  '.',
  '../../etc/passwd',
  'a:b',
  'a,b=c',
  "' OR '1'='1",
  '"; DROP TABLE users; --',
  '*)(uid=*',
  '$(id)',
  '{"$gt":""}',
  'é',
  'e\u0301',
  '\uFEFFbom',
  '\u202Eright-to-left',
  '😀',
  LONG_NAME,
  // The broker takes no CONNECT as long as this, unless its limits are raised; the plugin must not be the one to find out.
  'x'.repeat(MAX_FIELD_BYTES),
];

/** Passwords of no form that anybody would expect. */
export const HOSTILE_PASSWORDS: readonly (string | Uint8Array)[] = [
  new Uint8Array([0]),
  new Uint8Array([0xff, 0xfe, 0x80, 0xc0]),
  new Uint8Array(MAX_FIELD_BYTES).fill(0x41),
  ' ',
  '*',
  '%u',
  '$6$salt$hash',
  "' OR '1'='1",
  'null',
];

/** What somebody might bring who knows a user's name but not the password; or something close to it. */
export function wrongPasswords(valid: TestCredentials): TestCredentials[] {
  const { password, ...rest } = valid;
  if (password === undefined) return [];
  const right = Buffer.from(password);
  const variants: Uint8Array[] = [
    Buffer.alloc(0),
    Buffer.concat([right, Buffer.from(' ')]),
    Buffer.concat([right, Buffer.from([0])]),
    Buffer.concat([right, right]),
    right.subarray(0, -1),
    swapCase(right),
    Buffer.from(CANARY),
  ];
  return [rest, ...variants.filter((variant) => !right.equals(variant)).map((variant) => ({ ...rest, password: variant }))];
}

function swapCase(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => (/[A-Za-z]/.test(String.fromCharCode(byte)) ? byte ^ 0x20 : byte)));
}

/** Whether two clients bring the same. */
export function sameCredentials(one: TestCredentials, other: TestCredentials): boolean {
  const bytes = ({ password }: TestCredentials): string | null => (password === undefined ? null : Buffer.from(password).toString('hex'));
  return one.username === other.username && bytes(one) === bytes(other);
}

/** Credentials for an error message: who, never the secret. */
export function describeCredentials({ username, password }: TestCredentials): string {
  const name = username === undefined ? 'nobody' : JSON.stringify(username.length > 40 ? `${username.slice(0, 40)}…` : username);
  const secret = password === undefined ? 'no password' : `a password of ${Buffer.from(password).length} bytes`;
  return `${name} with ${secret}`;
}
