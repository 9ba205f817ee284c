import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HookName } from '@portcullis/sdk';
import type { Outcome } from '../hooks/index.js';
import { Answer, type Binding } from '../policy/index.js';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import {
  ALLOW,
  connectRequest,
  DENY,
  FAULT,
  type FakeChain,
  type FakeGlobals,
  gateRig,
  identified,
  OVERLOAD,
  PASS,
  rules,
  SKIP,
} from './gate.test.support.js';
import type { SessionRules } from './options.js';

const POLICY = [{ plugin: 'rules', grant: { version: 1, rules: rules('+#', '-forbidden') } }];
const WILL = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true, properties: Buffer.alloc(0) } as const;

interface Given {
  request?: Partial<ConnectRequest>;
  sessionRules?: Partial<SessionRules>;
  script?: (hooks: FakeChain, global: FakeGlobals) => void;
}

function scene(given: Given = {}) {
  const rig = gateRig(given.sessionRules === undefined ? {} : { sessionRules: given.sessionRules });
  const { hooks, global } = rig.standing;
  hooks.script.set('loadPolicy', POLICY);
  hooks.tapped.add('code authorize');
  hooks.script.set('code authorize', SKIP);
  given.script?.(hooks, global);
  const results: AdmissionResult[] = [];
  const admission = rig.gate.admit('default', connectRequest(given.request), (result) => results.push(result));
  admission?.start();
  return { ...rig, hooks, global, results, admission };
}

function accepted(results: readonly AdmissionResult[]): AdmissionResult & { kind: 'accepted' } {
  assert.equal(results.length, 1);
  assert.equal(results[0]?.kind, 'accepted');
  return results[0] as AdmissionResult & { kind: 'accepted' };
}

function refusedWith(results: readonly AdmissionResult[], reasonCode: number, message = ''): void {
  assert.deepEqual(results, [{ kind: 'refused', reasonCode }], message);
}

const set =
  (hook: string, outcome: unknown) =>
  (hooks: FakeChain, global: FakeGlobals): void => {
    (hook === 'resolveTenant' ? global : hooks).script.set(hook, outcome);
  };

test('A client that every step lets pass is accepted, with its identity, rights and will.', () => {
  const { results, stats } = scene({ request: { will: WILL } });
  const { client, will, assignedClientId } = accepted(results);
  assert.deepEqual([client.username, client.authority, client.info.id, assignedClientId], ['ann', 'users', 'c1', null]);
  assert.equal(client.binding.check('publish', 'a', 0, false, -1), Answer.ALLOW);
  assert.deepEqual([will?.topic, will?.qos, will?.retain, will?.publisher], ['will', 1, true, 'ann']);
  assert.deepEqual([stats.connectsAccepted, stats.connectsRefused], [1, 0]);
});

test('Steps are asked in their order, each only after the one before.', () => {
  const { hooks, global } = scene({ request: { will: WILL } });
  assert.deepEqual(
    [...global.asked, ...hooks.asked].map(({ hook }) => hook),
    ['resolveTenant', 'admitClient', 'authenticate', 'admitIdentity', 'loadPolicy', 'authorize'],
  );
});

