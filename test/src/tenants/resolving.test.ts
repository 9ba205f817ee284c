import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { definePlugin } from '@portcullis/sdk';
import type { TestBroker } from '@portcullis/testing';
import { Authority } from '../support/certificates.js';
import type { ConnectFields } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { doorman, Guest, generous, startTenants, VERSIONS, type Version } from './scene.js';

/** Tells tenants by the client identifier, and has no opinion about most. */
const namer = definePlugin({
  name: 'namer',
  sdk: '^1.0.0',
  taps: ['resolveTenant'],
  config: { type: 'object', additionalProperties: false, properties: {} },
  start({ hooks }) {
    hooks.resolveTenant.tap(({ client }, give) => {
      if (client.id === 'throws') throw new Error('broken');
      const name = /^named-(.*)$/.exec(client.id)?.[1];
      return name === undefined ? give.nothing() : give.tenant({ name });
    });
  },
});

/** Why a CONNECT was refused, as each version is told. */
const UNKNOWN: Readonly<Record<Version, number>> = { '3.1.1': 4, '5.0': 0x86 };
const UNAVAILABLE: Readonly<Record<Version, number>> = { '3.1.1': 3, '5.0': 0x88 };

describe('a tenant', () => {
  const seen: (string | null)[][] = [];
  let broker: TestBroker;
  let authority: Authority;

  before(async () => {
    authority = await Authority.create();
    const { cert, key } = await authority.issue();
    const tls = { cert: 'cert.pem', key: 'key.pem' };
    const asked = { ...tls, ca: 'ca.pem', clientCertificate: 'optional' };
    const url = 'mqtts://127.0.0.1:0';
    broker = await startTenants(
      { acme: {}, beta: { chain: 'strict' }, gamma: { listeners: ['gamma', 'front'] } },
      {
        front: { tenant: { username: '<tenant>/<user>' } },
        back: { tenant: { username: '<user>@<tenant>' } },
        named: { url, tls, tenant: { sni: { 'a.example': 'acme', 'b.example': 'beta' } } },
        certified: { url, tls: asked, tenant: { certificate: 'O' } },
        nobody: {},
      },
      {
        plugins: { namer, secret: doorman('secret', seen), strict: doorman('strict', seen), generous },
        chain: { authenticate: ['secret'], authorize: ['generous'] },
        document: { chains: { strict: { authenticate: ['strict'], authorize: ['generous'] } } },
        files: { 'cert.pem': cert, 'key.pem': key, 'ca.pem': authority.pem },
      },
    );
  });
  after(() => broker.stop());
  beforeEach(() => {
    seen.length = 0;
  });

  let clients = 0;
  // Each under an identifier of its own: the one before may not be gone yet, and is another user's.
  const login = (more: Partial<ConnectFields>): ConnectFields => {
    clients += 1;
    return { clientId: `c${clients}`, username: 'amy', password: 'secret', ...more };
  };

  /** The reason code of the CONNACK. */
  async function answer(listener: string, version: Version, fields: ConnectFields, tls?: ConnectionOptions): Promise<number> {
    const options = { host: '127.0.0.1', port: broker.port(listener), ca: authority.pem, checkServerIdentity: () => undefined, ...tls };
    const wire = tls === undefined ? await broker.wire(listener) : await WireClient.over(connectTls(options), 'secureConnect');
    const guest = await Guest.over(wire, version, fields);
    wire.close();
    return guest.connack[1];
  }

  for (const version of VERSIONS) {
    it(`is part of the username, and the rest is the username (${version})`, async () => {
      assert.equal(await answer('front', version, login({ username: 'acme/amy' })), 0);
      assert.equal(await answer('front', version, login({ username: 'acme/amy/2' })), 0);
      assert.equal(await answer('back', version, login({ username: 'amy@home@acme' })), 0);
      assert.deepEqual(seen, [
        ['acme', 'amy'],
        ['acme', 'amy/2'],
        ['acme', 'amy@home'],
      ]);
    });

    it(`that is not known, not named or named with nobody is refused as an unknown user is, and no plugin is asked (${version})`, async () => {
      for (const username of ['delta/amy', 'amy', 'acme/', '/amy', '', 'ACME/amy', '__proto__/amy', ' acme/amy']) {
        assert.equal(await answer('front', version, login({ username })), UNKNOWN[version], username);
      }
      assert.equal(await answer('front', version, { clientId: 'c' }), UNKNOWN[version]);
      assert.deepEqual(seen, []);
      assert.equal(await answer('front', version, login({ username: 'acme/amy', password: 'wrong' })), UNKNOWN[version]);
    });

    it(`is that of the server name which the client asked for (${version})`, async () => {
      assert.equal(await answer('named', version, login({}), { servername: 'a.example' }), 0);
      assert.equal(await answer('named', version, login({ password: 'strict' }), { servername: 'B.example' }), 0);
      assert.equal(await answer('named', version, login({}), { servername: 'c.example' }), UNKNOWN[version]);
      assert.equal(await answer('named', version, login({}), {}), UNKNOWN[version]);
      assert.deepEqual(seen, [
        ['acme', 'amy'],
        ['beta', 'amy'],
      ]);
    });

    it(`is that of a verified certificate, if that names just one (${version})`, async () => {
      const subject = (...fields: [string, string][]) => authority.issue({ usage: 'client', names: [], subject: fields });
      const ask = async (...fields: [string, string][]): Promise<number> => answer('certified', version, login({}), await subject(...fields));
      assert.equal(await ask(['C', 'DE'], ['O', 'acme'], ['CN', 'x']), 0);
      assert.deepEqual(seen, [['acme', 'amy']]);
      for (const fields of [
        [['O', 'delta']],
        [['O', 'acme,O=beta']],
        [['CN', 'x,O=acme']],
        [['CN', 'x\\,O=acme']],
        [['CN', 'x+O=acme']],
        [
          ['O', 'acme'],
          ['O', 'acme'],
        ],
        [
          ['O', 'acme'],
          ['CN', 'x\\'],
          ['O', 'beta'],
        ],
        [['OU', 'acme']],
      ] as [string, string][][]) {
        assert.equal(await ask(...fields), UNKNOWN[version], JSON.stringify(fields));
      }
      assert.equal(await answer('certified', version, login({}), {}), UNKNOWN[version]);
      assert.deepEqual(seen, [['acme', 'amy']]);
    });

    it(`that a plugin names comes before that of the listener; what it leaves open, the listener says (${version})`, async () => {
      assert.equal(await answer('front', version, login({ clientId: 'named-acme', username: 'beta/amy' })), 0);
      assert.equal(await answer('acme', version, login({ clientId: 'named-beta', password: 'strict' })), 0);
      assert.equal(await answer('nobody', version, login({ clientId: 'named-acme' })), 0);
      assert.equal(await answer('nobody', version, login({})), 0);
      assert.deepEqual(seen, [
        ['acme', 'beta/amy'],
        ['beta', 'amy'],
        ['acme', 'amy'],
        [null, 'amy'],
      ]);
      assert.equal(await answer('acme', version, login({ clientId: 'named-delta' })), UNKNOWN[version]);
      assert.equal(await answer('acme', version, login({ clientId: 'throws' })), UNAVAILABLE[version]);
      assert.equal(await answer('acme', version, login({ clientId: 'named-a/b' })), UNAVAILABLE[version]);
    });

    it(`has its own chain in place of the listener's, and is admitted on its own listeners alone (${version})`, async () => {
      assert.equal(await answer('front', version, login({ username: 'beta/amy' })), UNKNOWN[version]);
      assert.equal(await answer('front', version, login({ username: 'beta/amy', password: 'strict' })), 0);
      assert.equal(await answer('front', version, login({ username: 'gamma/amy' })), 0);
      assert.equal(await answer('back', version, login({ username: 'amy@gamma' })), UNKNOWN[version]);
      assert.equal(await answer('nobody', version, login({ clientId: 'named-gamma' })), UNKNOWN[version]);
    });
  }
});
