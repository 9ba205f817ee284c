import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BrokerProcess } from '../support/broker-process.js';

const SHELL = '/bin/sh';

describe('npm run demo:tls', () => {
  let demo: BrokerProcess;
  let commands: readonly string[];
  let subscriber: ChildProcess | null = null;
  let received = '';

  before(async () => {
    const command = fileURLToPath(new URL('./tls.js', import.meta.url));
    demo = await BrokerProcess.start({ command, args: [], listeners: ['devices'] });
    await demo.waitForOutput(/Ctrl-C ends it/);
    commands = [...demo.output.matchAll(/^ {3}(?!→)(.+)$/gm)].map(([, line = '']) => line);
  });

  after(async () => {
    subscriber?.kill('SIGKILL');
    await demo.stop().catch(() => {});
  });

  /** Types one of the printed lines into a shell, and waits for its end. */
  async function type(index: number): Promise<void> {
    const shell = spawn(SHELL, ['-c', `exec ${commands[index]}`], { stdio: 'ignore' });
    const timer = setTimeout(() => shell.kill('SIGKILL'), 8000);
    await once(shell, 'close');
    clearTimeout(timer);
  }

  it('says what to try, and all of it is as it says', async () => {
    assert.equal(commands.length, 7, demo.output);
    subscriber = spawn(SHELL, ['-c', `exec ${commands[0]}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    subscriber.stdout?.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    await demo.waitForOutput(/subscription allowed .*username=device-1/);
    await type(1);
    await demo.waitForOutput(/publish allowed .*username=device-1/);
    await type(2);
    await demo.waitForOutput(/publish denied .*username=device-2/);
    // A line that is appended, by a command that the shell knows itself.
    spawn(SHELL, ['-c', commands[3] ?? ''], { stdio: 'ignore' });
    await demo.waitForOutput(/rules read .*rules=2/);
    await type(4);
    await demo.waitForOutput(/publish allowed .*username=device-2/);
    await type(5);
    await demo.waitForOutput(/its certificate was revoked/);
    assert.deepEqual(received.match(/^devices\/device-1\/hello .*$/gm), ['devices/device-1/hello hello', 'devices/device-1/hello from the other']);
    await type(6);
    await demo.waitForOutput(/TLS handshake failed/);
    assert.doesNotMatch(received, /still here/);
  });

  it('leaves nothing when it ends', async () => {
    const port = demo.port('devices');
    const [, certificate = ''] = /--cert (\S+)/.exec(commands[0] ?? '') ?? [];
    const folder = dirname(dirname(certificate));
    assert.ok(existsSync(folder));
    demo.signal('SIGINT');
    assert.equal(await demo.exited(), 0);
    assert.ok(!existsSync(folder));
    const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });
});
