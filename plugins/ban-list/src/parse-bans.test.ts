import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidPluginConfig } from '@portcullis/sdk';
import { MAX_PATTERNS, parseBans } from './parse-bans.js';

const refusal = (text: string): string => {
  try {
    parseBans('/bans', text);
  } catch (error) {
    assert.ok(error instanceof InvalidPluginConfig);
    return error.message;
  }
  throw new Error(`was taken: ${JSON.stringify(text)}`);
};

test('Comments, blank lines, blanks and Windows line ends are no bans; a comment may follow one.', () => {
  const text = '# all of them\n\n  \t\r\n  user  ann   # since May\r\n\tclient "a # b" # quoted\naddress 192.0.2.0/24 until 2027-01-31 tenant acme';
  const bans = parseBans('/bans', text);
  assert.deepEqual(
    bans.map(({ line, what, tenant }) => [line, what.kind === 'address' ? what.network.length : what.name, tenant]),
    [
      [4, 'ann', null],
      [5, 'a # b', null],
      [6, 24, 'acme'],
    ],
  );
  assert.deepEqual(parseBans('/bans', '# nobody'), []);
});

test('Names with blanks or quotes are written as in JSON.', () => {
  const names = parseBans('/bans', 'user "a b"\nuser "a \\"b\\""\nuser "\\u00e9"\nuser ""').map(({ what }) =>
    what.kind === 'user' ? what.name : '',
  );
  assert.deepEqual(names, ['a b', 'a "b"', 'é', '']);
});

test('A line that is none refuses the whole file, with its number and what is wrong.', () => {
  for (const [line, why] of [
    ['usr ann', /begins with "usr" instead of address, user or client/],
    ['user', /nothing after "user"/],
    ['user # ann', /nothing after "user"/],
    ['user ann bob', /"bob" is neither tenant nor until/],
    ['user ann until', /nothing after "until"/],
    ['user ann until tomorrow', /"tomorrow" is no time/],
    ['user ann until 2027-02-30', /is no time/],
    ['user ann until 2027-01-31T25:00Z', /is no time/],
    ['user ann until 2027-01-31T12:00', /is no time/],
    ['user ann until 2027-01-31 until 2028-01-31', /twice/],
    ['user ann tenant 1st', /no name of a tenant/],
    ['user "ann', /cannot be read from column 5 on/],
    ['user a"b', /cannot be read from column 5 on/],
    ['user "a"b', /cannot be read from column 5 on/],
    ['user "\\x"', /no string as JSON/],
    ['client a*b*c', /more than one \*/],
    ['address 192.0.2', /no IP address or network/],
    ['address 192.0.2.1/33', /goes from 0 to 32/],
    ['address 192.0.2.0/', /is no length of a prefix/],
    ['address 192.0.2.0/024', /is no length of a prefix/],
    ['address 192.0.2.0/-1', /is no length of a prefix/],
    ['address ::ffff:192.0.2.0/95', /goes from 96 to 128/],
    ['address 2001:db8::/129', /goes from 0 to 128/],
    ['address 192.0.2.0/24/8', /no IP address or network/],
    ['address 10.1.2.3/8', /bits set behind its prefix/],
    ['address fe80::1%eth0', /no IP address or network/],
    ['address example.org', /no IP address or network/],
  ] as const) {
    const message = refusal(`# first\nuser good\n${line}\n`);
    assert.match(message, why, line);
    assert.ok(message.startsWith('/bans:3: '), message);
  }
});

test('Several mistakes are named at once, but not more than four.', () => {
  assert.match(refusal('x\nuser ann\ny\n'), /^\/bans:1: begins with "x" .*; line 3: begins with "y" /);
  assert.equal(refusal('x\n'.repeat(50)).split('; line ').length, 4);
});

test('An empty file is a mistake: what a full disk has left must not lift every ban.', () => {
  for (const text of ['', '\n', ' \r\n\t\n']) assert.match(refusal(text), /is empty; a list that bans nobody has a comment/);
});

test('Patterns are bounded for users and for clients; other names are not.', () => {
  const patterns = (count: number, kind: string): string => Array.from({ length: count }, (_, i) => `${kind} p${i}*\n`).join('');
  const names = Array.from({ length: 5000 }, (_, i) => `user n${i}\n`).join('');
  assert.equal(parseBans('/bans', patterns(MAX_PATTERNS, 'user') + patterns(MAX_PATTERNS, 'client') + names).length, 2 * MAX_PATTERNS + 5000);
  assert.match(refusal(patterns(MAX_PATTERNS + 1, 'client')), /^\/bans:1001: there are more than 1000 patterns for client$/);
});
