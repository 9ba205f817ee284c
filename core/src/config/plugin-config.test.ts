import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ConfigSchema } from '@portcullis/sdk';
import { documentOf, lines } from './document.test.support.js';
import { validatePluginConfig } from './plugin-config.js';

const folder = mkdtempSync(join(tmpdir(), 'plugin-config-'));
after(() => rmSync(folder, { recursive: true }));

const SCHEMA: ConfigSchema = {
  type: 'object',
  required: ['host', 'password'],
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 2, description: 'Name of the server.' },
    password: { type: 'string', secret: true, minLength: 4 },
    port: { type: 'integer', minimum: 1, maximum: 65_535, default: 5432 },
    mode: { enum: ['strict', 'lax'], default: 'strict' },
    prefix: { type: 'string', pattern: '^[a-z]+$' },
    tls: { type: 'object', additionalProperties: false, default: {}, properties: { verify: { type: 'boolean', default: true } } },
    tags: { type: 'array', uniqueItems: true, maxItems: 3, items: { type: 'string' } },
    users: { type: 'object', additionalProperties: { type: 'integer' }, propertyNames: { pattern: '^[a-z_]+$' } },
    source: {
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'object', required: ['url'], additionalProperties: false, properties: { url: { type: 'string' } } },
      ],
    },
  },
};

const ENV = { PG_PASSWORD: 'tiger-lily', SHORT: 'abc', EMPTY: '', HOST: 'db.example', LARGE: 'a'.repeat(65_537), LARGEST: 'a'.repeat(65_536) };
const GOOD = '"host": "db", "password": { "$env": "PG_PASSWORD" }';

function judge(config: string, schema: unknown = SCHEMA) {
  const document = documentOf(`{ "plugins": { "db": { "use": "./db",\n"config": ${config} } } }`, folder);
  return validatePluginConfig(document, 'db', schema as ConfigSchema, ENV);
}

function mistakes(config: string, schema: unknown = SCHEMA): string[] {
  const { value, problems } = judge(config, schema);
  assert.equal(value === null, problems.length > 0);
  return lines(problems);
}

function accepted(config: string, schema: unknown = SCHEMA): unknown {
  const { value, problems } = judge(config, schema);
  assert.deepEqual(lines(problems), []);
  return value;
}

const FORMS = '{"$env": "NAME"} or {"$file": "path"}';

