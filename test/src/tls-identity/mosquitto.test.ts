import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { passwordLine } from '../support/broker-process.js';
import type { Pair } from '../support/certificates.js';
import { CARRIERS, PLUGIN, Scene, VERSIONS } from './scene.js';

const ALICE = { username: 'alice', password: 'secret' };
/** A certificate of this name, to see that a username that is said besides it does not count. */
const SAID = { username: 'bob' };

/** The rows of the table in the plugin's README, by the names of the chains below. */
const ROWS = [
  'require_certificate true, use_identity_as_username true',
  'require_certificate true, use_subject_as_username true',
  'require_certificate true, neither of the two, and a password file',
  'require_certificate true, neither of the two, and allow_anonymous true',
  'require_certificate false, use_identity_as_username true',
  'require_certificate false, use_subject_as_username true',
  'both of the two',
] as const;

describe('what Mosquitto does with certificates, written for Portcullis', () => {
  let scene: Scene;
  let device: Pair;
  let nameless: Pair;

  before(async () => {
    scene = await Scene.start((folder) => ({
      plugins: {
        cn: { use: PLUGIN, isolation: 'inProcess', config: { username: 'cn' } },
        subject: { use: PLUGIN, isolation: 'inProcess', config: { username: 'subject' } },
        passwords: { use: '@portcullis/plugin-password-file', isolation: 'inProcess', config: { file: join(folder, 'passwords') } },
        nobody: { use: '@portcullis/plugin-anonymous', isolation: 'inProcess' },
      },
      chains: {
        identity: { authenticate: ['cn'] },
        whole: { authenticate: ['subject'] },
        passwords: { authenticate: ['passwords'] },
        anonymous: { authenticate: ['nobody'] },
        unasked: { authenticate: ['cn'] },
        asked: { authenticate: ['cn'] },
        later: { authenticate: ['cn', 'passwords'] },
        'unasked-whole': { authenticate: ['subject'] },
      },
      asks: {
        identity: 'required',
        whole: 'required',
        passwords: 'required',
        anonymous: 'required',
        unasked: 'none',
        'unasked-whole': 'none',
      },
      files: { passwords: passwordLine('alice', 'secret') },
    }));
    device = await scene.device(['C', 'DE'], ['O', 'Acme, Inc.'], ['CN', 'Zoë']);
    nameless = await scene.device(['O', 'Acme']);
  });

  after(() => scene.stop());

  for (const carrier of CARRIERS) {
    for (const version of VERSIONS) {
      describe(`over ${carrier}, MQTT ${version}`, () => {
        it(ROWS[0], async () => {
          assert.deepEqual(await scene.identity(`identity-${carrier}`, version, device, SAID), { username: 'Zoë' });
          await scene.refused(`identity-${carrier}`, version, nameless, SAID);
          await unanswered(`identity-${carrier}`);
        });

        it(ROWS[1], async () => {
          const username = 'CN=Zo\\C3\\AB,O=Acme\\, Inc.,C=DE';
          assert.deepEqual(await scene.identity(`whole-${carrier}`, version, device, SAID), { username });
          assert.deepEqual(await scene.identity(`whole-${carrier}`, version, nameless), { username: 'O=Acme' });
          await unanswered(`whole-${carrier}`);
        });

        it(ROWS[2], async () => {
          assert.deepEqual(await scene.identity(`passwords-${carrier}`, version, device, ALICE), { username: 'alice' });
          await scene.refused(`passwords-${carrier}`, version, device);
          await scene.refused(`passwords-${carrier}`, version, device, { ...ALICE, password: 'wrong' });
          await unanswered(`passwords-${carrier}`);
        });

        it(ROWS[3], async () => {
          assert.deepEqual(await scene.identity(`anonymous-${carrier}`, version, device), { anonymous: true });
          await unanswered(`anonymous-${carrier}`);
        });

        it(ROWS[4], async () => {
          // Mosquitto does not ask for a certificate then, so that nobody has one: everybody is refused.
          for (const pair of [null, device]) for (const said of [{}, SAID, ALICE]) await scene.refused(`unasked-${carrier}`, version, pair, said);
          // Where one is asked for, who has one gets in, and who has none is refused unless a later authority decides.
          assert.deepEqual(await scene.identity(`asked-${carrier}`, version, device), { username: 'Zoë' });
          for (const said of [{}, { username: 'Zoë' }, ALICE]) await scene.refused(`asked-${carrier}`, version, null, said);
          assert.deepEqual(await scene.identity(`later-${carrier}`, version, null, ALICE), { username: 'alice' });
          await scene.refused(`later-${carrier}`, version, null);
        });

        it(ROWS[5], async () => {
          for (const pair of [null, device]) await scene.refused(`unasked-whole-${carrier}`, version, pair, SAID);
        });

        it(ROWS[6], async () => {
          // Mosquitto then takes the common name; here one option says which.
          assert.deepEqual(await scene.identity(`identity-${carrier}`, version, device), { username: 'Zoë' });
        });

        it('two common names are refused, of which Mosquitto takes the first, and so is an empty one, which it takes for a name', async () => {
          await scene.refused(`identity-${carrier}`, version, await scene.device(['CN', 'alice'], ['CN', 'bob']));
          await scene.refused(`identity-${carrier}`, version, await scene.device(['CN', '']));
        });

        /** The handshake ends, and no byte of MQTT was said. */
        async function unanswered(listener: string): Promise<void> {
          await assert.rejects(scene.login(listener, version, null, ALICE), /certificate required|ended \(|hang up|closed|reset/i);
        }
      });
    }
  }
});
