import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendUnavailable, type BrokerHooks, type Decision, type HookName } from '@portcullis/sdk';
import { type AskableHook, HOOK_NAMES, HOOKS } from './hook-table.js';
import { CONNECT, chain, IDENTIFIED, MESSAGE, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';

type Verbs = Readonly<Record<string, (argument?: unknown) => Decision>>;
type Handler = (request: Record<string, unknown>, verbs: Verbs) => unknown;
type Ended = { readonly kind?: string; readonly plugin?: string | null };

const QUESTIONS = HOOK_NAMES.filter((hook) => HOOKS[hook].role !== 'observer');
const CHAIN = chain({ guards: ['p'], authenticate: ['p'], authorize: ['p'] });

function say(verbs: Verbs, verb: string, argument?: unknown): Decision {
  const method = verbs[verb];
  assert.ok(method, `there is a verb ${verb}`);
  return argument === undefined ? method() : method(argument);
}

/** The answer that lets the most through on a hook. */
function permit(hook: HookName, verbs: Verbs): Decision {
  if (hook === 'resolveTenant') return say(verbs, 'tenant', { name: 'acme' });
  if (hook === 'loadPolicy') return say(verbs, 'policy', { version: 1 });
  if (hook === 'normalizeConnect') return say(verbs, 'patch', { clientId: 'x' });
  if (hook === 'rewritePublish') return say(verbs, 'patch', { topic: 'x' });
  if (HOOKS[hook].role === 'guard') return say(verbs, 'pass');
  return hook === 'authorize' || hook === 'refreshIdentity' ? say(verbs, 'allow') : say(verbs, 'allow', { identity: { username: 'u' } });
}

/** Puts the question of a hook, by whichever door it has. */
function put({ host, options }: Rig, hook: HookName, done: (ended: Ended) => void): void {
  const door = host.chain('default');
  const now = options();
  if (hook === 'acceptConnection' || hook === 'upgradeWebSocket') done(host.global.guard(hook, CONNECT));
  else if (hook === 'resolveTenant') host.global.firstGiven(hook, CONNECT, now, done);
  else if (hook === 'normalizeConnect' || hook === 'rewritePublish') {
    const outcome = host.global.waterfall(hook, { ...IDENTIFIED, message: MESSAGE } as object, (request, patch) => ({ ...request, ...patch }));
    done('kind' in outcome ? outcome : { kind: 'patched' });
  } else if (hook === 'loadPolicy') {
    door.loadPolicy({ ...IDENTIFIED, tls: null, reason: 'connect' }, new Map(), now, (outcome) =>
      done('kind' in outcome ? outcome : { kind: 'answers' }),
    );
  } else if (hook === 'authenticateEnhanced') door.askEnhanced('M', { ...CONNECT, method: 'M', data: null, step: 1, exchange: {} }, now, done);
  else if (hook === 'refreshIdentity') door.askPlugin('p', hook, IDENTIFIED, now, done);
  else if (hook === 'guardPublish' || hook === 'guardRetain' || hook === 'guardDelivery') done(door.guard(hook, { ...IDENTIFIED, message: MESSAGE }));
  else door.ask(hook as AskableHook, CONNECT, now, done);
}

function tapAll(hooks: BrokerHooks, hook: HookName, handler: Handler): void {
  if (hook === 'authenticateEnhanced') hooks.authenticateEnhanced.tap('M', handler as never);
  else (hooks[hook] as unknown as { tap(handler: Handler): void }).tap(handler);
}

interface Bench {
  readonly rig: Rig;
  /** Puts the hook's question to this handler, lets time pass, and returns how it ended. */
  ends(handler: Handler): Promise<Ended>;
}

async function makeBench(hook: HookName): Promise<Bench> {
  let current: Handler = () => undefined;
  const spec = { breaker: { faults: 1000, windowMs: 1000, openMs: 1000 } };
  const others = ['admitClient', 'authenticate', 'authorize'] as const;
  const p = plugin(
    'p',
    (hooks) => {
      tapAll(hooks, hook, (request, verbs) => current(request, verbs));
      // So that it stands in its lists for a reason, whatever the hook under test is.
      for (const other of others) if (other !== hook) tapAll(hooks, other, (_request, verbs) => permit(other, verbs));
    },
    { spec },
  );
  const rig = await preparedRig([p], [CHAIN]);
  return {
    rig,
    async ends(handler) {
      current = handler;
      const ended: Ended[] = [];
      put(rig, hook, (outcome) => ended.push(outcome));
      await turn();
      rig.clock.advance(2500);
      await turn();
      rig.clock.advance(10_000);
      await turn();
      assert.equal(ended.length, 1, 'the question ends exactly once');
      return ended[0] as Ended;
    },
  };
}

const thenable = (then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) => ({ then });
const hostile = {
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tried here
  get then(): never {
    throw new Error('read me not');
  },
};

/** Ways of failing that every hook can meet; each gets the decision that would have permitted. */
const FAULTS: Readonly<Record<string, (good: Decision) => unknown>> = {
  'throws an error': () => {
    throw new Error('broken');
  },
  'throws null': () => {
    throw null;
  },
  'throws an error that cannot be read': () => {
    throw Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('no');
      },
    });
  },
  'throws BackendUnavailable': () => {
    throw new BackendUnavailable('down');
  },
  rejects: async () => {
    throw new Error('broken');
  },
  'rejects with undefined': () => Promise.reject(),
  'returns undefined': () => undefined,
  'returns null': () => null,
  'returns true': () => true,
  'returns 0': () => 0,
  'returns "allow"': () => 'allow',
  'returns an empty object': () => ({}),
  'returns a look-alike': () => ({ kind: 'allow', verb: 'allow', allow: true, maxQos: 2, grant: { identity: { username: 'u' } } }),
  'returns a function': () => () => 'allow',
  'returns a copy of the decision': (good) => ({ ...good }),
  'returns a structured clone of the decision': (good) => structuredClone({ ...good }),
  'returns an object that inherits from the decision': (good) => Object.create(good as object),
  'returns a proxy of the decision': (good) => new Proxy(good as object, {}),
  'returns the decision in an array': (good) => [good],
  'returns an object whose then throws when read': () => hostile,
  'returns an object whose then throws when called': () =>
    thenable(() => {
      throw new Error('no');
    }),
  'returns a promise that never settles': () => new Promise(() => {}),
  'returns a thenable that never settles': () => thenable(() => {}),
  'resolves with nothing': () => Promise.resolve(),
  'resolves with a proxy of the decision': (good) => Promise.resolve(new Proxy(good as object, {})),
  'resolves with a promise of the decision through a thenable': (good) => thenable((resolve) => resolve(Promise.resolve(good))),
  'rejects first and resolves with the decision then': (good) =>
    thenable((resolve, reject) => {
      reject(new Error('broken'));
      resolve(good);
    }),
};