/** Every step that can refuse, with what it says, and the code that the client gets. */
const REFUSALS: [step: string, hook: string, outcome: unknown, reasonCode: number][] = [
  ['resolveTenant', 'resolveTenant', FAULT, 0x88],
  ['resolveTenant', 'resolveTenant', OVERLOAD, 0x89],
  ['resolveTenant', 'resolveTenant', { kind: 'given', plugin: 't', value: { name: '1 bad' } }, 0x88],
  ['resolveTenant', 'resolveTenant', { kind: 'given', plugin: 't', value: { name: 7 } }, 0x88],
  ['resolveTenant', 'resolveTenant', { kind: 'given', plugin: 't', value: null }, 0x88],
  ['admitClient', 'admitClient', DENY, 0x8a],
  ['admitClient', 'admitClient', FAULT, 0x88],
  ['admitClient', 'admitClient', OVERLOAD, 0x89],
  ['admitClient', 'admitClient', ALLOW, 0x88],
  ['admitClient', 'admitClient', SKIP, 0x88],
  ['authenticate', 'authenticate', SKIP, 0x86],
  ['authenticate', 'authenticate', { kind: 'deny', plugin: null, reason: 'bad-credentials' }, 0x86],
  ['authenticate', 'authenticate', DENY, 0x8a],
  ['authenticate', 'authenticate', FAULT, 0x88],
  ['authenticate', 'authenticate', OVERLOAD, 0x89],
  ['authenticate', 'authenticate', PASS, 0x88],
  // An allow without an identity.
  ['authenticate', 'authenticate', ALLOW, 0x88],
  ['admitIdentity', 'admitIdentity', { kind: 'deny', plugin: 'g', reason: 'quota' }, 0x97],
  ['admitIdentity', 'admitIdentity', FAULT, 0x88],
  ['admitIdentity', 'admitIdentity', OVERLOAD, 0x89],
  ['admitIdentity', 'admitIdentity', ALLOW, 0x88],
  ['loadPolicy', 'loadPolicy', FAULT, 0x88],
  ['loadPolicy', 'loadPolicy', OVERLOAD, 0x89],
  ['loadPolicy', 'loadPolicy', [{ plugin: 'rules', grant: { version: 1, templates: ['missing'] } }], 0x88],
  ['authorize', 'code authorize', DENY, 0x8a],
  ['authorize', 'code authorize', FAULT, 0x88],
  ['authorize', 'code authorize', PASS, 0x88],
];

test('The first refusal ends the admission with its code, and nobody behind it is asked.', () => {
  for (const [step, hook, outcome, reasonCode] of REFUSALS) {
    const { results, hooks, global, stats } = scene({ request: { will: WILL }, script: set(hook, outcome) });
    refusedWith(results, reasonCode, `${hook} ${JSON.stringify(outcome)}`);
    const steps = [...global.asked, ...hooks.asked].map(({ hook: asked }) => asked);
    assert.equal(steps.at(-1), step);
    assert.equal(stats.connectsRefused, 1);
  }
});

test('A refusal comes out the same when the answer takes its time.', () => {
  for (const [step, hook, outcome, reasonCode] of REFUSALS) {
    const { results, hooks, global } = scene({
      request: { will: WILL },
      script: (fakeHooks, fakeGlobal) => {
        fakeHooks.script.delete(hook);
        fakeGlobal.script.delete(hook);
      },
    });
    assert.deepEqual(results, []);
    const open = [...global.asked, ...hooks.asked].at(-1);
    assert.equal(open?.hook, step);
    open?.answer(outcome);
    refusedWith(results, reasonCode, hook);
    // A second answer of a host that has gone wrong changes nothing.
    open?.answer(hook === 'authenticate' ? identified('eve') : PASS);
    assert.equal(results.length, 1);
  }
});

test('Cancelled at any step, the open question is cancelled and nothing is ever said.', () => {
  const steps = ['resolveTenant', 'admitClient', 'authenticate', 'admitIdentity', 'loadPolicy', 'code authorize'];
  for (const [step, will] of [...steps.map((step) => [step, WILL] as const), ['loadPolicy', null] as const]) {
    const { results, hooks, global, admission, stats } = scene({
      request: { will },
      script: (fakeHooks, fakeGlobal) => {
        fakeHooks.script.delete(step);
        fakeGlobal.script.delete(step);
      },
    });
    const asked = [...global.asked, ...hooks.asked];
    const open = asked.at(-1);
    admission?.cancel();
    assert.equal(open?.cancelled, true, step);
    (open as { cancelled: boolean }).cancelled = false;
    open?.answer(step === 'authenticate' ? identified('ann') : step === 'loadPolicy' ? POLICY : PASS);
    assert.deepEqual([results.length, stats.connectsAccepted, stats.connectsRefused], [0, 0, 0], step);
    assert.equal(hooks.asked.length + global.asked.length, asked.length, step);
  }
});

