import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

describe('the plugin rate-limit', () => {
  const rate = { perSecond: 10_000, burst: 10_000 };
  const cases = conformanceCases(plugin, {
    config: {
      connects: { perAddress: rate, perUser: rate },
      failedLogins: {},
      flapping: { connects: 10_000 },
      messages: { perClient: rate, perTenant: rate },
      bytes: { perClient: rate, perTenant: rate },
    },
  });
  for (const { title, run } of cases) test(title, run);
});
