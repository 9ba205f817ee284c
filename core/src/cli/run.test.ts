import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ERRORS, PortcullisError } from '../errors.js';
import { run, type ServeOptions } from './run.js';
import { RecordingTerminal } from './terminal.test.support.js';

async function command(...argv: string[]) {
  const terminal = new RecordingTerminal({ A: '1' });
  const served: ServeOptions[] = [];
  const status = await run(argv, terminal, async (options) => {
    served.push(options);
    return 0;
  });
  return { status, served, ...terminal };
}

describe('the command line', () => {
  test('serves when it says nothing', async () => {
    const { status, served } = await command();
    assert.equal(status, 0);
    assert.deepEqual(served, [{ configFile: 'plugins.json', quickstart: false, env: { A: '1' } }]);
  });

  test('passes on its options in any place', async () => {
    assert.deepEqual((await command('-c', 'a.json', 'serve', '--quickstart')).served, [{ configFile: 'a.json', quickstart: true, env: { A: '1' } }]);
    assert.equal((await command('--config=b.json')).served[0]?.configFile, 'b.json');
  });

  for (const [argv, expected] of [
    [['serv'], 'portcullis: unknown command "serv"; see "portcullis --help"'],
    [['serve', 'x'], 'portcullis: "serve" takes no argument "x"; see "portcullis --help"'],
    [['--quick'], 'portcullis: unknown option \'--quick\'; see "portcullis --help"'],
    [['-x'], 'portcullis: unknown option \'-x\'; see "portcullis --help"'],
    [['check', '--quickstart'], 'portcullis: "check" does not take --quickstart; see "portcullis --help"'],
    [['-c'], 'portcullis: option \'-c, --config <value>\' argument missing; see "portcullis --help"'],
    [['--config='], 'portcullis: --config needs the path of a file; see "portcullis --help"'],
    [['a\u001b[31m'], 'portcullis: unknown command "a\\u001b[31m"; see "portcullis --help"'],
  ] as const) {
    test(`${JSON.stringify(argv)} is answered with one line`, async () => {
      const { status, served, complaints, printed } = await command(...argv);
      assert.deepEqual([status, served, printed, complaints], [2, [], [], [expected]]);
    });
  }

  test('prints help and version', async () => {
    assert.match((await command('--help')).printed.join(), /portcullis check/);
    assert.match((await command('check', '-h')).printed.join(), /portcullis check/);
    assert.match((await command('--version')).printed.join(), /^\d+\.\d+\.\d+/);
  });

  test('turns an error of ours into one line', async () => {
    const terminal = new RecordingTerminal();
    const status = await run(['serve'], terminal, () => Promise.reject(new PortcullisError(ERRORS.listen, 'port 1883 is taken')));
    assert.deepEqual([status, terminal.complaints], [1, ['portcullis: port 1883 is taken']]);
  });

  test('shows where any other error came from', async () => {
    const terminal = new RecordingTerminal();
    const status = await run(['serve'], terminal, () => Promise.reject(new TypeError('x is not a function')));
    assert.equal(status, 1);
    assert.match(terminal.complaints.join('\n'), /^portcullis: x is not a function\nTypeError: .*\n +at /);
  });
});
