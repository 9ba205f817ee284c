import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PluginContext, VouchedUsers } from '@portcullis/sdk';
import { hashPassword } from '@portcullis/sdk/passwords';
import { tapAnswers } from './answers.js';
import type { Directory } from './directory.js';

type Authenticate = (request: object, decide: object) => Promise<unknown>;

/** Asks the plugin about a user with this stored hash, or about nobody; gives the answer, and the hashes that the password was compared with. */
async function ask(user: { readonly passwordHash: string | null } | undefined): Promise<{ answer: unknown; verified: unknown[] }> {
  let authenticate: Authenticate = async () => undefined;
  const ignored = { tap: () => {} };
  const tap = (tapped: Authenticate): void => {
    authenticate = tapped;
  };
  const hooks = { authenticate: { tap }, refreshIdentity: ignored, loadPolicy: ignored };
  const found = user && { value: { isEnabled: true, groups: [], attributes: {}, version: 1, ...user }, leftMs: 1000 };
  const directory = { changes: 0, user: async () => found, decoys: { for: (name: string) => `decoy of ${name}` } };
  tapAnswers({ hooks } as unknown as PluginContext, {
    directory: directory as unknown as Directory,
    vouched: { markOf: () => 'mark', vouch: () => {} } as unknown as VouchedUsers,
  });
  const verified: unknown[] = [];
  const verify = async (hash: unknown): Promise<boolean> => {
    verified.push(hash);
    // Even a decoy that fits lets nobody in.
    return true;
  };
  const decide = { allow: () => 'allow', skip: () => 'skip', deny: (word: string) => `deny ${word}` };
  const answer = await authenticate({ credentials: { username: 'eve', verify }, tenant: null, signal: undefined }, decide);
  return { answer, verified };
}

test('for a name that nobody has a password is compared all the same, so that it takes as long', async () => {
  assert.deepEqual(await ask(undefined), { answer: 'skip', verified: ['decoy of eve'] });
});

test('for a user without a hash as well, and nothing lets him in', async () => {
  for (const passwordHash of [null, '']) {
    assert.deepEqual(await ask({ passwordHash }), { answer: 'deny bad-credentials', verified: ['decoy of eve'] });
  }
});

test('one who has a hash is compared with that and nothing else', async () => {
  const passwordHash = await hashPassword('x', { format: 'sha512' });
  assert.deepEqual(await ask({ passwordHash }), { answer: 'allow', verified: [passwordHash] });
});
