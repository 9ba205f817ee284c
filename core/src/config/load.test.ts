import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LIMITS, makeLimits } from '../limits.js';
import { CHAIN, changed, documentOf, LOCAL, lines, mistakes, PASSWORDS, SOUND } from './document.test.support.js';
import { loadableEntries, parseConfigFile, validateDocument } from './load.js';
import type { PortcullisConfig } from './types.js';

function accepted(text: string, env: Record<string, string> = {}): PortcullisConfig {
  const { config, problems } = validateDocument(documentOf(text), env);
  if (config === null) assert.fail(lines(problems).join('\n'));
  return config;
}

describe('a sound file', () => {
  test('comes out complete with defaults', () => {
    const config = accepted(SOUND);
    assert.equal(config.file, '/etc/portcullis/plugins.json');
    assert.equal(config.folder, '/etc/portcullis');
    assert.equal(
      JSON.stringify(config.listeners),
      '[{"name":"local","scheme":"mqtt","host":"127.0.0.1","port":1883,"path":"","chain":"default","tenant":null,"mountpoint":"","maxConnections":null,"origins":null,"proxyProtocol":null,"mode":384,"tls":null},' +
        '{"name":"web","scheme":"ws","host":"127.0.0.1","port":8083,"path":"/mqtt","chain":"default","tenant":null,"mountpoint":"","maxConnections":null,"origins":null,"proxyProtocol":null,"mode":384,"tls":null}]',
    );
    assert.deepEqual(
      { ...config.plugins[0], breaker: { ...config.plugins[0]?.breaker }, useAt: { ...config.plugins[0]?.useAt } },
      {
        name: 'passwords',
        use: '@portcullis/plugin-password-file',
        useAt: { line: 8, column: 27 },
        isolation: 'inProcess',
        timeoutMs: 2000,
        maxConcurrent: 64,
        maxQueue: 1000,
        breaker: { faults: 10, windowMs: 10_000, openMs: 2000 },
        onFault: 'refuse',
        startup: 'gate',
        publishTo: [],
      },
    );
    assert.deepEqual(
      { ...config.chains.get('default') },
      {
        name: 'default',
        guards: [],
        authenticate: ['passwords'],
        authorize: ['rules'],
        combine: 'deny-overrides',
        deadlineMs: 5000,
        denyPublish: 'acknowledge',
        publishFault: 'disconnect',
        partialSubscribe: 'filter',
        onRevoked: 'suspend',
        revokedGraceSeconds: 60,
        staleGraceMs: 0,
      },
    );
    assert.deepEqual(
      { ...config.sessions },
      { clientIdOwnership: 'principal', maxExpirySeconds: 2_592_000, perPrincipal: 10_000, useUsernameAsClientId: false },
    );
    assert.deepEqual(config.limits, makeLimits());
    assert.equal(config.logLevel, 'info');
  });

  test('keeps what is set', () => {
    const config = accepted(
      SOUND.replace(
        '"version": 1,',
        '"version": 1, "$schema": "./x.json", "log": { "level": "warn" }, "limits": { "maxSessions": 7 }, "sessions": { "perPrincipal": 3 },',
      )
        .replace(PASSWORDS, `"breaker": { "faults": 2 }, "startup": "exit", "timeoutMs": 9, "publishTo": ["a/+"], ${PASSWORDS}`)
        .replace('"chain": "default" }\n', '"chain": "default", "origins": ["https://a.example"], "maxConnections": 5 }\n'),
    );
    assert.equal(config.limits.maxSessions, 7);
    assert.equal(config.limits.maxPacketBytes, LIMITS.maxPacketBytes.default);
    assert.equal(config.sessions.perPrincipal, 3);
    assert.equal(config.logLevel, 'warn');
    assert.equal(config.plugins[0]?.timeoutMs, 9);
    assert.equal(config.plugins[0]?.startup, 'exit');
    assert.deepEqual(config.plugins[0]?.publishTo, ['a/+']);
    assert.equal(JSON.stringify(config.plugins[0]?.breaker), '{"faults":2,"windowMs":10000,"openMs":2000}');
    assert.deepEqual(config.listeners[1]?.origins, ['https://a.example']);
    assert.equal(config.listeners[1]?.maxConnections, 5);
  });

  test('comes out frozen and without prototypes', () => {
    const config = accepted(SOUND);
    for (const object of [
      config,
      config.listeners,
      config.listeners[0],
      config.plugins[0]?.breaker,
      config.chains.get('default')?.guards,
      config.limits,
    ]) {
      assert.ok(Object.isFrozen(object));
    }
    assert.equal(Object.getPrototypeOf(config.plugins[0]), null);
  });

  test('may name things like methods of objects, as long as they are not prototypes', () => {
    const config = accepted(SOUND.replaceAll('"rules"', '"toString"').replaceAll('"default"', '"hasOwnProperty"'));
    assert.equal(config.chains.get('hasOwnProperty')?.authorize[0], 'toString');
    assert.deepEqual(mistakes(SOUND.replace('["rules"]', '["valueOf"]')).length, 1);
  });

  test('may leave rights out, with a warning', () => {
    const left = validateDocument(documentOf(changed(CHAIN, '{ "authenticate": ["passwords"] }')), {});
    const text = 'nobody is authorized: clients of this chain can connect, but neither publish nor subscribe — name a plugin that gives rights';
    assert.deepEqual([lines(left.problems), lines(left.warnings)], [[], [`12:5 chains.default.authorize: ${text}`]]);
    const empty = validateDocument(documentOf(changed('"authorize": ["rules"]', '"authorize": []')), {});
    assert.deepEqual([lines(empty.problems), lines(empty.warnings)], [[], [`12:49 chains.default.authorize: ${text}`]]);
  });

  test('may have several listeners on any free port', () => {
    assert.equal(accepted(SOUND.replace(':1883', ':0').replace(':8083', ':0')).listeners[1]?.port, 0);
  });
});

