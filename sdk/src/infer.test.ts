import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definePlugin } from './define-plugin.js';
import type { ConfigSchema, Infer } from './infer.js';

// The compiler is the test: a line that does not hold does not build.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
const holds = <T extends true>(value: T): void => assert.equal(value, true);

test('Scalars, constants and enumerations have their types.', () => {
  holds<Same<Infer<{ type: 'string' }>, string>>(true);
  holds<Same<Infer<{ type: 'number' }>, number>>(true);
  holds<Same<Infer<{ type: 'integer' }>, number>>(true);
  holds<Same<Infer<{ type: 'boolean' }>, boolean>>(true);
  holds<Same<Infer<{ type: 'null' }>, null>>(true);
  holds<Same<Infer<{ const: 'x' }>, 'x'>>(true);
  holds<Same<Infer<{ type: 'string'; enum: readonly ['a', 'b'] }>, 'a' | 'b'>>(true);
  holds<Same<Infer<{ description: 'anything' }>, unknown>>(true);
});

test('A choice is a union of its branches.', () => {
  holds<Same<Infer<{ anyOf: readonly [{ type: 'string' }, { type: 'null' }] }>, string | null>>(true);
  holds<Same<Infer<{ oneOf: readonly [{ const: 1 }, { type: 'array'; items: { type: 'string' } }] }>, 1 | readonly string[]>>(true);
});

test('A list is read-only.', () => {
  holds<Same<Infer<{ type: 'array'; items: { type: 'number' } }>, readonly number[]>>(true);
  holds<Same<Infer<{ type: 'array'; items: { type: 'array'; items: { type: 'boolean' } } }>, readonly (readonly boolean[])[]>>(true);
});

interface Server {
  type: 'object';
  required: readonly ['host'];
  additionalProperties: false;
  properties: { host: { type: 'string' }; port: { type: 'integer'; default: 5432 }; note: { type: 'string' } };
}

test('A property that is required or has a default is present; any other may be missing.', () => {
  holds<Same<Flat<Infer<Server>>, { readonly host: string; readonly port: number; readonly note?: string }>>(true);
  const least: Infer<Server> = { host: 'h', port: 1 };
  assert.equal(least.note, undefined);
  // @ts-expect-error -- `port` has a default, so it is always there
  const missing: Infer<Server> = { host: 'h' };
  // @ts-expect-error -- a number is no host
  const wrong: Infer<Server> = { host: 1, port: 1 };
  assert.ok(missing !== wrong);
});

test('An object whose keys are free is a record; one without properties has none.', () => {
  holds<Same<Infer<{ type: 'object'; additionalProperties: { type: 'number' } }>, Readonly<Record<string, number>>>>(true);
  holds<Same<Infer<{ type: 'object'; additionalProperties: false }>, Readonly<Record<string, never>>>>(true);
});

test('Objects within objects and lists keep their types, without `as const` at the call.', () => {
  const plugin = definePlugin({
    name: 'typed',
    sdk: '^1.0.0',
    config: {
      type: 'object',
      required: ['servers', 'mode'],
      additionalProperties: false,
      properties: {
        servers: {
          type: 'array',
          items: { type: 'object', required: ['url'], additionalProperties: false, properties: { url: { type: 'string' } } },
        },
        mode: { enum: ['fast', 'safe'] },
        retries: { type: 'integer', default: 3 },
      },
    },
    start(_context, config) {
      holds<Same<typeof config.mode, 'fast' | 'safe'>>(true);
      holds<Same<typeof config.retries, number>>(true);
      holds<Same<(typeof config.servers)[number]['url'], string>>(true);
      // @ts-expect-error -- the configuration is read-only
      config.retries = 4;
    },
  });
  const schema: ConfigSchema = plugin.config;
  assert.equal(schema.type, 'object');
});

test('A schema that leaves the subset does not compile.', () => {
  // @ts-expect-error -- `$ref` is not part of it
  const reference: ConfigSchema = { $ref: '#/definitions/x' };
  // @ts-expect-error -- nor is a list of types
  const types: ConfigSchema = { type: ['string', 'null'] };
  assert.ok(reference !== types);
});
