import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../core/bin/portcullis.js', import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  /** The arguments of the process as the system shows them, read while it waited for its input; empty without an input. */
  readonly argv: string;
}

/** Runs the real command in a folder; `input` is what stands on its standard input. */
export async function portcullis(folder: string, args: readonly string[], input: string | null = null): Promise<Ran> {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let argv = '';
  if (input !== null) argv = `${readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')}\n${readFileSync(`/proc/${child.pid}/environ`, 'utf8')}`;
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  return { status: await ended, out, err, argv };
}

/** An explanation with what differs from run to run taken out: times, and the width of columns. */
export function steady(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replaceAll(/(?<=\S) {2,}/g, '  ').replaceAll(/(?<= {2})\d+\.\d(?= |$)/g, 'N'))
    .join('\n');
}