test('A client that every step lets pass later is accepted once.', () => {
  const { results, hooks, global } = scene({
    request: { will: WILL },
    script: (fakeHooks, fakeGlobal) => {
      fakeHooks.script.clear();
      fakeGlobal.script.clear();
    },
  });
  const answers: unknown[] = [{ kind: 'given', plugin: 't', value: { name: 'acme' } }];
  const later: unknown[] = [PASS, identified('ann'), PASS, POLICY, SKIP];
  global.asked[0]?.answer(answers[0]);
  for (const [i, answer] of later.entries()) hooks.asked[i]?.answer(answer);
  const { client } = accepted(results);
  assert.deepEqual([client.tenant, client.username], ['acme', 'ann']);
});

test('All questions of one CONNECT have the same deadline.', () => {
  const { hooks, global, clock, standing } = scene({ request: { will: WILL } });
  const deadlines = new Set([...global.asked, ...hooks.asked].map(({ deadlineAt }) => deadlineAt));
  assert.deepEqual([...deadlines], [clock.now() + standing.chain.deadlineMs]);
});

test('A tenant is part of every question behind it.', () => {
  const { hooks, results } = scene({
    request: { will: WILL },
    script: set('resolveTenant', { kind: 'given', plugin: 't', value: { name: 'acme' } }),
  });
  assert.equal(accepted(results).client.tenant, 'acme');
  assert.deepEqual(new Set(hooks.asked.map(({ request }) => request.tenant)), new Set(['acme']));
});

const patching =
  (...patches: object[]) =>
  (_hooks: FakeChain, global: FakeGlobals): void => {
    global.tapped.add('normalizeConnect' as HookName);
    global.script.set('normalizeConnect', patches);
  };

test('Patches change what everybody behind them sees.', () => {
  const { hooks, results } = scene({
    script: patching({ clientId: 'new' }, { username: 'bob', keepAliveSeconds: 5, sessionExpirySeconds: 7 }),
  });
  const { client } = accepted(results);
  assert.deepEqual([client.info.id, client.info.keepAliveSeconds, client.info.sessionExpirySeconds], ['new', 5, 7]);
  assert.equal(hooks.asked[0]?.request.username, 'bob');
});

test('A username beyond maxUsernameBytes is refused as an unknown one, and nobody is asked about it.', () => {
  for (const username of ['u'.repeat(4097), '\u00e4'.repeat(2049), '\u{1f512}'.repeat(1025), 'u'.repeat(65_535)]) {
    const { hooks, results } = scene({ request: { username } });
    refusedWith(results, 0x86);
    assert.deepEqual(hooks.asked, []);
  }
  for (const username of ['u'.repeat(4096), '\u00e4'.repeat(2048), '\u{1f512}'.repeat(1024)]) accepted(scene({ request: { username } }).results);
});

test('A patch that no client could have sent, or a fault, refuses as unavailable.', () => {
  const bad: object[] = [
    { clientId: '' },
    { clientId: 'a\u0000b' },
    { clientId: 'x'.repeat(65_536) },
    { clientId: '\ud800' },
    { clientId: 7 },
    { username: '\udfff' },
    { username: null },
    { username: 'u'.repeat(4097) },
    { keepAliveSeconds: 65_536 },
    { keepAliveSeconds: -1 },
    { keepAliveSeconds: 1.5 },
    { keepAliveSeconds: '5' },
    { sessionExpirySeconds: 0x1_0000_0000 },
    { sessionExpirySeconds: Number.NaN },
  ];
  for (const patch of bad) refusedWith(scene({ script: patching(patch) }).results, 0x88, JSON.stringify(patch));
  const faulty = scene({
    script: (_hooks, global) => {
      global.tapped.add('normalizeConnect' as HookName);
      global.script.set('normalizeConnect', OVERLOAD);
    },
  });
  refusedWith(faulty.results, 0x89);
});

