import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applied, builtFile, type Mutant, mutatedFiles, ROOMS } from './mutants.js';
import { type Reach, reachOf } from './reach.js';
import { runTests, type TestRun } from './run-tests.js';
import { makeTree, type Tree } from './tree.js';

/** What became of one mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** A run that did not end is a killed mutant too; it is counted apart, since a slow machine looks the same. */
  readonly end: 'killed' | 'hung' | 'survived' | 'not reached';
  /** The test that noticed. */
  readonly by: string;
}

export interface CampaignOptions {
  readonly root: string;
  readonly mutants: readonly Mutant[];
  readonly workers: number;
  readonly wireTests: readonly string[];
  readonly print: (line: string) => void;
}

/** Tests over the wire that are cheap enough to be asked about what the unit tests let live. */
export const WIRE_TESTS: readonly string[] = [
  ...['sources', 'connect-codes', 'escapes', 'services', 'subscribe', 'chain-order', 'publish', 'enhanced', 'connect-faults'].map(
    (name) => `test/dist/hooks/${name}.test.js`,
  ),
  ...['leases', 'dismissed', 'news-decisions', 'publish-later', 'unanswered-verify'].map((name) => `test/dist/hooks/${name}.test.js`),
  ...['revocation', 'filters', 'names', 'crowds'].map((name) => `test/dist/rights/${name}.test.js`),
  ...['exports', 'isolation', 'limits', 'mountpoint'].map((name) => `test/dist/tenants/${name}.test.js`),
  'test/dist/conformance/authentication.test.js',
  'test/dist/ownership/strangers.test.js',
  'test/dist/integration/guards.test.js',
  'test/dist/explain/explain.test.js',
];

/** Judges cost, not verdicts: what it says hangs on what else the machine does. */
const LEFT_OUT = new Set(['core/dist/policy/cost.test.js']);
const BASELINE_TIMEOUT_MS = 120_000;
const GRACE_MS = 20_000;

/** Unit tests of the rooms, as built. */
export function unitTests(root: string): string[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(root, 'core', 'src', room))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `core/dist/${room}/${name.replace(/\.ts$/, '.js')}`),
  ).filter((test) => !LEFT_OUT.has(test) && existsSync(join(root, test)));
}

/**
 * Runs every mutant against the tests that reach it: all unit tests in one process, the quickest first, then one test over the wire after the
 * other. Throws when any of these tests fails without a mutant.
 */
export async function runCampaign(options: CampaignOptions): Promise<Verdict[]> {
  const { mutants, print } = options;
  return await inTrees(options, async (trees, unit, wire) => {
    const verdicts = new Array<Verdict>(mutants.length);
    let done = 0;
    await inParallel(trees, mutants, async (tree, mutant, i) => {
      const verdict = await judge(tree, mutant, unit, wire);
      verdicts[i] = verdict;
      done += 1;
      if (verdict.end !== 'killed') print(`${verdict.end}: ${mutant.key}`);
      if (done % 25 === 0) print(`${done} of ${mutants.length}`);
    });
    return verdicts;
  });
}

/** The mutants that no test reaches: whatever is done to that code, nobody can notice. */
export async function unreached(options: CampaignOptions): Promise<Mutant[]> {
  return await inTrees(options, async (_trees, unit, wire) =>
    options.mutants.filter((mutant) => ![...unit, ...wire].some((reach) => reach.has(mutant))),
  );
}

/** Copies the project for each worker, sees that all tests pass there and what they reach, and takes the copies away afterwards. */
async function inTrees<Result>(
  { root, workers, wireTests, print }: CampaignOptions,
  work: (trees: readonly Tree[], unit: readonly Reach[], wire: readonly Reach[]) => Promise<Result>,
): Promise<Result> {
  const trees = Array.from({ length: workers }, () => makeTree(root));
  try {
    const unit = await reaches(trees, unitTests(root), root);
    const wire = await reaches(trees, wireTests, root);
    print(`${unit.length} unit tests and ${wire.length} tests over the wire pass without a mutant`);
    return await work(trees, unit, wire);
  } finally {
    for (const tree of trees) tree.remove();
  }
}

/** Puts one mutant into a tree, runs tests up to the first that fails, and takes the mutant out again. */
export async function withMutant(tree: Tree, mutant: Mutant, run: () => Promise<TestRun>): Promise<TestRun> {
  const changed = builtFile(tree.folder, mutant.file);
  const source = readFileSync(changed, 'utf8');
  writeFileSync(changed, applied(source, mutant));
  try {
    return await run();
  } finally {
    writeFileSync(changed, source);
  }
}

async function judge(tree: Tree, mutant: Mutant, unit: readonly Reach[], wire: readonly Reach[]): Promise<Verdict> {
  const near = unit.filter((reach) => reach.has(mutant));
  const far = wire.filter((reach) => reach.has(mutant));
  if (near.length + far.length === 0) return { mutant, end: 'not reached', by: '' };
  for (const group of [near, ...far.map((reach) => [reach])]) {
    if (group.length === 0) continue;
    const files = group.map(({ test }) => test);
    const timeoutMs = GRACE_MS + 5 * group.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const { end, by } = await withMutant(tree, mutant, () => runTests(tree, files, { timeoutMs }));
    if (end !== 'passed') return { mutant, end: end === 'hung' ? 'hung' : 'killed', by };
  }
  return { mutant, end: 'survived', by: '' };
}

async function reaches(trees: readonly Tree[], tests: readonly string[], root: string): Promise<Reach[]> {
  const files = mutatedFiles(root);
  const found: Reach[] = [];
  await inParallel(trees, tests, async (tree, test) => {
    found.push(await reachOf(tree, test, files, BASELINE_TIMEOUT_MS));
  });
  return found.sort((a, b) => a.milliseconds - b.milliseconds);
}

/** Each tree takes the next item when it has done its last. */
async function inParallel<Item>(trees: readonly Tree[], items: readonly Item[], work: (tree: Tree, item: Item, i: number) => Promise<void>) {
  let next = 0;
  await Promise.all(
    trees.map(async (tree) => {
      while (next < items.length) {
        const i = next;
        next += 1;
        await work(tree, items[i] as Item, i);
      }
    }),
  );
}
