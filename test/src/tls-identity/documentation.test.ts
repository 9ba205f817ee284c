import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runCommand } from '../support/broker-process.js';
import { Authority } from '../support/certificates.js';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** The first configuration of a page. */
function example(page: string): Record<string, Record<string, object>> {
  return JSON.parse(/```json\n([\s\S]*?)```/.exec(read(page))?.[1] ?? '') as Record<string, Record<string, object>>;
}

describe('the pages about users from certificates', () => {
  it('show configurations that are accepted as they stand', async () => {
    const authority = await Authority.create();
    const { cert, key } = await authority.issue();
    const page = example('docs/tls-identity.md');
    const { listeners = {}, plugins = {}, chains = {} } = example('plugins/tls-identity/README.md');
    const complete = { version: 1, listeners, plugins: { ...plugins, rules: page.plugins?.rules }, chains };
    for (const document of [page, complete]) {
      const { code, output } = await runCommand({
        args: ['check', '-c', 'plugins.json'],
        files: {
          'plugins.json': document,
          'tls/chain.pem': cert,
          'tls/key.pem': key,
          'tls/devices-ca.pem': authority.pem,
          'tls/devices.crl': await authority.list(),
          'data/acl': 'pattern readwrite devices/%u/#\n',
        },
      });
      assert.equal(code, 0, output);
      // Of ports that tests of other listeners set by the environment it has something to say.
      assert.doesNotMatch(output, /warning: (?!.*PORTCULLIS_)/);
    }
  });
});
