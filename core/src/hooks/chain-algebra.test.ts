import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '@portcullis/sdk';
import { CONNECT, chain, IDENTIFIED, plugin, preparedRig, type Rig, turn } from './hooks.test.support.js';
import type { Outcome } from './outcome.js';

type Letter = 'allow' | 'deny' | 'skip' | 'fault';
const LETTERS: readonly Letter[] = ['allow', 'deny', 'skip', 'fault'];
const MOST = 5;

/** Every chain of this length. */
function chainsOf(length: number): Letter[][] {
  if (length === 0) return [[]];
  return chainsOf(length - 1).flatMap((head) => LETTERS.map((letter) => [...head, letter]));
}

/** The chain with a fault at every position of the set. */
function faulted(letters: readonly Letter[], set: number): Letter[] {
  return letters.map((letter, i) => ((set >> i) & 1 ? 'fault' : letter));
}

/** Puts one question; everybody answers at once. */
type Judge = (letters: readonly Letter[], neverDenies: number) => Outcome;

/** Five plugins that may deny and five that never do and fail over, in every mixture; what each says is set before each question. */
async function makeJudge(): Promise<Judge> {
  const script: Letter[] = [];
  const answer = (i: number, verbs: { allow(grant: object): Decision; deny(reason: 'banned'): Decision; skip(): Decision }): Decision => {
    const letter = script[i];
    if (letter === 'allow') return verbs.allow({ identity: { username: 'u' } });
    if (letter === 'deny') return verbs.deny('banned');
    if (letter === 'skip') return verbs.skip();
    throw new Error('fault');
  };
  const positions = Array.from({ length: MOST }, (_, i) => i);
  const denying = positions.map((i) => plugin(`d${i}`, (hooks) => hooks.authenticate.tap((_request, decide) => answer(i, decide as never))));
  const failing = positions.map((i) =>
    plugin(`n${i}`, (hooks) => hooks.authenticate.tap((_request, decide) => answer(i, decide as never)), {
      decides: { authenticate: ['allow', 'skip'] },
      spec: { onFault: 'skip' },
    }),
  );
  const chains = positions.flatMap((last) =>
    Array.from({ length: 2 ** (last + 1) }, (_, set) =>
      chain({
        name: `${last + 1}/${set}`,
        authenticate: positions.slice(0, last + 1).map((i) => ((set >> i) & 1 ? `n${i}` : `d${i}`)),
      }),
    ),
  );
  const { host, options } = await preparedRig([...denying, ...failing], chains);
  return (letters, neverDenies) => {
    letters.forEach((letter, i) => {
      script[i] = letter;
    });
    let ended: Outcome | null = null;
    const pending = host.chain(`${letters.length}/${neverDenies}`).ask('authenticate', CONNECT, options(), (outcome) => {
      ended = outcome;
    });
    assert.equal(pending, null);
    assert.ok(ended);
    return ended;
  };
}

test('with a final fault, no replacing of answers by faults makes an allow that was none before: 36,084 cases', async () => {
  const judge = await makeJudge();
  let cases = 0;
  for (let length = 1; length <= MOST; length += 1) {
    for (const letters of chainsOf(length)) {
      const before = judge(letters, 0).kind;
      for (let set = 1; set < 2 ** length; set += 1) {
        cases += 1;
        if (judge(faulted(letters, set), 0).kind === 'allow') assert.equal(before, 'allow', `${letters.join()} with faults ${set}`);
      }
    }
  }
  assert.equal(cases, 36_084);
});

test('with failover on authorities that never deny, no replacing of theirs by faults makes an allow either: 18,243 cases', async () => {
  const judge = await makeJudge();
  let cases = 0;
  for (let length = 1; length <= MOST; length += 1) {
    for (const letters of chainsOf(length)) {
      const neverDenies = letters.reduce((set, letter, i) => (letter === 'deny' ? set : set | (1 << i)), 0);
      const before = judge(letters, neverDenies).kind;
      for (let set = 1; set < 2 ** length; set += 1) {
        if ((set & neverDenies) !== set) continue;
        cases += 1;
        if (judge(faulted(letters, set), neverDenies).kind === 'allow') assert.equal(before, 'allow', `${letters.join()} with faults ${set}`);
      }
    }
  }
  assert.equal(cases, 18_243);
});

test('the first answer other than skip decides, a fault included, and nobody after it is asked', async () => {
  const judge = await makeJudge();
  for (let length = 1; length <= MOST; length += 1) {
    for (const letters of chainsOf(length)) {
      const first = letters.find((letter) => letter !== 'skip');
      // A chain that runs out refuses like a wrong password does.
      if (first === undefined) assert.deepEqual(judge(letters, 0), { kind: 'deny', plugin: null, reason: 'bad-credentials' });
      else assert.equal(judge(letters, 0).kind, first);
    }
  }
});

