import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { BenchError } from './bench-error.js';
import { freePort, startBroker } from './broker-run.js';
import { byCommand, type Contestant } from './contestants.js';
import type { Step } from './scenarios.js';

const STEP: Step = { label: '', load: { kind: 'idle', clients: 1 }, rules: 2, users: 'one' };
const START_SECONDS = 30;

const node = (script: string): string => `'${process.execPath}' -e '${script}' {port}`;

/** The line that a start ends with. */
async function complaint(contestant: Contestant, startSeconds = START_SECONDS): Promise<string> {
  try {
    const broker = await startBroker(contestant, STEP, 'tcp', startSeconds);
    await broker.stop();
  } catch (error) {
    assert.ok(error instanceof BenchError);
    assert.ok(!error.message.includes('\n'));
    return error.message;
  }
  return assert.fail('it started');
}

describe('the start of a broker', () => {
  it('fails with its last words when it ends at once', async () => {
    const message = await complaint(byCommand(node('console.log("one"); console.error("two"); process.exit(3)'), null));
    assert.match(message, /^node\S*: ended with status 3 before it listened; it said: (?:one \/ two|two \/ one)$/);
  });

  it('fails when there is no such program', async () => {
    assert.equal(await complaint(byCommand('/nowhere/broker {port}', null)), 'broker: spawn /nowhere/broker ENOENT before it listened');
  });

  it('fails when its port does not open', async () => {
    assert.match(await complaint(byCommand(node('setInterval(() => {}, 1000)'), null), 0.3), /^node\S*: port \d+ did not open within 0\.3 s$/);
  });

  it('fails when somebody else has its port', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    assert.match(await complaint(byCommand(node(''), port)), new RegExp(`^node\\S*: something else listens on port ${port} already$`));
    await new Promise((resolve) => other.close(resolve));
  });

  it('gives it files that are gone when it is stopped, and ends what it started itself', { skip: process.platform === 'win32' }, async () => {
    const port = await freePort();
    // The process that listens is a child of the one that was started.
    const inner = `require("net").createServer().listen(${port}, "127.0.0.1")`;
    const outer = `require("child_process").spawn(process.execPath, ["-e", process.argv[1]], { stdio: "ignore" }); setInterval(() => {}, 1000)`;
    const broker = await startBroker(byCommand(`'${process.execPath}' -e '${outer}' '${inner}'`, port), STEP, 'tcp', START_SECONDS);
    assert.ok(existsSync(broker.files.acl) && existsSync(broker.files.passwords));
    assert.equal(broker.ended(), null);
    await broker.stop();
    assert.ok(!existsSync(broker.files.folder));
    // The port is free again once the child is gone too.
    const again = createServer();
    await new Promise<void>((resolve, reject) => again.once('error', reject).listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => again.close(resolve));
  });
});
