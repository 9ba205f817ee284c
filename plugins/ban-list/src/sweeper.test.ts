import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { ClientSelector, ClientSummary, SessionsService } from '@portcullis/sdk';
import { Sweeper } from './sweeper.js';

interface Timer {
  readonly milliseconds: number;
  readonly callback: () => void;
}

describe('the sweeper', () => {
  let clients: ClientSummary[];
  let banned: Set<string>;
  let looks: number;
  let timers: Set<Timer>;
  let ended: ClientSelector[];
  let told: number[];
  let sweeper: Sweeper;

  beforeEach(() => {
    clients = [];
    banned = new Set();
    looks = 0;
    timers = new Set();
    ended = [];
    told = [];
    const sessions: Pick<SessionsService, 'find' | 'disconnect'> = {
      find: ({ clientId, tenant }) =>
        clients.filter((client) => (clientId === undefined || client.clientId === clientId) && (tenant === undefined || client.tenant === tenant)),
      disconnect: (selector) => ended.push(selector) && 1,
    };
    const after = (milliseconds: number, callback: () => void): (() => void) => {
      const timer = { milliseconds, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    };
    const isBanned = ({ username }: { readonly username: string | null }): boolean => {
      looks += 1;
      return username !== null && banned.has(username);
    };
    sweeper = new Sweeper(sessions, { after }, isBanned, (count) => void told.push(count));
  });

  function connect(clientId: string, username: string, tenant: string | null = null): void {
    clients = clients.filter((client) => client.clientId !== clientId || client.tenant !== tenant);
    clients.push({ clientId, username, tenant, address: '192.0.2.1', connected: true });
  }

  /** What is due after so long. */
  function fire(milliseconds: number): void {
    for (const timer of [...timers].filter((one) => one.milliseconds === milliseconds)) {
      timers.delete(timer);
      timer.callback();
    }
  }

  test('puts a sweep off that is planned after the same time once more, and keeps the others', () => {
    for (const milliseconds of [0, 15_000, 0, 15_000]) sweeper.sweepAfter(milliseconds);
    assert.deepEqual(
      [...timers].map(({ milliseconds }) => milliseconds),
      [0, 15_000],
    );
  });

  test('looks at 500 clients, and at the next ones in a later turn; all are told of together', () => {
    for (let i = 0; i < 1200; i += 1) connect(`c${i}`, i % 500 === 0 ? 'bad' : 'good');
    banned.add('bad');
    sweeper.sweepAfter(0);
    const seen: number[] = [];
    for (const milliseconds of [0, 1, 1]) {
      fire(milliseconds);
      seen.push(looks - ended.length);
    }
    assert.deepEqual(seen, [500, 1000, 1200]);
    assert.equal(timers.size, 0);
    assert.deepEqual(told, [3]);
  });

  test('ends a walk that is under way when a newer one begins: that one sees everybody by the newer list', () => {
    for (let i = 0; i < 1200; i += 1) connect(`c${i}`, `u${i}`);
    for (const name of ['u0', 'u1100']) banned.add(name);
    sweeper.sweepAfter(0);
    fire(0);
    sweeper.sweepAfter(0);
    fire(0);
    looks = 0;
    // The next step of both walks is due; the older one only tells what it has done.
    fire(1);
    assert.equal(looks, 500);
    assert.deepEqual(told, [1]);
  });

  test('leaves in peace whoever has come under the identifier of one that was banned', () => {
    for (let i = 0; i < 501; i += 1) connect(`c${i}`, 'good');
    connect('late', 'bad');
    banned.add('bad');
    sweeper.sweepAfter(0);
    fire(0);
    connect('late', 'good');
    fire(1);
    assert.deepEqual(ended, []);
    assert.deepEqual(told, []);
  });

  test('does not take the client of another tenant for the one that it has seen', () => {
    connect('same', 'good', 'acme');
    connect('same', 'bad', 'beta');
    banned.add('bad');
    sweeper.sweepAfter(0);
    fire(0);
    assert.deepEqual(ended, [{ clientId: 'same', tenant: 'beta' }]);
  });
});
