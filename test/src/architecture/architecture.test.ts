import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { checkForeignPaths, checkLengths, checkReadmes } from './check-files.js';
import { type Breach, checkImports, type Edge, type Tree } from './check-imports.js';
import { REPOSITORY_ROOT, readTree } from './read-tree.js';
import { findRings } from './rings.js';

const none = (breaches: readonly Breach[]): void => {
  assert.equal(breaches.length, 0, `\n${breaches.map(({ path, line, message }) => `${path}:${line} ${message}`).join('\n')}`);
};

describe('the repository', () => {
  let tree: Tree;
  let edges: Edge[];
  let breaches: Breach[];

  before(() => {
    tree = readTree(REPOSITORY_ROOT);
    ({ edges, breaches } = checkImports(tree));
  });

  it('was really read', () => {
    for (const path of ['sdk/src/hooks.ts', 'core/src/errors.ts', 'core/src/codec/decode.ts', 'plugins/anonymous/src/index.ts']) {
      assert.ok(tree.files.has(path), `${path} is missing`);
    }
    assert.ok(edges.length > 100, `${edges.length} imports between files is too few to be true`);
    assert.equal(tree.packages.get('core')?.name, 'portcullis');
  });

  it('keeps to the table of rooms', () => none(breaches));
  it('has no ring of imports', () => none(findRings(edges)));
  it('has no file of code above 400 lines', () => none(checkLengths(tree.files)));
  it('explains every room in a short README', () => none(checkReadmes(tree.files)));
  it('names no path and no address of the machine it was written on', () => none(checkForeignPaths(tree.files, REPOSITORY_ROOT)));
});
