import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findQuotedPlaceholder } from './scan-statement.js';

test('a placeholder within quotes of any kind is found', () => {
  for (const [statement, found] of [
    [`select '$1'`, `'$1'`],
    [`select 1 where a = 'x$2y' and b = $1`, `'x$2y'`],
    [`select 'it''s $1'`, `'it''s $1'`],
    [`select E'\\'$1'`, `E'\\'$1'`],
    [`select "$1"`, `"$1"`],
    ['select $$ $1 $$', '$$ $1 $$'],
    ['select $x$ $2 $x$', '$x$ $2 $x$'],
    [`select a -- it's\n from b where c = '$1'`, `'$1'`],
  ] as const) {
    assert.equal(findQuotedPlaceholder(statement), found, statement);
  }
});

test('a placeholder that is one is not, whatever stands around it', () => {
  for (const statement of [
    'select $1',
    `select 'x' || $1 || 'y'`,
    `select '' || $1 || ''`,
    `select 1 -- '$1'`,
    `select 1 /* '$1' " */ where a = $1`,
    `select '--' || $1`,
    `select E'a\\\\' || $1 || 'b'`,
    `select "a""b" from c where d = $1`,
    'select $a$x$a$ || $1',
  ]) {
    assert.equal(findQuotedPlaceholder(statement), null, statement);
  }
});
