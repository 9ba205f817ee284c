import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionInfo } from '@portcullis/sdk';
import { ManualClock, TimerWheel } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import { describe, Stranger, Strangers, strangerOf } from './strangers.js';

const INFO: ConnectionInfo = { id: 'c1', listener: 'local', transport: 'tcp', address: '192.0.2.1', port: 1 };

function scene(set: Partial<Limits> = {}) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const limits = makeLimits({ connectTimeoutMs: 5000, ...set });
  const stats = new Stats();
  const lines: string[] = [];
  const strangers = new Strangers({ limits, stats, wheel, log: new Logger((line) => lines.push(line), 'debug') });
  /** A socket that comes; `closed` fills with those that were closed to make room or because their time was up. */
  const closed: string[] = [];
  const come = (name: string, address = '192.0.2.1', refusal = 0): Stranger | null => {
    const holder = { destroy: () => void closed.push(name) };
    const stranger = new Stranger(address, clock.now() + limits.connectTimeoutMs, refusal, holder);
    return strangers.enter(stranger, strangers.neighbours(address)) ? stranger : null;
  };
  const mustCome = (...given: Parameters<typeof come>): Stranger => {
    const stranger = come(...given);
    assert.ok(stranger !== null, given[0]);
    return stranger;
  };
  return { strangers, stats, clock, wheel, lines, closed, come, mustCome };
}

test('Half-open connections of one address are bounded: the one that has kept us waiting longest makes room, and other addresses do not notice.', () => {
  const { strangers, stats, closed, mustCome } = scene({ maxHalfOpenPerAddress: 3 });
  mustCome('other', '192.0.2.2');
  for (const name of ['a', 'b', 'c', 'd', 'e']) mustCome(name);
  assert.deepEqual(closed, ['a', 'b']);
  assert.deepEqual([stats.connectionsHalfOpen, stats.closedHalfOpen, strangers.neighbours('192.0.2.1')?.halfOpen], [4, 2, 3]);
});

test('One whose CONNECT has come is not closed for others: if all are such, the newest finds no room.', () => {
  const { strangers, closed, come, mustCome } = scene({ maxHalfOpenPerAddress: 2 });
  const [a, b] = [mustCome('a'), mustCome('b')];
  strangers.heard(a);
  mustCome('c');
  assert.deepEqual(closed, ['b']);
  for (const stranger of [a, b]) strangers.heard(stranger);
  const c = mustCome('d');
  strangers.heard(c);
  assert.deepEqual(closed, ['b', 'c']);
  assert.equal(come('e'), null);
  strangers.settled(a);
  mustCome('f');
});

test('Half-open connections of all addresses together are bounded in the same way.', () => {
  const { stats, closed, mustCome } = scene({ maxHalfOpen: 3 });
  for (let i = 0; i < 10; i += 1) mustCome(`${i}`, `192.0.2.${i}`);
  assert.deepEqual(closed, ['0', '1', '2', '3', '4', '5', '6']);
  assert.equal(stats.connectionsHalfOpen, 3);
});

test('One that is only to be refused makes nobody go.', () => {
  const { strangers, closed, come, mustCome } = scene({ maxHalfOpenPerAddress: 2 });
  mustCome('a');
  const refused = mustCome('refused', '192.0.2.1', 0x97);
  assert.equal(come('also refused', '192.0.2.1', 0x97), null);
  assert.deepEqual([closed, strangers.refusing, strangers.neighbours('192.0.2.1')?.open], [[], 1, 1]);
  strangers.gone(refused);
  assert.equal(strangers.refusing, 0);
});

test('Sockets of Unix have no address, and count among all only.', () => {
  const { strangers, closed, mustCome } = scene({ maxHalfOpenPerAddress: 1, maxHalfOpen: 3 });
  for (const name of ['a', 'b', 'c']) mustCome(name, '');
  assert.deepEqual(closed, []);
  assert.equal(strangers.neighbours(''), null);
  mustCome('d', '');
  assert.deepEqual(closed, ['a']);
});