test('The session expiry is capped, both the one asked for and the one of a patch.', () => {
  const expiry = (given: Given): number =>
    accepted(scene({ ...given, sessionRules: { maxExpirySeconds: 100 } }).results).client.info.sessionExpirySeconds;
  assert.equal(expiry({ request: { sessionExpirySeconds: 50 } }), 50);
  assert.equal(expiry({ request: { sessionExpirySeconds: 0xffffffff } }), 100);
  assert.equal(expiry({ request: { sessionExpirySeconds: null } }), 0);
  assert.equal(expiry({ script: patching({ sessionExpirySeconds: 101 }) }), 100);
  assert.equal(expiry({ request: { protocolVersion: 4, cleanStart: false } }), 100);
  assert.equal(expiry({ request: { protocolVersion: 4, cleanStart: true } }), 0);
});

test('Who brings no client identifier gets one that nobody can guess, if it may have one.', () => {
  const first = accepted(scene({ request: { clientId: '' } }).results);
  const second = accepted(scene({ request: { clientId: '' } }).results);
  assert.match(first.assignedClientId ?? '', /^auto-[0-9a-f]{24}$/);
  assert.equal(first.client.info.id, first.assignedClientId);
  assert.notEqual(first.assignedClientId, second.assignedClientId);
  accepted(scene({ request: { clientId: '', protocolVersion: 4, cleanStart: true } }).results);
  refusedWith(scene({ request: { clientId: '', protocolVersion: 4, cleanStart: false } }).results, 0x85);
  refusedWith(scene({ request: { clientId: '', protocolVersion: 3, cleanStart: true } }).results, 0x85);
  assert.equal(accepted(scene({ request: { clientId: '' }, script: patching({ clientId: 'given' }) }).results).assignedClientId, null);
});

test('With useUsernameAsClientId the username is the identifier, for the guards and the rules too; an anonymous client is refused.', () => {
  const sessionRules = { useUsernameAsClientId: true };
  const { hooks, results } = scene({ sessionRules });
  assert.equal(accepted(results).client.info.id, 'ann');
  assert.equal((hooks.asked.find(({ hook }) => hook === 'admitIdentity')?.request.client as { id: string } | undefined)?.id, 'ann');
  refusedWith(scene({ sessionRules, script: set('authenticate', identified(null)) }).results, 0x85);
});

test('An anonymous client has no username, whatever its CONNECT said.', () => {
  const { results } = scene({ script: set('authenticate', identified(null)) });
  assert.equal(accepted(results).client.username, null);
});

test('The identity is that of the authority, not that of the CONNECT.', () => {
  const { results, hooks } = scene({ request: { username: 'eve' }, script: set('authenticate', identified('ann', 60)) });
  const { client } = accepted(results);
  assert.deepEqual([client.username, client.leaseSeconds], ['ann', 60]);
  assert.deepEqual(hooks.asked.find(({ hook }) => hook === 'loadPolicy')?.request.identity, { username: 'ann' });
});

test('A will that the rules or the broker do not allow refuses the CONNECT, and guards are not asked about it yet.', () => {
  const will = (topic: string) => scene({ request: { will: { ...WILL, topic } } });
  refusedWith(will('forbidden').results, 0x87);
  refusedWith(will('$SYS/x').results, 0x87);
  refusedWith(will('a/+').results, 0x90);
  refusedWith(will('').results, 0x90);
  accepted(will('fine').results);
});

