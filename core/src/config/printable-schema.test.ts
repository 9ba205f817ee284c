import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { changed, SOUND } from './document.test.support.js';
import { printableSchema } from './printable-schema.js';

describe('the printed schema', () => {
  const secretive = {
    type: 'object',
    required: ['host', 'password'],
    additionalProperties: false,
    properties: { host: { type: 'string', minLength: 2 }, password: { type: 'string', secret: true, description: 'of the account' } },
  } as const;

  /** Strict Ajv without any keyword of ours: what editors have. */
  function editor(plugins: Parameters<typeof printableSchema>[0]) {
    return new Ajv({ strictTypes: false, strictRequired: false }).compile(JSON.parse(JSON.stringify(printableSchema(plugins))));
  }

  test('is draft-07 and accepts what the broker accepts', () => {
    assert.equal(editor([])(JSON.parse(SOUND)), true);
    assert.equal(editor([])(JSON.parse(changed('@portcullis/plugin-acl-file', './mine'))), false);
  });

  test('describes the options of the plugins that are used', () => {
    const validate = editor([{ use: '@portcullis/plugin-password-file', schema: secretive }]);
    const withConfig = (config: object): unknown => JSON.parse(changed('{ "file": "data/passwords" }', JSON.stringify(config)));
    assert.equal(validate(withConfig({ host: 'db', password: { $env: 'PG' } })), true);
    assert.equal(validate(withConfig({ host: { $file: 'host' }, password: { $file: 'pg' } })), true);
    assert.equal(validate(withConfig({ host: 'db', password: 'literal' })), false);
    assert.equal(validate(withConfig({ host: 'd', password: { $env: 'PG' } })), false);
    assert.equal(validate(withConfig({ hots: 'db', password: { $env: 'PG' } })), false);
    assert.equal(validate(JSON.parse(changed(', "config": { "file": "data/passwords" }', ''))), false);
  });
});
