import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeServer, isLocal, parseServer } from './hosts.js';

test('a host is a name, an address or a folder, with or without a port of its own', () => {
  const read: [text: string, host: string, port: number][] = [
    ['db', 'db', 5432],
    ['db.example:6432', 'db.example', 6432],
    ['10.0.0.1', '10.0.0.1', 5432],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['::1', '::1', 5432],
    ['fd00::1:5433', 'fd00::1:5433', 5432],
    ['[::1]', '::1', 5432],
    ['[fd00::1]:65535', 'fd00::1', 65_535],
    ['/run/postgresql', '/run/postgresql', 5432],
  ];
  for (const [text, host, port] of read) assert.deepEqual(parseServer(text, 5432), { host, port }, text);
  for (const text of ['', ' ', 'a b', 'db:', 'db:0', 'db:65536', 'db:x', '[db]:1', '[::1', '::1]:1', 'postgres://db', 'db/x', 'a:b:c'])
    assert.equal(parseServer(text, 5432), null, text);
});

test('only what cannot leave the machine is local', () => {
  const local = (host: string): boolean => isLocal({ host, port: 5432 });
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '/run/postgresql']) assert.equal(local(host), true, host);
  for (const host of ['127.example', '127.0.0.1.example', '128.0.0.1', '0.0.0.0', '::', 'localhost.example', 'db', '::ffff:127.0.0.1'])
    assert.equal(local(host), false, host);
});

test('a server is described as it would be written', () => {
  assert.equal(describeServer({ host: 'db', port: 1 }), 'db:1');
  assert.equal(describeServer({ host: '::1', port: 1 }), '[::1]:1');
});
