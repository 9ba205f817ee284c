import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';

interface Prepare {
  nodeComplaint(version: string): string | null;
  treeMatchesLock(lock: unknown, installed: unknown): boolean;
}

describe('the preparation of a fresh clone', () => {
  let prepare: Prepare;

  before(async () => {
    prepare = (await import(new URL('../../../scripts/prepare.js', import.meta.url).href)) as Prepare;
  });

  it('complains about a Node that is too old, in one line with both versions', () => {
    for (const version of ['18.20.8', '20.18.3', '20.9.0']) {
      assert.equal(prepare.nodeComplaint(version), `Portcullis needs Node >= 20.19, this is ${version}`);
    }
    for (const version of ['20.19.0', '20.20.2', '21.0.0', '22.12.0', '30.0.0']) assert.equal(prepare.nodeComplaint(version), null);
  });

  it('asks for the version that the packages state', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { engines: { node: string } };
    assert.equal(manifest.engines.node, '>=20.19');
  });

  it('takes an installed tree for complete only when every version is the one of the lock file', () => {
    const lock = {
      packages: { '': {}, sdk: { version: '1.0.0' }, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } },
    };
    const tree = (packages: Record<string, unknown>): unknown => ({ packages });
    assert.equal(prepare.treeMatchesLock(lock, tree({ 'node_modules/a': { version: '1.0.0' } })), true);
    assert.equal(prepare.treeMatchesLock(lock, tree({ 'node_modules/a': { version: '1.0.1' } })), false);
    assert.equal(prepare.treeMatchesLock(lock, tree({})), false);
    assert.equal(prepare.treeMatchesLock(lock, {}), false);
    assert.equal(prepare.treeMatchesLock(lock, tree({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.1' } })), false);
  });
});
