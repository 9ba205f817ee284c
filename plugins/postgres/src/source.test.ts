import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceVersions } from '@portcullis/sdk';
import type pg from 'pg';
import type { Change } from './changes.js';
import type { Settings } from './settings.js';
import { OwnSource, SchemaSource } from './source.js';
import { statementsOf } from './statements.js';

const STATE = statementsOf({ schema: 'portcullis', replicas: [], queries: null } as unknown as Settings).state;
const EPOCH = 'e';
const BOB = { kind: 'user', tenant: null, name: 'bob' } as const;
const FIELDS = [
  { name: 'version', dataTypeID: 20 },
  { name: 'epoch', dataTypeID: 2950 },
];

/** A server that answers what the test has put there. */
class Server {
  version = 5;
  epoch = EPOCH;
  log: unknown[][] = [];
  /** Notifications that come while it is looked at. */
  readonly late: string[] = [];
  readonly versions = new SourceVersions();
  readonly told: Change[][] = [];
  readonly tell = (changes: readonly Change[]): void => void this.told.push([...changes]);
  readonly client = {
    query: async (query: string | { readonly text: string; readonly values: readonly unknown[] }) => {
      if (typeof query === 'string') return { rows: [[1]] };
      if (!query.text.includes('.changes')) return { fields: FIELDS, rows: [[this.version, this.epoch]] };
      return { rows: this.log.filter(([version]) => Number(version) > Number(query.values[0])) };
    },
  } as unknown as pg.Client;
}

const announcement = (v: number, c: unknown = [['user', '', 'bob']], e = EPOCH): string => JSON.stringify({ v, e, c });

function schemaSource(): { server: Server; source: SchemaSource; look(): Promise<void> } {
  const server = new Server();
  assert.ok(STATE);
  const source = new SchemaSource(server.versions, STATE, 'portcullis');
  return { server, source, look: () => source.look(server.client, { isNew: false, pending: [], more: () => [] }, server.tell) };
}

test('the first look tells nothing: nothing was read before it', async () => {
  const { server, look } = schemaSource();
  await look();
  assert.deepEqual([server.told, server.versions.current], [[], { epoch: EPOCH, version: 5 }]);
});

test('an announcement needs a look, whatever it says has changed: anybody may have made it up', async () => {
  const { server, source, look } = schemaSource();
  await look();
  for (const payload of [announcement(6), announcement(6, []), announcement(8), announcement(5, [], 'f'), 'x']) {
    assert.equal(source.isKnown(payload), false, payload);
  }
  assert.deepEqual([server.told, server.versions.current?.version], [[], 5]);
  server.version = 6;
  server.log = [[6, 'user', '', 'bob']];
  await look();
  assert.deepEqual(server.told, [[BOB]]);
});

test('what was on its way while the source was looked at says nothing new', async () => {
  const { server, source, look } = schemaSource();
  await look();
  server.version = 7;
  server.log = [
    [6, 'user', '', 'bob'],
    [7, 'group', 't', 'g'],
  ];
  await look();
  assert.deepEqual(server.told, [[BOB, { kind: 'group', tenant: 't', name: 'g' }]]);
  assert.equal(source.isKnown(announcement(6)), true);
  assert.equal(source.isKnown(announcement(7)), true);
  assert.equal(server.told.length, 1);
});

test('a log that does not reach back, cannot be read or is too long voids all, and so do another epoch and a version that went backwards', async () => {
  const ways: ((server: Server) => void)[] = [
    (server) => {
      server.version = 8;
      server.log = [
        [7, 'user', '', 'bob'],
        [8, 'user', '', 'bob'],
      ];
    },
    (server) => {
      server.version = 6;
      server.log = [];
    },
    (server) => {
      server.version = 6;
      server.log = [[6, 'wat', '', 'bob']];
    },
    (server) => {
      server.version = 6;
      server.log = Array.from({ length: 10_001 }, () => [6, 'user', '', 'bob']);
    },
    (server) => {
      server.version = 4;
    },
    (server) => {
      server.epoch = 'f';
    },
  ];
  for (const change of ways) {
    const { server, look } = schemaSource();
    await look();
    change(server);
    await look();
    assert.deepEqual(server.told, [[{ kind: 'all' }]], String(change));
    await look();
    assert.equal(server.told.length, 1);
  }
});

