import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import { attribute, installEscapeHandlers } from './escape.js';

const folder = await realpath(await mkdtemp(join(tmpdir(), 'pcl escape-')));
after(() => rm(folder, { recursive: true }));

const PLUGINS = [
  { name: 'outer', root: '/app/plugins/a' },
  { name: 'inner', root: '/app/plugins/a/node_modules/b' },
  { name: 'other', root: '/app/plugins/ab' },
];

function errorAt(...frames: string[]): Error {
  const error = new Error('message');
  error.stack = `Error: message\n${frames.map((frame) => `    at ${frame}`).join('\n')}`;
  return error;
}

test('an error belongs to the plugin of its innermost frame, and there to the innermost package', () => {
  assert.equal(
    attribute(errorAt('f (/lib/x.js:1:1)', 'g (file:///app/plugins/a/index.js:2:2)', 'h (/app/plugins/ab/index.js:1:1)'), PLUGINS),
    'outer',
  );
  assert.equal(attribute(errorAt('f (/app/plugins/a/node_modules/b/index.js:1:1)'), PLUGINS), 'inner');
  assert.equal(attribute(errorAt('file:///app/plugins/ab/index.js:2:2'), PLUGINS), 'other');
  assert.equal(attribute(errorAt('f (/app/plugins/abc/index.js:1:1)'), PLUGINS), null);
});

test('a message that quotes a path attributes nothing, and neither does what is no error', () => {
  const quoting = new Error('cannot read\n    /app/plugins/a/users.txt');
  quoting.stack = `Error: ${quoting.message}\n    at f (/lib/x.js:1:1)`;
  assert.equal(attribute(quoting, PLUGINS), null);
  assert.equal(attribute({ stack: errorAt('f (/app/plugins/a/index.js:1:1)').stack }, PLUGINS), null);
  const unreadable = Object.defineProperty(new Error('x'), 'stack', {
    get() {
      throw new Error('no');
    },
  });
  const lying = { split: () => ['    at f (/app/plugins/a/index.js:1:1)'] };
  for (const stack of [lying, null, 7, []]) {
    assert.equal(attribute(Object.defineProperty(new Error('x'), 'stack', { value: stack }), PLUGINS), null);
  }
  for (const thrown of [unreadable, null, undefined, '/app/plugins/a/index.js', 7]) assert.equal(attribute(thrown, PLUGINS), null);
});

test('the handlers of a process go when they are no longer wanted', () => {
  const installed = () => (['uncaughtException', 'unhandledRejection'] as const).map((event) => process.listenerCount(event));
  const before = installed();
  const uninstall = installEscapeHandlers(new Logger(() => {}), new Stats(), () => []);
  assert.deepEqual(
    installed(),
    before.map((count) => count + 1),
  );
  uninstall();
  assert.deepEqual(installed(), before);
});

test('the process lives through what escapes from plugins and from the broker, and says whose it was', async () => {
  const root = join(folder, 'plugin');
  await mkdir(root);
  const throwing = `
    import { EventEmitter } from 'node:events';
    setTimeout(() => { throw new Error('in a timer'); }, 1);
    setTimeout(() => { Promise.reject(new Error('rejected')); }, 1);
    setTimeout(() => { new EventEmitter().emit('error', new Error('emitted')); }, 1);
  `;
  await writeFile(join(root, 'index.mjs'), throwing);
  const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const main = `
    import { installEscapeHandlers } from ${here('./escape.js')};
    import { Logger } from ${here('../log.js')};
    import { Stats } from ${here('../stats.js')};
    const stats = new Stats();
    installEscapeHandlers(new Logger(console.log), stats, () => [{ name: 'mine', root: ${JSON.stringify(root)} }]);
    await import(${JSON.stringify(pathToFileURL(join(root, 'index.mjs')).href)});
    setTimeout(() => { throw null; }, 1);
    setTimeout(() => console.log('counted', stats.escapedErrors, stats.invariantsBroken), 100);
  `;
  await writeFile(join(folder, 'main.mjs'), main);
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')], { timeout: 20_000 });
  for (const cause of ['in a timer', 'rejected', 'emitted']) assert.match(stdout, new RegExp(`PCL_PLUGIN_ESCAPED plugin=mine cause="?${cause}`));
  assert.match(stdout, /PCL_INVARIANT/);
  assert.match(stdout, /counted 3 1/);
});
