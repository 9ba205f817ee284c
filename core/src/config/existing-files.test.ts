import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ConfigSchema } from '@portcullis/sdk';
import { parseConfigFile, validatePluginConfig } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'existing-'));
after(() => rmSync(folder, { recursive: true }));

const SCHEMA: ConfigSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    file: { type: 'string', existingFile: 'make it with: touch <file>' },
    more: { type: 'array', items: { type: 'string', existingFile: 'make it' } },
    other: { type: 'string' },
  },
};

async function problemsOf(config: string, env: Readonly<Record<string, string>> = {}) {
  const path = join(folder, 'plugins.json');
  writeFileSync(path, `{\n "plugins": { "p": { "use": "./p", "config": ${config} } }\n}`);
  const parsed = await parseConfigFile(path);
  assert.ok('document' in parsed);
  return validatePluginConfig(parsed.document, 'p', SCHEMA, env);
}

test('A file that is not there is a problem at its place, with what to do about it, each one for itself.', async () => {
  writeFileSync(join(folder, 'there'), '');
  const { problems, value } = await problemsOf('{ "file": "not", "more": ["there", "nor"], "other": "whatever" }');
  assert.equal(value, null);
  assert.deepEqual(
    problems.map(({ line, column, path, message, hint }) => ({ line, column, path, message, hint })),
    [
      { line: 2, column: 56, path: 'plugins.p.config.file', message: `there is no file ${folder}/not`, hint: `make it with: touch ${folder}/not` },
      { line: 2, column: 81, path: 'plugins.p.config.more[1]', message: `there is no file ${folder}/nor`, hint: 'make it' },
    ],
  );
});

test('A file that is there is fine.', async () => {
  writeFileSync(join(folder, 'there'), '');
  assert.deepEqual((await problemsOf('{ "file": "there", "more": [] }')).problems, []);
});

test('A path that came from the environment is not printed.', async () => {
  const { problems } = await problemsOf('{ "file": { "$env": "WHERE" } }', { WHERE: 'canary' });
  assert.equal(problems.length, 1);
  assert.doesNotMatch(JSON.stringify(problems), /canary/);
});
