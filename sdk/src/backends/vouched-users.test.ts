import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientSummary } from '../services.js';
import { VouchedUsers, type VouchedUsersOptions } from './vouched-users.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
let entries = 0;

/** A directory and a broker that do what the test says. */
class Rig {
  time = 0;
  connected: ClientSummary[] = [];
  readonly ended: string[] = [];
  readonly failures: string[] = [];
  readonly delays: (() => void)[] = [];
  readonly directory = new Map<string, string | Error>();
  reads = 0;
  readonly users: VouchedUsers;

  constructor(options: Partial<VouchedUsersOptions> = {}) {
    this.users = new VouchedUsers({
      entry: `entry${++entries}`,
      sessions: {
        find: () => this.connected,
        disconnect: ({ tenant, username }, code) => {
          this.ended.push(`${tenant}/${username} ${code?.toString(16)}`);
          return 1;
        },
      },
      timers: {
        after: (_, callback) => {
          this.delays.push(callback);
          return () => {};
        },
      },
      read: async (tenant, username) => {
        this.reads += 1;
        const found = this.directory.get(`${tenant}/${username}`);
        if (found instanceof Error) throw found;
        return found === undefined ? null : this.users.markOf(found);
      },
      failed: (error) => void this.failures.push((error as Error).message),
      leaseMs: 1000,
      maxUsers: 3,
      now: () => this.time,
      ...options,
    });
  }

  login(username: string, password = 'hash', tenant: string | null = null): void {
    this.directory.set(`${tenant}/${username}`, password);
    this.users.vouch(tenant, username, this.users.markOf(password));
  }

  async runDelays(): Promise<void> {
    await turn();
    for (const callback of this.delays.splice(0)) callback();
    await turn();
  }
}

test('who is read as he logged in stays; who has another password or is gone has to go', async () => {
  const rig = new Rig();
  for (const name of ['same', 'other', 'gone']) rig.login(name);
  rig.directory.set('null/other', 'new hash');
  rig.directory.delete('null/gone');
  for (const name of ['same', 'other', 'gone']) rig.users.changed(null, name);
  await rig.runDelays();
  assert.deepEqual(rig.ended, ['null/other 87', 'null/gone 87']);
});

test('only those who were vouched for are read, each in his tenant', async () => {
  const rig = new Rig();
  rig.login('bob', 'hash', 'acme');
  rig.directory.clear();
  rig.users.changed(null, 'bob');
  rig.users.changed('ac', 'mebob');
  rig.users.changed('other', 'bob');
  await turn();
  assert.equal(rig.reads, 0);
  rig.users.changed('acme', 'bob');
  await turn();
  assert.deepEqual(rig.ended, ['acme/bob 87']);
});

test('a user that has changed and cannot be read is tried a few times and then has to go', async () => {
  const rig = new Rig();
  rig.login('bob');
  rig.directory.set('null/bob', new Error('down'));
  rig.users.changed(null, 'bob');
  await rig.runDelays();
  assert.deepEqual(rig.ended, []);
  await rig.runDelays();
  assert.deepEqual([rig.ended, rig.failures, rig.reads], [['null/bob 87'], ['down'], 3]);
  rig.directory.set('null/bob', new Error('down'));
  rig.users.changed(null, 'bob');
  await turn();
  rig.directory.set('null/bob', 'hash');
  await rig.runDelays();
  assert.equal(rig.ended.length, 1);
});

test('of one that had to be forgotten any change ends the connections', async () => {
  const rig = new Rig();
  for (const name of ['a', 'b', 'c']) rig.login(name);
  rig.users.changed(null, 'd');
  await turn();
  assert.equal(rig.reads, 0);
  rig.login('d');
  assert.equal(rig.users.size, 3);
  rig.users.changed(null, 'a');
  await turn();
  assert.deepEqual(rig.ended, ['null/a 87']);
  assert.equal(rig.users.isVouched(null, 'a', rig.users.markOf('hash')), false);
  assert.equal(rig.users.isVouched(null, 'd', rig.users.markOf('hash')), true);
  // After a lease nobody is left who was not vouched for again.
  rig.time = 61_000;
  rig.users.changed(null, 'a');
  await turn();
  assert.deepEqual([rig.ended.length, rig.users.hasForgotten], [1, false]);
});

