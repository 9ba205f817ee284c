import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HookName, PluginDefinition } from '@portcullis/sdk';
import { homelessHook } from './chain-checks.js';
import { definitionProblems } from './definition.js';
import { CONNECT, chain, IDENTIFIED, makeRig, plugin, preparedRig } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';

const manifest = (given: Partial<PluginDefinition>): PluginDefinition =>
  ({ name: 'p', sdk: '^1.0.0', config: {}, start() {}, ...given }) as PluginDefinition;

test('a manifest tells which hook needs a chain: by what it may answer, or by what it taps', () => {
  const cases: [Partial<PluginDefinition>, HookName | null][] = [
    [{}, null],
    [{ decides: {} }, null],
    [{ decides: { authenticate: ['allow'] } }, 'authenticate'],
    [{ decides: { authorize: ['allow'] } }, 'authorize'],
    [{ decides: { refreshIdentity: ['allow'] } }, null],
    [{ taps: [] }, null],
    [{ taps: ['clientConnected', 'acceptConnection', 'rewritePublish'] }, null],
    [{ taps: ['guardDelivery'] }, 'guardDelivery'],
    [{ taps: ['loadPolicy'] }, 'loadPolicy'],
    [{ taps: ['refreshIdentity'] }, null],
  ];
  for (const [given, hook] of cases) assert.equal(homelessHook(manifest(given)), hook, JSON.stringify(given));
});

test('a plugin taps nothing but what its manifest lists, where it lists anything', async () => {
  const listed = (taps: readonly HookName[]) => plugin('p', (hooks) => hooks.authenticate.tap((_request, decide) => decide.skip()), { taps });
  const chains = [chain({ authenticate: ['p'] })];
  await makeRig([listed(['authenticate', 'admitClient'])], chains).host.prepare();
  await assert.rejects(makeRig([listed(['admitClient'])], chains).host.prepare(), /p taps authenticate, which "taps" of its manifest does not list/);
});

test('a list of taps or answers that is none, or names what is not there, is a problem of the definition', () => {
  const good = { name: 'p', sdk: '^1.0.0', config: {}, start() {} };
  assert.deepEqual(
    definitionProblems({
      ...good,
      taps: ['authenticate', 'clientConnected'],
      decides: { authorize: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
    }),
    [],
  );
  const cases: [object, RegExp][] = [
    [{ taps: 'authenticate' }, /^"taps" must be an array of hooks$/],
    [{ taps: ['authentcate'] }, /^"taps" names the unknown hook "authentcate", did you mean "authenticate"\?$/],
    [{ taps: [7] }, /^"taps" names the unknown hook a number$/],
    [{ decides: { authorize: 'allow' } }, /^"decides.authorize" must list what the plugin may answer$/],
    [{ decides: { refreshIdentity: ['allow', 'skip'] } }, /^"decides.refreshIdentity" lists "skip"; possible are allow, deny$/],
    [{ capabilities: [7] }, /^unknown capability a number$/],
  ];
  for (const [change, message] of cases) {
    const problems = definitionProblems({ ...good, ...change });
    assert.match(problems.join('\n'), message);
    assert.equal(problems.length, 1);
  }
  // What only reads like a name, once it is turned into text, is none.
  const named = (name: string): unknown[] => [[name], { toString: () => name }, Object(name), null, undefined, true];
  for (const wrong of named('authenticate')) assert.equal(definitionProblems({ ...good, taps: [wrong] }).length, 1, String(wrong));
  for (const wrong of named('publish')) assert.equal(definitionProblems({ ...good, capabilities: [wrong] }).length, 1, String(wrong));
  for (const wrong of named('allow')) assert.equal(definitionProblems({ ...good, decides: { authorize: [wrong] } }).length, 1, String(wrong));
  for (const wrong of named('p')) assert.equal(definitionProblems({ ...good, name: wrong }).length, 1, String(wrong));
  for (const wrong of named('^1.0.0')) assert.equal(definitionProblems({ ...good, sdk: wrong }).length, 1, String(wrong));
});

test('one plugin is asked by name only where its chain lists it', async () => {
  let asked = 0;
  const p = plugin('p', (hooks) => {
    hooks.authorize.tap((_request, decide) => {
      asked += 1;
      return decide.allow();
    });
    hooks.authenticate.tap((_request, decide) => decide.skip());
  });
  const { host, options } = await preparedRig([p], [chain({ authenticate: ['p'] }), chain({ name: 'other', authorize: ['p'] })]);
  const ended: Outcome[] = [];
  for (const name of ['default', 'other']) {
    for (const wanted of ['p', 'nobody']) host.chain(name).askPlugin(wanted, 'authorize', IDENTIFIED, options(), (outcome) => ended.push(outcome));
  }
  assert.deepEqual(
    ended.map(({ kind }) => kind),
    ['skip', 'skip', 'allow', 'skip'],
  );
  assert.equal(asked, 1);
});

test('a client that a handler itself sends away is told nothing of what the handler then says', async () => {
  const parting: (() => void)[] = [];
  const first = plugin('first', (hooks) => hooks.authenticate.tap(async (_request, decide) => decide.skip()));
  const second = plugin('second', (hooks) =>
    hooks.authenticate.tap((_request, decide) => {
      for (const part of parting) part();
      return decide.allow({ identity: { username: 'u' } });
    }),
  );
  const { host, options } = await preparedRig([first, second], [chain({ authenticate: ['first', 'second'] })]);
  let ended = 0;
  const pending = host.chain('default').ask('authenticate', CONNECT, options(), () => {
    ended += 1;
  });
  const parted = new Promise<void>((resolve) => {
    parting.push(() => {
      pending?.cancel();
      resolve();
    });
  });
  await parted;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ended, 0);
});

test('what cannot be read is the fault of whoever gave it, and says so, but throws nothing at the plugin', async () => {
  const thrown: unknown[] = [];
  for (const what of [null, 'words', new Error('gotcha')]) {
    const p = plugin('p', (hooks) =>
      hooks.authenticate.tap((_request, decide) => {
        try {
          return decide.allow({
            get identity(): never {
              throw what;
            },
          });
        } catch (error) {
          thrown.push(error);
          return decide.skip();
        }
      }),
    );
    const { host, options, lines } = await preparedRig([p], [chain({ authenticate: ['p'] })]);
    const ended: Outcome[] = [];
    host.chain('default').ask('authenticate', CONNECT, options(), (outcome) => ended.push(outcome));
    assert.equal(ended[0]?.kind, 'fault');
    assert.match(lines.join('\n'), /kind=malformed .*what it gave cannot be read/);
  }
  assert.deepEqual(thrown, []);
});

test('a hook that must be answered at once says so to whoever answers with a promise', async () => {
  const p = plugin('p', (hooks) => {
    hooks.acceptConnection.tap((async (_request: object, decide: { pass(): unknown }) => decide.pass()) as never);
    hooks.upgradeWebSocket.tap(() => {
      throw new Error('it broke');
    });
  });
  const { host, lines } = await preparedRig([p], []);
  const accepted = host.global.guard('acceptConnection', CONNECT);
  assert.ok(accepted.kind === 'fault' && /answered with a promise, but this hook must be answered at once/.test(accepted.detail));
  assert.match(lines.join('\n'), /hook=acceptConnection kind=promise/);
  const upgraded = host.global.guard('upgradeWebSocket', CONNECT);
  assert.deepEqual(
    [upgraded.kind, upgraded.kind === 'fault' && upgraded.plugin, upgraded.kind === 'fault' && upgraded.detail],
    ['fault', 'p', 'it broke'],
  );
});
