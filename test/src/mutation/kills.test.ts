import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withMutant } from './campaign.js';
import { allMutants, builtFile, type Mutant } from './mutants.js';
import { reachOf } from './reach.js';
import { runTests } from './run-tests.js';
import { makeTree, type Tree } from './tree.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TIMEOUT_MS = 30_000;

/** One of each room and of most kinds, with the test that must notice it. */
const HANDFUL: readonly (readonly [mutant: string, test: string])[] = [
  ['hooks/chain-hooks.ts firstAnswer: negation dropped: !outcome.final', 'hooks/chain-algebra'],
  ["hooks/chain-hooks.ts denyOverrides: outcome swapped: outcome.kind === 'skip'", 'hooks/chain-algebra'],
  ['hooks/answer.ts Mark.read: condition always true: value.#question === question', 'hooks/chain-algebra'],
  ['hooks/breaker.ts Breaker.admits: only the left side: now < this.#openUntil || this.#probe !== null', 'hooks/question'],
  ['hooks/question.ts Question.#firstSettlement: condition never true: this.#settled', 'hooks/question'],
  ['gate/fold.ts Fold.#take: truth swapped: byCode: true', 'gate/fold'],
  ['gate/codes.ts connectReturnCode: return dropped: return 3;', 'gate/codes'],
  ['gate/admission.ts Admission.#guarded: return dropped: return next();', 'gate/admission-algebra'],
  ["gate/publish-gate.ts PublishGate.#retain: condition never true: refused?.outcome === 'fault'", 'gate/publish-gate'],
  ['gate/delivery-gate.ts judgeDelivery: negation dropped: !client.passesSubscribe(entry, checks)', 'gate/delivery-gate'],
  ['gate/client.ts GateClient.mayPublish: outcome swapped: Answer.DENY', 'gate/verdicts'],
  ['policy/binding.ts denyOverrides: call dropped: walk.run(slot.rules.deny, action, variables, true, qos, retain);', 'policy/policy-edges'],
  ['policy/variables.ts isOneLevel: truth swapped: return false;', 'policy/binding'],
];

const testFile = (name: string): string => `core/dist/${name}.test.js`;

describe('a mutant', () => {
  let tree: Tree;
  let mutants: ReadonlyMap<string, Mutant>;

  before(() => {
    tree = makeTree(ROOT);
    mutants = new Map(allMutants(ROOT).map((mutant) => [mutant.key, mutant]));
  });

  after(() => {
    tree.remove();
    assert.ok(!existsSync(tree.folder));
  });

  function find(key: string): Mutant {
    const mutant = mutants.get(key);
    assert.ok(mutant, `there is no such mutant any more: ${key}\nPut another one of the same kind in its place.`);
    return mutant;
  }

  async function run(mutant: Mutant, test: string) {
    return await withMutant(tree, mutant, () => runTests(tree, [testFile(test)], { timeoutMs: TIMEOUT_MS }));
  }

  it('lives in a copy that has every package of the project from itself, and all else from where it is installed', () => {
    const own = (root: string): string[] => [
      'portcullis',
      ...readdirSync(join(root, 'node_modules', '@portcullis')).map((name) => `@portcullis/${name}`),
    ];
    assert.deepEqual(own(tree.folder).sort(), own(ROOT).sort());
    const folder = realpathSync(tree.folder);
    for (const name of own(ROOT)) assert.ok(realpathSync(join(folder, 'node_modules', name)).startsWith(folder), name);
    assert.equal(realpathSync(join(folder, 'node_modules', 'tapable')), realpathSync(join(ROOT, 'node_modules', 'tapable')));
  });

  it('is what its test fails by: without any, all of them pass', async () => {
    const tests = [...new Set(HANDFUL.map(([, test]) => testFile(test)))];
    const { end, by } = await runTests(tree, tests, { timeoutMs: 2 * TIMEOUT_MS });
    assert.deepEqual([end, by], ['passed', '']);
  });

  for (const [key, test] of HANDFUL) {
    it(`is noticed: ${key}`, async () => {
      const mutant = find(key);
      const original = readFileSync(builtFile(ROOT, mutant.file), 'utf8');
      const { end, by } = await run(mutant, test);
      assert.equal(end, 'failed', by);
      assert.notEqual(by, '');
      for (const root of [ROOT, tree.folder]) assert.equal(readFileSync(builtFile(root, mutant.file), 'utf8'), original, 'nothing of it stays');
    });
  }

  it('that changes nothing survives, and one that never ends is ended', async () => {
    const some = find('gate/fold.ts Fold.#take: truth swapped: byCode: true');
    assert.equal((await run({ ...some, replacement: '(true)' }, 'gate/fold')).end, 'passed');
    const hanging = { ...some, replacement: '(() => { for (;;); })()' };
    const { end } = await withMutant(tree, hanging, () => runTests(tree, [testFile('gate/fold')], { timeoutMs: 2000 }));
    assert.equal(end, 'hung');
  });

  it('that breaks a file altogether is noticed, and a file without tests proves nothing', async () => {
    const some = find('gate/fold.ts Fold.#take: truth swapped: byCode: true');
    assert.equal((await run({ ...some, replacement: ')' }, 'gate/fold')).end, 'failed');
    assert.equal((await runTests(tree, ['core/dist/gate/codes.js'], { timeoutMs: TIMEOUT_MS })).end, 'failed');
  });

  it('is put to the tests that run through it, and to no others', async () => {
    const files = ['gate/codes.ts', 'gate/fold.ts'];
    const reach = await reachOf(tree, testFile('gate/codes'), files, TIMEOUT_MS);
    assert.equal(reach.has(find('gate/codes.ts connectReturnCode: return dropped: return 3;')), true);
    assert.equal(reach.has(find('gate/fold.ts Fold.#take: truth swapped: byCode: true')), false);
    await assert.rejects(reachOf(tree, 'core/dist/gate/codes.js', files, TIMEOUT_MS), /without any mutant/);
  });
});
