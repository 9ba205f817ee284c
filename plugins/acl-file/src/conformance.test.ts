import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

const ACL = `topic read news/#
user alice
topic readwrite home/#
topic deny home/cellar
pattern readwrite own/%u/#
pattern write dev/%c/state
`;

describe('the plugin acl-file', () => {
  const cases = conformanceCases(plugin, {
    files: { acl: ACL },
    config: { file: 'acl' },
    rights: [
      { username: 'alice', action: 'publish', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'publish', topic: 'home/cellar', allowed: false },
      { username: 'alice', action: 'publish', topic: 'own/alice/x', allowed: true },
      { username: 'alice', action: 'publish', topic: 'own/bob/x', allowed: false },
      { username: 'alice', action: 'subscribe', topic: 'own/alice/#', allowed: true },
      { username: 'alice', action: 'subscribe', topic: 'home/#', allowed: false },
      { username: 'alice', action: 'subscribe', topic: '#', allowed: false },
      { username: 'alice', action: 'subscribe', topic: 'news/today', allowed: false },
      { username: 'alice', action: 'receive', topic: 'home/light', allowed: true },
      { username: 'alice', action: 'receive', topic: 'home/cellar', allowed: false },
      { username: 'bob', action: 'publish', topic: 'home/light', allowed: false },
      { username: 'bob', clientId: 'b1', action: 'publish', topic: 'dev/b1/state', allowed: true },
      { username: 'bob', clientId: 'b1', action: 'publish', topic: 'dev/b2/state', allowed: false },
      { username: '+', action: 'publish', topic: 'own/bob/x', allowed: false },
      { username: '#', action: 'subscribe', topic: 'own/#', allowed: false },
      { action: 'subscribe', topic: 'news/#', allowed: true },
      { action: 'publish', topic: 'news/today', allowed: false },
    ],
  });
  for (const { title, run } of cases) test(title, run);
});
