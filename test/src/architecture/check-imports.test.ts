import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkForeignPaths, checkLengths, checkReadmes } from './check-files.js';
import { checkImports, type Tree } from './check-imports.js';
import { findRings } from './rings.js';

const PACKAGES: Tree['packages'] = new Map([
  ['sdk', { name: '@portcullis/sdk', dependencies: ['bcryptjs'], developmentDependencies: [] }],
  ['core', { name: 'portcullis', dependencies: ['@portcullis/sdk', 'tapable', 'ws'], developmentDependencies: [] }],
  [
    'plugins/a',
    {
      name: '@portcullis/plugin-a',
      dependencies: ['@portcullis/sdk', 'pg'],
      developmentDependencies: ['@portcullis/testing', '@portcullis/test-servers'],
    },
  ],
  ['plugins/b', { name: '@portcullis/plugin-b', dependencies: ['@portcullis/sdk'], developmentDependencies: [] }],
  ['plugins/c', { name: '@portcullis/plugin-c', dependencies: [], developmentDependencies: [] }],
  ['test', { name: '@portcullis/tests', dependencies: ['portcullis'], developmentDependencies: [] }],
  ['test/servers', { name: '@portcullis/test-servers', dependencies: ['pg'], developmentDependencies: [] }],
  ['test/kit', { name: '@portcullis/testing', dependencies: ['@portcullis/sdk', 'portcullis'], developmentDependencies: [] }],
]);

/** Targets that imports may name without standing in the way of what a case is about. */
const TARGETS = [
  'sdk/src/index.ts',
  'core/src/errors.ts',
  'core/src/index.ts',
  'core/src/broker.ts',
  'core/src/cli/main.ts',
  ...['codec', 'hooks', 'policy', 'gate', 'store', 'router', 'session', 'connection', 'x509', 'listeners', 'config'].map(
    (room) => `core/src/${room}/x.ts`,
  ),
  'plugins/a/src/index.ts',
  'plugins/b/src/index.ts',
  'test/src/support/x.ts',
];

function treeWith(files: Record<string, string>): Tree {
  const all = new Map<string, string>(TARGETS.map((path) => [path, '']));
  for (const [path, text] of Object.entries(files)) all.set(path, text);
  return { files: all, packages: PACKAGES, developmentDependencies: ['fast-check', 'mqtt'] };
}

const messages = (files: Record<string, string>): string[] =>
  checkImports(treeWith(files)).breaches.map(({ path, line, message }) => `${path}:${line} ${message}`);
const breach = (path: string, source: string): string => messages({ [path]: source }).join('\n');

