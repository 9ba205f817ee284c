import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentFile, documentWith } from './document.js';
import { draw } from './draw.js';
import { allMutants, applied, type Mutant, mutantsOf, mutatedFiles } from './mutants.js';
import { type CampaignRecord, isTuned, LEAST_SCORE, readRecord, recorded, scoreOf } from './record.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What becomes of a line, in the order of the text. */
function mutated(line: string, kind: string): string[] {
  const source = `function f(a, b) {\n${line}\n}`;
  return mutantsOf('gate/x.ts', source)
    .filter((mutant) => mutant.kind === kind)
    .map((mutant) => applied(source, mutant).split('\n').slice(1, -1).join(' '));
}

describe('the generator of mutants', () => {
  const cases: [line: string, kind: string, becomes: string[]][] = [
    ['if (a) b();', 'condition never true', ['if (false) b();']],
    ['return a ? 1 : 2;', 'condition always true', ['return true ? 1 : 2;']],
    ['a = a === b;', 'comparison flipped', ['a = a !== b;']],
    ['a = a < b;', 'boundary moved', ['a = a <= b;']],
    ['a = a && b;', 'and/or swapped', ['a = ((a) || (b));']],
    ['a = a || b;', 'only the left side', ['a = (a);']],
    ['a = a || b;', 'only the right side', ['a = (b);']],
    ['a = a ?? b;', 'and/or swapped', []],
    ['a = !b;', 'negation dropped', ['a = (b);']],
    ["a({ kind: 'deny' });", 'outcome swapped', ["a({ kind: 'allow' });"]],
    ["if (a === 'skip') b();", 'outcome swapped', ["if (a === 'allow') b();"]],
    ["if (a === 'constructor') b();", 'outcome swapped', []],
    ["a({ detail: 'deny' });", 'outcome swapped', []],
    ['a = Answer.NONE;', 'outcome swapped', ['a = Answer.ALLOW;']],
    ["a('not-authorized');", 'reason swapped', ["a('busy');"]],
    ['a(ReasonCode.NotAuthorized);', 'code changed', ['a(ReasonCode.Success);']],
    ['a(0x87, 135);', 'code changed', ['a(0x92, 135);']],
    ['a(true);', 'truth swapped', ['a(false);']],
    ['if (a) return b(); a();', 'return dropped', ['if (a) { (b()); } a();']],
    ['return b();', 'return dropped', []],
    ['throw a;', 'throw dropped', [';']],
    ['for (a of b) { if (a) continue; b(); }', 'jump dropped', ['for (a of b) { if (a) ; b(); }']],
    ['a.b(); a?.c();', 'call dropped', ['; a?.c();', 'a.b(); ;']],
    ['a.count += 1; a.gone = null; b = 1;', 'assignment dropped', ['; a.gone = null; b = 1;']],
  ];
  for (const [line, kind, becomes] of cases) {
    it(`${becomes.length === 0 ? 'makes nothing of' : 'changes'} ${line}: ${kind}`, () => assert.deepEqual(mutated(line, kind), becomes));
  }

  it('names each mutant once, by file, function, change and text, and reaches every file that decides anything', () => {
    const mutants = allMutants(ROOT);
    assert.equal(new Set(mutants.map(({ key }) => key)).size, mutants.length);
    assert.ok(mutants.some(({ key }) => key === "hooks/chain-hooks.ts firstAnswer: outcome swapped: outcome.kind === 'skip'"));
    // Files that hold nothing but types and tables of names have nothing to be changed.
    const silent = mutatedFiles(ROOT).filter((file) => !mutants.some((mutant) => mutant.file === file));
    for (const file of silent)
      assert.doesNotMatch(readFileSync(`${ROOT}core/src/${file}`, 'utf8'), /\bif \(|\? |&&|\|\||return (?:true|false)/, file);
  });

  it('draws the same mutants for the same seed, some of every file, and draws them anew for another', () => {
    const mutants = allMutants(ROOT);
    const drawn = draw(mutants, 12, 1);
    assert.deepEqual(draw(mutants, 12, 1), drawn);
    assert.notDeepEqual(draw(mutants, 12, 2), drawn);
    assert.equal(new Set(drawn.map(({ file }) => file)).size, new Set(mutants.map(({ file }) => file)).size);
    assert.ok(drawn.length >= mutants.length / 15 && drawn.length >= 60, String(drawn.length));
    assert.equal(draw(mutants, 1, 1).length, mutants.length);
    // What changes in one file draws no other mutants in the rest.
    const [first] = mutatedFiles(ROOT);
    const without = draw(
      mutants.filter(({ file }) => file !== first),
      12,
      1,
    );
    assert.deepEqual(
      without,
      drawn.filter(({ file }) => file !== first),
    );
  });
});

describe('the record of mutants that no test notices', () => {
  const record = readRecord(ROOT);
  const hint = 'run `npm run campaign:mutants -- --write`, give each survivor a reason in test/src/mutation/record.json, then `-- --document`';

  it('stands in the documentation as it is', () => {
    assert.ok(existsSync(documentFile(ROOT)));
    const text = readFileSync(documentFile(ROOT), 'utf8');
    assert.equal(text, documentWith(text, record), hint);
  });

  it('names mutants that there are, each once and with a reason', () => {
    const keys = new Set(allMutants(ROOT).map(({ key }) => key));
    for (const { mutant, why } of record.survivors) {
      assert.ok(keys.has(mutant), `there is no such mutant any more: ${mutant}\nTake it out of test/src/mutation/record.json, then ${hint}`);
      assert.ok(why.length > 20, `no reason: ${mutant}`);
    }
    assert.equal(new Set(record.survivors.map(({ mutant }) => mutant)).size, record.survivors.length);
  });

  it('is of a draw that is none of the earlier ones, which are not drawn again', () => {
    assert.equal(isTuned(record, record.seed), false);
    for (const { seed, drawn, noticed, equivalent } of record.earlier) {
      assert.equal(isTuned(record, seed), true);
      assert.ok(noticed === null || noticed + equivalent <= drawn);
    }
    assert.equal(new Set(record.earlier.map(({ seed }) => seed)).size, record.earlier.length);
  });

  it('gives way to another draw, keeps its figures among the earlier ones, and knows its equivalents again', () => {
    const [gap, same, found] = ['gate/a.ts f: gap', 'gate/a.ts f: same', 'gate/a.ts f: found'];
    const before: CampaignRecord = {
      oneIn: 9,
      seed: 5,
      possible: 20,
      rooms: [{ room: 'gate', drawn: 10, killed: 7, hung: 1, survived: 2 }],
      survivors: [
        { mutant: gap, equivalent: false, why: 'it costs nothing' },
        { mutant: same, equivalent: true, why: 'it is the same' },
      ],
      earlier: [{ oneIn: 9, seed: 4, drawn: 10, noticed: 6, equivalent: 0 }],
      known: [],
    };
    const verdicts = [same, found].map((key) => ({ mutant: { key, file: 'gate/a.ts' } as Mutant, end: 'survived', by: '' }) as const);
    const again = recorded(before, { oneIn: 9, seed: 5, possible: 21 }, verdicts);
    assert.deepEqual([again.earlier, again.possible], [before.earlier, 21]);
    const other = recorded(before, { oneIn: 8, seed: 6, possible: 21 }, verdicts);
    assert.deepEqual([other.oneIn, other.seed], [8, 6]);
    assert.deepEqual(other.earlier, [...before.earlier, { oneIn: 9, seed: 5, drawn: 10, noticed: 8, equivalent: 1 }]);
    for (const { survivors } of [again, other]) {
      assert.deepEqual(survivors, [before.survivors[1], { mutant: found, equivalent: false, why: '' }]);
    }
    assert.deepEqual(other.known, [before.survivors[1]]);
    assert.deepEqual([isTuned(other, 5), isTuned(other, 4), isTuned(other, 6)], [true, true, false]);
  });

  it('comes to at least 60 mutants in all rooms, of which 95 % are noticed', () => {
    const { drawn, noticed, score } = scoreOf(record);
    assert.deepEqual(
      record.rooms.map(({ room }) => room),
      ['hooks', 'gate', 'policy'],
    );
    assert.ok(drawn >= 60);
    assert.equal(
      drawn - noticed,
      record.rooms.reduce((sum, { survived }) => sum + survived, 0),
    );
    assert.ok(record.survivors.length <= drawn - noticed);
    assert.ok(score >= LEAST_SCORE, String(score));
  });
});
