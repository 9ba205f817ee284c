import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from './explain.js';
import { EXPLAIN_HELP, readExplainArguments } from './explain-arguments.js';
import { run } from './run.js';
import { RecordingTerminal } from './terminal.test.support.js';

test('a question is read with all that can be stated', () => {
  const { question, configFile, socket, json, passwordFromInput } = readExplainArguments([
    '-c',
    'x.json',
    '-u',
    'ann',
    '--client',
    'c1',
    '--group',
    'red',
    '--group',
    'blue',
    '--attribute',
    'zone=a=b',
    '--tenant',
    't',
    '--listener',
    'l',
    '--address',
    '10.0.0.1',
    '--qos',
    '2',
    '--retain',
    '--json',
    'publish',
    'a/b',
  ]);
  assert.deepEqual([configFile, socket, json, passwordFromInput], ['x.json', null, true, false]);
  assert.deepEqual(question, {
    action: 'publish',
    topic: 'a/b',
    qos: 2,
    retain: true,
    username: 'ann',
    anonymous: false,
    client: 'c1',
    tenant: 't',
    listener: 'l',
    address: '10.0.0.1',
    groups: ['red', 'blue'],
    attributes: { zone: 'a=b' },
  });
});

for (const [args, said] of [
  [[], /needs to know what: connect, publish/],
  [['reign', '-u', 'ann'], /needs to know what/],
  [['publish', '-u', 'ann'], /"publish" needs a topic/],
  [['publish', '', '-u', 'ann'], /"publish" needs a topic/],
  [['connect', 'x', '-u', 'ann'], /"connect" has no topic/],
  [['publish', 'a', 'b', '-u', 'ann'], /takes no argument "b"; a topic with spaces stands in quotes/],
  [['connect'], /needs --user, --client or --anonymous/],
  [['connect', '-u', ''], /--user needs a value/],
  [['connect', '-u', 'ann', '--password', 'x'], /unknown option '--password'/],
  [['connect', '-u', 'ann', '--attribute', 'x'], /--attribute is name=value/],
  [['publish', 'a', '-u', 'ann', '--qos', '3'], /--qos is 0, 1 or 2/],
] as const) {
  test(`refused in one line: explain ${args.join(' ')}`, async () => {
    const terminal = new RecordingTerminal();
    assert.equal(await explain(args, terminal), 2);
    assert.equal(terminal.complaints.length, 1);
    assert.match(terminal.complaints[0] ?? '', said);
  });
}

async function* input(...parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

test('a password is asked for where it is wanted, and bounded', async () => {
  for (const [parts, said] of [
    [[], /there is no password on standard input/],
    [['\r\n'], /there is no password on standard input/],
    [['x'.repeat(40_000), 'x'.repeat(40_000)], /the password is too long/],
  ] as const) {
    const terminal = new RecordingTerminal();
    assert.equal(await explain(['-u', 'ann', '--password-stdin', 'connect'], terminal, input(...parts)), 2);
    assert.match(terminal.complaints.join(), said);
  }
});

test('explain has a page of help, and stands before its options', async () => {
  const serve = () => Promise.reject(new Error('nothing is served'));
  const terminal = new RecordingTerminal();
  assert.equal(await run(['explain', '--help'], terminal, serve), 0);
  assert.deepEqual(terminal.printed, [EXPLAIN_HELP]);
  for (const option of ['--user', '--client', '--listener', '--group', '--password-stdin', '--qos', '--json'])
    assert.ok(EXPLAIN_HELP.includes(option));
  assert.equal(await run(['-c', 'x.json', 'explain'], terminal, serve), 2);
  assert.match(terminal.complaints[0] ?? '', /"explain" stands before its options/);
});

test('whoever asks no broker hears so', async () => {
  const terminal = new RecordingTerminal();
  assert.equal(await explain(['--socket', 'none.sock', '-u', 'ann', 'connect'], terminal), 3);
  assert.match(terminal.complaints[0] ?? '', /no broker runs with this control socket/);
});