test('The rights of a client that is refused for its will are released.', () => {
  for (const [topic, kind] of [
    ['forbidden', 'refused'],
    ['a', 'accepted'],
  ] as const) {
    const rig = gateRig();
    const { hooks, engine } = rig.standing;
    hooks.script.set('loadPolicy', POLICY);
    const bound: Binding[] = [];
    const bind = engine.bind.bind(engine);
    engine.bind = (input) => {
      const binding = bind(input);
      bound.push(binding);
      return binding;
    };
    const results: AdmissionResult[] = [];
    rig.gate.admit('default', connectRequest({ will: { ...WILL, topic } }), (result) => results.push(result))?.start();
    assert.equal(results[0]?.kind, kind);
    assert.deepEqual(
      bound.map((binding) => binding.check('publish', 'a', 0, false, -1)),
      [kind === 'accepted' ? Answer.ALLOW : Answer.NONE],
    );
  }
});

const ENHANCED = { authenticationMethod: 'SCRAM', authenticationData: Buffer.from('1') };

test('Enhanced authentication goes step by step with one exchange, and its last data goes to the client.', () => {
  const { results, hooks, admission } = scene({ request: ENHANCED });
  hooks.asked.at(-1)?.answer({ kind: 'continue', plugin: 'users', data: Buffer.from('2') });
  assert.deepEqual(results, [{ kind: 'challenge', data: Buffer.from('2') }]);
  admission?.answerChallenge(Buffer.from('3'));
  const steps = hooks.asked.filter(({ hook }) => hook === 'enhanced SCRAM');
  assert.deepEqual(
    steps.map(({ request }) => [request.step, String(request.data), request.reauthentication]),
    [
      [1, '1', false],
      [2, '3', false],
    ],
  );
  assert.equal(steps[0]?.request.exchange, steps[1]?.request.exchange);
  steps[1]?.answer({ ...identified('ann'), data: Buffer.from('4') });
  assert.deepEqual(accepted(results.slice(1)).authData, Buffer.from('4'));
  assert.ok(!hooks.asked.some(({ hook }) => hook === 'authenticate'));
});

test('Enhanced authentication refuses like the simple one, and an unknown method has a code of its own.', () => {
  const answers: [Outcome, number][] = [
    [SKIP, 0x8c],
    [DENY, 0x8a],
    [FAULT, 0x88],
    [OVERLOAD, 0x89],
    [ALLOW, 0x88],
    [PASS, 0x88],
  ];
  for (const [outcome, reasonCode] of answers) {
    const { results, hooks } = scene({ request: ENHANCED });
    hooks.asked.at(-1)?.answer(outcome);
    refusedWith(results, reasonCode);
  }
});

test('A challenge that is left unanswered refuses; a client that is gone answers nothing.', () => {
  const challenged = () => {
    const made = scene({ request: ENHANCED });
    made.hooks.asked.at(-1)?.answer({ kind: 'continue', plugin: 'users', data: Buffer.from('2') });
    return made;
  };
  const late = challenged();
  late.admission?.challengeTimedOut();
  refusedWith(late.results.slice(1), 0x87);
  late.admission?.answerChallenge(Buffer.from('3'));
  assert.equal(late.results.length, 2);
  const gone = challenged();
  gone.admission?.cancel();
  gone.admission?.answerChallenge(Buffer.from('3'));
  gone.admission?.challengeTimedOut();
  assert.equal(gone.results.length, 1);
  assert.equal(gone.hooks.asked.filter(({ hook }) => hook === 'enhanced SCRAM').length, 1);
});

test('An unknown chain refuses as unavailable.', () => {
  const { gate } = gateRig();
  const results: AdmissionResult[] = [];
  assert.equal(
    gate.admit('missing', connectRequest(), (result) => results.push(result)),
    null,
  );
  refusedWith(results, 0x88);
});

test('The log says why a client was refused, and nothing of its password.', () => {
  const { lines } = scene({ script: set('authenticate', FAULT) });
  assert.ok(lines.some((line) => line.includes('unavailable') && line.includes('it broke') && line.includes('0x88')));
  assert.ok(lines.every((line) => !line.includes('secret')));
});