test('clients that were there before it remembers anything count as forgotten, for a lease', async () => {
  const rig = new Rig({
    sessions: { find: () => [{ clientId: 'c' } as ClientSummary], disconnect: ({ username }) => rig.ended.push(`${username}`) },
  });
  assert.equal(rig.users.hasForgotten, true);
  rig.directory.set('null/bob', 'hash');
  rig.users.changed(null, 'bob');
  await turn();
  assert.deepEqual(rig.ended, ['bob']);
  rig.time = 61_000;
  assert.equal(rig.users.hasForgotten, false);
});

test('who was not vouched for again in time makes room and is not missed', async () => {
  const rig = new Rig();
  for (const name of ['a', 'b', 'c']) rig.login(name);
  rig.time = 61_000;
  rig.login('d');
  assert.equal(rig.users.size, 1);
  rig.users.changed(null, 'a');
  await turn();
  assert.equal(rig.reads, 0);
});

test('when all may have changed, all that may be connected are judged, and ended a few in a turn', async () => {
  const rig = new Rig({ maxUsers: 100 });
  rig.login('old');
  rig.time = 61_000;
  for (let i = 0; i < 50; i += 1) rig.login(`u${i}`);
  rig.directory.clear();
  await rig.users.allChanged();
  assert.equal(rig.reads, 50);
  const before = rig.ended.length;
  assert.ok(before < 50);
  for (let i = 0; i < 5; i += 1) await rig.runDelays();
  assert.equal(new Set(rig.ended).size, 50);
});

test('very many changes are read a few at a time, and nobody is put in line twice', async () => {
  let running = 0;
  let most = 0;
  const rig: Rig = new Rig({
    maxUsers: 1000,
    read: async () => {
      rig.reads += 1;
      most = Math.max(most, ++running);
      await turn();
      running -= 1;
      return rig.users.markOf('hash');
    },
  });
  for (let i = 0; i < 100; i += 1) rig.login(`u${i}`);
  for (let round = 0; round < 3; round += 1) for (let i = 0; i < 100; i += 1) rig.users.changed(null, `u${i}`);
  const end = performance.now() + 5000;
  while (running > 0 || rig.reads < 100) {
    assert.ok(performance.now() < end);
    await turn();
  }
  // Those that were being read when they changed again are read again.
  assert.deepEqual([most, rig.reads <= 108, rig.ended], [8, true, []]);
});

test('another instance of the same entry knows what the one before has vouched for, until the last is gone', () => {
  const before = new Rig({ entry: 'users' });
  before.login('bob');
  const after = new Rig({ entry: 'users' });
  before.users.release();
  before.users.release();
  assert.equal(after.users.isVouched(null, 'bob', after.users.markOf('hash')), true);
  assert.equal(after.users.isVouched(null, 'bob', after.users.markOf('other')), false);
  assert.equal(new Rig({ entry: 'others' }).users.isVouched(null, 'bob', after.users.markOf('hash')), false);
  after.users.release();
  const anew = new Rig({ entry: 'users' });
  assert.equal(anew.users.size, 0);
  anew.users.release();
});

test('a login with another mark ends at once the connections that were made with the one before, and only those', () => {
  const rig = new Rig();
  rig.login('bob', 'old', 'acme');
  rig.login('bob', 'old');
  rig.login('bob', 'old');
  assert.deepEqual(rig.ended, []);
  rig.login('bob', 'new');
  assert.deepEqual(rig.ended, ['null/bob 87']);
  rig.login('bob', 'new');
  assert.equal(rig.ended.length, 1);
});

test('who logs in with the new password before a change is judged keeps nobody in who came by the old one', async () => {
  const rig = new Rig();
  rig.login('bob', 'old');
  rig.directory.set('null/bob', 'new');
  rig.users.changed(null, 'bob');
  rig.login('bob', 'new');
  await rig.runDelays();
  assert.deepEqual(rig.ended, ['null/bob 87']);
});

test('when a tenant has changed all who were vouched for in it are judged, and nobody else', async () => {
  const rig = new Rig();
  rig.login('stays', 'hash', 'acme');
  rig.login('goes', 'hash', 'acme');
  rig.login('goes');
  rig.directory.delete('acme/goes');
  rig.directory.delete('null/goes');
  await rig.users.tenantChanged('acme');
  assert.deepEqual([rig.ended, rig.reads], [['acme/goes 87'], 2]);
  await rig.runDelays();
  await rig.users.tenantChanged(null);
  assert.deepEqual([rig.ended, rig.reads], [['acme/goes 87', 'null/goes 87'], 3]);
});
