import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('where Node may not generate code, no hook can be dispatched, and that refuses everything', async () => {
  const support = new URL('./hooks.test.support.js', import.meta.url).href;
  const program = `
    const { plugin, preparedRig, chain, CONNECT } = await import(${JSON.stringify(support)});
    const p = plugin('p', (hooks) => {
      hooks.authenticate.tap((request, decide) => decide.allow({ identity: { username: 'u' } }));
      hooks.admitClient.tap((request, decide) => decide.pass());
      hooks.guardPublish.tap((request, decide) => decide.pass());
      hooks.acceptConnection.tap((request, decide) => decide.pass());
      hooks.resolveTenant.tap((request, give) => give.nothing());
      hooks.normalizeConnect.tap((request, give) => give.nothing());
      hooks.brokerReady.tap(() => {});
    });
    const { host, options, stats, lines } = await preparedRig([p], [chain({ guards: ['p'], authenticate: ['p'] })]);
    const kinds = [];
    const note = (outcome) => kinds.push(outcome.kind);
    host.chain('default').ask('authenticate', CONNECT, options(), note);
    host.chain('default').ask('admitClient', CONNECT, options(), note);
    host.global.firstGiven('resolveTenant', CONNECT, options(), note);
    note(host.chain('default').guard('guardPublish', CONNECT));
    note(host.global.guard('acceptConnection', CONNECT));
    note(host.global.waterfall('normalizeConnect', CONNECT, (request) => request));
    host.global.tell('brokerReady', { listeners: [] });
    console.log(kinds.join(), stats.invariantsBroken, lines.filter((line) => /code=PCL_INVARIANT/.test(line)).length);
  `;
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 20_000 });
  // News refuse nothing, but are counted and logged like the questions.
  assert.equal(stdout.trim(), 'fault,fault,fault,fault,fault,fault 7 7');
});