describe('the check of imports', () => {
  /** Room by room, what the table allows; every other pair must be a breach. */
  const allowed: Record<string, string[]> = {
    'core/src/errors.ts': [],
    'core/src/codec/y.ts': ['errors'],
    'core/src/hooks/y.ts': ['errors'],
    'core/src/policy/y.ts': ['errors'],
    'core/src/gate/y.ts': ['errors', 'hooks', 'policy'],
    'core/src/store/y.ts': ['errors'],
    'core/src/router/y.ts': ['errors', 'hooks', 'policy', 'gate', 'store'],
    'core/src/session/y.ts': ['errors', 'hooks', 'policy', 'gate', 'store', 'router'],
    'core/src/connection/y.ts': ['errors', 'codec', 'hooks', 'policy', 'gate', 'store', 'router', 'session'],
    'core/src/x509/y.ts': ['errors'],
    'core/src/listeners/y.ts': ['errors', 'gate', 'connection', 'x509'],
    'core/src/config/y.ts': ['errors', 'x509'],
    'core/src/cli/y.ts': [
      'errors',
      'codec',
      'hooks',
      'policy',
      'gate',
      'store',
      'router',
      'session',
      'connection',
      'x509',
      'listeners',
      'config',
      'broker',
      'index',
    ],
    'core/src/broker.ts': [
      'errors',
      'codec',
      'hooks',
      'policy',
      'gate',
      'store',
      'router',
      'session',
      'connection',
      'x509',
      'listeners',
      'config',
      'cli',
      'index',
    ],
  };
  const rooms = [
    'errors',
    'broker',
    'index',
    'codec',
    'hooks',
    'policy',
    'gate',
    'store',
    'router',
    'session',
    'connection',
    'x509',
    'listeners',
    'config',
    'cli',
  ];

  for (const [path, may] of Object.entries(allowed)) {
    const own = path.split('/')[2]?.replace('.ts', '');
    for (const target of rooms) {
      if (target === own) continue;
      const up = path.split('/').length === 4 ? '../' : './';
      const file = target === 'cli' ? 'cli/main' : ['errors', 'broker', 'index'].includes(target) ? target : `${target}/x`;
      const verdict = may.includes(target) ? 'allows' : 'refuses';
      it(`${verdict} ${path} → ${target}`, () => {
        const found = breach(path, `import { x } from '${up}${file}.js';`);
        if (verdict === 'allows') assert.equal(found, '');
        else assert.match(found, /:1 room ".+" may not import room ".+"$/);
      });
    }
  }

  it('sees every way of importing', () => {
    const bad = '../session/x.js';
    const ways = [
      `import '${bad}';`,
      `import x from '${bad}';`,
      `import * as x from "${bad}";`,
      `import type { X } from '${bad}';`,
      `import {\n  a,\n  type B,\n} from '${bad}';`,
      `export { x } from '${bad}';`,
      `export * from '${bad}';`,
      `export type { X } from '${bad}';`,
      `const x = await import('${bad}');`,
      `const x = await import(\`${bad}\`);`,
      `let x: import('${bad}').X;`,
      `const x = require('${bad}');`,
      `require.resolve('${bad}');`,
      `const text = \`\${await import('${bad}')}\`;`,
      `const r = /import 'a'/; import x from '${bad}';`,
      `const s = "\\""; import x from '${bad}';`,
      `/* ' */ import x from '${bad}';`,
    ];
    for (const way of ways) assert.match(breach('core/src/codec/y.ts', way), /may not import room "session"/, way);
  });

  it('is not misled by comments, texts and members that look like imports', () => {
    const bad = '../session/x.js';
    const innocent = [
      `// import x from '${bad}';`,
      `/* import x from '${bad}'; */`,
      `const text = "import x from '${bad}'";`,
      `const text = \`import x from '${bad}'\`;`,
      `const rule = { from: '${bad}' };`,
      `plugin.import('${bad}');`,
      `const half = 4 / 2; // from '${bad}'`,
      `const expression = /from '${bad.replaceAll('/', '\\/')}'/;`,
    ];
    for (const text of innocent) assert.equal(breach('core/src/codec/y.ts', text), '', text);
  });

  it('keeps input and output out of the pure rooms, but not out of their tests', () => {
    for (const room of ['codec', 'policy']) {
      for (const name of ['node:net', 'node:fs', 'node:fs/promises', 'node:worker_threads', 'node:timers/promises', 'node:process']) {
        assert.match(breach(`core/src/${room}/y.ts`, `import x from '${name}';`), /is pure and may not import/);
      }
      assert.equal(breach(`core/src/${room}/y.ts`, "import { Buffer } from 'node:buffer';"), '');
      assert.equal(breach(`core/src/${room}/y.test.ts`, "import { readFileSync } from 'node:fs';"), '');
    }
    assert.equal(breach('core/src/listeners/y.ts', "import { createServer } from 'node:net';"), '');
  });

  it('confines tapable to the room of hooks', () => {
    assert.equal(breach('core/src/hooks/y.ts', "import { SyncHook } from 'tapable';"), '');
    assert.match(breach('core/src/gate/y.ts', "import type { SyncHook } from 'tapable';"), /only room "hooks" may import tapable/);
    assert.match(breach('core/src/cli/y.ts', "import('tapable/lib/Hook.js');"), /only room "hooks" may import tapable/);
  });

  it('refuses packages that are not declared where they are used', () => {
    assert.equal(breach('plugins/a/src/y.ts', "import pg from 'pg';"), '');
    assert.match(breach('plugins/b/src/y.ts', "import pg from 'pg';"), /imports pg, which its package.json does not declare/);
    assert.match(breach('core/src/config/y.ts', "import fc from 'fast-check';"), /imports fast-check, which/);
    assert.equal(breach('core/src/config/y.test.ts', "import fc from 'fast-check';"), '');
    assert.match(breach('plugins/c/src/y.ts', "import '@portcullis/sdk';"), /does not declare/);
  });

  it('lets a plugin see the SDK and nothing else of ours', () => {
    assert.equal(breach('plugins/a/src/y.ts', "import '@portcullis/sdk/passwords';"), '');
    assert.match(breach('plugins/a/src/y.ts', "import 'portcullis';"), /plugins\/a may not import portcullis/);
    assert.match(breach('plugins/a/src/y.ts', "import '@portcullis/plugin-b';"), /plugins\/a may not import @portcullis\/plugin-b/);
    assert.match(breach('plugins/a/src/y.ts', "import '@portcullis/testing';"), /may not import/);
    assert.equal(breach('plugins/a/src/y.test.ts', "import '@portcullis/testing';"), '');
    assert.match(breach('plugins/b/src/y.test.ts', "import '@portcullis/testing';"), /may not import/);
    assert.match(breach('plugins/a/src/y.test.ts', "import 'portcullis';"), /may not import/);
    assert.match(breach('plugins/a/src/y.ts', "import '../../../core/src/errors.js';"), /leaves its package/);
    assert.match(breach('plugins/a/src/y.ts', "import '../../b/src/index.js';"), /leaves its package/);
    assert.match(breach('plugins/a/src/y.ts', "new URL('../../b/src/index.js', import.meta.url);"), /leaves its package/);
  });

  it('keeps the servers of tests apart from everything, and lets tests of plugins have them', () => {
    assert.equal(breach('test/servers/src/y.ts', "import pg from 'pg';"), '');
    assert.match(breach('test/servers/src/y.ts', "import '@portcullis/sdk';"), /test\/servers may not import/);
    assert.match(breach('test/servers/src/y.test.ts', "import '@portcullis/testing';"), /test\/servers may not import/);
    assert.match(breach('test/servers/src/y.ts', "import '../../src/support/x.js';"), /leaves its package/);
    assert.match(breach('test/servers/src/y.ts', "import 'node:test';"), /outside tests/);
    assert.equal(breach('plugins/a/src/y.test.ts', "import '@portcullis/test-servers';"), '');
    assert.match(breach('plugins/a/src/y.ts', "import '@portcullis/test-servers';"), /may not import/);
    assert.match(breach('plugins/b/src/y.test.ts', "import '@portcullis/test-servers';"), /may not import/);
    assert.equal(breach('test/src/a/y.ts', "import '@portcullis/test-servers';"), '');
  });

  it('lets tests read files of the whole tree, but not code', () => {
    assert.equal(breach('core/src/cli/y.test.ts', "new URL('../../../plugins.json', import.meta.url);"), '');
    assert.match(breach('core/src/cli/y.ts', "new URL('../../../plugins.json', import.meta.url);"), /leaves its package/);
    assert.match(breach('core/src/cli/y.test.ts', "new URL('../../../sdk/dist/index.js', import.meta.url);"), /leaves its package/);
    assert.equal(breach('test/src/a/y.test.ts', "new URL('../../../core/bin/portcullis.js', import.meta.url);"), '');
  });

  it('keeps the SDK free of the rest, and core free of plugins', () => {
    assert.match(breach('sdk/src/y.ts', "import 'portcullis';"), /sdk may not import portcullis/);
    assert.match(breach('sdk/src/y.ts', "import '@portcullis/sdk';"), /its own package/);
    assert.match(breach('core/src/broker.ts', "import '@portcullis/plugin-a';"), /core may not import/);
    assert.equal(breach('test/kit/src/y.ts', "import 'portcullis';"), '');
    assert.match(breach('test/kit/src/y.ts', "import '@portcullis/plugin-a';"), /may not import/);
    assert.equal(breach('test/src/y.test.ts', "import 'portcullis'; import '@portcullis/plugin-a'; import 'ws';"), '');
  });

  it('refuses absolute paths, imports of what is not there, and modules of Node without their prefix', () => {
    assert.match(breach('core/src/gate/y.ts', "import '/etc/x.js';"), /absolute path/);
    assert.match(breach('core/src/gate/y.ts', "import 'file:///etc/x.js';"), /absolute path/);
    assert.match(breach('core/src/gate/y.ts', "import './gone.js';"), /which is not there/);
    assert.match(breach('core/src/listeners/y.ts', "import 'fs';"), /without "node:"/);
    assert.match(breach('core/src/listeners/y.ts', "import 'node:test';"), /outside tests/);
  });

  it('allows computed imports only where plugins are loaded', () => {
    assert.equal(breach('core/src/hooks/loader.ts', 'await import(url);'), '');
    assert.match(breach('core/src/router/y.ts', 'await import(url);'), /only running it can name/);
    assert.match(breach('core/src/router/y.ts', "await import('./' + name);"), /only running it can name/);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source that is checked
    assert.match(breach('plugins/a/src/y.ts', 'await import(`./${name}.js`);'), /only running it can name/);
  });

  it('refuses a folder of core that the table does not have', () => {
    assert.match(breach('core/src/helpers/y.ts', ''), /stands in no room/);
    assert.match(breach('core/src/misc.ts', ''), /stands in no room/);
    assert.equal(breach('core/src/errors.test.ts', ''), '');
  });

  it('names the line', () => {
    assert.equal(
      breach('core/src/codec/y.ts', "\n\nimport {\n  a,\n} from '../gate/x.js';"),
      'core/src/codec/y.ts:5 room "codec" may not import room "gate"',
    );
  });
});

