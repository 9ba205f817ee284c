import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FILLED_BY, TENANT_FILLED_BY } from './filled-by.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

// The public door does not lead to the table of limits.
const { LIMITS, TENANT_LIMITS } = (await import(new URL('../../../core/dist/limits.js', import.meta.url).href)) as Readonly<
  Record<'LIMITS' | 'TENANT_LIMITS', Readonly<Record<string, unknown>>>
>;

describe('the table of limits', () => {
  it('has a test for each that fills it', () => {
    assert.deepEqual(Object.keys(FILLED_BY), Object.keys(LIMITS));
    assert.deepEqual(Object.keys(TENANT_FILLED_BY), Object.keys(TENANT_LIMITS));
  });

  it('names tests that exist and that set the limit', () => {
    for (const [name, fillings] of [...Object.entries(FILLED_BY), ...Object.entries(TENANT_FILLED_BY)]) {
      assert.ok(fillings.length > 0, name);
      for (const [file, title] of fillings) {
        const text = readFileSync(join(ROOT, file), 'utf8');
        const mark = title.includes('$' + '{') ? '`' : title.includes("'") ? '"' : "'";
        const quoted = mark + title + mark;
        assert.ok(text.includes(`test(${quoted}`) || text.includes(`it(${quoted}`), `${name}: no test in ${file} is called ${quoted}`);
        assert.ok(new RegExp(`\\b${name}\\b`).test(text), `${file} does not set ${name}`);
      }
    }
  });
});
