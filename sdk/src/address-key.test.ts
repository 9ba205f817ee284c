import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey } from './address-key.js';

test('An IPv4 address counts whole.', () => {
  assert.equal(addressKey('192.0.2.1'), '192.0.2.1');
  assert.notEqual(addressKey('192.0.2.1'), addressKey('192.0.2.2'));
});

test('IPv6 addresses of one network of 64 bits count as one, however they are written.', () => {
  const same = ['2001:db8::1', '2001:db8::', '2001:db8:0:0:1:2:3:4', '2001:db8::ffff:0:0:1', '2001:0DB8:0000:0000::7', '2001:db8::192.0.2.1'];
  assert.deepEqual(new Set(same.map(addressKey)), new Set(['2001:db8:0:0::/64']));
  for (const other of ['2001:db8:0:1::1', '2001:db8:1::1', '2001:db9::1', '::1', 'fe80::1', '2001:db8:0:0:0::1'.replace('db8', 'db7')])
    assert.notEqual(addressKey(other), '2001:db8:0:0::/64', other);
  assert.equal(addressKey('::1'), addressKey('::2'));
  assert.equal(addressKey('::'), '0:0:0:0::/64');
  assert.equal(addressKey('1:2:3::'), '1:2:3:0::/64');
  assert.equal(addressKey('1::2:3:4:5:6:7'), '1:0:2:3::/64');
  assert.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(addressKey('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64');
});

test('A Unix socket has no address.', () => {
  assert.equal(addressKey(''), '');
});