describe('the search for rings', () => {
  const ringsIn = (files: Record<string, string>): string[] => findRings(checkImports(treeWith(files)).edges).map(({ message }) => message);

  it('finds a ring of code within a room', () => {
    const found = ringsIn({ 'sdk/src/a.ts': "import './b.js';", 'sdk/src/b.ts': "import './c.js';", 'sdk/src/c.ts': "import './a.js';" });
    assert.deepEqual(found, ['is part of a ring of imports: sdk/src/a.ts → sdk/src/b.ts → sdk/src/c.ts → sdk/src/a.ts']);
  });

  it('finds a file that imports itself', () => {
    assert.equal(ringsIn({ 'sdk/src/a.ts': "export * from './a.js';" }).length, 1);
  });

  it('bears types that refer to each other within one room', () => {
    assert.deepEqual(ringsIn({ 'sdk/src/a.ts': "import type { B } from './b.js';", 'sdk/src/b.ts': "import type { A } from './a.js';" }), []);
    assert.deepEqual(ringsIn({ 'sdk/src/a.ts': "import { b } from './b.js';", 'sdk/src/b.ts': "let a: import('./a.js').A;" }), []);
  });

  it('finds a ring across rooms even if it is made of types', () => {
    const found = ringsIn({
      'core/src/gate/a.ts': "import type { B } from '../router/b.js';",
      'core/src/router/b.ts': "import { a } from '../gate/a.js';",
    });
    assert.equal(found.length, 1);
  });
});

