import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bans, type Subject } from './bans.js';
import { parseBans } from './parse-bans.js';

const NOBODY: Subject = { address: '', username: null, clientId: null, tenant: null };

/** The number of the line that bans somebody, or null. */
function finder(text: string): (who: Partial<Subject>, now?: number) => number | null {
  const bans = new Bans(parseBans('bans', text));
  return (who, now = 0) => bans.find({ ...NOBODY, ...who }, now)?.line ?? null;
}

test('An address is banned by itself or with its network, and its neighbours are not.', () => {
  const find = finder('address 192.0.2.7\naddress 198.51.100.128/25\naddress 2001:db8:5::/48\naddress 2001:db8::1\naddress 203.0.113.64/26');
  const lines = { '192.0.2.7': 1, '192.0.2.6': null, '198.51.100.128': 2, '198.51.100.255': 2, '198.51.100.127': null, '198.51.101.128': null };
  for (const [address, line] of Object.entries(lines)) assert.equal(find({ address }), line, address);
  const six = {
    '2001:db8:5::': 3,
    '2001:db8:5:ffff:ffff:ffff:ffff:ffff': 3,
    '2001:db8:6::': null,
    '2001:db8::1': 4,
    '2001:db8::2': null,
    '::': null,
  };
  for (const [address, line] of Object.entries(six)) assert.equal(find({ address }), line, address);
  for (const address of ['', 'no address', '1.2.3', 'localhost']) assert.equal(find({ address }), null, address);
});

test('However an address is written, it is the same: IPv4 within IPv6, zeros, a zone.', () => {
  const find = finder('address 192.0.2.0/24\naddress ::ffff:203.0.113.0/120\naddress fe80::1\naddress 2001:db8::192.0.2.1');
  const lines = {
    '::ffff:192.0.2.9': 1,
    '::ffff:c000:209': 1,
    '0:0:0:0:0:ffff:c000:0209': 1,
    '203.0.113.5': 2,
    '203.0.114.5': null,
    'fe80::1%eth0': 3,
    'FE80:0000::0001': 3,
    '2001:db8::c000:201': 4,
  };
  for (const [address, line] of Object.entries(lines)) assert.equal(find({ address }), line, address);
});

test('A whole family can be banned, and it is not the other one.', () => {
  const find = finder('address 0.0.0.0/0');
  assert.deepEqual([find({ address: '255.255.255.255' }), find({ address: '::1' }), find({ address: '' })], [1, null, null]);
});

test('Every address of a network is banned, and none outside of it: all lengths, by their first and last addresses and the ones beside them.', () => {
  const text = (bits: number): string => [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
  for (let length = 1; length <= 32; length += 1) {
    const size = 2 ** (32 - length);
    const first = Math.floor(0xac1f_5a37 / size) * size;
    const find = finder(`address ${text(first)}/${length}`);
    assert.deepEqual([find({ address: text(first) }), find({ address: text(first + size - 1) })], [1, 1], `/${length}`);
    assert.deepEqual([find({ address: text(first - 1) }), find({ address: text(first + size) })], [null, null], `/${length}`);
  }
});

test('Users and clients are banned by their own names, letter for letter, and one is not the other.', () => {
  const find = finder('user mallory\nclient "front door"\nuser constructor');
  assert.deepEqual([find({ username: 'mallory' }), find({ clientId: 'mallory' }), find({ username: 'Mallory' })], [1, null, null]);
  assert.deepEqual([find({ clientId: 'front door' }), find({ username: 'front door' }), find({ username: '' })], [2, null, null]);
  assert.deepEqual([find({ username: 'constructor' }), find({ clientId: '__proto__' }), find({})], [3, null, null]);
});

test('A star stands for anything, nothing too, and the ends of a name do not overlap.', () => {
  const find = finder('client probe-*\nclient *-test\nuser a*a\nuser "*"');
  for (const clientId of ['probe-', 'probe-1', 'probe-*']) assert.equal(find({ clientId }), 1, clientId);
  for (const clientId of ['-test', 'x-test']) assert.equal(find({ clientId }), 2, clientId);
  for (const clientId of ['probe', 'a-probe-1', 'x-tests']) assert.equal(find({ clientId }), null, clientId);
  assert.deepEqual([find({ username: 'aa' }), find({ username: 'aba' }), find({ username: 'a' }), find({ username: '' })], [3, 3, 4, 4]);
  // An anonymous client has no name, not any name.
  assert.equal(find({ username: null }), null);
});

test('A ban ends when its time is over, and another one of the same goes on.', () => {
  const find = finder('user ann until 2027-01-31\nuser bob until 2027-01-31T18:00Z\nuser bob\naddress 192.0.2.1 until 2027-01-31T18:00:30Z');
  const at = (text: string): number => Date.parse(text);
  assert.deepEqual([find({ username: 'ann' }, at('2027-01-31') - 1), find({ username: 'ann' }, at('2027-01-31'))], [1, null]);
  assert.deepEqual([find({ username: 'bob' }, at('2027-01-31T17:59Z')), find({ username: 'bob' }, at('2030-01-01'))], [2, 3]);
  const late = at('2027-01-31T18:00:30Z');
  assert.deepEqual([find({ address: '192.0.2.1' }, late - 1), find({ address: '192.0.2.1' }, late)], [4, null]);
});

test('A ban of one tenant is none of the others, and one without a tenant is for all.', () => {
  const find = finder('user ann tenant acme\naddress 192.0.2.1\nclient c tenant acme until 2027-01-31');
  assert.deepEqual(
    [find({ username: 'ann', tenant: 'acme' }), find({ username: 'ann', tenant: 'other' }), find({ username: 'ann' })],
    [1, null, null],
  );
  for (const tenant of [null, 'acme', 'other']) assert.equal(find({ address: '192.0.2.1', tenant }), 2);
  assert.equal(find({ clientId: 'c', tenant: 'acme' }), 3);
});
