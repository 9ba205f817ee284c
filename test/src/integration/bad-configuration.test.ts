import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FolderFiles, runCommand, standardFiles } from '../support/broker-process.js';

const FILES = standardFiles({ alice: 'secret' }, 'user alice\ntopic readwrite t/#\n');

/** The standard configuration as lines, so that a case can change one and name its number. */
const LINES = `{
  "version": 1,
  "listeners": {
    "local": { "url": "mqtt://127.0.0.1:0", "chain": "default" }
  },
  "plugins": {
    "passwords": { "use": "@portcullis/plugin-password-file", "config": { "file": "data/passwords" } },
    "rules": { "use": "@portcullis/plugin-acl-file", "config": { "file": "data/acl" } }
  },
  "chains": {
    "default": { "authenticate": ["passwords"], "authorize": ["rules"] }
  }
}`.split('\n');

function changed(line: number, from: string | RegExp, to: string): string {
  const lines = [...LINES];
  const before = lines[line - 1] ?? '';
  lines[line - 1] = before.replace(from, to);
  assert.notEqual(lines[line - 1], before, `line ${line} has no ${from}`);
  return lines.join('\n');
}

interface Case {
  readonly what: string;
  readonly text: string;
  /** Each must be found in one line of the output. */
  readonly says: readonly RegExp[];
  readonly files?: FolderFiles;
}

const CASES: readonly Case[] = [
  { what: 'a misspelt key', text: changed(7, '"config"', '"confg"'), says: [/plugins\.json:7:\d+ .*"confg".*"config"/] },
  { what: 'a misspelt option of a plugin', text: changed(8, '"file"', '"fil"'), says: [/plugins\.json:8:\d+ .*"fil".*file/] },
  { what: 'an unknown plugin in a chain', text: changed(11, '"passwords"', '"pasword"'), says: [/plugins\.json:11:\d+ .*"pasword".*passwords/] },
  { what: 'an unknown chain', text: changed(4, '"default"', '"defualt"'), says: [/plugins\.json:4:\d+ .*"defualt".*default/] },
  { what: 'no authority', text: changed(11, '["passwords"]', '[]'), says: [/plugins\.json:11:\d+ .*authenticate/] },
  { what: 'a trailing comma', text: changed(8, /$/, ','), says: [/plugins\.json:\d+:\d+ .*comma/] },
  { what: 'a comment', text: changed(2, /$/, ' // first'), says: [/plugins\.json:2:\d+ .*comment/] },
  { what: 'a duplicate key', text: changed(2, '"version": 1,', '"version": 1, "version": 1,'), says: [/plugins\.json:2:\d+ .*version/] },
  { what: 'a number as text', text: changed(2, '1', '"1"'), says: [/plugins\.json:2:\d+ .*version/] },
  { what: 'TLS without certificates', text: changed(4, 'mqtt:', 'mqtts:'), says: [/plugins\.json:4:\d+ .*need "tls"/] },
  {
    what: 'a memory cap inside the broker',
    text: changed(7, '"use"', '"maxMemoryBytes": 67108864, "use"'),
    says: [/plugins\.json:7:\d+ .*for plugins in a worker/],
  },
  {
    what: 'a foreign plugin without isolation',
    text: changed(7, '@portcullis/plugin-password-file', './mine'),
    says: [/plugins\.json:7:\d+ .*inProcess/],
  },
  {
    what: 'a plugin that is not installed',
    text: changed(7, 'plugin-password-file', 'plugin-pasword-file'),
    says: [/plugins\.json:7:\d+ .*plugin-pasword-file/],
  },
  { what: 'a file of a plugin that is missing', text: changed(7, 'data/passwords', 'data/nothing'), says: [/data\/nothing/] },
  { what: 'a broken password file', text: LINES.join('\n'), files: { 'data/passwords': 'alice\n' }, says: [/passwords:1/] },
  { what: 'a broken access list', text: LINES.join('\n'), files: { 'data/acl': 'user alice\ntopic\n' }, says: [/acl:2/] },
  {
    what: 'failover from a plugin that may deny',
    text: changed(7, '"use"', '"onFault": "skip", "use"'),
    says: [/plugins\.json:7:\d+ .*never denies/],
  },
  {
    what: 'several mistakes, all at once',
    text: [
      ...LINES.slice(0, 3),
      '    "local": { "url": "mqtt://127.0.0.1:99999", "chain": "other" }',
      ...LINES.slice(4, 6),
      '    "passwords": { "use": "@portcullis/plugin-password-file", "config": { "file": 5 } },',
      '    "rules": { "use": "@portcullis/plugin-acl-file", "config": {} }',
      ...LINES.slice(8),
    ].join('\n'),
    says: [/plugins\.json:4:\d+ .*url/, /plugins\.json:4:\d+ .*chain/, /plugins\.json:7:\d+ .*file/, /plugins\.json:8:\d+ .*file/],
  },
  { what: 'an empty file', text: '', says: [/plugins\.json/] },
];

describe('a bad configuration', () => {
  for (const { what, text, says, files = {} } of CASES) {
    it(`stops the broker before it listens: ${what}`, async () => {
      const { code, output } = await runCommand({ files: { ...FILES, ...files, 'plugins.json': text } });
      assert.equal(code, 1, output);
      const lines = output.split('\n');
      for (const pattern of says) assert.equal(lines.filter((line) => pattern.test(line)).length > 0, true, `${pattern} is not in:\n${output}`);
      assert.doesNotMatch(output, /listening name=/);
      assert.doesNotMatch(output, /^\s+at /m, 'a stack trace is for developers');
    });
  }

  it('is judged by `check` as by `serve`, and a good one is called fine', async () => {
    const good = await runCommand({ args: ['check'], files: FILES });
    assert.equal(good.code, 0, good.output);
    assert.match(good.output, /is fine: 2 listeners, 2 plugins, 1 chain/);
    const bad = await runCommand({ args: ['check'], files: { ...FILES, 'plugins.json': CASES[0]?.text ?? '' } });
    assert.equal(bad.code, 1);
    assert.match(bad.output, /plugins\.json:7:\d+/);
    const missing = await runCommand({ args: ['check'] });
    assert.equal(missing.code, 1);
    assert.match(missing.output, /--quickstart/);
    assert.equal(missing.output.trim().split('\n').length, 1);
  });

  it('is not repaired by the plugin that would have let everyone in', async () => {
    // An access list that cannot be read must not leave a broker that allows everything, nor one that listens and refuses for ever.
    const { code, output } = await runCommand({ files: { ...FILES, 'data/acl': Buffer.from([0x74, 0xff, 0xfe, 0x0a]) } });
    assert.equal(code, 1, output);
    assert.match(output, /acl/);
  });
});