for (const hook of QUESTIONS) {
  test(`${hook}: only the decision minted for this question counts, everything else is a fault`, async () => {
    const { ends, rig } = await makeBench(hook);
    const fine = await ends((_request, verbs) => permit(hook, verbs));
    assert.notEqual(fine.kind, 'fault');
    for (const [name, fail] of Object.entries(FAULTS)) {
      const ended = await ends((_request, verbs) => fail(permit(hook, verbs)));
      assert.deepEqual([ended.kind, ended.plugin], ['fault', 'p'], name);
    }
    assert.equal(rig.stats.pluginFaults + rig.stats.pluginOverloads, Object.keys(FAULTS).length);
  });

  test(`${hook}: a decision kept from an earlier question is a fault and counted`, async () => {
    const { ends, rig } = await makeBench(hook);
    let kept: Decision | null = null;
    let keptVerbs: Verbs | null = null;
    await ends((_request, verbs) => {
      keptVerbs = verbs;
      kept = permit(hook, verbs);
      return kept;
    });
    assert.equal((await ends(() => kept)).kind, 'fault');
    assert.equal((await ends(() => permit(hook, keptVerbs as unknown as Verbs))).kind, 'fault');
    assert.equal(rig.stats.foreignAnswers, 2);
  });

  test(`${hook}: ${HOOKS[hook].sync ? 'a promise is a fault, even of the right decision' : 'a promise of the right decision is an answer'}`, async () => {
    const { ends } = await makeBench(hook);
    const ended = await ends(async (_request, verbs) => permit(hook, verbs));
    assert.equal(ended.kind === 'fault', HOOKS[hook].sync);
  });
}

const DENIALS = QUESTIONS.filter((hook) => HOOKS[hook].role !== 'source');

