import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionInfo } from '@portcullis/sdk';
import { ManualClock, TimerWheel } from '../clock.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import { Arrival, Arrivals, arrivalOf, describe } from './arrivals.js';

const INFO: ConnectionInfo = { id: 'c1', listener: 'local', transport: 'tcp', address: '192.0.2.1', port: 1 };

function scene(set: Partial<Limits> = {}) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const limits = makeLimits({ connectTimeoutMs: 5000, ...set });
  const stats = new Stats();
  const lines: string[] = [];
  const arrivals = new Arrivals({ limits, stats, wheel, log: new Logger((line) => lines.push(line), 'debug') });
  /** A socket that comes; `closed` fills with those that were closed to make room or because their time was up. */
  const closed: string[] = [];
  const come = (name: string, address = '192.0.2.1', refusal = 0): Arrival | null => {
    const holder = { destroy: () => void closed.push(name) };
    const arrival = new Arrival(address, clock.now() + limits.connectTimeoutMs, refusal, holder);
    return arrivals.enter(arrival, arrivals.neighbours(address)) ? arrival : null;
  };
  const mustCome = (...given: Parameters<typeof come>): Arrival => {
    const arrival = come(...given);
    assert.ok(arrival !== null, given[0]);
    return arrival;
  };
  return { arrivals, stats, clock, wheel, lines, closed, come, mustCome };
}

test('Half-open connections of one address are bounded: the one that has kept us waiting longest makes room, and other addresses do not notice.', () => {
  const { arrivals, stats, closed, mustCome } = scene({ maxHalfOpenPerAddress: 3 });
  mustCome('other', '192.0.2.2');
  for (const name of ['a', 'b', 'c', 'd', 'e']) mustCome(name);
  assert.deepEqual(closed, ['a', 'b']);
  assert.deepEqual([stats.connectionsHalfOpen, stats.closedHalfOpen, arrivals.neighbours('192.0.2.1')?.halfOpen], [4, 2, 3]);
});

test('One whose CONNECT has come is not closed for others: if all are such, the newest finds no room.', () => {
  const { arrivals, closed, come, mustCome } = scene({ maxHalfOpenPerAddress: 2 });
  const [a, b] = [mustCome('a'), mustCome('b')];
  arrivals.heard(a);
  mustCome('c');
  assert.deepEqual(closed, ['b']);
  for (const arrival of [a, b]) arrivals.heard(arrival);
  const c = mustCome('d');
  arrivals.heard(c);
  assert.deepEqual(closed, ['b', 'c']);
  assert.equal(come('e'), null);
  arrivals.settled(a);
  mustCome('f');
});

test('Half-open connections of all addresses together are bounded in the same way.', () => {
  const { stats, closed, mustCome } = scene({ maxHalfOpen: 3 });
  for (let i = 0; i < 10; i += 1) mustCome(`${i}`, `192.0.2.${i}`);
  assert.deepEqual(closed, ['0', '1', '2', '3', '4', '5', '6']);
  assert.equal(stats.connectionsHalfOpen, 3);
});

test('One that is only to be refused makes nobody go.', () => {
  const { arrivals, closed, come, mustCome } = scene({ maxHalfOpenPerAddress: 2 });
  mustCome('a');
  const refused = mustCome('refused', '192.0.2.1', 0x97);
  assert.equal(come('also refused', '192.0.2.1', 0x97), null);
  assert.deepEqual([closed, arrivals.refusing, arrivals.neighbours('192.0.2.1')?.open], [[], 1, 1]);
  arrivals.gone(refused);
  assert.equal(arrivals.refusing, 0);
});

test('Sockets of Unix have no address, and count among all only.', () => {
  const { arrivals, closed, mustCome } = scene({ maxHalfOpenPerAddress: 1, maxHalfOpen: 3 });
  for (const name of ['a', 'b', 'c']) mustCome(name, '');
  assert.deepEqual(closed, []);
  assert.equal(arrivals.neighbours(''), null);
  mustCome('d', '');
  assert.deepEqual(closed, ['a']);
});

