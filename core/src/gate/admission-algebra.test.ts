import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionResult } from './admission-types.js';
import { ALLOW, type Asked, connectRequest, DENY, FAULT, gateRig, identified, OVERLOAD, PASS, rules, SKIP } from './gate.test.support.js';

const WILL = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true, properties: Buffer.alloc(0) } as const;
const POLICY = [{ plugin: 'rules', grant: { version: 1, rules: rules('+#') } }];
const GOES_ON = 0;

/** What each step can say, in the order in which the steps are asked, and the code by which it refuses. */
const STEPS: readonly (readonly [hook: string, says: readonly (readonly [unknown, number])[]])[] = [
  [
    'resolveTenant',
    [
      [{ kind: 'nothing' }, GOES_ON],
      [{ kind: 'given', plugin: 't', value: { name: 'acme' } }, GOES_ON],
      [FAULT, 0x88],
      [OVERLOAD, 0x89],
    ],
  ],
  [
    'admitClient',
    [
      [PASS, GOES_ON],
      [DENY, 0x8a],
      [FAULT, 0x88],
      [OVERLOAD, 0x89],
    ],
  ],
  [
    'authenticate',
    [
      [identified('ann'), GOES_ON],
      [DENY, 0x8a],
      [SKIP, 0x86],
      [FAULT, 0x88],
      [OVERLOAD, 0x89],
    ],
  ],
  [
    'admitIdentity',
    [
      [PASS, GOES_ON],
      [DENY, 0x8a],
      [FAULT, 0x88],
      [OVERLOAD, 0x89],
    ],
  ],
  [
    'loadPolicy',
    [
      [POLICY, GOES_ON],
      [FAULT, 0x88],
      [OVERLOAD, 0x89],
    ],
  ],
  [
    'authorize',
    [
      [SKIP, GOES_ON],
      [ALLOW, GOES_ON],
      [DENY, 0x8a],
      [FAULT, 0x88],
    ],
  ],
];

type Said = readonly [unknown, number];

function* combinations(from = 0): Generator<readonly Said[]> {
  const step = STEPS[from];
  if (step === undefined) yield [];
  else for (const said of step[1]) for (const rest of combinations(from + 1)) yield [said, ...rest];
}

test('Of all that tenant, guards, authority, guards, rights and will can say, at once or later, only a yes of everybody lets a client in.', () => {
  let cases = 0;
  let accepted = 0;
  for (const says of combinations()) {
    for (const late of [false, true]) {
      const { gate, standing } = gateRig();
      standing.hooks.tapped.add('code authorize');
      const outcomes = new Map(STEPS.map(([hook], i) => [hook, says[i]?.[0]]));
      for (const [hook, outcome] of outcomes) {
        const asked = hook === 'resolveTenant' ? standing.global : standing.hooks;
        const name = hook === 'authorize' ? 'code authorize' : hook;
        if (late) asked.script.delete(name);
        else asked.script.set(name, outcome);
      }
      const results: AdmissionResult[] = [];
      gate.admit('default', connectRequest({ will: WILL }), (result) => results.push(result))?.start();
      const asked = (): Asked[] => [...standing.global.asked, ...standing.hooks.asked];
      if (late) {
        // Each step is asked only when the one before has let the client pass.
        for (let i = 0; i < asked().length; i += 1) {
          assert.equal(results.length, 0);
          asked()[i]?.answer(outcomes.get(asked()[i]?.hook ?? ''));
        }
      }
      const refusing = says.findIndex(([, code]) => code !== GOES_ON);
      const message = says.map(([outcome]) => (outcome as { kind?: string }).kind ?? 'rights').join();
      assert.equal(results.length, 1, message);
      const [result] = results;
      assert.deepEqual(result?.kind === 'refused' ? result.reasonCode : GOES_ON, refusing === -1 ? GOES_ON : says[refusing]?.[1], message);
      assert.deepEqual(
        asked().map(({ hook }) => hook),
        STEPS.slice(0, refusing === -1 ? STEPS.length : refusing + 1).map(([hook]) => hook),
        message,
      );
      cases += 1;
      if (result?.kind === 'accepted') accepted += 1;
    }
  }
  assert.deepEqual([cases, accepted], [2 * 4 * 4 * 5 * 4 * 3 * 4, 2 * 2 * 2]);
});