describe('a mistake in the options of a plugin:', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['a misspelt key', `{ ${GOOD}, "prot": 1 }`, ['2:66 plugins.db.config.prot: unknown key "prot" — did you mean "port"?']],
    ['a missing key', '{ "password": { "$env": "PG_PASSWORD" } }', ['2:1 plugins.db.config.host: "host" is missing — Name of the server']],
    [
      'a wrong type',
      `{ ${GOOD}, "port": "5432" }`,
      ['2:74 plugins.db.config.port: expected a whole number, found text — numbers are written without quotes'],
    ],
    [
      'no coercion of 1 to true',
      `{ ${GOOD}, "tls": { "verify": 1 } }`,
      ['2:85 plugins.db.config.tls.verify: expected true or false, found a number'],
    ],
    ['a text where an object belongs', '"db"', ['2:11 plugins.db.config: expected an object in { }, found text']],
    [
      'a word that is not allowed',
      `{ ${GOOD}, "mode": "stricd" }`,
      ['2:74 plugins.db.config.mode: must be one of "strict", "lax" — did you mean "strict"?'],
    ],
    [
      'a text that is too short',
      '{ "host": "d", "password": { "$env": "PG_PASSWORD" } }',
      ['2:21 plugins.db.config.host: must have at least 2 characters'],
    ],
    ['a pattern', `{ ${GOOD}, "prefix": "A" }`, ['2:76 plugins.db.config.prefix: must match ^[a-z]+$']],
    ['an entry twice', `{ ${GOOD}, "tags": ["a", "b", "a"] }`, ['2:85 plugins.db.config.tags[2]: this entry stands in the list already']],
    ['too many entries', `{ ${GOOD}, "tags": ["a", "b", "c", "d"] }`, ['2:74 plugins.db.config.tags: must have at most 3 entries']],
    ['a bad name of an entry', `{ ${GOOD}, "users": { "A": 1 } }`, ['2:77 plugins.db.config.users.A: the name "A" must match ^[a-z_]+$']],
    [
      'the likely branch of a choice',
      `{ ${GOOD}, "source": { "ulr": "x" } }`,
      ['2:66 plugins.db.config.source.url: "url" is missing', '2:78 plugins.db.config.source.ulr: unknown key "ulr" — did you mean "url"?'],
    ],
    ['no branch of a choice', `{ ${GOOD}, "source": 5 }`, ['2:76 plugins.db.config.source: expected text or an object in { }']],
    [
      'a secret in the file',
      '{ "host": "db", "password": "hunter2" }',
      [`2:39 plugins.db.config.password: secrets are given as ${FORMS} — so that they do not stand in this file`],
    ],
    [
      'a misspelt reference',
      '{ "host": "db", "password": { "$evn": "PG_PASSWORD" } }',
      [`2:39 plugins.db.config.password: expected ${FORMS}, found the key "$evn" — did you mean "$env"?`],
    ],
    [
      'a reference with two keys',
      '{ "host": { "$env": "HOST", "$file": "x" }, "password": { "$env": "PG_PASSWORD" } }',
      [`2:21 plugins.db.config.host: expected text, or ${FORMS}`],
    ],
    [
      'a reference without a name',
      '{ "host": "db", "password": { "$env": "" } }',
      ['2:39 plugins.db.config.password: "$env" takes the name of an environment variable'],
    ],
    [
      'a variable that is not set',
      '{ "host": "db", "password": { "$env": "NOT_SET" } }',
      ['2:39 plugins.db.config.password: the environment variable named here is not set'],
    ],
    [
      'a variable that only objects have',
      '{ "host": "db", "password": { "$env": "toString" } }',
      ['2:39 plugins.db.config.password: the environment variable named here is not set'],
    ],
    [
      'a variable that is empty',
      '{ "host": "db", "password": { "$env": "EMPTY" } }',
      ['2:39 plugins.db.config.password: the environment variable named here is empty'],
    ],
    [
      'a variable whose value the schema refuses',
      '{ "host": "db", "password": { "$env": "SHORT" } }',
      ['2:39 plugins.db.config.password: must have at least 4 characters'],
    ],
    [
      'a file that is not there',
      '{ "host": "db", "password": { "$file": "nowhere" } }',
      ['2:39 plugins.db.config.password: the file named here does not exist'],
    ],
    [
      'a folder as a file',
      '{ "host": "db", "password": { "$file": "." } }',
      ['2:39 plugins.db.config.password: what is named here is not a regular file'],
    ],
    [
      'a reference where no text belongs',
      `{ ${GOOD}, "port": { "$env": "HOST" } }`,
      ['2:74 plugins.db.config.port: expected a whole number, found an object'],
    ],
  ];
  for (const [title, config, expected] of cases) test(title, () => assert.deepEqual(mistakes(config), expected));

  test('all at once', () => {
    assert.equal(mistakes('{ "host": 1, "password": "x", "port": 0, "nope": 1, "mode": 3 }').length, 5);
  });

  test('config left out is an empty one, and the problem stands at the entry', () => {
    const document = documentOf('{ "plugins": {\n"db": { "use": "./db" } } }', folder);
    assert.deepEqual(lines(validatePluginConfig(document, 'db', SCHEMA, ENV).problems), [
      '2:1 plugins.db.config.host: "host" is missing — Name of the server',
      '2:1 plugins.db.config.password: "password" is missing',
    ]);
  });
});