test('a version that names a tenant alone concerns all that is in it; beside a user or a group, what everybody of it has', async () => {
  const { server, look } = schemaSource();
  await look();
  server.version = 8;
  server.log = [
    [6, 'tenant', 'acme', ''],
    [7, 'group', 'acme', 'g'],
    [7, 'tenant', 'acme', ''],
    [8, 'tenant', '', ''],
  ];
  await look();
  assert.deepEqual(server.told, [
    [
      { kind: 'tenant', tenant: 'acme' },
      { kind: 'group', tenant: 'acme', name: 'g' },
      { kind: 'everybody', tenant: 'acme' },
      { kind: 'tenant', tenant: null },
    ],
  ]);
});

test('a look that fails half-way forgets nothing: the next one tells it', async () => {
  const { server, look } = schemaSource();
  await look();
  server.version = 6;
  const { query } = server.client;
  server.client.query = (async (given: { readonly text: string }) => {
    if (given.text.includes('.changes')) throw new Error('gone');
    return (query as (given: unknown) => unknown)(given);
  }) as unknown as typeof query;
  await assert.rejects(look(), /gone/);
  server.client.query = query;
  server.log = [[6, 'user', '', 'bob']];
  await look();
  assert.deepEqual(server.told, [[BOB]]);
});

test('own tables without a version: what is notified is told, and after a lost connection all', async () => {
  const server = new Server();
  const source = new OwnSource(server.versions, null);
  const look = (isNew: boolean, ...pending: string[]): Promise<void> =>
    source.look(server.client, { isNew, pending, more: () => server.late.splice(0) }, server.tell);
  await look(true);
  await look(false);
  assert.deepEqual(server.told, []);
  await look(false, '{"kind":"user","name":"bob"}');
  assert.deepEqual(server.told.at(-1), [BOB]);
  await look(false, '{"kind":"user","name":"bob"}', 'what?');
  assert.deepEqual(server.told.at(-1), [{ kind: 'all' }]);
  await look(true);
  assert.equal(server.told.length, 3);
  assert.deepEqual(server.told.at(-1), [{ kind: 'all' }]);
});

test('own tables with a version: one that grew without a word, or while nobody listened, or went backwards, voids all', async () => {
  const server = new Server();
  const source = new OwnSource(server.versions, STATE);
  const look = (isNew: boolean, ...pending: string[]): Promise<void> =>
    source.look(server.client, { isNew, pending, more: () => server.late.splice(0) }, server.tell);
  await look(true);
  await look(false);
  await look(true);
  assert.deepEqual(server.told, []);
  server.version = 6;
  await look(false, '{"kind":"user","name":"bob"}');
  assert.deepEqual(server.told.at(-1), [BOB]);
  server.version = 7;
  await look(false);
  assert.deepEqual(server.told.at(-1), [{ kind: 'all' }]);
  server.version = 8;
  await look(true, '{"kind":"user","name":"bob"}');
  assert.deepEqual([server.told.length, server.told.at(-1)], [3, [{ kind: 'all' }]]);
  server.version = 6;
  await look(false, '{"kind":"user","name":"bob"}');
  assert.deepEqual([server.told.length, server.told.at(-1)], [4, [{ kind: 'all' }]]);
});

test('own tables with a version: one that grew by more than was notified, also a moment later, voids all', async () => {
  const server = new Server();
  const source = new OwnSource(server.versions, STATE);
  const look = (...pending: string[]): Promise<void> =>
    source.look(server.client, { isNew: false, pending, more: () => server.late.splice(0) }, server.tell);
  const bob = '{"kind":"user","name":"bob"}';
  await look();
  server.version += 2;
  await look(bob);
  assert.deepEqual(server.told, [[{ kind: 'all' }]]);
  server.version += 2;
  server.late.push(bob);
  await look(bob);
  assert.deepEqual(server.told.at(-1), [BOB, BOB]);
  server.version += 1;
  await look(bob, bob, bob);
  assert.deepEqual(server.told.at(-1), [BOB, BOB, BOB]);
});
