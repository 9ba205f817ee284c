import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../support/broker-process.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}

function documents(): string[] {
  const guides = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...top, ...guides.map((name) => join('docs', name))];
}

describe('the documentation', () => {
  let schema: Schema;
  const text = read('docs/configuration.md');

  before(async () => {
    const { output, code } = await runCommand({ args: ['schema'], files: { 'plugins.json': read('plugins.json') } });
    assert.equal(code, 0, output);
    schema = JSON.parse(output) as Schema;
  });

  /** Property names of the file's own schema; what plugins bring is described by their READMEs. */
  function keys(part: Schema, path = ''): { name: string; path: string; schema: Schema }[] {
    const own = Object.entries(part.properties ?? {}).flatMap(([name, inner]) =>
      name === 'config' ? [{ name, path, schema: inner }] : [{ name, path, schema: inner }, ...keys(inner, `${path}.${name}`)],
    );
    const listed = part.items === undefined ? [] : keys(part.items, `${path}[]`);
    return typeof part.additionalProperties === 'object' ? [...own, ...keys(part.additionalProperties, `${path}.*`), ...listed] : [...own, ...listed];
  }

  it('names every key of plugins.json, with its default', () => {
    const all = keys(schema);
    assert.ok(all.length > 60, `${all.length} keys are too few to be true`);
    for (const { name, path, schema: part } of all) {
      assert.ok(text.includes(`\`${name}\``), `${path}.${name} is not in docs/configuration.md`);
      if (typeof part.default !== 'number' && typeof part.default !== 'string') continue;
      const value = typeof part.default === 'string' ? JSON.stringify(part.default) : String(part.default);
      const rows = text.split('\n').filter((line) => line.includes(`\`${name}\``));
      assert.ok(
        rows.some((line) => line.includes(`\`${value}\``) || line.includes(`| ${value} |`) || line.includes(`(${value})`)),
        `${path}.${name}: the default ${value} is not in its row:\n${rows.join('\n')}`,
      );
    }
  });

  it('names the range of every limit', () => {
    for (const [name, part] of Object.entries(schema.properties?.limits?.properties ?? {})) {
      const row = `| \`${name}\` | ${part.default} | ${part.minimum} to ${part.maximum} |`;
      assert.ok(text.includes(row), `docs/configuration.md lacks: ${row} unit | ${part.description} |`);
    }
  });

  it('names the range of every limit of a tenant', () => {
    const tenant = schema.properties?.tenants?.additionalProperties;
    const limits = typeof tenant === 'object' ? tenant.properties?.limits?.properties : undefined;
    assert.ok(limits !== undefined);
    for (const [name, part] of Object.entries(limits)) {
      const row = `| \`${name}\` | none | ${part.minimum} to ${part.maximum} |`;
      assert.ok(text.includes(row), `docs/configuration.md lacks: ${row} unit | ${part.description} |`);
    }
  });

  it('names every choice', () => {
    for (const { name, path, schema: part } of keys(schema)) {
      for (const value of part.enum ?? []) assert.ok(text.includes(JSON.stringify(value)), `${path}.${name}: ${JSON.stringify(value)}`);
    }
  });

  it('mentions no key that does not exist', () => {
    const known = new Set(keys(schema).map(({ name }) => name));
    for (const [, name = ''] of text.matchAll(/^\| `([\w$]+)` \|/gm))
      assert.ok(known.has(name) || name.startsWith('PORTCULLIS_'), `${name} is not a key`);
  });

  it('shows the configuration that a first start makes', () => {
    const [, block = ''] = /```json\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
    assert.deepEqual(JSON.parse(block), JSON.parse(read('plugins.json')));
  });

  it('links to files that exist', () => {
    for (const document of documents()) {
      for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        assert.ok(existsSync(join(ROOT, dirname(document), target)), `${document} links to ${target}`);
      }
    }
  });

  it('lists every plugin that ships', () => {
    for (const name of readdirSync(join(ROOT, 'plugins'))) assert.ok(read('README.md').includes(`@portcullis/plugin-${name}`), name);
  });
});