for (const hook of DENIALS) {
  test(`${hook}: a denial needs a word or a reason code from 0x80 to 0xFF`, async () => {
    const { ends } = await makeBench(hook);
    for (const reason of ['bad-credentials', 'not-authorized', 'banned', 'rate', 'quota', 'busy', 0x80, 0x87, 0xff]) {
      const ended = await ends((_request, verbs) => say(verbs, 'deny', reason));
      assert.deepEqual({ ...ended }, { kind: 'deny', plugin: 'p', reason });
    }
    for (const reason of [
      0,
      1,
      0x7f,
      0x100,
      135.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      '0x87',
      'no',
      '',
      null,
      undefined,
      {},
      ['banned'],
      0x87n,
    ]) {
      const ended = await ends((_request, verbs) => say(verbs, 'deny', reason));
      assert.equal(ended.kind, 'fault', `deny(${String(reason)})`);
    }
  });
}

test('authenticate: an allow with a missing or malformed identity is a fault', async () => {
  const { ends } = await makeBench('authenticate');
  const lone = 'a\ud800';
  const grants: unknown[] = [
    undefined,
    null,
    'u',
    {},
    { identity: null },
    { identity: {} },
    { identity: { username: '' } },
    { identity: { username: 'a\0b' } },
    { identity: { username: lone } },
    { identity: { username: 'x'.repeat(65_536) } },
    { identity: { username: 'ä'.repeat(32_768) } },
    { identity: { username: 7 } },
    { identity: { username: ['u'] } },
    { identity: { anonymous: false } },
    { identity: { anonymous: 'yes' } },
    { identity: { anonymous: true, username: 'u' } },
    { identity: { username: 'u', groups: 'g' } },
    { identity: { username: 'u', groups: [1] } },
    { identity: { username: 'u', groups: new Array(2) } },
    { identity: { username: 'u', attributes: [] } },
    { identity: { username: 'u', attributes: { a: null } } },
    { identity: { username: 'u', attributes: { a: {} } } },
    { identity: { username: 'u', attributes: { a: Number.NaN } } },
    { identity: { username: 'u' }, leaseSeconds: 0 },
    { identity: { username: 'u' }, leaseSeconds: -1 },
    { identity: { username: 'u' }, leaseSeconds: Number.POSITIVE_INFINITY },
    { identity: { username: 'u' }, leaseSeconds: '60' },
    {
      get identity(): never {
        throw new Error('no');
      },
    },
  ];
  for (const [index, grant] of grants.entries()) {
    const ended = await ends((_request, verbs) => say(verbs, 'allow', grant));
    assert.equal(ended.kind, 'fault', `grant ${index}`);
  }
  const longest = await ends((_request, verbs) => say(verbs, 'allow', { identity: { username: 'x'.repeat(65_535) } }));
  assert.equal(longest.kind, 'allow');
});

test('authenticate: what was granted is a frozen copy that the plugin cannot change afterwards', async () => {
  const { ends } = await makeBench('authenticate');
  const identity = { username: 'u', groups: ['g'], attributes: { site: 'x', toString: 'y' } };
  const ended = await ends((_request, verbs) => {
    const decision = say(verbs, 'allow', { identity, leaseSeconds: 60 });
    identity.username = 'admin';
    identity.groups.push('admins');
    identity.attributes.site = 'elsewhere';
    return decision;
  });
  assert.equal(ended.kind, 'allow');
  const { grant, leaseSeconds } = ended as unknown as { grant: { identity: typeof identity }; leaseSeconds: number };
  assert.equal(leaseSeconds, 60);
  assert.equal(grant.identity.username, 'u');
  assert.deepEqual(grant.identity.groups, ['g']);
  assert.deepEqual({ ...grant.identity.attributes }, { site: 'x', toString: 'y' });
  assert.equal(Object.getPrototypeOf(grant.identity.attributes), null);
  for (const part of [grant, grant.identity, grant.identity.groups, grant.identity.attributes]) assert.ok(Object.isFrozen(part));
});

test('authenticateEnhanced: steps carry at most 65,535 bytes, copied when they are said', async () => {
  const { ends } = await makeBench('authenticateEnhanced');
  const data = new Uint8Array([1, 2, 3]);
  const ended = await ends((_request, verbs) => {
    const decision = say(verbs, 'continue', data);
    data[0] = 9;
    return decision;
  });
  assert.deepEqual(ended, { kind: 'continue', plugin: 'p', data: Buffer.from([1, 2, 3]) });
  for (const wrong of ['text', null, [1], new Uint8Array(65_536)]) {
    assert.equal((await ends((_request, verbs) => say(verbs, 'continue', wrong))).kind, 'fault');
    const allow = await ends((_request, verbs) => say(verbs, 'allow', { identity: { username: 'u' }, data: wrong }));
    assert.equal(allow.kind, 'fault');
  }
});

