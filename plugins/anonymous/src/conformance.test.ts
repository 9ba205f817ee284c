import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

describe('the plugin anonymous', () => {
  const cases = conformanceCases(plugin, {
    validCredentials: [{}, { clientId: 'named' }],
    invalidCredentials: [{ username: 'anonymous' }, { username: 'anonymous', password: 'any word' }],
  });
  for (const { title, run } of cases) test(title, run);
});