/** Asks a chain of plugins that each say what they are told, at once or later. */
async function outcomeOf(
  hook: 'authorize' | 'admitClient' | 'guardSubscribe',
  letters: readonly (Letter | 'pass' | 0 | 1)[],
  combine: 'deny-overrides' | 'first-match' = 'deny-overrides',
): Promise<{ outcome: Outcome; asked: string[] }> {
  const asked: string[] = [];
  const plugins = letters.map((letter, i) =>
    plugin(`p${i}`, (hooks) => {
      const handler = async (_request: object, verbs: Record<string, (argument?: unknown) => Decision>) => {
        asked.push(`p${i}`);
        if (letter === 'fault') throw new Error('fault');
        if (typeof letter === 'number') return (verbs.pass as (limits: object) => Decision)({ maxQos: letter });
        return (verbs[letter] as (reason?: unknown) => Decision)(letter === 'deny' ? 'banned' : undefined);
      };
      (hooks[hook] as unknown as { tap(given: typeof handler): void }).tap(handler);
    }),
  );
  const names = letters.map((_, i) => `p${i}`);
  const spec = chain(hook === 'authorize' ? { authorize: names, combine } : { guards: names });
  const { host, options } = await preparedRig(plugins, [spec]);
  const outcome = await new Promise<Outcome>((resolve) => {
    host.chain('default').ask(hook, IDENTIFIED, options(), resolve);
  });
  return { outcome, asked };
}

test('deny-overrides: a fault outweighs a denial, a denial outweighs a permission, and everybody is asked until a fault', async () => {
  const strength: readonly Letter[] = ['skip', 'allow', 'deny', 'fault'];
  for (const letters of [...chainsOf(1), ...chainsOf(2), ...chainsOf(3)]) {
    const { outcome, asked } = await outcomeOf('authorize', letters);
    const strongest = Math.max(...letters.map((letter) => strength.indexOf(letter)));
    assert.equal(outcome.kind, strength[strongest], letters.join());
    const fault = letters.indexOf('fault');
    assert.equal(asked.length, fault === -1 ? letters.length : fault + 1);
  }
});

test('first-match: the first that is not skip decides', async () => {
  for (const letters of [...chainsOf(1), ...chainsOf(2), ...chainsOf(3)]) {
    const { outcome } = await outcomeOf('authorize', letters, 'first-match');
    assert.equal(outcome.kind, letters.find((letter) => letter !== 'skip') ?? 'skip', letters.join());
  }
});

test('guards: every one must pass, whatever their order, and they cannot allow', async () => {
  for (const a of ['pass', 'deny', 'fault'] as const) {
    for (const b of ['pass', 'deny', 'fault'] as const) {
      const { outcome } = await outcomeOf('admitClient', [a, b]);
      assert.equal(outcome.kind === 'pass', a === 'pass' && b === 'pass');
    }
  }
});

test('guards of a subscription: the lowest QoS that anyone lets pass is granted', async () => {
  assert.deepEqual((await outcomeOf('guardSubscribe', ['pass', 1, 'pass'])).outcome, { kind: 'pass', maxQos: 1 });
  assert.deepEqual((await outcomeOf('guardSubscribe', [1, 0, 1])).outcome, { kind: 'pass', maxQos: 0 });
  assert.deepEqual((await outcomeOf('guardSubscribe', ['pass'])).outcome, { kind: 'pass', maxQos: 2 });
  assert.equal((await outcomeOf('guardSubscribe', [1, 'deny'])).outcome.kind, 'deny');
});

test('failover looks past a fault, but never past an answer that the manifest does not list', async () => {
  let says = (verbs: Record<string, (argument?: unknown) => Decision>): Decision => (verbs.skip as () => Decision)();
  const first = plugin('first', (hooks) => hooks.authenticate.tap((_request, decide) => says(decide as never)), {
    decides: { authenticate: ['allow', 'skip'] },
    spec: { onFault: 'skip' },
  });
  const second = plugin('second', (hooks) => hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } })));
  const rig = await preparedRig([first, second], [chain({ authenticate: ['first', 'second'] })]);
  const ask = (how: typeof says): Outcome => {
    says = how;
    let ended: Outcome | null = null;
    rig.host.chain('default').ask('authenticate', CONNECT, rig.options(), (outcome) => {
      ended = outcome;
    });
    assert.ok(ended);
    return ended;
  };
  const fails = () => {
    throw new Error('down');
  };
  assert.equal(ask(fails).kind, 'allow');
  assert.equal(ask((verbs) => (verbs.allow as (grant: unknown) => Decision)({})).kind, 'allow');
  assert.equal(ask((verbs) => (verbs.deny as (reason: unknown) => Decision)('banned')).kind, 'fault');
  // A denial that is malformed besides is still a denial that was not to be.
  assert.equal(ask((verbs) => (verbs.deny as (reason: unknown) => Decision)(0)).kind, 'fault');
});

