import { describe, test } from 'node:test';
import { conformanceCases } from '@portcullis/testing';
import plugin from './index.js';

const PASSWORDS = `# as mosquitto_passwd writes it
alice:$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==
bob:$6$HuSKjQSBqmZIW+ps$tslRMECgMjmkBnc0GDVlVmt5CdYnF2cM+a3cVJky69mjrMf9ZGBiKh6fYjv/ThqHEX7Fkg5xrfi8SVRU7Sf4ww==
`;

describe('the plugin password-file', () => {
  const cases = conformanceCases(plugin, {
    files: { passwords: PASSWORDS },
    config: { file: 'passwords' },
    validCredentials: [
      { username: 'alice', password: 'correct horse' },
      { username: 'bob', password: 'pässwörd' },
    ],
    invalidCredentials: [
      { username: 'alice', password: 'pässwörd' },
      { username: 'Alice', password: 'correct horse' },
      { username: 'alice ', password: 'correct horse' },
      { username: '# as mosquitto_passwd writes it', password: '' },
    ],
  });
  for (const { title, run } of cases) test(title, run);
});