describe('ports from the environment', () => {
  test('replace those of the first listener of their kind', () => {
    const text = changed(LOCAL, `${LOCAL}, "second": { "url": "mqtt://127.0.0.1:1884", "chain": "default" }`);
    const ports = accepted(text, { PORTCULLIS_PORT: '0', PORTCULLIS_WS_PORT: '9001' }).listeners.map(({ name, port }) => [name, port]);
    assert.deepEqual(ports, [
      ['local', 0],
      ['second', 1884],
      ['web', 9001],
    ]);
  });

  for (const value of ['', ' 1', '65536', '-1', '1.5', '0x10', 'hunter2']) {
    test(`are refused when they are ${JSON.stringify(value)}`, () => {
      assert.deepEqual(mistakes(SOUND, { PORTCULLIS_WS_PORT: value }), [
        '5:21 PORTCULLIS_WS_PORT: this environment variable is not a port — expected a number from 0 to 65535; 0 takes any free port',
      ]);
    });
  }

  test('must not collide', () => {
    assert.deepEqual(mistakes(SOUND, { PORTCULLIS_PORT: '8083' }), [
      '5:21 listeners.web.url: port 8083 is taken by the listener "local" already — give each listener an address of its own',
    ]);
  });

  test('without a listener of their kind are warned about', () => {
    const text = SOUND.replace(/,\s*"web".*\n/, '\n');
    const { config, warnings } = validateDocument(documentOf(text), { PORTCULLIS_WS_PORT: '9001' });
    assert.ok(config);
    assert.deepEqual(lines(warnings), ['3:16 PORTCULLIS_WS_PORT: this environment variable has no effect: there is no ws:// listener']);
  });
});

test('code is loaded only for entries that agree to it', () => {
  const entries = `"a": { "use": "@portcullis/plugin-a" }, "b": { "use": "./b" }, "c": { "use": "./c", "isolation": "inProcess" },
    "d": { "use": "./d", "isolation": "worker" }, "e": { "use": "@portcullis/plugin-e", "isolation": "worker" }, "f": { "use": 1 }, "9": { "use": "@portcullis/plugin-a" },
    "g": { "use": "@portcullis/plugin-a/../x" }`;
  const document = documentOf(`{ "plugins": { ${entries} } }`);
  assert.deepEqual(
    loadableEntries(document).map(({ name }) => name),
    ['a', 'c', 'd', 'e'],
  );
  assert.deepEqual(loadableEntries(documentOf('[]')), []);
});

test('reading says in one problem why there is no document', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  try {
    const missing = await parseConfigFile(join(folder, 'plugins.json'));
    assert.ok('problems' in missing && missing.missing);
    assert.deepEqual(lines(missing.problems), ['0:0 : does not exist — "portcullis serve --quickstart" makes one']);
    const directory = await parseConfigFile(folder);
    assert.ok('problems' in directory && !directory.missing);
    assert.deepEqual(lines(directory.problems), ['0:0 : is a folder, not a file']);
    await writeFile(join(folder, 'plugins.json'), SOUND);
    const read = await parseConfigFile(join(folder, 'plugins.json'));
    assert.ok('document' in read);
    assert.equal(read.document.folder, folder);
    await writeFile(join(folder, 'large.json'), Buffer.alloc(5 * 1024 * 1024, 0x20));
    const large = await parseConfigFile(join(folder, 'large.json'));
    assert.ok('problems' in large);
    assert.match(lines(large.problems).join(), /larger than 4 MiB/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
