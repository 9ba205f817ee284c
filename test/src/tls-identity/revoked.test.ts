import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcome } from '../listeners/scene.js';
import { passwordLine } from '../support/broker-process.js';
import { connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { CARRIERS, PLUGIN, Scene, VERSIONS } from './scene.js';

const ALICE = { username: 'alice', password: 'secret' };
const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const LIMIT_MS = 1000;

describe('a certificate that is revoked', () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.start((folder) => ({
      plugins: {
        certs: { use: PLUGIN, isolation: 'inProcess' },
        guard: { use: PLUGIN, isolation: 'inProcess', config: { role: 'guard' } },
        passwords: { use: '@portcullis/plugin-password-file', isolation: 'inProcess', config: { file: join(folder, 'passwords') } },
      },
      chains: {
        only: { authenticate: ['certs'] },
        or: { authenticate: ['certs', 'passwords'] },
        and: { guards: ['guard'], authenticate: ['passwords'] },
      },
      files: { passwords: passwordLine('alice', 'secret') },
      crl: true,
    }));
  });

  after(() => scene.stop());

  it('is nobody any more within a second of its list, alive, resumed and new; others stay', async (test) => {
    const [lost, kept] = [await scene.device(['CN', 'lost']), await scene.device(['CN', 'kept'])];
    const listeners = ['only', 'or', 'and'].flatMap((chain) => CARRIERS.map((carrier) => `${chain}-${carrier}`));
    const login = (listener: string, version: (typeof VERSIONS)[number], pair: typeof lost) =>
      scene.login(listener, version, pair, listener.startsWith('and') ? ALICE : {});
    const ended = await Promise.all(
      listeners.flatMap((listener) => VERSIONS.map(async (version) => [version, await login(listener, version, lost)] as const)),
    );
    const staying = await Promise.all(listeners.map((listener) => login(listener, '5.0', kept)));
    const byPassword = await scene.login('or-mqtts', '5.0', null, ALICE);
    const tickets = await Promise.all(TLS_VERSIONS.map((version) => scene.ticket('only-mqtts', lost, version)));

    await scene.revoke(lost);
    const since = performance.now();
    await Promise.all(
      ended.map(async ([version, client]) => {
        if (version === '5.0') await client.expect('e0 01 87');
        await client.expectClosed();
      }),
    );
    const tookMs = performance.now() - since;
    test.diagnostic(`${ended.length} connections ended within ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs <= LIMIT_MS, `it took ${tookMs.toFixed(0)} ms`);

    for (const listener of listeners) await assert.rejects(login(listener, '5.0', lost));
    for (const [index, version] of TLS_VERSIONS.entries()) {
      const socket = scene.socket('only-mqtts', lost, { minVersion: version, maxVersion: version, session: tickets[index] });
      socket.write(fromHex(connect311({ clientId: 'again' })));
      assert.equal((await outcome(socket)).answer, '', version);
    }
    for (const client of [...staying, byPassword]) {
      await client.silence();
      client.close();
    }
    assert.deepEqual(await scene.identity('only-mqtts', '5.0', kept), { username: 'kept' });
  });
});
