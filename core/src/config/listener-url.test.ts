import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrigin, parseListenerUrl } from './listener-url.js';

const FORMS = 'expected mqtt://host:port, mqtts://host:port, ws://host:port/path, wss://host:port/path or unix:path';
const UNIX_FORMS = 'unix:/absolute/path, or unix:relative/path from the folder of this file';

const sound: readonly (readonly [string, object])[] = [
  ['mqtt://127.0.0.1:1883', { scheme: 'mqtt', host: '127.0.0.1', port: 1883, path: '' }],
  ['mqtt://0.0.0.0:0', { scheme: 'mqtt', host: '0.0.0.0', port: 0, path: '' }],
  ['mqtt://[::1]:65535', { scheme: 'mqtt', host: '::1', port: 65535, path: '' }],
  ['mqtt://broker-1.example.org:1883', { scheme: 'mqtt', host: 'broker-1.example.org', port: 1883, path: '' }],
  ['ws://localhost:8083/mqtt', { scheme: 'ws', host: 'localhost', port: 8083, path: '/mqtt' }],
  ['mqtts://0.0.0.0:8883', { scheme: 'mqtts', host: '0.0.0.0', port: 8883, path: '' }],
  ['wss://[::]:443/mqtt', { scheme: 'wss', host: '::', port: 443, path: '/mqtt' }],
  ['unix:data/mqtt.sock', { scheme: 'unix', host: '', port: 0, path: 'data/mqtt.sock' }],
  ['unix:/run/mqtt.sock', { scheme: 'unix', host: '', port: 0, path: '/run/mqtt.sock' }],
  ['unix:///run/mqtt.sock', { scheme: 'unix', host: '', port: 0, path: '/run/mqtt.sock' }],
  ['ws://localhost:8083', { scheme: 'ws', host: 'localhost', port: 8083, path: '/' }],
];

const faulty: readonly (readonly [string, string])[] = [
  ['', `is not a url — ${FORMS}`],
  ['127.0.0.1:1883', `is not a url — ${FORMS}`],
  ['tls://0.0.0.0:8883', 'has an unknown scheme — did you mean mqtts://?'],
  ['https://0.0.0.0:8084/mqtt', 'has an unknown scheme — did you mean wss://?'],
  ['mqtt+unix:///run/mqtt.sock', `has an unknown scheme — did you mean unix: with a path? ${UNIX_FORMS}`],
  ['UNIX:///run/mqtt.sock', `has an unknown scheme — did you mean unix: with a path? ${UNIX_FORMS}`],
  ['unix:', `has no path — expected ${UNIX_FORMS}`],
  ['unix://', `must not have a host — expected ${UNIX_FORMS}`],
  ['unix://run/mqtt.sock', `must not have a host — expected ${UNIX_FORMS}`],
  ['unix:////run/mqtt.sock', `must not have a host — expected ${UNIX_FORMS}`],
  ['unix:data/', `has no valid path — expected ${UNIX_FORMS}`],
  ['unix:data/..', `has no valid path — expected ${UNIX_FORMS}`],
  ['unix:/run/a\u0000b', `has no valid path — expected ${UNIX_FORMS}`],
  ['unix:/run/a\nb', `has no valid path — expected ${UNIX_FORMS}`],
  ['tcp://0.0.0.0:1883', 'has an unknown scheme — did you mean mqtt://?'],
  ['MQTT://0.0.0.0:1883', 'has an unknown scheme — did you mean mqtt://?'],
  ['mqt://0.0.0.0:1883', 'has an unknown scheme — did you mean mqtt://?'],
  ['gopher://0.0.0.0:1883', `has an unknown scheme — ${FORMS}`],
  ['mqtt://user:hunter2@0.0.0.0:1883', 'must not contain a user or password — who may connect is decided by the plugins of the chain'],
  ['mqtt://:1883', 'has no host — 127.0.0.1 for this machine only, 0.0.0.0 for every address'],
  ['mqtt://127.0.0.1', 'has no port — for example mqtt://host:1883'],
  ['ws://127.0.0.1/mqtt', 'has no port — for example ws://host:8083/mqtt'],
  ['mqtt://127.0.0.1:', 'has no valid port — expected a number from 0 to 65535; 0 takes any free port'],
  ['mqtt://127.0.0.1:65536', 'has no valid port — expected a number from 0 to 65535; 0 takes any free port'],
  ['mqtt://127.0.0.1:01883', 'has no valid port — expected a number from 0 to 65535; 0 takes any free port'],
  ['mqtt://::1:1883', 'has no valid host — IPv6 addresses stand in brackets: mqtt://[::1]:1883'],
  ['mqtt://127.0.0.256:1883', 'has no valid host — expected a name, an IPv4 address, or an IPv6 address in brackets'],
  ['mqtt://127.1:1883', 'has no valid host — expected a name, an IPv4 address, or an IPv6 address in brackets'],
  ['mqtt://[::g]:1883', 'has no valid host — expected a name, an IPv4 address, or an IPv6 address in brackets'],
  ['mqtt://bad host:1883', 'has no valid host — expected a name, an IPv4 address, or an IPv6 address in brackets'],
  ['mqtt://127.0.0.1:1883/', 'must end after the port — only ws:// and wss:// have a path'],
  ['ws://127.0.0.1:8083/mqtt?token=hunter2', 'has no valid path — expected letters, digits and "/" as in ws://host:8083/mqtt; no query'],
];

describe('the url of a listener', () => {
  for (const [url, address] of sound) test(`${url} is read`, () => assert.deepEqual(parseListenerUrl(url), address));

  for (const [url, expected] of faulty) {
    test(`${JSON.stringify(url)} is refused`, () => {
      const fault = parseListenerUrl(url);
      assert.ok('message' in fault);
      assert.equal(`${fault.message} — ${fault.hint}`, expected);
    });
  }

  test('is taken apart without a throw, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', 'mqtt://', 'ws://', 'mqtt://[', 'ws://h:1/', 'wss://', 'unix:', 'unix:/'), (rest, start) => {
        const result = parseListenerUrl(start + rest);
        if ('scheme' in result) assert.ok(result.port >= 0 && result.port <= 65_535 && (result.scheme === 'unix' ? result.path : result.host) !== '');
      }),
      { numRuns: 2000 },
    );
  });
});

test('an origin is scheme, host and port as browsers write them', () => {
  for (const text of ['https://example.org', 'http://localhost:3000', 'http://[::1]:8080']) assert.ok(isOrigin(text), text);
  for (const text of [
    '*',
    'null',
    'example.org',
    'https://example.org/',
    'https://Example.org',
    'https://example.org:443',
    'wss://example.org',
    'http://',
  ]) {
    assert.ok(!isOrigin(text), text);
  }
});
