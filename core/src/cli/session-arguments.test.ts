import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './run.js';
import { session, sessionLines } from './session.js';
import { readSessionArguments, SESSION_HELP } from './session-arguments.js';
import { sessionsAnswer } from './session-request.js';
import { RecordingTerminal } from './terminal.test.support.js';

test('a list is read with all that can narrow it, a release with whose and how', () => {
  const list = readSessionArguments(['list', '-c', 'x.json', '--client', 'c 1', '-u', 'ann', '--tenant', 't', '--limit', '7', '--json']);
  assert.deepEqual([list.configFile, list.socket, list.json, list.help], ['x.json', null, true, false]);
  assert.deepEqual(list.question, { action: 'list', client: 'c 1', username: 'ann', tenant: 't', limit: 7 });
  assert.deepEqual(readSessionArguments(['list']).question, { action: 'list', client: null, username: null, tenant: null, limit: 100 });
  const release = readSessionArguments(['release', '--socket', 's', '--tenant', 't', '--disconnect', '--', '-x']);
  assert.deepEqual([release.socket, release.json], ['s', false]);
  assert.deepEqual(release.question, { action: 'release', client: '-x', tenant: 't', disconnect: true });
  assert.deepEqual(readSessionArguments(['release', 'c']).question, { action: 'release', client: 'c', tenant: null, disconnect: false });
});

for (const [argv, says] of [
  [[], /needs to know what: list, release/],
  [['drop', 'x'], /needs to know what: list, release/],
  [['list', 'x'], /"list" takes no argument "x"; --client names one/],
  [['release'], /"release" needs a client identifier/],
  [['release', ''], /"release" needs a client identifier/],
  [['release', 'a', 'b'], /"release" takes no argument "b"/],
  [['release', 'a', '--user', 'u'], /"release" does not take --user/],
  [['release', 'a', '--limit', '1'], /"release" does not take --limit/],
  [['list', '--disconnect'], /"list" does not take --disconnect/],
  [['list', '--limit', '0'], /--limit is a number from 1 to 10000/],
  [['list', '--limit', '10001'], /--limit is a number from 1 to 10000/],
  [['list', '--limit', '1e3'], /--limit is a number from 1 to 10000/],
  [['list', '--tenant', ''], /--tenant needs a value/],
  [['list', '--all'], /unknown option '--all'/i],
] as const) {
  test(`a command line that nobody can mean is refused with one line: session ${argv.join(' ')}`, async () => {
    const terminal = new RecordingTerminal();
    assert.equal(await session(argv, terminal), 2);
    assert.equal(terminal.complaints.length, 1);
    assert.match(terminal.complaints[0] ?? '', says);
  });
}

test('the help is printed whatever else stands there, and "session" comes first', async () => {
  const terminal = new RecordingTerminal();
  assert.equal(await run(['session', 'list', '--help'], terminal, async () => 0), 0);
  assert.deepEqual(terminal.printed, [SESSION_HELP]);
  assert.equal(await run(['--json', 'session'], terminal, async () => 0), 2);
  assert.match(terminal.complaints[0] ?? '', /"session" stands before its options/);
});

const nobody = { list: () => null, release: () => null };

test('a request that is not sound is refused without a word of what is in it', async () => {
  for (const [request, says] of [
    [{}, /"action" must be list or release/],
    [{ action: 'constructor' }, /"action" must be list or release/],
    [{ action: 'list', limit: 0 }, /"limit" must be/],
    [{ action: 'list', limit: 1.5 }, /"limit" must be/],
    [{ action: 'list', username: 7 }, /"username" must be text/],
    [{ action: 'list', tenant: ['secret'] }, /"tenant" must be text/],
    [{ action: 'release' }, /"client" must be the client identifier/],
    [{ action: 'release', client: '' }, /"client" must be the client identifier/],
    [{ action: 'release', client: 'a\u0000' }, /"client" must be text/],
    [{ action: 'release', client: 'a', disconnect: 'yes' }, /"disconnect" must be true or false/],
    [{ action: 'list' }, /still starting/],
    [{ action: 'release', client: 'a' }, /still starting/],
  ] as const) {
    const text = JSON.stringify(await sessionsAnswer(nobody, { command: 'sessions', ...request }));
    assert.match(text.replaceAll('\\"', '"'), says);
    assert.match(text, /^\{"ok":false/);
    assert.doesNotMatch(text, /secret/);
  }
});

test('a list tells whose each session is, names in quotes, and how many more there are', () => {
  const shown = { tenant: null, address: '10.0.0.1', listener: 'local', subscriptions: 2, waiting: 3 };
  const lines = sessionLines({
    sessions: [
      { ...shown, clientId: 'a b ', username: 'anonymous', connected: true, expirySeconds: 60 },
      { ...shown, clientId: 'c', username: null, connected: true, expirySeconds: 0 },
      { ...shown, clientId: 'd', username: 'ann', tenant: 'acme', connected: false, expirySeconds: 5 },
      { ...shown, clientId: 'e'.repeat(300), username: 'ann', connected: false, expirySeconds: null },
    ],
    total: 6,
  });
  assert.match(lines[0] ?? '', /^client +user +tenant +address +state +subscriptions +waiting$/);
  assert.match(lines[1] ?? '', /^"a b " +"anonymous" +- +10\.0\.0\.1 +connected, stays 60 s +2 +3$/);
  assert.match(lines[2] ?? '', /^"c" +anonymous +- .* connected, ends with the connection /);
  assert.match(lines[3] ?? '', /^"d" +"ann" +"acme" .* away, ends in 5 s /);
  assert.match(lines[4] ?? '', /^"e{200}…" .* away, stays /);
  assert.equal(lines[5], '… and 2 more');
  assert.deepEqual(sessionLines({ sessions: [], total: 0 }), ['no session']);
});