test('a decision that another plugin made for the same client is a fault', async () => {
  let kept: Decision | null = null;
  const first = plugin('first', (hooks) =>
    hooks.authenticate.tap((_request, decide) => {
      kept = decide.allow({ identity: { username: 'admin' } });
      return decide.skip();
    }),
  );
  const second = plugin('second', (hooks) => hooks.authenticate.tap(() => kept as Decision));
  const { host, options, stats } = await preparedRig([first, second], [chain({ authenticate: ['first', 'second'] })]);
  let ended: Outcome | null = null;
  host.chain('default').ask('authenticate', CONNECT, options(), (outcome) => {
    ended = outcome;
  });
  assert.equal((ended as Outcome | null)?.kind, 'fault');
  assert.equal(stats.foreignAnswers, 1);
});

test('requests are frozen all the way down, so that an earlier plugin cannot tell a later one something else', async () => {
  const tampered: unknown[] = [];
  const first = plugin('first', (hooks) =>
    hooks.authenticate.tap((request, decide) => {
      for (const change of [
        () => Object.assign(request, { tenant: 'x' }),
        () => Object.assign(request.client, { id: 'admin' }),
        () => Object.assign(request.client.connection, { address: '::1' }),
        () => (request.userProperties as unknown[]).push(['a', 'b']),
        () => Object.assign(request.credentials, { username: 'admin' }),
      ]) {
        try {
          change();
          tampered.push(change.toString());
        } catch {
          // As it should be.
        }
      }
      return decide.skip();
    }),
  );
  const { host, options } = await preparedRig([first], [chain({ authenticate: ['first'] })]);
  host.chain('default').ask('authenticate', { ...CONNECT }, options(), () => {});
  assert.deepEqual(tampered, []);
  assert.ok(!Object.isFrozen(CONNECT.userProperties), 'what the broker holds is not frozen for it');
});

test('bytes are handed out as copies: no plugin changes what is routed, or sees its neighbours in the buffer', async () => {
  const buffer = Buffer.from('secret|payload|secret');
  const payload = buffer.subarray(7, 14);
  const seen: string[] = [];
  const guard = (name: string) =>
    plugin(name, (hooks) =>
      hooks.guardPublish.tap(({ message }, decide) => {
        seen.push(Buffer.from(message.payload.buffer as ArrayBuffer).toString());
        message.payload.fill(0);
        return decide.pass();
      }),
    );
  const { host } = await preparedRig([guard('a'), guard('b')], [chain({ guards: ['a', 'b'] })]);
  const message = { topic: 't', payload, qos: 0, retain: false, properties: {} };
  assert.equal(host.chain('default').guard('guardPublish', { ...IDENTIFIED, message, will: false }).kind, 'pass');
  assert.deepEqual(seen, ['payload', 'payload']);
  assert.equal(buffer.toString(), 'secret|payload|secret');
});

test('rights: everyone is asked side by side, answers come in the order of the chain, one fault ends it', async () => {
  const settle = new Map<string, () => void>();
  const reasons: unknown[] = [];
  let aborted = 0;
  const source = (name: string, fails: boolean) =>
    plugin(name, (hooks) =>
      hooks.loadPolicy.tap(async ({ knownVersion, signal }, give) => {
        reasons.push([name, knownVersion]);
        signal.addEventListener('abort', () => {
          aborted += 1;
        });
        await new Promise<void>((resolve) => settle.set(name, resolve));
        if (fails) throw new Error('down');
        return name === 'b'
          ? give.nothing()
          : give.policy({ version: name, rules: [{ effect: 'allow', actions: ['publish'], pattern: name, from: 'x' }] });
      }),
    );
  const load = async (rig: Rig) => {
    const ended: unknown[] = [];
    rig.host
      .chain('default')
      .loadPolicy({ ...IDENTIFIED, tls: null, reason: 'connect' }, new Map([['a', 7]]), rig.options(), (outcome) => ended.push(outcome));
    for (const name of ['c', 'b', 'a']) {
      settle.get(name)?.();
      await turn();
    }
    assert.equal(ended.length, 1);
    return ended[0];
  };
  const names = ['a', 'b', 'c'];
  const good = await preparedRig(
    names.map((name) => source(name, false)),
    [chain({ authorize: names })],
  );
  assert.deepEqual(await load(good), [
    { plugin: 'a', grant: { version: 'a', rules: [{ effect: 'allow', actions: ['publish'], pattern: 'a', from: 'x' }] } },
    { plugin: 'b', grant: null },
    { plugin: 'c', grant: { version: 'c', rules: [{ effect: 'allow', actions: ['publish'], pattern: 'c', from: 'x' }] } },
  ]);
  assert.deepEqual(reasons, [
    ['a', 7],
    ['b', null],
    ['c', null],
  ]);
  const bad = await preparedRig(
    names.map((name) => source(name, name === 'c')),
    [chain({ authorize: names })],
  );
  const outcome = (await load(bad)) as { kind: string; plugin: string };
  assert.deepEqual([outcome.kind, outcome.plugin], ['fault', 'c']);
  assert.equal(aborted, 2, 'the others need not go on');
});

