import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { messageOf } from '../gate/gate.test.support.js';
import type { GateClient } from '../gate/index.js';
import type { Session } from './session.js';
import { FakeOutlet, OPTIONS, type SessionRig, sessionRig } from './session.test.support.js';

interface Opening {
  cleanStart?: boolean;
  will?: { topic?: string; delaySeconds?: number; expirySeconds?: number } | null;
}

function open(rig: SessionRig, client: GateClient, { cleanStart = false, will = null }: Opening = {}) {
  const outlet = new FakeOutlet();
  const result = rig.registry.open(
    client,
    outlet,
    cleanStart,
    will === null
      ? null
      : { message: messageOf(will.topic ?? 'will'), delaySeconds: will.delaySeconds ?? 0, expirySeconds: will.expirySeconds ?? -1 },
  );
  if (result.kind === 'opened') {
    const { session } = result;
    outlet.onEnd = () => rig.registry.closed(session, outlet, true, null);
  }
  return { outlet, result };
}

function opened(rig: SessionRig, client: GateClient, opening: Opening = {}): { session: Session; present: boolean; outlet: FakeOutlet } {
  const { outlet, result } = open(rig, client, opening);
  assert.equal(result.kind, 'opened');
  return { ...(result as { session: Session; present: boolean }), outlet };
}

const DURABLE = { sessionExpirySeconds: 100 };

test('A client comes back to its session, unless it asks for a clean start.', () => {
  const rig = sessionRig();
  const first = opened(rig, rig.client(['+#'], DURABLE));
  assert.equal(first.present, false);
  first.session.subscribe('a', OPTIONS);
  rig.registry.closed(first.session, first.outlet, true, null);
  const second = opened(rig, rig.client(['+#'], DURABLE));
  assert.deepEqual([second.present, second.session === first.session, second.session.subscriptions.size], [true, true, 1]);
  rig.registry.closed(second.session, second.outlet, true, null);
  const third = opened(rig, rig.client(['+#'], DURABLE), { cleanStart: true });
  assert.deepEqual([third.present, third.session === first.session, third.session.subscriptions.size], [false, false, 0]);
  assert.deepEqual([rig.registry.size, rig.stats.subscriptions, rig.stats.sessions], [1, 0, 1]);
});

test('Another principal that brings the same client identifier is refused, and the owner is not disturbed.', () => {
  const rig = sessionRig();
  const owner = opened(rig, rig.client(['+#'], DURABLE, 'ann'), { will: {} });
  for (const thief of ['bob', null]) {
    for (const cleanStart of [false, true]) {
      assert.deepEqual(open(rig, rig.client(['+#'], DURABLE, thief), { cleanStart }).result, { kind: 'refused', reasonCode: 0x85 });
    }
  }
  assert.deepEqual([owner.outlet.ended, owner.session.connected, rig.wills.length], [[], true, 0]);
  rig.registry.closed(owner.session, owner.outlet, false, null);
  assert.equal(open(rig, rig.client(['+#'], DURABLE, 'bob')).result.kind, 'refused');
  assert.equal(opened(rig, rig.client(['+#'], DURABLE, 'ann')).present, true);
});

test('An anonymous client and a named one do not share an identifier either way.', () => {
  const rig = sessionRig();
  opened(rig, rig.client(['+#'], DURABLE, null));
  assert.equal(open(rig, rig.client(['+#'], DURABLE, 'ann')).result.kind, 'refused');
  assert.equal(open(rig, rig.client(['+#'], DURABLE, null)).result.kind, 'opened');
});

test('With "shared" ownership anybody takes the session over, and each principal is counted for what it holds.', () => {
  const rig = sessionRig({ sessionRules: { clientIdOwnership: 'shared', perPrincipal: 1 } });
  opened(rig, rig.client(['+#'], { ...DURABLE, id: 'x' }, 'ann'));
  const second = opened(rig, rig.client(['+#'], { ...DURABLE, id: 'x' }, 'bob'));
  assert.equal(second.present, true);
  // The session is bob's now: ann may have one, and has not used up her allowance for ever.
  rig.registry.end(second.session);
  opened(rig, rig.client(['+#'], { ...DURABLE, id: 'y' }, 'ann'));
  opened(rig, rig.client(['+#'], { ...DURABLE, id: 'z' }, 'bob'));
});