test('sources: data of the wrong form is a fault', async () => {
  const wrong: [HookName, string, unknown[]][] = [
    ['resolveTenant', 'tenant', [undefined, {}, { name: '' }, { name: '1a' }, { name: 'a/b' }, { name: 'a'.repeat(65) }, { name: 7 }]],
    ['normalizeConnect', 'patch', [undefined, 7, [], { clientID: 'x' }, { username: 'u', admin: true }, { clientId: () => 'x' }]],
    ['rewritePublish', 'patch', [null, { qos: 2 }, { topic: 'x', retain: true }]],
    [
      'loadPolicy',
      'policy',
      [
        undefined,
        {},
        { version: Number.NaN },
        { version: 1, leaseSeconds: 0 },
        { version: 1, templates: 'a' },
        { version: 1, rules: {} },
        { version: 1, rules: [{ effect: 'permit', actions: ['publish'], pattern: '#', from: '' }] },
        { version: 1, rules: [{ effect: 'allow', actions: [], pattern: '#', from: '' }] },
        { version: 1, rules: [{ effect: 'allow', actions: ['write'], pattern: '#', from: '' }] },
        { version: 1, rules: [{ effect: 'allow', actions: ['publish'], from: '' }] },
        { version: 1, rules: [{ effect: 'allow', actions: ['publish'], pattern: '#', maxQos: 3, from: '' }] },
        { version: 1, rules: new Array(1) },
      ],
    ],
    ['guardSubscribe', 'pass', [null, 1, { maxQos: 3 }, { maxQos: '1' }, { maxQos: -1 }]],
    ['refreshIdentity', 'allow', [null, 7, { leaseSeconds: 0 }, { leaseSeconds: Number.NaN }]],
  ];
  for (const [hook, verb, values] of wrong) {
    const { ends } = await makeBench(hook);
    for (const [index, value] of values.entries()) {
      const ended = await ends((_request, verbs) => (verbs[verb] as (given: unknown) => Decision)(value));
      assert.equal(ended.kind, 'fault', `${hook} ${index}`);
    }
  }
});

test('a hook offers the verbs of its role and no others', async () => {
  const expected: Partial<Record<HookName, string>> = {
    authenticate: 'allow,deny,skip',
    authenticateEnhanced: 'allow,continue,deny',
    refreshIdentity: 'allow,deny',
    authorize: 'allow,deny,skip',
    loadPolicy: 'nothing,policy',
    resolveTenant: 'nothing,tenant',
    normalizeConnect: 'nothing,patch',
    rewritePublish: 'nothing,patch',
  };
  for (const hook of QUESTIONS) {
    const { ends } = await makeBench(hook);
    let offered = '';
    await ends((_request, verbs) => {
      const names: string[] = [];
      for (const name in verbs) names.push(name);
      offered = names.sort().join();
      const prototype = Object.getPrototypeOf(verbs) as object;
      assert.deepEqual([Object.isFrozen(prototype), Object.getPrototypeOf(prototype), 'constructor' in verbs], [true, null, false]);
      assert.throws(() => Reflect.apply(Object.getOwnPropertyDescriptor(prototype, names[0] as string)?.get as () => void, {}, []), TypeError);
      return permit(hook, verbs);
    });
    assert.equal(offered, expected[hook] ?? 'deny,pass', hook);
  }
});

test('a plugin finds no way from a decision to the making of decisions', async () => {
  const { ends } = await makeBench('authenticate');
  const ended = await ends((_request, verbs) => {
    const decision = say(verbs, 'skip') as object;
    const prototype = Object.getPrototypeOf(decision) as object;
    assert.equal(Object.getPrototypeOf(prototype), null);
    assert.ok(Object.isFrozen(prototype));
    assert.deepEqual([Reflect.ownKeys(prototype), Reflect.ownKeys(decision)], [[], []]);
    assert.ok(Object.isFrozen(decision));
    return decision;
  });
  assert.equal(ended.kind, 'deny');
});
