import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.js';
import { runTests } from './run-tests.js';
import type { Tree } from './tree.js';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Coverage {
  readonly result: readonly { readonly url: string; readonly functions: readonly { readonly ranges: readonly Range[] }[] }[];
}

/** Which code one test file runs through, and how long it takes without any mutant. */
export class Reach {
  readonly test: string;
  readonly milliseconds: number;
  /** By file of the source; one list for each process that the test ran. */
  readonly #ranges: ReadonlyMap<string, readonly (readonly Range[])[]>;

  constructor(test: string, milliseconds: number, ranges: ReadonlyMap<string, readonly (readonly Range[])[]>) {
    this.test = test;
    this.milliseconds = milliseconds;
    this.#ranges = ranges;
  }

  /** Whether the test ever runs the changed text. The innermost range around it tells. */
  has({ file, start }: Mutant): boolean {
    return (this.#ranges.get(file) ?? []).some((ranges) => {
      let innermost: Range | null = null;
      for (const range of ranges) {
        if (range.startOffset > start || range.endOffset <= start) continue;
        if (innermost === null || range.endOffset - range.startOffset <= innermost.endOffset - innermost.startOffset) innermost = range;
      }
      return innermost !== null && innermost.count > 0;
    });
  }
}

/** Runs a test file on the unmutated tree and reads what it reached. Throws when it does not pass: no verdict could be trusted. */
export async function reachOf(tree: Tree, test: string, files: readonly string[], timeoutMs: number): Promise<Reach> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-reach-'));
  try {
    const { end, by, milliseconds } = await runTests(tree, [test], { timeoutMs, coverageFolder: folder });
    if (end !== 'passed') throw new Error(`${test} ${end} without any mutant: ${by}`);
    const names = new Map(files.map((file) => [pathToFileURL(join(tree.folder, 'core', 'dist', file.replace(/\.ts$/, '.js'))).href, file]));
    const ranges = new Map<string, (readonly Range[])[]>();
    for (const name of readdirSync(folder)) {
      const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Coverage;
      for (const { url, functions } of result) {
        const file = names.get(url);
        if (file === undefined) continue;
        const lists = ranges.get(file) ?? [];
        lists.push(functions.flatMap((inside) => inside.ranges));
        ranges.set(file, lists);
      }
    }
    return new Reach(test, milliseconds, ranges);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
