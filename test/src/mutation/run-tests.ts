import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Tree } from './tree.js';

/** How a run of tests ended, and the first test that failed or what was said instead. */
export interface TestRun {
  readonly end: 'passed' | 'failed' | 'hung';
  readonly by: string;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly timeoutMs: number;
  /** Where V8 writes what was reached. */
  readonly coverageFolder?: string;
}

const MOST_OUTPUT = 100_000;

/**
 * Runs built test files of a tree in one process of their own, up to the first failure. Whatever they started is ended with them: they get a
 * process group, and the group is killed.
 */
export function runTests(tree: Tree, files: readonly string[], { timeoutMs, coverageFolder }: RunOptions): Promise<TestRun> {
  const env: NodeJS.ProcessEnv = { ...process.env, PORTCULLIS_TEST_WITHOUT_DEBIAN: '1' };
  // What the runner around us set for its own children would change how these report.
  for (const name of ['NODE_TEST_CONTEXT', 'NODE_OPTIONS', 'NODE_V8_COVERAGE']) delete env[name];
  if (coverageFolder !== undefined) env.NODE_V8_COVERAGE = coverageFolder;
  const script = join(tree.folder, 'test', 'dist', 'mutation', 'run-files.js');
  const child = spawn(process.execPath, ['--test-reporter=tap', script, ...files.map((file) => join(tree.folder, file))], {
    cwd: tree.folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has left nothing behind.
    }
  };
  process.on('exit', killGroup);
  const began = performance.now();
  return new Promise((resolve) => {
    let output = '';
    let ended = false;
    const finish = (end: TestRun['end'], by: string): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      process.off('exit', killGroup);
      killGroup();
      resolve({ end, by, milliseconds: performance.now() - began });
    };
    const timer = setTimeout(() => finish('hung', `no end within ${timeoutMs} ms`), timeoutMs);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT);
      const failed = /^ *not ok \d+ - (.*)$/m.exec(output);
      if (failed !== null) finish('failed', failed[1] ?? '');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT);
    });
    child.on('error', (error) => finish('failed', String(error)));
    child.on('close', (status) => {
      // Files that define no test prove nothing.
      if (status === 0 && /^ok 1 - /m.test(output)) finish('passed', '');
      else finish('failed', `status ${status}: ${output.trim().split('\n').at(-1) ?? ''}`);
    });
  });
}
