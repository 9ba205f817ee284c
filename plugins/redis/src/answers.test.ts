import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthenticateRequest, Credentials, DecideIdentity, DecideRefresh, GroupTemplates, RefreshIdentityRequest } from '@portcullis/sdk';
import { decoyHash } from '@portcullis/sdk/passwords';
import { Answers } from './answers.js';
import type { Directory, User } from './directory.js';
import { Layout } from './layout.js';
import { Decoys, Memory } from './memory.js';
import { HASH, OTHER_HASH } from './redis.test.support.js';

const ALICE: User = { epoch: 'e', announced: 1, version: 1, hash: HASH, enabled: true, groups: [], attributes: {}, rules: [] };

/** Answers of a directory that knows these users, what was verified for them, and what they said. */
function rig(users: Readonly<Record<string, User>>) {
  const memory = new Memory();
  const verified: (string | null | undefined)[] = [];
  const said: string[] = [];
  const directory: Pick<Directory, 'user' | 'userKey'> = {
    user: async (_, name) => (users[name] === undefined ? undefined : { value: users[name], leftMs: 1000 }),
    userKey: (tenant, name) => JSON.stringify([tenant, name]),
  };
  const answers = new Answers({
    ...{ directory: directory as Directory, memory, layout: new Layout('portcullis'), decoys: new Decoys(decoyHash) },
    templates: {} as GroupTemplates,
  });
  const decide = {
    allow: () => said.push('allow'),
    deny: (why: string) => said.push(why),
    skip: () => said.push('skip'),
  };
  const { signal } = new AbortController();
  return {
    memory,
    verified,
    said,
    async login(username: string, matches = false): Promise<void> {
      const credentials = {
        username,
        verify: async (hash: string | undefined) => {
          verified.push(hash);
          return matches;
        },
      };
      const request = { credentials: credentials as unknown as Credentials, tenant: null, signal };
      await answers.authenticate(request as unknown as AuthenticateRequest, decide as unknown as DecideIdentity);
    },
    async refresh(username: string): Promise<void> {
      const request = { identity: { username }, tenant: null, signal } as unknown as RefreshIdentityRequest;
      await answers.refreshIdentity(request, decide as unknown as DecideRefresh);
    },
  };
}

test('a name that Redis does not have costs as much work as one that it has: a hash of the kind that users have is verified', async () => {
  const { login, verified, said } = rig({ alice: ALICE, bare: { ...ALICE, hash: '' } });
  await login('stranger');
  assert.deepEqual(verified, [undefined], 'before any hash was seen, the one that the broker takes for nobody');
  await login('alice');
  await login('stranger');
  await login('bare');
  assert.deepEqual(said, ['skip', 'bad-credentials', 'skip', 'bad-credentials']);
  assert.equal(verified.length, 4);
  for (const hash of verified.slice(2)) {
    assert.match(hash ?? '', /^\$7\$101\$/);
    assert.notEqual(hash, HASH);
  }
});

test('a lease goes on for who stands as he came in, and for nobody else', async () => {
  const users: Record<string, User> = { alice: ALICE };
  const { login, refresh, memory, said } = rig(users);
  await login('alice', true);
  await refresh('alice');
  users.alice = { ...ALICE, hash: OTHER_HASH };
  await refresh('alice');
  users.alice = { ...ALICE, attributes: { a: 1 } };
  await refresh('alice');
  users.alice = { ...ALICE, enabled: false };
  await refresh('alice');
  assert.deepEqual(said, ['allow', 'allow', ...Array(3).fill('not-authorized')]);
  users.alice = ALICE;
  memory.forget(JSON.stringify([null, 'alice']));
  await refresh('alice');
  assert.equal(said.at(-1), 'not-authorized', 'of whom nothing is remembered, it is not known by which password he came in');
});
