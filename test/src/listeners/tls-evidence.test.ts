import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Stage } from '../hooks/stage.js';
import { temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority, type CertificateFields, type Pair, selfSigned } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, tlsLogin, tlsOptions } from './scene.js';

const HOOKS = ['admitClient', 'authenticate', 'loadPolicy', 'resolveTenant'] as const;
const LOGIN = { clientId: 'c', username: 'u' };

interface Evidence {
  readonly protocol: string;
  readonly serverName: string;
  readonly certificate: Readonly<Record<string, unknown>> | null;
}

describe('what plugins see of TLS', () => {
  const folder = temporaryFolder();
  let stage: Stage;
  let authority: Authority;
  let ca: string;

  before(async () => {
    authority = await Authority.create('Authority, of tests');
    ca = authority.pem;
    const own = await authority.issue();
    writeFiles(folder, { 'cert.pem': own.cert, 'key.pem': own.key, 'ca.pem': ca });
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const asked = { ...files, ca: join(folder, 'ca.pem') };
    stage = await Stage.start({
      actors: { door: { taps: ['acceptConnection', 'upgradeWebSocket', ...HOOKS] } },
      chains: { main: { guards: ['door'], authenticate: ['door'], authorize: ['door'] } },
      more: {
        listeners: {
          none: { url: 'mqtts://127.0.0.1:0', chain: 'main', tls: files },
          optional: { url: 'mqtts://127.0.0.1:0', chain: 'main', tls: { ...asked, clientCertificate: 'optional' } },
          required: { url: 'mqtts://127.0.0.1:0', chain: 'main', tls: { ...asked, clientCertificate: 'required' } },
          web: { url: 'wss://127.0.0.1:0/mqtt', chain: 'main', tls: { ...asked, clientCertificate: 'required' } },
          plain: { url: 'mqtt://127.0.0.1:0', chain: 'main' },
        },
      },
    });
  });

  after(async () => {
    assert.equal(await stage.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    await stage.script('door', {});
    await stage.forget();
  });

  async function seen(listener: string, pair: Pair | Record<string, never> = {}, options: object = {}): Promise<Evidence> {
    await stage.forget();
    const client = await tlsLogin(stage.broker.port(listener), { ca, ...pair, ...options }, LOGIN);
    const [first, ...others] = await Promise.all(HOOKS.map(async (hook) => (await stage.heard('door', hook)).tls));
    for (const other of others) assert.deepEqual(other, first);
    client.close();
    return first as Evidence;
  }

  const ofClient = async (fields: CertificateFields): Promise<Readonly<Record<string, unknown>>> =>
    (await seen('required', await authority.issue({ usage: 'client', names: [], ...fields }))).certificate ?? {};

  it('is the verified certificate, the version and the name that the client asked for', async () => {
    const pair = await authority.issue({
      subject: [
        ['C', 'DE'],
        ['O', 'Acme, Inc.'],
        ['CN', 'device-1'],
      ],
      names: [
        { type: 'dns', value: 'device-1.example' },
        { type: 'url', value: 'spiffe://example/device, DNS:root' },
        { type: 'email', value: 'ops@example.org' },
        { type: 'ip', value: '192.0.2.1' },
        { type: 'dn', value: 'CN=other' },
      ],
    });
    const x509 = new X509Certificate(pair.cert);
    for (const listener of ['required', 'optional']) {
      assert.deepEqual(await seen(listener, pair), {
        protocol: 'TLSv1.3',
        serverName: 'localhost',
        certificate: {
          commonName: 'device-1',
          fields: { CN: ['device-1'], OU: [], O: ['Acme, Inc.'], C: ['DE'], ST: [], L: [], DC: [], UID: [], serialNumber: [], emailAddress: [] },
          names: {
            uri: ['spiffe://example/device, DNS:root'],
            dns: ['device-1.example'],
            email: ['ops@example.org'],
            ip: ['192.0.2.1'],
          },
          subject: 'C=DE,O=Acme\\, Inc.,CN=device-1',
          distinguishedName: 'CN=device-1,O=Acme\\, Inc.,C=DE',
          issuer: 'CN=Authority\\, of tests',
          serialNumber: x509.serialNumber,
          subjectAlternativeNames: ['DNS:device-1.example', 'URI:spiffe://example/device, DNS:root', 'email:ops@example.org', 'IP:192.0.2.1'],
          fingerprint256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
          validFrom: Date.parse(x509.validFrom),
          validTo: Date.parse(x509.validTo),
        },
      });
    }
    const { connection } = await stage.heard('door', 'acceptConnection');
    assert.equal((connection as { transport: string }).transport, 'tls');
  });

  it('is the same over WebSocket', async () => {
    const pair = await authority.issue({ subject: [['CN', 'web-1']], usage: 'client' });
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(stage.broker.url('web').replace('127.0.0.1', 'localhost'), ['mqtt'], { ca, ...pair });
    socket.on('open', () => socket.send(Buffer.from(connect311(LOGIN), 'hex')));
    const { tls } = (await stage.heard('door', 'authenticate')) as { tls: Evidence };
    assert.equal(tls.certificate?.commonName, 'web-1');
    const { connection } = await stage.heard('door', 'upgradeWebSocket');
    assert.equal((connection as { transport: string }).transport, 'wss');
    socket.terminate();
  });

  it('is no certificate where none was asked for, given or verified', async () => {
    const client = await authority.issue({ subject: [['CN', 'alice']], usage: 'client' });
    assert.deepEqual(await seen('none', client, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }), {
      protocol: 'TLSv1.2',
      serverName: 'localhost',
      certificate: null,
    });
    assert.equal((await seen('optional')).certificate, null);
    await stage.forget();
    const impostor = await selfSigned({ subject: [['CN', 'alice']] });
    for (const listener of ['optional', 'required'])
      assert.equal((await attempt(stage.broker.port(listener), { ca, ...impostor }, LOGIN)).answer, '');
    for (const hook of HOOKS) assert.deepEqual(await stage.asked('door', hook), []);
    // Who is let in at the door is asked before TLS costs anything.
    assert.equal((await stage.asked('door', 'acceptConnection')).length, 2);
  });

  it('is nothing without TLS', async () => {
    const client = await WireClient.connect(stage.broker.port('plain'));
    client.send(connect311(LOGIN));
    await client.expect(ACCEPTED);
    for (const hook of HOOKS) assert.equal((await stage.heard('door', hook)).tls, null);
    client.close();
  });

  it('has no common name when there are several, or it holds what could deceive', async () => {
    assert.equal((await ofClient({ subject: [['CN', 'a/b+c#']] })).commonName, 'a/b+c#');
    const two = await ofClient({
      subject: [
        ['CN', 'alice'],
        ['CN', 'bob'],
      ],
    });
    assert.equal(two.commonName, null);
    assert.equal(two.subject, 'CN=alice,CN=bob');
    const comma = await ofClient({ subject: [['CN', 'alice,CN=bob']] });
    assert.equal(comma.commonName, 'alice,CN=bob');
    assert.equal(comma.subject, 'CN=alice\\,CN=bob');
    const line = await ofClient({ subject: [['CN', 'alice\nCN=bob']] });
    assert.equal(line.commonName, null);
    assert.equal(line.subject, 'CN=alice\\0ACN=bob');
    assert.equal((await ofClient({ subject: [['O', 'nobody']] })).commonName, null);
    assert.equal((await ofClient({ subject: [['CN', 'x\ufffe']] })).commonName, null);
    assert.deepEqual((await ofClient({ names: [{ type: 'url', value: 'a:\u0001' }] })).subjectAlternativeNames, []);
  });

  it('stays that of the certificate when a session is resumed', async () => {
    const pair = await authority.issue({ subject: [['CN', 'again']], usage: 'client' });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const versions = { ca, ...pair, minVersion: version, maxVersion: version };
      const socket = connectTls(tlsOptions(stage.broker.port('required'), versions));
      const given = new Promise<Buffer>((resolve) => socket.once('session', resolve));
      const client = await WireClient.over(socket, 'secureConnect');
      client.send(connect311(LOGIN));
      await client.expect(ACCEPTED);
      const session = await given;
      client.close();
      await stage.forget();
      const second = connectTls(tlsOptions(stage.broker.port('required'), { ...versions, session }));
      const resumed = await WireClient.over(second, 'secureConnect');
      assert.equal(second.isSessionReused(), true, version);
      resumed.send(connect311(LOGIN));
      await resumed.expect(ACCEPTED);
      const { tls } = (await stage.heard('door', 'authenticate')) as { tls: Evidence };
      assert.equal(tls.certificate?.commonName, 'again');
      resumed.close();
    }
  });

  it('has a server name only when it is one', async () => {
    assert.equal((await seen('none', {}, { servername: 'MQTT.Acme.Example', checkServerIdentity: () => undefined })).serverName, 'mqtt.acme.example');
    assert.equal((await seen('none', {}, { servername: '', checkServerIdentity: () => undefined })).serverName, '');
    assert.equal((await seen('none', {}, { servername: 'a b\n', checkServerIdentity: () => undefined })).serverName, '');
  });
});