test('A decision about a CONNECT is told with its outcome.', () => {
  const { global } = scene({
    script: (hooks, fakeGlobal) => {
      fakeGlobal.tapped.add('decisionMade' as HookName);
      hooks.script.set('authenticate', DENY);
    },
  });
  assert.deepEqual(
    global.told.map(({ news }) => [news.hook, news.outcome, news.action, news.reasonCode, news.plugin]),
    [['authenticate', 'deny', 'connect', 0x8a, 'code']],
  );
});

test('What became of a CONNECT is told once, also when its client has gone; publishes are none of it.', () => {
  const told = (script: (hooks: FakeChain) => void) => {
    const made = scene({
      script: (hooks, fakeGlobal) => {
        fakeGlobal.tapped.add('connectDecided' as HookName);
        script(hooks);
      },
    });
    made.admission?.cancel();
    return made.global.told.map(({ hook, news }) => [hook, news.hook, news.outcome, news.reasonCode, news.plugin]);
  };
  assert.deepEqual(
    told((hooks) => hooks.script.set('authenticate', DENY)),
    [['connectDecided', 'authenticate', 'deny', 0x8a, 'code']],
  );
  assert.deepEqual(
    told((hooks) => hooks.script.delete('authenticate')),
    [['connectDecided', 'connect', 'abandoned', 0, null]],
  );
  assert.deepEqual(
    told((hooks) => hooks.script.set('authenticate', identified('ann'))),
    [['connectDecided', 'authenticate', 'allow', 0, 'users']],
  );
});

test('A CONNECT whose identity is meant is dismissed on its way; one that nobody knows yet is not.', () => {
  const isAnn = (clientId: string, username: string | null): boolean => username === 'ann' && clientId === 'c1';
  const waiting = (step: string) => scene({ request: { will: WILL }, script: (hooks) => hooks.script.delete(step) });
  const early = waiting('authenticate');
  assert.equal(early.admission?.dismiss(isAnn, 0x98), false);
  for (const step of ['admitIdentity', 'loadPolicy', 'code authorize']) {
    const { admission, results, hooks } = waiting(step);
    assert.equal(
      admission?.dismiss(() => false, 0x98),
      false,
    );
    assert.deepEqual(results, []);
    assert.equal(admission?.dismiss(isAnn, 0x8a), true, step);
    assert.equal(hooks.asked.at(-1)?.cancelled, true);
    refusedWith(results, 0x8a, step);
    admission?.dismiss(isAnn, 0x98);
    assert.equal(results.length, 1);
  }
});

test('The gate knows the CONNECTs that are on their way, and none that are over.', () => {
  const { gate, admission, hooks } = scene({ script: (fake) => fake.script.delete('loadPolicy') });
  assert.deepEqual(gate.admissions.all(), [admission]);
  hooks.asked.at(-1)?.answer(POLICY);
  assert.equal(gate.admissions.all().length, 0);
  const cancelled = scene({ script: (fake) => fake.script.delete('loadPolicy') });
  cancelled.admission?.cancel();
  assert.equal(cancelled.gate.admissions.all().length, 0);
  const refused = scene({ script: set('authenticate', DENY) });
  assert.equal(refused.gate.admissions.all().length, 0);
});

test('An anonymous session ends with its connection, unless identifiers are shared anyway.', () => {
  const expiry = (username: string | null, clientIdOwnership: 'principal' | 'shared'): number => {
    const { results } = scene({
      request: { sessionExpirySeconds: 50 },
      sessionRules: { clientIdOwnership },
      script: set('authenticate', identified(username)),
    });
    return accepted(results).client.info.sessionExpirySeconds;
  };
  assert.deepEqual([expiry(null, 'principal'), expiry(null, 'shared'), expiry('ann', 'principal')], [0, 50, 50]);
});
