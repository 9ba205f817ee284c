import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HookName } from '@portcullis/sdk';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import { connectRequest, DENY, FAULT, type FakeStanding, gateRig, identified, OVERLOAD, PASS, rules, SKIP } from './gate.test.support.js';

const WILL = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true, properties: Buffer.alloc(0) } as const;
const POLICY = [{ plugin: 'rules', grant: { version: 1, rules: rules('+#', '-forbidden') } }];

function scene(tune: (standing: FakeStanding) => void = () => {}, request: Partial<ConnectRequest> = {}) {
  const rig = gateRig();
  const { hooks, global } = rig.standing;
  hooks.script.set('loadPolicy', POLICY);
  global.tapped.add('decisionMade' as HookName);
  tune(rig.standing);
  const results: AdmissionResult[] = [];
  const admission = rig.gate.admit('default', connectRequest(request), (result) => results.push(result));
  admission?.start();
  const told = () => global.told.map(({ news }) => [news.hook, news.outcome, news.plugin, news.reasonCode, news.username]);
  return { ...rig, hooks, global, results, admission, told };
}

const saying =
  (hook: string, outcome: unknown) =>
  ({ hooks, global }: FakeStanding): void => {
    (hook === 'resolveTenant' ? global : hooks).script.set(hook, outcome);
    if (hook === 'code authorize') hooks.tapped.add(hook);
  };

test('Every refusal of a CONNECT is counted once and told as the denial or the fault that it was, with who said it.', () => {
  const cases: [string, unknown, unknown[]][] = [
    ['resolveTenant', FAULT, ['resolveTenant', 'fault', 'code', 0x88]],
    ['admitClient', DENY, ['admitClient', 'deny', 'code', 0x8a]],
    ['admitClient', FAULT, ['admitClient', 'fault', 'code', 0x88]],
    ['admitClient', OVERLOAD, ['admitClient', 'fault', 'code', 0x89]],
    ['authenticate', SKIP, ['authenticate', 'deny', null, 0x86]],
    ['authenticate', DENY, ['authenticate', 'deny', 'code', 0x8a]],
    ['authenticate', PASS, ['authenticate', 'fault', null, 0x88]],
    ['admitIdentity', DENY, ['admitIdentity', 'deny', 'code', 0x8a]],
    ['loadPolicy', OVERLOAD, ['loadPolicy', 'fault', 'code', 0x89]],
    ['code authorize', DENY, ['authorize', 'deny', 'code', 0x8a]],
    ['code authorize', FAULT, ['authorize', 'fault', 'code', 0x88]],
  ];
  for (const [hook, outcome, news] of cases) {
    const { told, stats, lines } = scene(saying(hook, outcome), { will: WILL });
    assert.deepEqual(told(), [[...news, 'ann']], hook);
    assert.deepEqual([stats.connectsAccepted, stats.connectsRefused], [0, 1], hook);
    assert.equal(/unavailable/.test(lines.join('\n')), news[1] === 'fault', hook);
  }
  const { told, stats } = scene();
  assert.deepEqual(told(), [['authenticate', 'allow', 'users', 0, 'ann']]);
  assert.deepEqual([stats.connectsAccepted, stats.connectsRefused], [1, 0]);
});

test('A refusal by the broker itself is a denial by nobody.', () => {
  const cases: [Partial<ConnectRequest>, (standing: FakeStanding) => void, unknown[]][] = [
    [{ protocolVersion: 3, clientId: '' }, () => {}, ['connect', 'deny', null, 0x85]],
    [{ authenticationMethod: 'M' }, saying('enhanced M', SKIP), ['authenticateEnhanced', 'deny', null, 0x8c]],
    [{ will: { ...WILL, topic: 'a/+' } }, () => {}, ['authorize', 'deny', null, 0x90]],
    [{ will: { ...WILL, topic: 'forbidden' } }, () => {}, ['authorize', 'deny', 'rules', 0x87]],
  ];
  for (const [request, tune, news] of cases) {
    const { told, lines, stats } = scene(tune, request);
    assert.deepEqual(told(), [[...news, 'ann']]);
    assert.equal(stats.connectsRefused, 1);
    assert.doesNotMatch(lines.join('\n'), /unavailable/);
  }
});

