import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer } from '../policy/index.js';
import { clientOf, FAULT, gateRig, OVERLOAD, rules } from './gate.test.support.js';
import { LeaseKeeper } from './leases.js';

const POLICY = [{ plugin: 'rules', grant: { version: 1, templates: ['shared'], rules: [] } }];

/** A client with rights of its own; those of the answer are a template, and the engine knows whether somebody uses it. */
function scene({ staleGraceMs = 0, deadlineMs = 5000 } = {}) {
  const rig = gateRig({ chain: { staleGraceMs, deadlineMs } });
  rig.standing.hooks.script.delete('loadPolicy');
  const { engine } = rig.standing;
  engine.setTemplate('rules', 'shared', rules('+new'));
  const client = clientOf(rules('+old'), rig.standing);
  const ended: number[] = [];
  const keeper = new LeaseKeeper(
    rig.gate,
    client,
    (code) => ended.push(code),
    (judged) => judged(),
  );
  const may = (topic: string): boolean => client.binding.check('publish', topic, 0, false, -1) === Answer.ALLOW;
  return { ...rig, client, keeper, ended, may, asked: rig.standing.hooks.asked, isUsed: () => !engine.forgetTemplate('rules', 'shared') };
}

test('An answer that was overtaken is given back, and nothing of it is in force.', () => {
  const { keeper, asked, isUsed, may } = scene();
  keeper.invalidate();
  keeper.invalidate();
  const [overtaken, last] = asked;
  assert.ok(overtaken && last);
  // A host that answers although it was told not to.
  overtaken.cancelled = false;
  overtaken.answer(POLICY);
  assert.deepEqual([may('old'), may('new'), isUsed()], [true, false, false]);
  assert.equal(last.cancelled, false);
});

test('An answer that comes after the connection has ended is given back, and a fault then is nobody’s.', () => {
  for (const answer of [POLICY, FAULT]) {
    const { keeper, asked, isUsed, ended, stats } = scene();
    keeper.invalidate();
    keeper.stop();
    const [late] = asked;
    assert.ok(late);
    late.cancelled = false;
    late.answer(answer);
    assert.deepEqual([isUsed(), ended, stats.policyStale], [false, [], 0]);
  }
});

test('An answer that may have been read before a change that is yet to be loaded is given back, and whoever waits for it waits no longer.', () => {
  for (const answer of [POLICY, FAULT]) {
    const { gate, keeper, asked, isUsed, may, ended, stats } = scene();
    let waited = 0;
    keeper.invalidate(() => {
      waited += 1;
    });
    gate.isSuperseded = () => true;
    asked[0]?.answer(answer);
    assert.deepEqual([may('old'), may('new'), waited, isUsed()], [true, false, 1, false]);
    assert.deepEqual([ended, stats.policyStale], [[], 0]);
  }
});

test('Who waits for a load is told once when it has failed, and nothing of the failure is taken for rights.', () => {
  const { keeper, asked, may, stats, ended } = scene({ staleGraceMs: 10_000 });
  let waited = 0;
  keeper.invalidate(() => {
    waited += 1;
  });
  asked[0]?.answer(FAULT);
  assert.deepEqual([waited, may('old'), stats.policyStale, ended], [1, true, 1, []]);
});

test('Rights that were confirmed are not counted as stale: not after a failure before, nor without one.', () => {
  for (const fails of [0, 1, 3]) {
    const { clock, keeper, asked, stats } = scene({ staleGraceMs: 60_000 });
    keeper.invalidate();
    for (let at = 0; at < fails; at += 1) {
      asked[at]?.answer(FAULT);
      clock.advance(550);
    }
    assert.equal(stats.policyStale, fails > 0 ? 1 : 0);
    asked[fails]?.answer(POLICY);
    assert.equal(stats.policyStale, 0);
  }
});

test('A source that has no room for the question is asked again for as long as an answer may take, without any grace; another failure is the end.', () => {
  const { clock, keeper, asked, ended } = scene({ deadlineMs: 1200 });
  keeper.invalidate();
  asked[0]?.answer(OVERLOAD);
  clock.advance(550);
  asked[1]?.answer(OVERLOAD);
  assert.deepEqual([asked.length, ended], [2, []]);
  clock.advance(550);
  assert.equal(asked.length, 3);
  asked[2]?.answer(FAULT);
  assert.deepEqual(ended, [0x89]);
});
