import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/broker-process.js';
import { SCENARIOS } from './scenarios.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const FAKE = new URL('./fake-broker.test.support.js', import.meta.url).href;
const BRIEF = ['--rounds', '1', '--seconds', '0.1', '--warmup', '0', '--scenarios', 'fanin-q0'];

interface Ended {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

/** Starts the benchmark; `ended` resolves with what it printed. */
function start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  // Its folders in one of ours: killed, it cannot remove them.
  const env = { ...process.env, TMPDIR: temporaryFolder() };
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  running.add(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ status: code ?? signal ?? -1, stdout, stderr });
    });
  });
  return { child, ended };
}

const run = (...args: readonly string[]): Promise<Ended> => start(...args).ended;

const node = (script: string): string => `'${process.execPath}' -e '${script}' {port}`;

after(() => {
  for (const child of running) child.kill('SIGTERM');
});

describe('the command of the benchmark', () => {
  it('lists its scenarios', async () => {
    const { status, stdout } = await run('--list');
    assert.equal(status, 0);
    for (const { name, description } of SCENARIOS) assert.ok(stdout.includes(` ${name} `) && stdout.includes(description), name);
  });

  it('answers a mistake with one line and status 2', async () => {
    const { status, stdout, stderr } = await run('--rounds', 'many');
    assert.deepEqual([status, stdout, stderr], [2, '', 'bench: --rounds is a whole number from 1 to 100, not "many"\n']);
  });

  it('measures Portcullis beside another broker, and writes every figure', async () => {
    const file = join(temporaryFolder(), 'figures.json');
    const peer = node(`import("${FAKE}").then(({ FakeBroker }) => FakeBroker.start({ port: Number(process.argv[1]) }))`);
    const { status, stdout, stderr } = await run(...BRIEF, '--against', peer, '--json', file);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^fanin-q0 {2}portcullis .* 0\/1$/m);
    assert.match(stdout, /^fanin-q0 {2}node\S* .* 0\/1$/m);
    const document: { runs: { runs: Record<string, { verified: number; counts: { lost: number } }[]> }[] } = JSON.parse(readFileSync(file, 'utf8'));
    const runs = Object.values(document.runs[0]?.runs ?? {}).flat();
    assert.equal(runs.length, 2);
    for (const { verified, counts } of runs) assert.ok(verified > 0 && counts.lost === 0);
  });

  it('says in one line why a peer did not start, and ends with status 2', async () => {
    const { status, stdout, stderr } = await run(...BRIEF, '--against', node('console.error("no such thing"); process.exit(3)'));
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^bench: node\S*: ended with status 3 before it listened; it said: no such thing$/m);
  });

  it('calls a run bad in which the broker hangs up, and ends with status 1', async () => {
    const peer = node('require("net").createServer((s) => s.destroy()).listen(process.argv[1])');
    const { status, stdout, stderr } = await run(...BRIEF, '--against', peer);
    assert.equal(status, 1, stderr);
    assert.match(stdout, /^fanin-q0 {2}node\S* .* 1\/1$/m);
    assert.match(stderr, /BAD: \d+ failed \(/);
  });
});

describe('a benchmark that is interrupted', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
    it(`by ${signal} ends its broker`, { skip: process.platform === 'win32' ? 'Windows has no such signals' : false }, async () => {
      const reports: Server = createServer();
      const reported = new Promise<Socket>((resolve) => reports.once('connection', resolve));
      await new Promise<void>((resolve) => reports.listen(0, '127.0.0.1', resolve));
      const { port } = reports.address() as { port: number };
      // A broker that answers nobody, keeps SIGTERM to itself, and reports as soon as the generator is there.
      const silent = `process.on("SIGTERM", () => {}); let visits = 0;
        require("net").createServer((s) => { s.on("error", () => {}); if (++visits === 2) require("net").connect(${port}, "127.0.0.1"); }).listen(process.argv[1])`;
      const { child, ended } = start(...BRIEF, '--against', node(silent.replaceAll('\n', ' ')));
      const report = await Promise.race([reported, ended.then(({ stderr }) => assert.fail(stderr))]);
      report.on('error', () => {});
      const over = new Promise((resolve) => report.once('close', resolve));
      report.resume();
      child.kill(signal);
      const { status } = await ended;
      assert.equal(status, { SIGINT: 130, SIGTERM: 143, SIGKILL: 'SIGKILL' }[signal]);
      await over;
      await new Promise((resolve) => reports.close(resolve));
    });
});