describe('sound options', () => {
  test('come with defaults and secrets', () => {
    assert.equal(JSON.stringify(accepted(`{ ${GOOD} }`)), '{"host":"db","password":"tiger-lily","port":5432,"mode":"strict","tls":{"verify":true}}');
  });

  test('take references for any text, also in lists and choices', () => {
    const value = accepted(
      `{ "host": { "$env": "HOST" }, "password": { "$env": "PG_PASSWORD" }, "tags": [ { "$env": "HOST" } ], "source": { "$env": "HOST" } }`,
    );
    const { host, tags, source } = value as Record<string, unknown>;
    assert.deepEqual([host, tags, source], ['db.example', ['db.example'], 'db.example']);
  });

  test('take a secret from a file beside the configuration, without its last line break', () => {
    writeFileSync(join(folder, 'pg'), 'two words \n\n');
    assert.equal((accepted('{ "host": "db", "password": { "$file": "pg" } }') as { password: string }).password, 'two words \n');
  });

  test('refuse a secret file that is not text', () => {
    for (const [name, bytes, expected] of [
      ['binary', [0xff, 0x00], 'is not UTF-8'],
      ['nul', [0x61, 0x00], 'contains U+0000'],
      ['empty', [0x0a], 'is empty'],
    ] as const) {
      writeFileSync(join(folder, name), Buffer.from(bytes));
      assert.deepEqual(mistakes(`{ "host": "db", "password": { "$file": "${name}" } }`), [
        `2:39 plugins.db.config.password: the file named here ${expected}`,
      ]);
    }
    writeFileSync(join(folder, 'large'), Buffer.alloc(65_537, 0x61));
    assert.match(mistakes('{ "host": "db", "password": { "$file": "large" } }').join(), /larger than 65536 bytes/);
  });

  test('take a secret of 65,536 bytes, from a variable and from a file, and none that is larger', () => {
    writeFileSync(join(folder, 'largest'), 'a'.repeat(65_536));
    for (const reference of ['"$env": "LARGEST"', '"$file": "largest"']) {
      assert.equal((accepted(`{ "host": "db", "password": { ${reference} } }`) as { password: string }).password.length, 65_536);
    }
    assert.deepEqual(mistakes('{ "host": "db", "password": { "$env": "LARGE" } }'), [
      '2:39 plugins.db.config.password: the environment variable named here is larger than 65536 bytes',
    ]);
  });

  test('refuse a pipe and a device at once, and a file behind a link by what it is', () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('/dev/zero', join(folder, 'device'));
    symlinkSync('pg', join(folder, 'link'));
    for (const name of ['pipe', 'device']) {
      assert.deepEqual(mistakes(`{ "host": "db", "password": { "$file": "${name}" } }`), [
        '2:39 plugins.db.config.password: what is named here is not a regular file',
      ]);
    }
    writeFileSync(join(folder, 'pg'), 'behind a link\r\n');
    assert.equal((accepted('{ "host": "db", "password": { "$file": "link" } }') as { password: string }).password, 'behind a link');
  });

  test('are warned of when every account may read the file, and say what the secrets are, so that nobody shows them', () => {
    writeFileSync(join(folder, 'open'), 'readable by all');
    chmodSync(join(folder, 'open'), 0o644);
    const result = judge('{ "host": { "$env": "HOST" }, "password": { "$file": "open" } }');
    assert.deepEqual(lines(result.warnings), [
      '2:53 plugins.db.config.password: every account of this machine may read the file named here — give it to the account of the broker, and chmod 600',
    ]);
    assert.deepEqual(result.secrets, ['db.example', 'readable by all']);
    for (const mode of [0o600, 0o640]) {
      chmodSync(join(folder, 'open'), mode);
      assert.deepEqual(judge('{ "host": "db", "password": { "$file": "open" } }').warnings, []);
    }
  });

  test('say what the secrets are even where other options are wrong', () => {
    assert.deepEqual(judge('{ "host": { "$env": "HOST" }, "password": { "$env": "SHORT" } }').secrets, ['db.example', 'abc']);
  });

  test('come deep-frozen and without prototypes, so that a user named like a method is not found', () => {
    const value = accepted(`{ ${GOOD}, "users": { "alice": 1 }, "tags": ["a"] }`) as { users: object; tls: object; tags: string[] };
    for (const object of [value, value.users, value.tls, value.tags]) assert.ok(Object.isFrozen(object));
    for (const object of [value, value.users, value.tls]) assert.equal(Object.getPrototypeOf(object), null);
    assert.equal('valueOf' in value.users, false);
  });

  test('may hold equal-looking objects in lists without repetition', () => {
    const item: ConfigSchema = { type: 'object', additionalProperties: false, properties: { a: { type: 'integer' } } };
    const schema: ConfigSchema = {
      type: 'object',
      additionalProperties: false,
      properties: { list: { type: 'array', uniqueItems: true, items: item } },
    };
    assert.deepEqual(mistakes('{ "list": [{ "a": 1 }, { "a": 2 }] }', schema), []);
    assert.deepEqual(mistakes('{ "list": [{ "a": 1 }, { "a": 1 }] }', schema), [
      '2:34 plugins.db.config.list[1]: this entry stands in the list already',
    ]);
  });
});

