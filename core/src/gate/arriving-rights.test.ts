import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import { type Asked, connectRequest, type FakeChain, gateRig, OVERLOAD, rules, SKIP } from './gate.test.support.js';

const grant = (version: number, ...own: string[]) => [{ plugin: 'rules', grant: { version, rules: rules(...own) } }];
const everybody = (): boolean => true;
const WILL = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false, properties: Buffer.alloc(0) } as const;

function scene(request: Partial<ConnectRequest> = {}, prepare: (hooks: FakeChain) => void = () => {}) {
  const rig = gateRig();
  const { hooks } = rig.standing;
  hooks.script.delete('loadPolicy');
  prepare(hooks);
  const results: AdmissionResult[] = [];
  const admission = rig.gate.admit('default', connectRequest(request), (result) => results.push(result));
  assert.ok(admission !== null);
  const loads = (): Asked[] => hooks.asked.filter(({ hook }) => hook === 'loadPolicy');
  const client = () => {
    const [result] = results;
    assert.ok(result?.kind === 'accepted', JSON.stringify(result));
    return result.client;
  };
  return { ...rig, hooks, admission, results, loads, client };
}

test('An answer from before a change of rights is not used: they are asked for again, and nobody is in before that.', () => {
  const { admission, results, loads, client } = scene();
  admission.start();
  admission.invalidated(everybody, 'rules', null);
  loads()[0]?.answer(grant(1, '+old'));
  assert.deepEqual([results.length, loads().length], [0, 2]);
  loads()[1]?.answer(grant(2, '+new'));
  assert.deepEqual([client().rules('publish', 'old', 0, false), client().rules('publish', 'new', 0, false)], [0, 1]);
});

test('A change that concerns somebody else, or that came before the identity was known, asks nobody twice.', () => {
  const { admission, results, loads, hooks } = scene({}, (fake) => fake.script.delete('authenticate'));
  admission.start();
  admission.invalidated(everybody, 'rules', 7);
  hooks.asked.at(-1)?.answer({ kind: 'allow', plugin: 'users', grant: { identity: { username: 'ann' } }, data: null, leaseSeconds: null });
  admission.invalidated(({ username, info, tenant }) => username === 'bob' || info.id === 'c2' || tenant !== null, 'rules', 7);
  loads()[0]?.answer(grant(1, '+#'));
  assert.deepEqual([results[0]?.kind, loads().length], ['accepted', 1]);
});

test('Where they change again and again it is asked again with growing pauses, and refused as unavailable when its time is over.', () => {
  const { admission, results, loads, clock } = scene();
  admission.start();
  const began = clock.now();
  const asked: number[] = [];
  for (let seen = 0; results.length === 0 && clock.now() < began + 10_000; ) {
    if (loads().length > seen) {
      asked.push(clock.now());
      admission.invalidated(everybody, 'rules', null);
      loads()[seen]?.answer(grant(1, '+#'));
      seen += 1;
    } else clock.advance(1);
  }
  assert.deepEqual(results, [{ kind: 'refused', reasonCode: 0x88 }]);
  const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
  assert.equal(pauses[0], 0);
  assert.ok(pauses.every((pause, i) => i === 0 || pause >= Math.min(pauses[i - 1] ?? 0, 500)) && pauses.length < 25, pauses.join());
});

test('An answer older than what was announced is not used, whether it was announced for its session or on its way.', () => {
  for (const forSession of [true, false]) {
    const { admission, results, loads, clock, client, gate } = scene();
    if (forSession) gate.announcedFor = (tenant, clientId) => (tenant === null && clientId === 'c1' ? new Map([['rules', 5]]) : null);
    admission.start();
    if (!forSession) admission.invalidated(everybody, 'rules', 5);
    loads()[0]?.answer(grant(4, '+old'));
    if (!forSession) loads()[1]?.answer(grant(4, '+old'));
    const before = loads().length;
    clock.advance(600);
    assert.deepEqual([results.length, loads().length], [0, before + 1]);
    loads()[before]?.answer(grant(5, '+new'));
    assert.equal(client().rules('publish', 'old', 0, false), 0);
    assert.equal(client().announced?.get('rules'), 5);
  }
});

test('A source that stays behind what was announced refuses as unavailable; another fault does at once.', () => {
  const behind = scene();
  behind.gate.announcedFor = () => new Map([['rules', 5]]);
  behind.hooks.script.set('loadPolicy', grant(4, '+#'));
  behind.admission.start();
  assert.equal(behind.results.length, 0);
  behind.clock.advance(5000);
  assert.deepEqual(behind.results, [{ kind: 'refused', reasonCode: 0x88 }]);
  const full = scene({}, (hooks) => hooks.script.set('loadPolicy', OVERLOAD));
  full.admission.start();
  assert.deepEqual(full.results, [{ kind: 'refused', reasonCode: 0x89 }]);
});

test('A will that was judged by rights which changed meanwhile is judged by the new ones.', () => {
  const { admission, results, hooks, loads } = scene({ will: WILL }, (fake) => {
    fake.script.set('loadPolicy', grant(1, '+will'));
    fake.tapped.add('code authorize');
  });
  admission.start();
  const [question] = hooks.asked.filter(({ hook }) => hook === 'authorize');
  admission.invalidated(everybody, 'rules', null);
  hooks.script.set('loadPolicy', grant(2, '+else')).set('code authorize', SKIP);
  question?.answer(SKIP);
  assert.equal(loads().length, 2);
  assert.deepEqual(results, [{ kind: 'refused', reasonCode: 0x87 }]);
});

test('Who leaves while it is waited for is asked about no more.', () => {
  const { admission, results, loads, clock, gate } = scene();
  gate.announcedFor = () => new Map([['rules', 5]]);
  admission.start();
  loads()[0]?.answer(grant(4, '+#'));
  admission.cancel();
  clock.advance(10_000);
  assert.deepEqual([results.length, loads().length], [0, 1]);
});
