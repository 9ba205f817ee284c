import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

describe('the plugin ban-list', () => {
  const cases = conformanceCases(plugin, {
    files: { bans: '# for the conformance suite\naddress 192.0.2.0/24\nuser mallory\nclient probe-*\n' },
    config: { file: 'bans', closeSockets: true },
  });
  for (const { title, run } of cases) test(title, run);
});
