import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseArguments, USAGE } from './arguments.js';
import { BenchError } from './bench-error.js';
import { byCommand, mosquitto, splitWords } from './contestants.js';
import { SCENARIOS, SHORT } from './scenarios.js';

const names = (args: readonly string[]): string[] => parseArguments(args).scenarios.map(({ name }) => name);

describe('the arguments of the benchmark', () => {
  it('may be left out: a short set of scenarios against Portcullis alone', () => {
    const options = parseArguments([]);
    assert.deepEqual(
      options.scenarios.map(({ name }) => name),
      SHORT,
    );
    assert.deepEqual([options.action, options.mosquitto, options.against, options.rounds, options.transport], ['run', false, null, 3, 'tcp']);
  });

  it('name scenarios one by one, or all of them that fit the transport', () => {
    assert.deepEqual(names(['--scenarios', 'large,connect']), ['large', 'connect']);
    assert.equal(names(['--scenarios', 'all']).length, SCENARIOS.length);
    const overTls = names(['--scenarios', 'all', '--transport', 'tls']);
    assert.ok(overTls.includes('pairs-q0') && overTls.includes('growth-rules') && !overTls.includes('connect'));
  });

  it('take the path of a mosquitto, or look for one', () => {
    for (const [args, path] of [
      [['--mosquitto'], null],
      [['--mosquitto', '--rounds', '1'], null],
      [['--mosquitto', '/a/mosquitto', '--rounds', '1'], '/a/mosquitto'],
      [['--mosquitto=/a/mosquitto'], '/a/mosquitto'],
    ] as const) {
      const options = parseArguments(args);
      assert.deepEqual([options.mosquitto, options.mosquittoPath], [true, path]);
    }
  });

  it('are answered with one clear line when they are wrong', () => {
    for (const [args, message] of [
      [['--scenarios', 'fanin'], /^there is no scenario "fanin"; see --list$/],
      [['--scenarios', 'connect', '--transport', 'ws'], /^the scenario connect runs over tcp only$/],
      [['--transport', 'udp'], /^--transport is one of tcp, ws, tls, wss, not "udp"$/],
      [['--rounds', '0'], /^--rounds is a whole number from 1 to 100, not "0"$/],
      [['--rounds', '1.5'], /^--rounds is a whole number/],
      [['--seconds', 'x'], /^--seconds is a number from 0.1 to 600, not "x"$/],
      [['--warmup=-1'], /^--warmup is a number/],
      [['--against-port', '70000', '--against', 'x'], /^--against-port is a whole number from 1 to 65535/],
      [['--against-port', '1883'], /^--against-port needs --against$/],
      [['--speed'], /^Unknown option '--speed'; see --help$/],
      [['pairs-q0'], /^Unexpected argument 'pairs-q0'.*; see --help$/],
      [['--rounds'], /^Option '--rounds <value>' argument missing; see --help$/],
    ] as const)
      assert.throws(
        () => parseArguments(args),
        (error: unknown) => error instanceof BenchError && message.test(error.message) && !error.message.includes('\n'),
        args.join(' '),
      );
  });

  it('are all explained', () => {
    for (const name of [
      'scenarios',
      'list',
      'transport',
      'mosquitto',
      'against',
      'against-port',
      'start-seconds',
      'rounds',
      'seconds',
      'warmup',
      'markdown',
      'json',
    ])
      assert.ok(USAGE.includes(`--${name} `) || USAGE.includes(`--${name}\n`), name);
  });
});

describe('the command of a peer', () => {
  const files = { folder: '.', passwords: '/f/passwords', acl: '/f/acl', certificate: '/f/c.pem', key: '/f/k.pem', logins: [] };

  it('is cut into words as by a shell, without running one', () => {
    assert.deepEqual(splitWords(`a  "b c" 'd "e' f"g h"i '' $(x)`), ['a', 'b c', 'd "e', 'fg hi', '', '$(x)']);
    assert.throws(() => splitWords('a "b'), BenchError);
  });

  it('has its placeholders replaced', () => {
    const peer = byCommand('/usr/bin/peer -p {port} --users={passwords} {acl} {cert} {key} {other}', null);
    assert.equal(peer.name, 'peer');
    assert.deepEqual(peer.command(files, 1234, 'tcp'), [
      '/usr/bin/peer',
      '-p',
      '1234',
      '--users=/f/passwords',
      '/f/acl',
      '/f/c.pem',
      '/f/k.pem',
      '{other}',
    ]);
  });

  it('must say where its port goes, or have one', () => {
    assert.throws(() => byCommand('peer', null), /--against without \{port\} or \{config\} in it needs --against-port/);
    assert.equal(byCommand('peer', 1883).fixedPort, 1883);
    assert.throws(() => byCommand('  ', 1), /needs a command/);
  });

  it('of a Mosquitto that is not there is an error', () => {
    assert.throws(() => mosquitto('/nowhere/mosquitto'), /^BenchError: there is no mosquitto at \/nowhere\/mosquitto$/);
  });
});