test('An address is forgotten with its last socket, however its sockets end.', () => {
  const { arrivals, stats, mustCome } = scene();
  const [a, b, c] = [mustCome('a'), mustCome('b'), mustCome('c', '192.0.2.1', 0x97)];
  arrivals.settled(a);
  arrivals.settled(a);
  assert.deepEqual([arrivals.neighbours('192.0.2.1')?.open, arrivals.neighbours('192.0.2.1')?.halfOpen], [2, 2]);
  for (const arrival of [a, b, c]) arrivals.gone(arrival);
  assert.equal(arrivals.neighbours('192.0.2.1'), null);
  assert.equal(stats.connectionsHalfOpen, 0);
});

test('The bytes of strangers together are bounded: whose packet is not whole is told that there is no room, and keeps what it had.', () => {
  const { arrivals, stats, closed, mustCome } = scene({ maxPreAuthTotalBytes: 1024 });
  const [a, b] = [mustCome('a'), mustCome('b')];
  assert.equal(arrivals.hold(a, 1000), true);
  assert.equal(arrivals.hold(b, 24), true);
  assert.equal(arrivals.hold(b, 25), false);
  assert.deepEqual([stats.preAuthBytes, stats.closedPreAuthBytes, closed.length], [1024, 1, 0]);
  assert.equal(arrivals.hold(a, 10), true);
  assert.equal(arrivals.hold(b, 25), true);
  arrivals.settled(a);
  arrivals.gone(b);
  assert.equal(stats.preAuthBytes, 0);
});

test('For a CONNECT that is whole, room is made by those that are not, the oldest first.', () => {
  const { arrivals, stats, closed, mustCome } = scene({ maxPreAuthTotalBytes: 1000 });
  const names = ['empty', 'a', 'b', 'c'];
  const [, a, b, c] = names.map((name) => mustCome(name)) as [Arrival, Arrival, Arrival, Arrival];
  for (const arrival of [a, b, c]) arrivals.hold(arrival, 300);
  const good = mustCome('good');
  arrivals.heard(good);
  assert.equal(arrivals.hold(good, 500), true);
  assert.deepEqual(closed, ['a', 'b']);
  assert.equal(stats.preAuthBytes, 800);
  arrivals.heard(c);
  assert.equal(arrivals.hold(good, 800), false);
  assert.deepEqual(closed, ['a', 'b']);
});

test('Who has not become a connection in time is closed; a connection has the rest of the same time.', () => {
  const { arrivals, stats, clock, closed, mustCome } = scene();
  mustCome('first');
  const upgraded = mustCome('upgraded');
  clock.advance(3000);
  mustCome('second');
  const info = describe(INFO, upgraded);
  const arrival = arrivals.connect(info, { destroy: () => {} });
  assert.equal(arrival, upgraded);
  assert.equal(arrival.deadlineAt - clock.now(), 2000);
  clock.advance(1975);
  assert.deepEqual(closed, []);
  clock.advance(50);
  assert.deepEqual(closed, ['first']);
  clock.advance(2900);
  assert.deepEqual(closed, ['first']);
  clock.advance(100);
  assert.deepEqual(closed, ['first', 'second']);
  assert.equal(stats.connectTimeouts, 2);
  // And the next, after a time without any.
  mustCome('third');
  clock.advance(5050);
  assert.deepEqual(closed, ['first', 'second', 'third']);
});

test('A stream that no doorkeeper has seen counts too, and is refused where there is no room for it.', () => {
  const { arrivals, stats, mustCome } = scene({ maxHalfOpen: 1 });
  const first = arrivals.connect(INFO, { destroy: () => {} });
  assert.deepEqual([stats.connectionsHalfOpen, first.refusal], [1, 0]);
  arrivals.heard(first);
  assert.equal(arrivals.connect(INFO, { destroy: () => {} }).refusal, 0x97);
  arrivals.settled(first);
  assert.equal(stats.connectionsHalfOpen, 0);
  mustCome('after');
});

test('Plugins are shown a description that leads nowhere else.', () => {
  const { mustCome } = scene();
  const arrival = mustCome('a');
  const info = describe(INFO, arrival);
  assert.equal(arrivalOf(info), arrival);
  assert.equal(arrivalOf({ ...info }), null);
  assert.deepEqual({ ...info }, INFO);
  assert.deepEqual(Reflect.ownKeys(info), Object.keys(INFO));
  assert.ok(Object.isFrozen(info));
  const maker = info.constructor as unknown as Record<PropertyKey, unknown>;
  assert.deepEqual(
    Reflect.ownKeys(maker).filter((key) => typeof maker[key] === 'function'),
    [],
  );
});