test('An address is forgotten with its last socket, however its sockets end.', () => {
  const { strangers, stats, mustCome } = scene();
  const [a, b, c] = [mustCome('a'), mustCome('b'), mustCome('c', '192.0.2.1', 0x97)];
  strangers.settled(a);
  strangers.settled(a);
  assert.deepEqual([strangers.neighbours('192.0.2.1')?.open, strangers.neighbours('192.0.2.1')?.halfOpen], [2, 2]);
  for (const stranger of [a, b, c]) strangers.gone(stranger);
  assert.equal(strangers.neighbours('192.0.2.1'), null);
  assert.equal(stats.connectionsHalfOpen, 0);
});

test('The bytes of strangers together are bounded: whose packet is not whole is told that there is no room, and keeps what it had.', () => {
  const { strangers, stats, closed, mustCome } = scene({ maxPreAuthTotalBytes: 1024 });
  const [a, b] = [mustCome('a'), mustCome('b')];
  assert.equal(strangers.hold(a, 1000), true);
  assert.equal(strangers.hold(b, 24), true);
  assert.equal(strangers.hold(b, 25), false);
  assert.deepEqual([stats.preAuthBytes, stats.closedPreAuthBytes, closed.length], [1024, 1, 0]);
  assert.equal(strangers.hold(a, 10), true);
  assert.equal(strangers.hold(b, 25), true);
  strangers.settled(a);
  strangers.gone(b);
  assert.equal(stats.preAuthBytes, 0);
});

test('For a CONNECT that is whole, room is made by those that are not, the oldest first.', () => {
  const { strangers, stats, closed, mustCome } = scene({ maxPreAuthTotalBytes: 1000 });
  const names = ['empty', 'a', 'b', 'c'];
  const [, a, b, c] = names.map((name) => mustCome(name)) as [Stranger, Stranger, Stranger, Stranger];
  for (const stranger of [a, b, c]) strangers.hold(stranger, 300);
  const good = mustCome('good');
  strangers.heard(good);
  assert.equal(strangers.hold(good, 500), true);
  assert.deepEqual(closed, ['a', 'b']);
  assert.equal(stats.preAuthBytes, 800);
  strangers.heard(c);
  assert.equal(strangers.hold(good, 800), false);
  assert.deepEqual(closed, ['a', 'b']);
});

test('A connection has the rest of the time that its socket had.', () => {
  const { strangers, clock, mustCome } = scene();
  const upgraded = mustCome('upgraded');
  clock.advance(3000);
  const stranger = strangers.connect(describe(INFO, upgraded), { destroy: () => {} }, clock.now());
  assert.equal(stranger, upgraded);
  assert.equal(stranger.deadlineAt - clock.now(), 2000);
});

test('A stream that no doorkeeper has seen counts too, and is refused where there is no room for it.', () => {
  const { strangers, stats, mustCome } = scene({ maxHalfOpen: 1 });
  const first = strangers.connect(INFO, { destroy: () => {} }, 0);
  assert.deepEqual([stats.connectionsHalfOpen, first.refusal], [1, 0]);
  strangers.heard(first);
  assert.equal(strangers.connect(INFO, { destroy: () => {} }, 0).refusal, 0x97);
  strangers.settled(first);
  assert.equal(stats.connectionsHalfOpen, 0);
  mustCome('after');
});

test('Plugins are shown a description that leads nowhere else.', () => {
  const { mustCome } = scene();
  const stranger = mustCome('a');
  const info = describe(INFO, stranger);
  assert.equal(strangerOf(info), stranger);
  assert.equal(strangerOf({ ...info }), null);
  assert.deepEqual({ ...info }, INFO);
  assert.deepEqual(Reflect.ownKeys(info), Object.keys(INFO));
  assert.ok(Object.isFrozen(info));
  const prototype = Object.getPrototypeOf(info) as object;
  assert.deepEqual([Reflect.ownKeys(prototype), Object.isFrozen(prototype), Object.getPrototypeOf(prototype)], [[], true, null]);
});
