import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHAIN, changed, LOCAL, mistakes, PASSWORDS } from './document.test.support.js';

describe('a mistake is named with its place:', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['not an object', '[]', ['1:1 : expected an object in { }, found a list — Configuration of the Portcullis MQTT broker']],
    [
      'an empty object',
      '{}',
      [
        '1:1 chains: "chains" is missing — Chains of plugins, by name',
        '1:1 listeners: "listeners" is missing — Addresses at which clients connect',
        '1:1 plugins: "plugins" is missing — Plugins, in the order of asking',
        '1:1 version: "version" is missing — Version of this format: 1',
      ],
    ],
    ['another version', changed('"version": 1', '"version": 2'), ['2:14 version: must be 1 — write 1 there']],
    [
      'a misspelt key at the top',
      changed('"plugins": {', '"pluginz": {}, "plugins": {'),
      ['7:3 pluginz: unknown key "pluginz" — did you mean "plugins"?'],
    ],
    [
      'a key that is like none',
      changed('"version": 1', '"version": 1, "bridges": {}'),
      [
        '2:17 bridges: unknown key "bridges" — known: "$schema", "version", "listeners", "plugins", "chains", "tenants", "sessions", "control", "limits", "log"',
      ],
    ],
    [
      'a control socket without a path',
      changed('"version": 1', '"version": 1, "control": {}'),
      ['2:17 control.socket: "socket" is missing — Path of a Unix socket, made at start for the account of the broker alone'],
    ],
    [
      'a control socket that is a url',
      changed('"version": 1', '"version": 1, "control": { "socket": "unix:data/control.sock" }'),
      ['2:40 control.socket: is a url — write the path alone, without "unix:"'],
    ],
    [
      'a control socket that is a folder',
      changed('"version": 1', '"version": 1, "control": { "socket": "data/" }'),
      [
        '2:40 control.socket: has no valid path — expected a path to a file that need not be there, relative to the folder of this file: "data/control.sock"',
      ],
    ],
    [
      'a control socket whose path is too long',
      changed('"version": 1', `"version": 1, "control": { "socket": "${'x'.repeat(92)}" }`),
      ['2:40 control.socket: the path of the socket has 108 bytes, and at most 107 are possible — choose a shorter one, for example below /run'],
    ],
    [
      'a control socket that clients could reach',
      changed(LOCAL, '"local": { "url": "unix:data/x.sock", "chain": "default" }').replace(
        '"version": 1',
        '"version": 1, "control": { "socket": "./data/x.sock" }',
      ),
      ['2:40 control.socket: the socket is that of the listener "local" already — clients must not reach it: choose another path'],
    ],
    [
      'a misspelt key of a listener',
      changed(LOCAL, '"local": { "ulr": "mqtt://127.0.0.1:1883", "chain": "default" }'),
      [
        '4:5 listeners.local.url: "url" is missing — mqtt://host:port or mqtts://host:port, ws://host:port/path or wss://host:port/path for MQTT over WebSocket, or unix:path; port 0 takes any free port',
        '4:16 listeners.local.ulr: unknown key "ulr" — did you mean "url"?',
      ],
    ],
    [
      'no listeners',
      changed(LOCAL, '').replace(/,\s*"web".*\n/, '\n'),
      ['3:16 listeners: must have at least one listener — for example "local": { "url": "mqtt://127.0.0.1:1883", "chain": "default" }'],
    ],
    [
      'a name that begins with a digit',
      changed('"local":', '"1st":'),
      [
        '4:5 listeners["1st"]: the name "1st" is not allowed — names begin with a letter; letters, digits, ".", "_" and "-" may follow, 64 characters in all',
      ],
    ],
    [
      'a name that is too long',
      changed('"local":', `"${'n'.repeat(65)}":`),
      [
        `4:5 listeners["${'n'.repeat(64)}…"]: the name "${'n'.repeat(64)}…" is not allowed — names begin with a letter; letters, digits, ".", "_" and "-" may follow, 64 characters in all`,
      ],
    ],
    [
      'a url that is none',
      changed('mqtt://127.0.0.1:1883', 'localhost'),
      [
        '4:23 listeners.local.url: is not a url — expected mqtt://host:port, mqtts://host:port, ws://host:port/path, wss://host:port/path or unix:path',
      ],
    ],
    [
      'a TLS listener without certificates',
      changed('mqtt://127.0.0.1:1883', 'mqtts://0.0.0.0:8883'),
      ['4:23 listeners.local.url: mqtts:// listeners need "tls" — "tls": { "cert": "path", "key": "path" }'],
    ],
    [
      'an unknown chain',
      changed(LOCAL, LOCAL.replace('default', 'defualt')),
      ['4:57 listeners.local.chain: there is no chain "defualt" — did you mean "default"?'],
    ],
    [
      'maxConnections of 0',
      changed(LOCAL, LOCAL.replace(' }', ', "maxConnections": 0 }')),
      ['4:86 listeners.local.maxConnections: must be at least 1'],
    ],
    [
      'origins of an mqtt listener',
      changed(LOCAL, LOCAL.replace(' }', ', "origins": [] }')),
      ['4:68 listeners.local.origins: "origins" is for ws:// and wss:// listeners only — only browsers send an Origin'],
    ],
    [
      'an origin with a path',
      changed('mqtt", "chain": "default"', 'mqtt", "chain": "default", "origins": ["https://a.example", "https://b.example/app"]'),
      [
        '5:102 listeners.web.origins[1]: is not an origin — expected what browsers send: https://example.org or http://localhost:3000, without a path',
      ],
    ],
    [
      'the same address twice',
      changed('ws://127.0.0.1:8083/mqtt', 'ws://127.0.0.1:1883/mqtt'),
      ['5:21 listeners.web.url: port 1883 is taken by the listener "local" already — give each listener an address of its own'],
    ],
    [
      'an address within all addresses',
      changed('ws://127.0.0.1:8083/mqtt', 'ws://0.0.0.0:1883/mqtt'),
      ['5:21 listeners.web.url: port 1883 is taken by the listener "local" already — give each listener an address of its own'],
    ],
    [
      'a plugin without use',
      changed(PASSWORDS, '"config"'),
      ['8:5 plugins.passwords.use: "use" is missing — A package name, or a folder with a package.json (beginning with "./", "../" or "/")'],
    ],
    ['an empty use', changed(PASSWORDS, '"isolation": "inProcess", "use": "", "config"'), ['8:53 plugins.passwords.use: must not be empty']],
    [
      'a use that names nothing',
      changed(PASSWORDS, '"isolation": "inProcess", "use": "My Plugin", "config"'),
      ['8:53 plugins.passwords.use: is neither the name of a package nor a folder — folders begin with "./", "../" or "/"'],
    ],
    [
      'a foreign plugin without isolation',
      changed('@portcullis/plugin-password-file', './mine'),
      [
        '8:5 plugins.passwords.isolation: a plugin that does not ship with Portcullis must state "isolation" — "inProcess" runs the plugin inside the broker: ' +
          'fast, and with every hook, but its code has all rights of the broker and can block it; "worker" gives it a thread of its own with a memory cap, ' +
          'ended and started again when it hangs, without the hooks that must be answered at once',
      ],
    ],
    [
      'a look-alike of a shipped plugin without isolation',
      changed('@portcullis/plugin-password-file', '@portcullis/plugin-x/../../evil'),
      [
        '8:5 plugins.passwords.isolation: a plugin that does not ship with Portcullis must state "isolation" — "inProcess" runs the plugin inside the broker: ' +
          'fast, and with every hook, but its code has all rights of the broker and can block it; "worker" gives it a thread of its own with a memory cap, ' +
          'ended and started again when it hangs, without the hooks that must be answered at once',
        '8:27 plugins.passwords.use: is neither the name of a package nor a folder — folders begin with "./", "../" or "/"',
      ],
    ],
    [
      'a cap of memory inside the broker',
      changed(PASSWORDS, '"isolation": "inProcess", "maxMemoryBytes": 67108864, "use": "./mine", "config"'),
      ['8:46 plugins.passwords.maxMemoryBytes: is for plugins in a worker — add "isolation": "worker", or remove it'],
    ],
    [
      'an unknown isolation',
      changed(PASSWORDS, '"isolation": "inprocess", "use": "./mine", "config"'),
      ['8:33 plugins.passwords.isolation: must be one of "inProcess", "worker" — did you mean "inProcess"?'],
    ],
    [
      'a misspelt key of a plugin',
      changed(PASSWORDS, '"use": "@portcullis/plugin-password-file", "confg"'),
      ['8:63 plugins.passwords.confg: unknown key "confg" — did you mean "config"?'],
    ],
    [
      'a time-out as text',
      changed(PASSWORDS, `"timeoutMs": "2s", ${PASSWORDS}`),
      ['8:33 plugins.passwords.timeoutMs: expected a whole number, found text — Milliseconds that the plugin has for an answer; silence is a fault'],
    ],
    [
      'a fraction',
      changed(PASSWORDS, `"timeoutMs": 1.5, ${PASSWORDS}`),
      [
        '8:33 plugins.passwords.timeoutMs: expected a whole number, found a fraction — Milliseconds that the plugin has for an answer; silence is a fault',
      ],
    ],
    [
      'a time-out too long',
      changed(PASSWORDS, `"timeoutMs": 60001, ${PASSWORDS}`),
      ['8:33 plugins.passwords.timeoutMs: must be at most 60000 — this bound can be tightened, but not switched off'],
    ],
    [
      'true for a number',
      changed(PASSWORDS, `"maxQueue": true, ${PASSWORDS}`),
      ['8:32 plugins.passwords.maxQueue: expected a whole number, found true or false — Questions that wait; further ones are refused as busy'],
    ],
    [
      'a misspelt key of the breaker',
      changed(PASSWORDS, `"breaker": { "fault": 3 }, ${PASSWORDS}`),
      ['8:33 plugins.passwords.breaker.fault: unknown key "fault" — did you mean "faults"?'],
    ],
    [
      'an unknown onFault',
      changed(PASSWORDS, `"onFault": "allow", ${PASSWORDS}`),
      ['8:31 plugins.passwords.onFault: must be one of "refuse", "skip"'],
    ],
    [
      'a bad topic filter',
      changed(PASSWORDS, `"publishTo": ["a/#", "a/#/b"], ${PASSWORDS}`),
      ['8:41 plugins.passwords.publishTo[1]: is not a valid topic filter — "#" stands last and alone in its level, "+" alone in its level'],
    ],
    [
      'nobody to authenticate',
      changed(CHAIN, '{ "authenticate": [], "authorize": ["rules"] }'),
      ['12:34 chains.default.authenticate: must name at least one plugin — without one, nobody could connect'],
    ],
    [
      'authenticate left out',
      changed(CHAIN, '{ "authorize": ["rules"] }'),
      ['12:5 chains.default.authenticate: "authenticate" is missing — Plugins that say who a client is; the first answer other than "skip" decides'],
    ],
    [
      'an unknown plugin in a chain',
      changed('"authorize": ["rules"]', '"authorize": ["rules", "ruels", "x"]'),
      [
        '12:72 chains.default.authorize[1]: there is no plugin "ruels" — did you mean "rules"?',
        '12:81 chains.default.authorize[2]: there is no plugin "x" — known: "passwords", "rules"',
      ],
    ],
    [
      'a plugin twice in a list',
      changed('"authorize": ["rules"]', '"authorize": ["rules", "rules"]'),
      ['12:72 chains.default.authorize[1]: this entry stands in the list already'],
    ],
    [
      'a name instead of a list',
      changed('["passwords"]', '"passwords"'),
      ['12:34 chains.default.authenticate: expected a list in [ ], found text — a list is written in [ ], also when it has one entry'],
    ],
    [
      'an unknown combine',
      changed(CHAIN, CHAIN.replace('{', '{ "combine": "deny-override",')),
      ['12:29 chains.default.combine: must be one of "deny-overrides", "first-match" — did you mean "deny-overrides"?'],
    ],
    [
      'an unknown limit',
      changed('"version": 1', '"version": 1, "limits": { "maxPacketByte": 5 }'),
      ['2:29 limits.maxPacketByte: unknown key "maxPacketByte" — did you mean "maxPacketBytes"?'],
    ],
    [
      'a limit below its minimum',
      changed('"version": 1', '"version": 1, "limits": { "maxPacketBytes": 255 }'),
      ['2:47 limits.maxPacketBytes: must be at least 256'],
    ],
    [
      'an unknown log level',
      changed('"version": 1', '"version": 1, "log": { "level": "verbose" }'),
      ['2:35 log.level: must be one of "debug", "info", "warn", "error", "silent"'],
    ],
    [
      'a duplicate key',
      changed('"version": 1', '"version": 1, "version": 1'),
      ['2:17 version: the key "version" is given twice — it stands at 2:3 already'],
    ],
  ];
  for (const [title, text, expected] of cases) test(title, () => assert.deepEqual(mistakes(text), expected));

  test('all at once, in the order of the file', () => {
    const text = changed(LOCAL, '"local": { "url": "mqtts://x:1", "chain": "defualt", "x": 1 }').replace('"rules"]', '"ruels"]');
    assert.deepEqual(
      mistakes(text).map((line) => line.split(' ', 2).join(' ')),
      ['4:23 listeners.local.url:', '4:47 listeners.local.chain:', '4:58 listeners.local.x:', '12:63 chains.default.authorize[0]:'],
    );
  });

  test('no value is quoted, only keys and names of plugins and chains', () => {
    const secret = 'hunter2';
    const text = changed(LOCAL, `"local": { "url": "mqtt://u:${secret}@h:1", "chain": "default", "maxConnections": "${secret}" }`)
      .replace(PASSWORDS, `"isolation": "${secret}", "startup": "${secret}", "publishTo": ["#${secret}"], ${PASSWORDS}`)
      .replace('@portcullis/plugin-password-file', `${secret} ${secret}`);
    const found = mistakes(text);
    assert.ok(found.length >= 6, found.join('\n'));
    assert.ok(!found.join('\n').includes(secret), found.join('\n'));
  });
});