test('With "shared" ownership nobody takes over more sessions than a user may have, and who has the session is not disturbed by the attempt.', () => {
  const rig = sessionRig({ sessionRules: { clientIdOwnership: 'shared', perPrincipal: 1 } });
  const ann = opened(rig, rig.client(['+#'], { ...DURABLE, id: 'x' }, 'ann'));
  opened(rig, rig.client(['+#'], { ...DURABLE, id: 'y' }, 'bob'));
  for (const cleanStart of [false, true]) {
    const refused = open(rig, rig.client(['+#'], { ...DURABLE, id: 'x' }, 'bob'), { cleanStart }).result;
    assert.deepEqual(refused, { kind: 'refused', reasonCode: 0x97 });
  }
  assert.deepEqual([ann.outlet.ended, ann.session.connected, rig.stats.refusedSessions], [[], true, 2]);
});

test('An owner replaces a session of its own also when it has more than it may by now, and loses none for it.', () => {
  const rig = sessionRig({ sessionRules: { perPrincipal: 2 } });
  for (const id of ['a', 'b']) opened(rig, rig.client(['+#'], { ...DURABLE, id }));
  rig.gate.stand(new Map(), rig.standing.global, { ...rig.gate.sessionRules, perPrincipal: 1 });
  opened(rig, rig.client(['+#'], { ...DURABLE, id: 'a' }), { cleanStart: true });
  assert.deepEqual([open(rig, rig.client(['+#'], { ...DURABLE, id: 'c' })).result.kind, rig.registry.size], ['refused', 2]);
});

test('A session that an anonymous client left while identifiers were shared is not given to the next one when they are no longer.', () => {
  const rig = sessionRig({ sessionRules: { clientIdOwnership: 'shared' } });
  const before = opened(rig, rig.client(['+#'], DURABLE, null));
  before.session.subscribe('a', OPTIONS);
  rig.registry.closed(before.session, before.outlet, true, null);
  rig.gate.stand(new Map(), rig.standing.global, { ...rig.gate.sessionRules, clientIdOwnership: 'principal' });
  const next = opened(rig, rig.client(['+#'], {}, null));
  assert.deepEqual([next.present, next.session.subscriptions.size, rig.registry.size], [false, 0, 1]);
});

test('What is left of a session is told while its client is there, when it has gone, and never for one without an end.', () => {
  const rig = sessionRig();
  const { session, outlet } = opened(rig, rig.client(['+#'], DURABLE));
  rig.clock.advance(5000);
  assert.equal(rig.registry.secondsLeft(session), 100);
  rig.registry.closed(session, outlet, true, null);
  rig.clock.advance(5000);
  assert.equal(rig.registry.secondsLeft(session), 95);
  const ever = opened(rig, rig.client(['+#'], { id: 'ever', sessionExpirySeconds: 0xffffffff }));
  assert.equal(rig.registry.secondsLeft(ever.session), null);
});

/** Who comes, under which identifier, and whether the connection then stays. */
const visits = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    username: fc.constantFrom('ann', 'bob', '', '#', 'constructor', '__proto__', null),
    cleanStart: fc.boolean(),
    durable: fc.boolean(),
    leaves: fc.boolean(),
  }),
  { maxLength: 40 },
);

