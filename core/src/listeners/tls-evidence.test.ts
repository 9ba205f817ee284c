import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternativeNames } from './tls-evidence.js';

test('Alternative names are a list, however a name tries to look like two.', () => {
  assert.deepEqual(alternativeNames('DNS:a.example, DNS:b.example'), ['DNS:a.example', 'DNS:b.example']);
  // As Node writes them: what holds a comma, a quote or a control character is JSON, with the comma escaped.
  assert.deepEqual(alternativeNames('URI:"http://a/\\u002c DNS:evil", email:"a\\"b"'), ['URI:http://a/, DNS:evil', 'email:a"b']);
  assert.deepEqual(alternativeNames('IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1'), ['IP:192.0.2.1', 'IP:2001:DB8:0:0:0:0:0:1']);
});

test('Names of other kinds, and such that could deceive, are left out.', () => {
  assert.deepEqual(alternativeNames(undefined), []);
  assert.deepEqual(alternativeNames(''), []);
  assert.deepEqual(alternativeNames('DirName:CN=a, othername:<unsupported>, Registered ID:1.2.3, DNS:a'), ['DNS:a']);
  assert.deepEqual(alternativeNames('DNS:"a\\u0000b", DNS:"unfinished, DNS:, URI:"\\ufffe", DNS:b'), ['DNS:b']);
});