test('A client that is dismissed on its way, or leaves a challenge unanswered, counts as denied.', () => {
  const dismissed = scene(({ hooks }) => hooks.script.delete('admitIdentity'));
  assert.equal(
    dismissed.admission?.dismiss(() => true, 0x98),
    true,
  );
  assert.deepEqual(dismissed.told(), [['connect', 'deny', null, 0x87, 'ann']]);
  assert.deepEqual([dismissed.stats.connectsAccepted, dismissed.stats.connectsRefused], [0, 1]);
  const silent = scene(saying('enhanced M', { kind: 'continue', plugin: 'm', data: Buffer.from('c') }), { authenticationMethod: 'M' });
  silent.admission?.challengeTimedOut();
  silent.admission?.challengeTimedOut();
  assert.deepEqual(silent.told(), [['authenticateEnhanced', 'deny', null, 0x87, 'ann']]);
});

test('An answer to a challenge of a CONNECT that is over asks nobody.', () => {
  const { admission, hooks, results } = scene(saying('enhanced M', { kind: 'continue', plugin: 'm', data: Buffer.from('c') }), {
    authenticationMethod: 'M',
  });
  const asked = hooks.asked.length;
  admission?.cancel();
  admission?.answerChallenge(Buffer.from('r'));
  admission?.challengeTimedOut();
  assert.equal(hooks.asked.length, asked);
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['challenge'],
  );
});

test('Code is told that it judges a will.', () => {
  const { hooks } = scene(saying('code authorize', SKIP), { will: WILL });
  const { action, topic, qos, retain, will } = hooks.asked.at(-1)?.request ?? {};
  assert.deepEqual([action, topic, qos, retain, will], ['publish', 'will', 1, true, true]);
});

test('A patched username may be as long as maxUsernameBytes, and no longer.', () => {
  const renamed = (bytes: number) => {
    const { results, hooks } = scene(({ global }) => {
      global.tapped.add('normalizeConnect' as HookName);
      global.script.set('normalizeConnect', [{ username: 'ä'.repeat(bytes / 2) + 'x'.repeat(bytes % 2) }]);
    });
    return [results[0]?.kind, Buffer.byteLength(String(hooks.asked[0]?.request.username))];
  };
  assert.deepEqual(renamed(4096), ['accepted', 4096]);
  assert.equal(renamed(4097)[0], 'refused');
  const { results } = scene(({ global }) => {
    global.tapped.add('normalizeConnect' as HookName);
    global.script.set('normalizeConnect', [{ keepAliveSeconds: 65_535, sessionExpirySeconds: 0xffffffff }]);
  });
  assert.equal(results[0]?.kind, 'accepted');
});

test('An anonymous client is told of without a username.', () => {
  const { told, results } = scene(saying('authenticate', identified(null)), { username: null });
  assert.equal(results[0]?.kind, 'accepted');
  assert.equal(told()[0]?.at(-1), null);
});

test('A question whose asking ends the connection that it is about is given up at once.', () => {
  const rig = gateRig();
  let given = 0;
  const results: AdmissionResult[] = [];
  const admission = rig.gate.admit('default', connectRequest(), (result) => results.push(result));
  rig.standing.hooks.ask = () => {
    admission?.cancel();
    return {
      cancel: () => {
        given += 1;
      },
    };
  };
  admission?.start();
  assert.deepEqual([given, results], [1, []]);
  admission?.cancel();
  assert.equal(given, 1);
});

test('Who has no username to go by where clients go by theirs is denied, and that is no fault.', () => {
  const { gate, standing } = gateRig({ sessionRules: { useUsernameAsClientId: true } });
  standing.hooks.script.set('authenticate', identified(null));
  standing.global.tapped.add('connectDecided');
  const results: AdmissionResult[] = [];
  gate.admit('default', connectRequest(), (result) => results.push(result))?.start();
  assert.deepEqual(results, [{ kind: 'refused', reasonCode: 0x85 }]);
  assert.deepEqual(
    standing.global.told.map(({ news }) => [news.hook, news.outcome, news.reasonCode]),
    [['connect', 'deny', 0x85]],
  );
});