test("Whatever order clients come and go in, an identifier is one principal's as long as its session lasts, and counts are those of a naive book.", () => {
  fc.assert(
    fc.property(visits, fc.integer({ min: 1, max: 3 }), (list, perPrincipal) => {
      const rig = sessionRig({ sessionRules: { perPrincipal } });
      const book = new Map<string, { username: string | null; durable: boolean; outlet: FakeOutlet; connected: boolean }>();
      for (const { id, username, cleanStart, durable, leaves } of list) {
        const before = book.get(id);
        const of = [...book].filter(([, entry]) => entry.username === username && username !== null).length;
        // As the gate has it: a session without a principal does not last.
        const lasts = durable && username !== null;
        const { outlet, result } = open(rig, rig.client(['+#'], { id, sessionExpirySeconds: lasts ? 100 : 0 }, username), { cleanStart });
        const mayHave = before === undefined ? username === null || of < perPrincipal : before.username === username;
        assert.equal(result.kind, mayHave ? 'opened' : 'refused');
        if (result.kind === 'refused') {
          assert.equal(result.reasonCode, before === undefined ? 0x97 : 0x85);
          assert.deepEqual(before?.outlet.ended ?? [], []);
          continue;
        }
        assert.deepEqual(before?.outlet.ended ?? [], before?.connected === true ? [0x8e] : []);
        const kept = before?.durable === true && !cleanStart;
        assert.equal(result.present, kept);
        book.set(id, { username, durable: lasts, outlet, connected: true });
        if (!leaves) continue;
        rig.registry.closed(result.session, outlet, true, null);
        if (lasts) book.set(id, { username, durable: true, outlet: new FakeOutlet(), connected: false });
        else book.delete(id);
      }
      assert.equal(rig.registry.size, book.size);
      assert.deepEqual(
        [...rig.registry.sessions()].map(({ clientId, client }) => [clientId, client.username]).sort(),
        [...book].map(([id, { username }]) => [id, username]).sort(),
      );
    }),
    { numRuns: 500 },
  );
});

test('The same identifier in another tenant is another session.', () => {
  const rig = sessionRig();
  const none = rig.client(['+#'], DURABLE);
  const acme = Object.assign(rig.client(['+#'], DURABLE, 'bob'), { tenant: 'acme' });
  opened(rig, none);
  opened(rig, acme);
  assert.deepEqual([rig.registry.size, rig.registry.find(null, 'c1')?.client, rig.registry.find('acme', 'c1')?.client], [2, none, acme]);
  assert.equal(rig.registry.find('', 'c1')?.client, none);
  assert.equal(rig.registry.find('other', 'c1'), undefined);
});

test('A takeover ends the connection before with 0x8E, and what it does later does not touch the session.', () => {
  const rig = sessionRig();
  const first = opened(rig, rig.client(['+#'], DURABLE));
  const second = opened(rig, rig.client(['+#'], DURABLE));
  assert.deepEqual([first.outlet.ended, second.present, rig.stats.takeovers], [[0x8e], true, 1]);
  rig.registry.closed(second.session, first.outlet, true, 0);
  assert.deepEqual([second.session.connected, rig.registry.size], [true, 1]);
});

test('A session ends with its connection when it has no expiry, and after it when it has one.', () => {
  const rig = sessionRig();
  const brief = opened(rig, rig.client(['+#'], { id: 'brief' }));
  rig.registry.closed(brief.session, brief.outlet, true, null);
  assert.equal(rig.registry.size, 0);
  const long = opened(rig, rig.client(['+#'], { id: 'long', ...DURABLE }));
  rig.registry.closed(long.session, long.outlet, true, null);
  rig.clock.advance(99_000);
  assert.equal(rig.registry.size, 1);
  rig.clock.advance(1100);
  assert.equal(rig.registry.size, 0);
  const ever = opened(rig, rig.client(['+#'], { id: 'ever', sessionExpirySeconds: 0xffffffff }));
  rig.registry.closed(ever.session, ever.outlet, true, null);
  rig.clock.advance(5_000_000_000);
  assert.equal(rig.registry.size, 1);
});

test('A client that is back in time keeps its session beyond the old expiry.', () => {
  const rig = sessionRig();
  const first = opened(rig, rig.client(['+#'], DURABLE));
  rig.registry.closed(first.session, first.outlet, true, null);
  rig.clock.advance(90_000);
  opened(rig, rig.client(['+#'], DURABLE));
  rig.clock.advance(1_000_000);
  assert.equal(rig.registry.size, 1);
});

test('A DISCONNECT may change the expiry, also to the end of the session.', () => {
  const rig = sessionRig();
  const first = opened(rig, rig.client(['+#'], DURABLE));
  rig.registry.closed(first.session, first.outlet, false, 10);
  rig.clock.advance(10_100);
  assert.equal(rig.registry.size, 0);
  const second = opened(rig, rig.client(['+#'], DURABLE));
  rig.registry.closed(second.session, second.outlet, false, 0);
  assert.equal(rig.registry.size, 0);
  assert.equal(rig.sessions.changes.filter(({ kind }) => kind === 'removed').length, 2);
});

