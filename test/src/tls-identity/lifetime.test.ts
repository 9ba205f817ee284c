import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcome } from '../listeners/scene.js';
import { passwordLine, runCommand } from '../support/broker-process.js';
import type { Pair } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { fromHex, type WireClient } from '../support/wire-client.js';
import { CARRIERS, PLUGIN, Scene, VERSIONS } from './scene.js';

const ALICE = { username: 'alice', password: 'secret' };
/** Certificates here last so many seconds: enough to log in with all of them. */
const SECONDS = 8;
const LIMIT_MS = 15_000;
const POLL_MS = 25;
const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const DAY_SECONDS = 86_400;

describe('how long an identity from a certificate lasts', () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.start((folder) => ({
      plugins: {
        certs: { use: PLUGIN, isolation: 'inProcess', config: { username: 'cn' } },
        guard: { use: PLUGIN, isolation: 'inProcess', config: { role: 'guard' } },
        passwords: { use: '@portcullis/plugin-password-file', isolation: 'inProcess', config: { file: join(folder, 'passwords') } },
      },
      chains: { only: { authenticate: ['certs'] }, and: { guards: ['guard'], authenticate: ['passwords'] } },
      files: { passwords: passwordLine('alice', 'secret') },
    }));
  });

  after(() => scene.stop());

  it('ends with the certificate, on every carrier and version, as an authority and as a guard', async () => {
    const brief: Pair = await scene.authority.issue({ subject: [['CN', 'brief']], names: [], usage: 'client', days: SECONDS / DAY_SECONDS });
    const tickets = await Promise.all(TLS_VERSIONS.map((version) => scene.ticket('only-mqtts', brief, version)));
    const long = await scene.device(['CN', 'long']);
    const stays = await scene.login('only-mqtts', '5.0', long);
    const cases = ['only', 'and'].flatMap((chain) =>
      CARRIERS.flatMap((carrier) => VERSIONS.map((version) => [`${chain}-${carrier}`, version] as const)),
    );
    const clients = await Promise.all(
      cases.map(
        async ([listener, version]) => [version, await scene.login(listener, version, brief, listener.startsWith('and') ? ALICE : {})] as const,
      ),
    );
    await allEnded(clients.map(([, client]) => client));
    for (const [version, client] of clients) {
      if (version === '5.0') await client.expect('e0 01 87');
      await client.expectClosed();
    }
    // Nor does it begin again, also in a TLS session that is resumed, where TLS does not look at dates again.
    for (const carrier of CARRIERS) await assert.rejects(scene.login(`only-${carrier}`, '3.1.1', brief));
    for (const [index, version] of TLS_VERSIONS.entries()) {
      const socket = scene.socket('only-mqtts', brief, { minVersion: version, maxVersion: version, session: tickets[index] });
      socket.write(fromHex(connect311({ clientId: 'again' })));
      assert.equal((await outcome(socket)).answer, '', version);
    }
    await stays.silence();
    stays.close();
  });

  async function allEnded(clients: readonly WireClient[]): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    while (clients.some(({ ending }) => ending === null)) {
      assert.ok(performance.now() < deadline, `connections outlive their certificate: ${clients.filter(({ ending }) => ending === null).length}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  it('is judged anew when the options have changed: who would be somebody else has to go', async () => {
    const same = await scene.device(['CN', 'same']);
    const clients = await Promise.all(VERSIONS.map(async (version) => [version, await scene.login('only-mqtts', version, same)] as const));
    const guarded = await scene.login('and-mqtts', '5.0', same, ALICE);
    const file = join(scene.stage.broker.folder, 'plugins.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"username": "cn"', '"username": "subject"'));
    const reload = await runCommand({ folder: scene.stage.broker.folder, args: ['reload', '-c', 'plugins.json'] });
    assert.equal(reload.code, 0, reload.output);
    for (const [version, client] of clients) {
      if (version === '5.0') await client.expect('e0 01 87');
      await client.expectClosed();
    }
    await guarded.silence();
    guarded.close();
    assert.deepEqual(await scene.identity('only-mqtts', '5.0', same), { username: 'CN=same' });
  });
});