describe('the schema of a plugin', () => {
  const closed = (properties: object): object => ({ type: 'object', additionalProperties: false, properties });
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['is no schema', null, 'it is not an object'],
    ['is not of an object', { type: 'string' }, 'the schema must have "type": "object"'],
    ['is open', { type: 'object', properties: {} }, 'the schema itself is an open object: set "additionalProperties" to false, or to a schema'],
    [
      'is open by its own word',
      { type: 'object', additionalProperties: true },
      'the schema itself is an open object: set "additionalProperties" to false, or to a schema',
    ],
    [
      'has an open object within',
      closed({ tls: { type: 'object' } }),
      '"properties.tls" is an open object: set "additionalProperties" to false, or to a schema',
    ],
    [
      'has an open object in a list',
      closed({ list: { type: 'array', items: { type: 'object' } } }),
      '"properties.list.items" is an open object: set "additionalProperties" to false, or to a schema',
    ],
    [
      'has an open object in a choice',
      closed({ a: { anyOf: [{ type: 'string' }, { type: 'object' }] } }),
      '"properties.a.anyOf[1]" is an open object: set "additionalProperties" to false, or to a schema',
    ],
    ['has a list of anything', closed({ list: { type: 'array' } }), '"properties.list" is a list of anything: describe its "items"'],
    ['accepts anything somewhere', closed({ a: {} }), '"properties.a" accepts anything: give it a type'],
    ['accepts anything by true', closed({ a: true }), '"properties.a" accepts anything: describe what it takes'],
    ['has a map of anything', { type: 'object', additionalProperties: {} }, '"additionalProperties" accepts anything: give it a type'],
    ['has a secret that is no text', closed({ a: { type: 'integer', secret: true } }), '"properties.a" is a secret: its type must be "string"'],
    [
      'has a secret with a default',
      closed({ a: { type: 'string', secret: true, default: 'x' } }),
      '"properties.a" is a secret: it cannot have a default',
    ],
    [
      'is of another draft',
      { $schema: 'https://json-schema.org/draft/2020-12/schema', ...closed({}) },
      'no schema with key or ref "https://json-schema.org/draft/2020-12/schema"',
    ],
    ['has an unknown keyword', closed({ a: { type: 'string', minLenght: 1 } }), 'strict mode: unknown keyword: "minLenght"'],
    ['has a keyword of ours', closed({ a: { type: 'string', $reference: 'text' } }), 'strict mode: unknown keyword: "$reference"'],
    ['has a wrong keyword', closed({ a: { type: 'string', minLength: -1 } }), 'schema is invalid: data/properties/a/minLength must be >= 0'],
  ];
  for (const [title, schema, expected] of cases) {
    test(`that ${title} is refused by name`, () => {
      assert.deepEqual(mistakes('{}', schema), [
        `1:31 plugins.db.use: this plugin's config schema cannot be used: ${expected} — this is for the author of the plugin to correct`,
      ]);
    });
  }

  test('may add conditions to an object that is closed', () => {
    const schema = { ...closed({ a: { type: 'integer' }, b: { type: 'integer' } }), oneOf: [{ required: ['a'] }, { required: ['b'] }] };
    assert.deepEqual(mistakes('{ "a": 1 }', schema), []);
    assert.deepEqual(mistakes('{ "a": 1, "b": 1 }', schema), ['2:11 plugins.db.config: fits more than one of the allowed forms']);
  });
});

test('no secret appears in any problem, wherever someone put it', () => {
  const secret = 'hunter2';
  writeFileSync(join(folder, 'hunter2-file'), `${secret}\n`);
  const put: readonly string[] = [
    `"${secret}"`,
    `{ "$env": "${secret}" }`,
    `{ "$file": "${secret}" }`,
    `{ "$file": "hunter2-file" }`,
    `{ "$env": "a", "x": "${secret}" }`,
    `["${secret}"]`,
  ];
  let judged = 0;
  for (const key of Object.keys(SCHEMA.properties ?? {})) {
    for (const value of put) {
      // 100 characters at least, so that a good secret from the file meets a schema that refuses it.
      const strict = { ...SCHEMA, properties: { ...SCHEMA.properties, password: { type: 'string', secret: true, minLength: 100 } } };
      const found = mistakes(`{ "${key}": ${value} }`, strict);
      judged += found.length;
      assert.ok(!found.join('\n').includes(secret), found.join('\n'));
    }
  }
  assert.ok(judged > 50);
});