test('patches: each plugin sees those before it, and one that is not valid is a fault of its plugin', async () => {
  const patching = (name: string, clientId: string | null) =>
    plugin(name, (hooks) =>
      hooks.normalizeConnect.tap(({ client }, give) => (clientId === null ? give.nothing() : give.patch({ clientId: client.id + clientId }))),
    );
  type Request = { client: { id: string } };
  const apply = (_request: Request, patch: object) => {
    const { clientId } = patch as { clientId: string };
    return clientId.includes('!') ? null : { client: { id: clientId } };
  };
  const start: Request = { client: { id: 'x' } };
  const { host } = await preparedRig([patching('a', 'a'), patching('b', null), patching('c', 'c')], []);
  assert.deepEqual(host.global.waterfall('normalizeConnect', start, apply), { request: { client: { id: 'xac' } }, changed: true });
  const none = await preparedRig([patching('b', null)], []);
  assert.deepEqual(none.host.global.waterfall('normalizeConnect', start, apply), { request: start, changed: false });
  const wrong = await preparedRig([patching('a', '!'), patching('c', 'c')], []);
  const outcome = wrong.host.global.waterfall('normalizeConnect', start, apply);
  assert.ok('kind' in outcome);
  assert.deepEqual([outcome.kind, outcome.plugin], ['fault', 'a']);
  assert.equal(wrong.stats.pluginFaults, 1);
});

test('tenants: the first that is given counts, and a fault before it is final', async () => {
  const giving = (name: string, tenant: string | null | Error) =>
    plugin(name, (hooks) =>
      hooks.resolveTenant.tap(async (_request, give) => {
        if (tenant instanceof Error) throw tenant;
        return tenant === null ? give.nothing() : give.tenant({ name: tenant });
      }),
    );
  const resolve = async (...plugins: ReturnType<typeof plugin>[]) => {
    const { host, options } = await preparedRig(plugins, []);
    return await new Promise((done) => host.global.firstGiven('resolveTenant', CONNECT, options(), done));
  };
  assert.deepEqual(await resolve(giving('a', null), giving('b', 'acme'), giving('c', 'other')), {
    kind: 'given',
    plugin: 'b',
    value: { name: 'acme' },
  });
  assert.deepEqual(await resolve(giving('a', null)), { kind: 'nothing' });
  assert.deepEqual(await resolve(), { kind: 'nothing' });
  assert.equal(((await resolve(giving('a', new Error('down')), giving('b', 'acme'))) as { kind: string }).kind, 'fault');
});

test('a hook that nobody taps is not asked, and what stands in another list is not asked for it', async () => {
  const both = plugin('both', (hooks) => {
    hooks.authenticate.tap((_request, decide) => decide.allow({ identity: { username: 'u' } }));
    hooks.admitClient.tap((_request, decide) => decide.deny('banned'));
  });
  const { host, options } = await preparedRig(
    [both],
    [chain({ authenticate: ['both'] }), chain({ name: 'guarded', guards: ['both'], authenticate: [] })],
  );
  assert.equal(host.chain('default').has('admitClient'), false);
  assert.equal(host.chain('guarded').has('admitClient'), true);
  assert.equal(host.chain('guarded').has('authenticate'), false);
  assert.equal(host.chain('default').taps('both', 'authenticate'), true);
  assert.equal(host.chain('default').taps('both', 'admitClient'), false);
  const ended: Outcome[] = [];
  host.chain('default').ask('admitClient', CONNECT, options(), (outcome) => ended.push(outcome));
  host.chain('guarded').ask('authenticate', CONNECT, options(), (outcome) => ended.push(outcome));
  host.chain('default').askPlugin('both', 'refreshIdentity', IDENTIFIED, options(), (outcome) => ended.push(outcome));
  host.chain('default').askEnhanced('SCRAM', CONNECT, options(), (outcome) => ended.push(outcome));
  assert.deepEqual(
    ended.map(({ kind }) => kind),
    ['pass', 'deny', 'skip', 'skip'],
  );
});
