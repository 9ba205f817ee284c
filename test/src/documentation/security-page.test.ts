import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from './sdk-source.js';

const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8');

/** The rows of all tables of classes, as cells. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what goes wrong'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('the page about security', () => {
  it('lists classes of failure, each with what holds here', () => {
    assert.ok(rows.length > 25, `${rows.length} rows`);
    for (const cells of rows) {
      assert.equal(cells.length, 3, cells.join(' | '));
      assert.ok(
        cells.every((cell) => cell !== ''),
        cells.join(' | '),
      );
    }
  });

  for (const [wrong = '', holds = '', tests = ''] of rows) {
    // What is not held yet is said in words, and has no test.
    if (tests === '–') continue;
    it(`names tests that there are, by a part of their titles: ${wrong}`, () => {
      const named = [...tests.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)];
      assert.ok(named.length > 0, holds);
      assert.equal(named.length, tests.split(' · ').length, 'every entry is a link');
      for (const [, title = '', path = ''] of named) {
        assert.ok(existsSync(join(ROOT, path)), path);
        const source = readFileSync(join(ROOT, path), 'utf8').replaceAll("\\'", "'");
        assert.ok(source.includes(title), `${path} has no test "${title}"`);
      }
    });
  }
});
