import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { JsonGeneralNames, JsonNameParams } from '@peculiar/x509';
import { Stage } from '../hooks/stage.js';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority, type Pair } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, tlsLogin, tlsOptions } from './scene.js';

const LOGIN = { clientId: 'c', username: 'u' };
const VICTIM = 'alice';

interface Evidence {
  readonly certificate: {
    readonly commonName: string | null;
    readonly fields: Readonly<Record<string, readonly string[] | null>>;
    readonly names: Readonly<Record<string, readonly string[] | null>>;
  };
}

interface Case {
  readonly subject: JsonNameParams;
  readonly names?: JsonGeneralNames;
  /** What plugins see as the common names; null for none that can be shown. */
  readonly commonNames: readonly string[] | null;
  readonly units?: readonly string[];
  readonly uris?: readonly string[];
}

/** Each is signed by an authority that the broker trusts, and tries to be taken for somebody else, or for more than it is. */
const CASES: Readonly<Record<string, Case>> = {
  'two common names': { subject: [{ CN: [VICTIM] }, { CN: ['mallory'] }], commonNames: [VICTIM, 'mallory'] },
  'two common names at one place': { subject: [{ CN: [VICTIM, 'mallory'] }], commonNames: [VICTIM, 'mallory'] },
  'an empty common name': { subject: [{ CN: [''] }], commonNames: null },
  'an empty common name beside the name of another': { subject: [{ CN: [''] }, { CN: [VICTIM] }], commonNames: null },
  'NUL behind the name of another': { subject: [{ CN: [`${VICTIM}\0.mallory`] }], commonNames: null },
  'a field at one place with the common name': { subject: [{ CN: ['mallory'], OU: ['admins'] }], commonNames: ['mallory'], units: ['admins'] },
  'the text of other fields in a common name': {
    subject: [{ CN: [`x,CN=${VICTIM}+OU=admins`] }],
    commonNames: [`x,CN=${VICTIM}+OU=admins`],
    units: [],
  },
  'lines of other fields in a common name': { subject: [{ CN: [`x\nCN=${VICTIM}`] }], commonNames: null },
  BMPString: { subject: [{ CN: [{ bmpString: 'Zürich' }] }], commonNames: ['Zürich'] },
  'wildcards and levels of topics': { subject: [{ CN: ['+/#'] }], commonNames: ['+/#'] },
  'letters that look alike': { subject: [{ CN: ['аlice'] }], commonNames: ['аlice'] },
  'a name that is too long': { subject: [{ CN: ['x'.repeat(2000)] }], commonNames: null },
  'twenty kilobytes of subject': {
    subject: [{ CN: ['big'] }, ...Array.from({ length: 20 }, () => ({ OU: ['y'.repeat(1000)] }))],
    commonNames: ['big'],
    units: Array.from({ length: 20 }, () => 'y'.repeat(1000)),
  },
  'alternative names that look like two': {
    subject: [{ CN: ['mallory'] }],
    commonNames: ['mallory'],
    names: [
      { type: 'url', value: `urn:x, URI:urn:${VICTIM}` },
      { type: 'dn', value: `CN=${VICTIM}` },
      { type: 'upn', value: VICTIM },
    ],
    uris: [`urn:x, URI:urn:${VICTIM}`],
  },
};

describe('hostile certificates', () => {
  const folder = temporaryFolder();
  let stage: Stage;
  let authority: Authority;

  before(async () => {
    authority = await Authority.create();
    const own = await authority.issue();
    writeFiles(folder, { 'cert.pem': own.cert, 'key.pem': own.key, 'ca.pem': authority.pem });
    const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem'), clientCertificate: 'required' };
    stage = await Stage.start({
      actors: { door: { taps: ['authenticate', 'loadPolicy'] } },
      chains: { main: { authenticate: ['door'], authorize: ['door'] } },
      more: {
        limits: { connectTimeoutMs: 3000 },
        listeners: {
          tls: { url: 'mqtts://127.0.0.1:0', chain: 'main', tls },
          web: { url: 'wss://127.0.0.1:0/mqtt', chain: 'main', tls },
        },
      },
    });
    await stage.script('door', {});
  });

  after(async () => {
    assert.equal(await stage.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  async function overWeb(pair: Pair): Promise<WireClient> {
    const options = tlsOptions(stage.broker.port('web'), { ca: authority.pem, ...pair });
    const url = stage.broker.url('web').replace('127.0.0.1', 'localhost');
    const client = await WireClient.connectWebSocket(url, { createConnection: () => connectTls(options) });
    client.send(connect311(LOGIN));
    await client.expect(ACCEPTED);
    return client;
  }

  for (const [what, { subject, names = [], commonNames, units, uris }] of Object.entries(CASES)) {
    it(`are what they say, literally, or nothing: ${what}`, async () => {
      const pair = await authority.issue({ rawSubject: subject, names, usage: 'client' });
      for (const version of ['TLSv1.2', 'TLSv1.3', 'wss'] as const) {
        await stage.forget();
        const only = version === 'wss' ? {} : { minVersion: version, maxVersion: version };
        const client =
          version === 'wss' ? await overWeb(pair) : await tlsLogin(stage.broker.port('tls'), { ca: authority.pem, ...pair, ...only }, LOGIN);
        const { certificate } = (await stage.heard('door', 'authenticate')).tls as Evidence;
        const shown = certificate.fields.CN ?? [];
        assert.deepEqual(shown, commonNames ?? [], version);
        assert.equal(certificate.commonName, commonNames?.length === 1 ? commonNames[0] : null, version);
        if (units !== undefined) assert.deepEqual(certificate.fields.OU, units, version);
        if (uris !== undefined) assert.deepEqual(certificate.names.uri, uris, version);
        client.close();
      }
    });
  }

  it('that are larger than a handshake may be are closed, and nobody else notices', async () => {
    const good = await authority.issue({ subject: [['CN', 'good']], usage: 'client', names: [] });
    const witness = await tlsLogin(stage.broker.port('tls'), { ca: authority.pem, ...good }, { clientId: 'w', username: 'u' });
    for (const kilobytes of [66, 120]) {
      const rawSubject = Array.from({ length: kilobytes }, () => ({ OU: ['z'.repeat(1000)] }));
      const pair = await authority.issue({ rawSubject, names: [], usage: 'client' });
      // OpenSSL may choke on its own ticket for the one; the deadline of every connection ends it then.
      assert.equal((await attempt(stage.broker.port('tls'), { ca: authority.pem, ...pair }, LOGIN)).answer, '', `${kilobytes} KB`);
    }
    await witness.silence();
    witness.close();
  });
});