describe('the checks of files', () => {
  it('refuse code of more than 400 lines, but not tests', () => {
    const text = 'x\n'.repeat(401);
    assert.equal(checkLengths(new Map([['core/src/gate/a.ts', text]])).length, 1);
    assert.equal(checkLengths(new Map([['core/src/gate/a.ts', 'x\n'.repeat(400)]])).length, 0);
    assert.equal(checkLengths(new Map([['scripts/a.js', text]])).length, 1);
    assert.equal(checkLengths(new Map([['core/src/gate/a.test.ts', text]])).length, 0);
  });

  it('want a README in every room and package', () => {
    const of = (files: Record<string, string>): string[] =>
      checkReadmes(new Map(Object.entries(files))).map(({ path, message }) => `${path} ${message.slice(0, 10)}`);
    assert.deepEqual(of({ 'core/src/gate/a.ts': '' }), ['core/src/gate/README.md is missing']);
    assert.deepEqual(of({ 'core/src/gate/a.ts': '', 'core/src/gate/README.md': 'x\n'.repeat(20) }), []);
    assert.deepEqual(of({ 'core/src/gate/a.ts': '', 'core/src/gate/README.md': 'x\n'.repeat(21) }), ['core/src/gate/README.md has 21 lin']);
    assert.deepEqual(of({ 'plugins/a/package.json': '{}' }), ['plugins/a/README.md is missing']);
    assert.deepEqual(of({ 'plugins/a/package.json': '{}', 'plugins/a/README.md': 'x\n'.repeat(90) }), []);
  });

  it('find what exists on one machine only', () => {
    const of = (text: string): number => checkForeignPaths(new Map([['a.md', text]]), ['', 'srv', 'checkout'].join('/')).length;
    for (const parts of [
      ['', 'work', 'main', 'x'],
      ['', 'root', '.npm'],
      ['..', 'shared', 'x'],
      ['', 'srv', 'checkout', 'core'],
      ['', 'tmp', 'brief', 'x'],
      ['', 'home', 'me'],
    ]) {
      assert.equal(of(parts.join('/')), 1, parts.join('/'));
    }
    assert.equal(of(`see https:${'/'}/registry.${'npm'}js.org`), 1);
    assert.equal(of('run it in /tmp/x or /etc/portcullis; a shared folder; /network/main'), 0);
  });
});
