import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeHasChanged } from './code-marks.js';

test('Code has changed when its file holds something else than when it was first imported, or cannot be read any more.', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'code-marks-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'index.js');
  await writeFile(file, 'export default 1;');
  assert.equal(await codeHasChanged(file), false, 'at first there is nothing to compare with');
  assert.equal(await codeHasChanged(file), false, 'it is the same');
  await writeFile(file, 'export default 2;');
  assert.equal(await codeHasChanged(file), true);
  assert.equal(await codeHasChanged(file), true, 'what runs is still the first');
  await writeFile(file, 'export default 1;');
  assert.equal(await codeHasChanged(file), false);
  await rm(file);
  assert.equal(await codeHasChanged(file), true);
});
