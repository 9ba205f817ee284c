import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

// The suite speaks plain TCP, where nobody has a certificate and so nobody may enter.
describe('the plugin tls-identity', () => {
  const cases = conformanceCases(plugin, {
    config: { username: 'cn', match: 'absent-or-equal', groups: [{ from: 'ou' }], attributes: [{ name: 'org', from: 'o' }] },
    validCredentials: [],
    invalidCredentials: [{ username: 'device-1', password: '' }, { clientId: 'device-1' }],
  });
  for (const { title, run } of cases) test(title, run);
});
