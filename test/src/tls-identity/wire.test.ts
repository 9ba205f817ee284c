import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcome } from '../listeners/scene.js';
import { passwordLine } from '../support/broker-process.js';
import { type Pair, selfSigned } from '../support/certificates.js';
import { connect5, connect311 } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';
import { CARRIERS, PLUGIN, Scene, VERSIONS } from './scene.js';

const ALICE = { username: 'alice', password: 'secret' };

for (const isolation of ['inProcess', 'worker'] as const) {
  describe(`identities of certificates on the wire, by a plugin that lives ${isolation === 'worker' ? 'in a worker' : 'in the broker'}`, () => {
    let scene: Scene;
    let device: Pair;

    before(async () => {
      scene = await Scene.start((folder) => ({
        plugins: {
          certs: { use: PLUGIN, isolation, config: { groups: [{ from: 'ou' }], attributes: [{ name: 'org', from: 'o', optional: true }] } },
          // One thread of each role will do: starting one costs more than all its questions.
          equal: { use: PLUGIN, isolation: 'inProcess', config: { match: 'equal' } },
          lenient: { use: PLUGIN, isolation: 'inProcess', config: { match: 'absent-or-equal' } },
          uris: { use: PLUGIN, isolation: 'inProcess', config: { username: 'san:uri' } },
          guard: { use: PLUGIN, isolation, config: { role: 'guard' } },
          same: { use: PLUGIN, isolation, config: { role: 'guard', sameUser: true } },
          passwords: { use: '@portcullis/plugin-password-file', isolation: 'inProcess', config: { file: join(folder, 'passwords') } },
          nobody: { use: '@portcullis/plugin-anonymous', isolation: 'inProcess' },
          rules: { use: '@portcullis/plugin-acl-file', isolation: 'inProcess', config: { file: join(folder, 'acl') } },
        },
        chains: {
          only: { authenticate: ['certs'] },
          required: { authenticate: ['certs'] },
          equal: { authenticate: ['equal'] },
          lenient: { authenticate: ['lenient'] },
          uris: { authenticate: ['uris'] },
          or: { authenticate: ['certs', 'passwords'] },
          and: { guards: ['guard'], authenticate: ['passwords', 'nobody'] },
          same: { guards: ['same'], authenticate: ['passwords', 'nobody'] },
          ruled: { authenticate: ['certs'], authorize: ['rules'] },
        },
        asks: { required: 'required' },
        files: { passwords: passwordLine('alice', 'secret'), acl: 'pattern readwrite dev/%u/#\n' },
      }));
      device = await scene.device(['CN', 'device-1']);
    });

    after(() => scene.stop());

    // What a worker makes of evidence does not depend on what it came over.
    for (const carrier of isolation === 'worker' ? CARRIERS.slice(0, 1) : CARRIERS) {
      for (const version of isolation === 'worker' ? VERSIONS.slice(1) : VERSIONS) {
        describe(`over ${carrier}, MQTT ${version}`, () => {
          it('a certificate is its user, with groups and attributes', async () => {
            assert.deepEqual(await scene.identity(`only-${carrier}`, version, device), { username: 'device-1' });
            const full = await scene.device(['O', 'Acme'], ['OU', 'hall'], ['OU', 'sensors'], ['CN', 'device-2']);
            assert.deepEqual(await scene.identity(`required-${carrier}`, version, full), {
              username: 'device-2',
              groups: ['hall', 'sensors'],
              attributes: { org: 'Acme' },
            });
          });

          it('without a certificate nobody is let in where certificates alone decide, whatever is said', async () => {
            await scene.refused(`only-${carrier}`, version, null);
            await scene.refused(`only-${carrier}`, version, null, { username: 'device-1' });
            await scene.refused(`only-${carrier}`, version, null, ALICE);
          });

          it('certificate or password: either will do, and a certificate that names nobody is not made up for by a password', async () => {
            assert.deepEqual(await scene.identity(`or-${carrier}`, version, device), { username: 'device-1' });
            assert.deepEqual(await scene.identity(`or-${carrier}`, version, null, ALICE), { username: 'alice' });
            await scene.refused(`or-${carrier}`, version, null, { username: 'alice', password: 'wrong' });
            await scene.refused(`or-${carrier}`, version, null, { username: 'device-1' });
            await scene.refused(`or-${carrier}`, version, await scene.device(['O', 'nobody']), ALICE);
          });

          it('certificate and password: one without the other is refused', async () => {
            assert.deepEqual(await scene.identity(`and-${carrier}`, version, device, ALICE), { username: 'alice' });
            await scene.refused(`and-${carrier}`, version, null, ALICE);
            await scene.refused(`and-${carrier}`, version, device, { username: 'alice', password: 'wrong' });
            assert.deepEqual(await scene.identity(`and-${carrier}`, version, device), { anonymous: true });
          });

          it('with "sameUser" both must name the same user', async () => {
            const own = await scene.device(['CN', 'alice']);
            assert.deepEqual(await scene.identity(`same-${carrier}`, version, own, ALICE), { username: 'alice' });
            for (const other of [device, await scene.device(['CN', 'Alice']), await scene.device(['CN', 'alice'], ['CN', 'bob'])])
              await scene.refused(`same-${carrier}`, version, other, ALICE);
            await scene.refused(`same-${carrier}`, version, own);
            await scene.refused(`same-${carrier}`, version, null, ALICE);
          });

          it('the username of the CONNECT is ignored, or compared, as the options say', async () => {
            assert.deepEqual(await scene.identity(`only-${carrier}`, version, device, { username: 'bob' }), { username: 'device-1' });
            for (const chain of ['equal', 'lenient']) {
              assert.deepEqual(await scene.identity(`${chain}-${carrier}`, version, device, { username: 'device-1' }), { username: 'device-1' });
              await scene.refused(`${chain}-${carrier}`, version, device, { username: 'bob' });
              await scene.refused(`${chain}-${carrier}`, version, device, { username: '' });
            }
            assert.deepEqual(await scene.identity(`lenient-${carrier}`, version, device), { username: 'device-1' });
            await scene.refused(`equal-${carrier}`, version, device);
          });

          it('two names, none, an empty one, and one with a control character are refused', async () => {
            const subjects = [
              [
                ['CN', 'alice'],
                ['CN', 'bob'],
              ],
              [['O', 'x']],
              [['CN', '']],
              [['CN', 'alice\0']],
              [['CN', 'alice\nCN=bob']],
            ] as const;
            for (const subject of subjects) await scene.refused(`only-${carrier}`, version, await scene.device(...subject));
            for (const chain of ['uris', 'only']) {
              const pair = await scene.authority.issue({
                subject: chain === 'uris' ? [['CN', 'device-1']] : [['O', 'x']],
                names: [
                  { type: 'url', value: 'urn:a' },
                  { type: 'url', value: 'urn:b' },
                ],
              });
              await scene.refused(`${chain}-${carrier}`, version, pair);
            }
          });

          it('a name that is special in topics is that name, and gets no rights of others by it', async () => {
            for (const name of ['+', '#', 'a/b', 'device-1/+', '%u', '$SYS', '__proto__']) {
              const pair = await scene.device(['CN', name]);
              assert.deepEqual(await scene.identity(`only-${carrier}`, version, pair), { username: name });
            }
            for (const name of ['+', '#', 'a/b', 'device-1/+']) {
              const client = await scene.login(`ruled-${carrier}`, version, await scene.device(['CN', name]));
              // SUBSCRIBE 1 for dev/#, dev/+/x, dev/device-1/x and dev/a/b/x, QoS 0
              const filters = '0005 6465762f23 00 0007 6465762f2b2f78 00 000e 6465762f6465766963652d312f78 00 0009 6465762f612f622f78 00';
              client.send(version === '5.0' ? `82 32 0001 00 ${filters}` : `82 31 0001 ${filters}`);
              await client.expect(version === '5.0' ? '90 07 00 01 00 87 87 87 87' : '90 06 00 01 80 80 80 80');
              client.close();
            }
            const own = await scene.login(`ruled-${carrier}`, version, device);
            own.send(version === '5.0' ? '82 14 0001 00 000e 6465762f6465766963652d312f78 00' : '82 13 0001 000e 6465762f6465766963652d312f78 00');
            await own.expect(version === '5.0' ? '90 04 00 01 00 00' : '90 03 00 01 00');
            own.close();
          });

          it('a certificate that nobody vouches for is never an identity, and never a byte of MQTT', async () => {
            const impostor = await selfSigned({ subject: [['CN', 'device-1']], usage: 'client' });
            for (const chain of ['only', 'required', 'or']) await unanswered(`${chain}-${carrier}`, impostor);
          });

          it('where one is required, none ends the handshake without a byte of MQTT', () => unanswered(`required-${carrier}`, null));

          /** Nothing comes, and the connection ends. */
          async function unanswered(listener: string, pair: Pair | null): Promise<void> {
            await scene.stage.forget();
            if (carrier === 'wss') await assert.rejects(scene.dial(listener, pair));
            else {
              const socket = scene.socket(listener, pair);
              socket.write(fromHex(connect311({ clientId: 'c', ...ALICE })));
              assert.equal((await outcome(socket)).answer, '');
            }
            assert.deepEqual(await scene.stage.asked('seer', 'loadPolicy'), []);
          }
        });
      }
    }

    it('an authentication method that nobody owns is refused, and a guard wants its certificate first', async () => {
      // Authentication Method "x"
      const asked = { properties: '15 0001 78' };
      for (const [chain, pair, answer] of [
        ['only', device, '20 03 00 8c 00'],
        ['only', null, '20 03 00 8c 00'],
        ['and', device, '20 03 00 8c 00'],
        ['and', null, '20 03 00 86 00'],
      ] as const) {
        const client = await scene.dial(`${chain}-mqtts`, pair);
        client.send(connect5({ clientId: 'method', ...asked }));
        await client.expect(answer);
        await client.expectClosed();
      }
    });

    it('a name of the greatest length is whole, and a longer one is refused', async () => {
      const longest = 'x'.repeat(1024);
      assert.deepEqual(await scene.identity('only-mqtts', '5.0', await scene.device(['CN', longest])), { username: longest });
      await scene.refused('only-mqtts', '5.0', await scene.device(['CN', `${longest}x`]));
      await scene.refused('only-mqtts', '5.0', await scene.device(['CN', 'x'.repeat(12_000)]));
    });
  });
}
