import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { assumedAnswer, type StatedIdentity } from './explain-identity.js';
import { clientOf, connectRequest, FAULT, type GateRig, gateRig, identified, standingOf } from './gate/gate.test.support.js';
import type { AssumedAnswer } from './gate/index.js';
import type { Session, SessionRegistry } from './session/index.js';

const STATED: StatedIdentity = { username: 'ann', tenant: null, groups: null, attributes: null, session: null };
const REFUSED = { kind: 'deny', plugin: 'x', reason: 'not-authorized' } as const;

describe('the identity that an explanation goes by without a password', () => {
  let rig: GateRig;
  let sessions: Session[];

  beforeEach(() => {
    rig = gateRig({ standing: standingOf({ authenticate: ['file', 'database'] }) });
    sessions = [];
  });

  function assumed(stated: Partial<StatedIdentity> = {}): Promise<AssumedAnswer> {
    const registry = { sessions: () => sessions.values() } as unknown as SessionRegistry;
    return assumedAnswer(rig.gate, registry, rig.standing, connectRequest(), { ...STATED, ...stated });
  }

  function answers(file: unknown, database: unknown): void {
    for (const [plugin, outcome] of [
      ['file', file],
      ['database', database],
    ] as const) {
      if (outcome === null) continue;
      rig.standing.hooks.tapped.add(`${plugin} refreshIdentity`);
      rig.standing.hooks.script.set(`${plugin} refreshIdentity`, outcome);
    }
  }

  function allowed({ outcome }: AssumedAnswer): unknown[] {
    return outcome.kind === 'allow' ? [outcome.plugin, outcome.grant?.identity] : [outcome.kind];
  }

  function session(username: string, clientId: string, identifiedAt: number): Session {
    const identity = { username, groups: [clientId] };
    const client = clientOf([], rig.standing, { identity, identifiedAt, authority: 'database' });
    return { client, clientId, tenant: null } as Session;
  }

  test('is what was stated, and nobody is asked', async () => {
    answers(REFUSED, REFUSED);
    assert.deepEqual(allowed(await assumed({ groups: ['red'], attributes: { k: 'v' } })), [
      'file',
      { username: 'ann', groups: ['red'], attributes: { k: 'v' } },
    ]);
    assert.deepEqual(rig.standing.hooks.asked, []);
  });

  test('is that of the session, or of the youngest of the user', async () => {
    sessions = [session('ann', 'old', 1), session('ann', 'young', 9), session('bob', 'other', 10)];
    assert.deepEqual(allowed(await assumed()), ['database', { username: 'ann', groups: ['young'] }]);
    assert.deepEqual(allowed(await assumed({ session: session('ann', 'own', 0) })), ['database', { username: 'ann', groups: ['own'] }]);
    assert.deepEqual(rig.standing.hooks.asked, []);
  });

  test('is confirmed by the first authority that knows the user', async () => {
    answers(REFUSED, { ...identified(null), plugin: 'database' });
    const answer = await assumed();
    assert.deepEqual(allowed(answer), ['database', { username: 'ann' }]);
    assert.deepEqual(
      answer.plugins.map(({ plugin, outcome }) => [plugin, outcome]),
      [
        ['file', 'deny'],
        ['database', 'allow'],
      ],
    );
  });

  test('is none when all say that they do not know the user', async () => {
    answers(REFUSED, REFUSED);
    const { outcome } = await assumed();
    assert.deepEqual(outcome, { kind: 'deny', plugin: null, reason: 'bad-credentials' });
  });

  test('is a fault when one cannot say, and the next is not asked', async () => {
    answers(FAULT, identified('ann'));
    assert.equal((await assumed()).outcome, FAULT);
    assert.equal(rig.standing.hooks.asked.length, 1);
  });

  test('is said to be unconfirmed when one that would decide cannot be asked', async () => {
    answers(REFUSED, null);
    const answer = await assumed();
    assert.deepEqual(allowed(answer), ['database', { username: 'ann' }]);
    assert.match(answer.from, /whether the user exists was not to be found out/);
  });
});