test('Sessions are bounded in all and for each principal; anonymous clients share no allowance.', () => {
  const rig = sessionRig({ limits: { maxSessions: 4 }, sessionRules: { perPrincipal: 2 } });
  const open_ = (id: string, username: string | null) => open(rig, rig.client(['+#'], { id, ...DURABLE }, username)).result;
  assert.equal(open_('a1', 'ann').kind, 'opened');
  assert.equal(open_('a2', 'ann').kind, 'opened');
  assert.deepEqual(open_('a3', 'ann'), { kind: 'refused', reasonCode: 0x97 });
  assert.equal(open_('a2', 'ann').kind, 'opened');
  assert.equal(open_('n1', null).kind, 'opened');
  assert.equal(open_('n2', null).kind, 'opened');
  assert.deepEqual(open_('b1', 'bob'), { kind: 'refused', reasonCode: 0x97 });
  const session = rig.registry.find(null, 'a1');
  assert.ok(session !== undefined);
  rig.registry.end(session);
  assert.equal(open_('a4', 'ann').kind, 'opened');
});

test('The store hears when a durable session is opened, closed and removed, and nothing of others.', () => {
  const rig = sessionRig();
  const brief = opened(rig, rig.client(['+#'], { id: 'brief' }));
  rig.registry.closed(brief.session, brief.outlet, true, null);
  assert.equal(rig.sessions.changes.length, 0);
  const durable = opened(rig, rig.client(['+#'], DURABLE));
  rig.registry.closed(durable.session, durable.outlet, true, null);
  rig.registry.end(durable.session);
  assert.deepEqual(
    rig.sessions.changes.map(({ kind }) => kind),
    ['opened', 'closed', 'removed'],
  );
});

test('The rights of a session that is over are released.', () => {
  const rig = sessionRig();
  const client = rig.client(['+#'], DURABLE);
  const { session, outlet } = opened(rig, client);
  rig.registry.closed(session, outlet, true, null);
  assert.equal(client.binding.check('publish', 'a', 0, false, -1), 1);
  rig.registry.end(session);
  assert.equal(client.binding.check('publish', 'a', 0, false, -1), 0);
});

test('Rights are released after the will was judged by them, however the session goes on.', () => {
  const may = (client: GateClient): boolean => client.binding.check('publish', 'a', 0, false, -1) === 1;
  for (const ending of ['end', 'takeover', 'clean takeover'] as const) {
    const rig = sessionRig();
    rig.judgesLater = true;
    const before = rig.client(['+#'], ending === 'end' ? {} : DURABLE);
    const { session, outlet } = opened(rig, before, { will: {} });
    if (ending === 'end') rig.registry.closed(session, outlet, true, null);
    else opened(rig, rig.client(['+#'], DURABLE), { cleanStart: ending === 'clean takeover' });
    assert.deepEqual([rig.wills.length, may(before)], [1, true], ending);
    rig.judged[0]?.();
    assert.equal(may(before), false, ending);
  }
});

test('Rights of a client that stays are not released with its will.', () => {
  const rig = sessionRig();
  rig.judgesLater = true;
  const client = rig.client(['+#'], DURABLE);
  const { session, outlet } = opened(rig, client, { will: {} });
  rig.registry.closed(session, outlet, true, null);
  rig.judged[0]?.();
  assert.equal(client.binding.check('publish', 'a', 0, false, -1), 1);
});

test('What sources announced for a session holds for whoever comes back to it.', () => {
  const rig = sessionRig();
  const before = rig.client(['+#'], DURABLE);
  const { session, outlet } = opened(rig, before);
  rig.registry.closed(session, outlet, true, null);
  session.client.announce('rules', 5);
  const back = rig.client(['+#'], DURABLE);
  back.knownVersions = new Map<string, number | string>([['rules', 4]]);
  opened(rig, back);
  assert.equal(back.outdated, true);
});

test('A will that expires does so from the moment in which it is published.', () => {
  const rig = sessionRig();
  const { session, outlet } = opened(rig, rig.client(['+#'], DURABLE), { will: { delaySeconds: 5, expirySeconds: 60 } });
  rig.registry.closed(session, outlet, true, null);
  rig.clock.advance(5100);
  assert.equal(rig.wills.length, 1);
  const left = (rig.wills[0]?.expiresAt ?? 0) - rig.clock.now();
  assert.ok(left > 59_000 && left <= 60_000, String(left));
});

/** One life of a connection with a will: how it ends, and what comes after. */
const lives = fc.record({
  expiry: fc.constantFrom(0, 10, 50),
  delay: fc.constantFrom(0, 5, 20, 1000),
  ending: fc.constantFrom('lost', 'goodbye', 'goodbye with will', 'taken over', 'taken over clean', 'removed'),
  newExpiry: fc.constantFrom(null, 0, 10),
  back: fc.constantFrom('never', 'soon', 'soon clean', 'late'),
});

test('A will is published exactly once or not at all, as the specification says, through delays, expiry, takeover and clean starts.', () => {
  fc.assert(
    fc.property(lives, ({ expiry, delay, ending, newExpiry, back }) => {
      const rig = sessionRig();
      const client = () => rig.client(['+#'], { sessionExpirySeconds: expiry });
      const first = opened(rig, client(), { will: { topic: 'first', delaySeconds: delay } });
      let now = 0;
      let expected = 0;
      // After how many seconds the session is over, and the will is due.
      let left = expiry;
      switch (ending) {
        case 'lost':
        case 'goodbye with will':
          if (ending === 'goodbye with will' && newExpiry !== null && !(expiry === 0 && newExpiry > 0)) left = newExpiry;
          rig.registry.closed(first.session, first.outlet, true, ending === 'lost' || left !== newExpiry ? null : newExpiry);
          expected = 1;
          break;
        case 'goodbye':
          rig.registry.closed(first.session, first.outlet, false, null);
          break;
        case 'taken over':
          // The same session goes on: a will that is delayed is not published; one whose session is over is.
          opened(rig, client());
          expected = delay === 0 || expiry === 0 ? 1 : 0;
          break;
        case 'taken over clean':
          opened(rig, client(), { cleanStart: true });
          expected = 1;
          break;
        case 'removed':
          rig.registry.closed(first.session, first.outlet, true, null);
          rig.registry.end(first.session);
          expected = 1;
          break;
      }
      const due = Math.min(delay, left);
      if (expected === 1 && ending.startsWith('goodbye with') === true && due > 0) assert.equal(rig.wills.length, 0);
      if (ending === 'lost' || ending === 'goodbye with will') {
        if (back === 'soon' && due > 2) {
          rig.clock.advance(2000);
          now += 2;
          opened(rig, client());
          expected = 0;
        } else if (back === 'soon clean' && due > 2) {
          rig.clock.advance(2000);
          now += 2;
          // The session is over with this, and so the will is due.
          opened(rig, client(), { cleanStart: true });
          assert.equal(rig.wills.length, 1);
        } else if (due > 0) {
          rig.clock.advance(due * 1000 - 30);
          assert.equal(rig.wills.length, 0, 'too early');
          rig.clock.advance(80);
          assert.equal(rig.wills.length, 1, 'when it is due');
          if (back === 'late') opened(rig, client());
        } else assert.equal(rig.wills.length, 1, 'at once');
      }
      rig.clock.advance(2_000_000);
      assert.equal(rig.wills.length, expected, `after ${now} s`);
      assert.ok(rig.wills.every(({ topic }) => topic === 'first'));
    }),
    { numRuns: 600 },
  );
});

test('News of sessions are told in their order.', () => {
  const rig = sessionRig();
  for (const hook of ['sessionOpened', 'sessionResumed', 'sessionTakenOver', 'sessionExpired'] as const) rig.standing.global.tapped.add(hook);
  const first = opened(rig, rig.client(['+#'], DURABLE));
  const second = opened(rig, rig.client(['+#'], DURABLE));
  rig.registry.closed(second.session, second.outlet, true, null);
  rig.clock.advance(101_000);
  assert.equal(first.session, second.session);
  assert.deepEqual(
    rig.standing.global.told.map(({ hook }) => hook),
    ['sessionOpened', 'sessionTakenOver', 'sessionResumed', 'sessionExpired'],
  );
});
