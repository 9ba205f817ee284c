import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import mqtt from 'mqtt';
import type { BrokerProcess } from '../support/broker-process.js';
import { Authority, type Pair, selfSigned } from '../support/certificates.js';
import { debianTools, runTool, startTool, WITHOUT_DEBIAN } from '../support/debian-tools.js';
import { connect311, PINGREQ } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, LOGIN, outcome, rawSocket, startWith, tlsClient, tlsLogin, tlsOptions } from './scene.js';

const url = 'mqtts://127.0.0.1:0';

describe('TLS listeners', () => {
  let authority: Authority;
  let ecdsa: Pair;
  let rsa: Pair;
  let client: Pair;
  let impostor: Pair;
  let expired: Pair;
  let server: Pair;
  let broker: BrokerProcess;
  let ca: string;

  before(async () => {
    authority = await Authority.create();
    ca = authority.pem;
    [ecdsa, rsa, client, impostor, expired, server] = await Promise.all([
      authority.issue(),
      authority.issue({ kind: 'rsa' }),
      authority.issue({ subject: [['CN', 'alice']], usage: 'client' }),
      selfSigned({ subject: [['CN', 'alice']] }),
      authority.issue({ subject: [['CN', 'alice']], days: -1 }),
      authority.issue({ usage: 'server' }),
    ]);
    const pair = { cert: 'cert.pem', key: 'key.pem' };
    broker = await startWith(
      {
        both: { url, tls: { cert: ['cert.pem', 'rsa-cert.pem'], key: ['key.pem', 'rsa-key.pem'] } },
        optional: { url, tls: { ...pair, ca: 'ca.pem', clientCertificate: 'optional' } },
        required: { url, tls: { ...pair, ca: 'ca.pem', clientCertificate: 'required' } },
        old: { url, tls: { ...pair, maxVersion: 'TLSv1.2' } },
        modern: { url, tls: { ...pair, minVersion: 'TLSv1.3' } },
        picky: { url, tls: { ...pair, ciphers: ['ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] } },
        web: { url: 'wss://127.0.0.1:0/mqtt', tls: { ...pair, ca: 'ca.pem', clientCertificate: 'optional' } },
        strictWeb: { url: 'wss://127.0.0.1:0/mqtt', tls: { ...pair, ca: 'ca.pem', clientCertificate: 'required' } },
        plain: { url: 'mqtt://127.0.0.1:0' },
      },
      {
        'cert.pem': ecdsa.cert,
        'key.pem': ecdsa.key,
        'rsa-cert.pem': rsa.cert,
        'rsa-key.pem': rsa.key,
        'ca.pem': ca,
        'client.pem': client.cert,
        'client-key.pem': client.key,
      },
      { more: { log: { level: 'debug' } } },
    );
  });

  after(async () => assert.equal(await broker.stop(), 0));

  const file = (name: string): string => join(broker.folder, name);

  it('serve MQTT to clients that trust their certificate', async () => {
    const one = await tlsLogin(broker.port('both'), { ca });
    await one.silence();
    one.close();
    await one.expectClosed();
    assert.match(broker.url('both'), /^mqtts:\/\/127\.0\.0\.1:\d+$/);
  });

  it('serve an ECDSA and an RSA certificate from one port, as the client can', async () => {
    const kindOf = async (ciphers: string, sigalgs: string): Promise<string | undefined> => {
      const socket = connectTls(tlsOptions(broker.port('both'), { ca, ciphers, sigalgs }));
      const wire = await WireClient.over(socket, 'secureConnect');
      const peer: X509Certificate | undefined = socket.getPeerX509Certificate();
      wire.close();
      return peer?.publicKey.asymmetricKeyType;
    };
    for (const version of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_AES_128_GCM_SHA256'])
      assert.equal(await kindOf(version, 'ECDSA+SHA256'), 'ec', version);
    // The issuer's signature on the certificate is ECDSA: that has to be allowed beside RSA for the handshake.
    for (const version of ['ECDHE-RSA-AES128-GCM-SHA256', 'TLS_AES_128_GCM_SHA256'])
      assert.equal(await kindOf(version, 'rsa_pss_rsae_sha256:RSA+SHA256'), 'rsa', version);
  });

  it('keep to the versions that are configured, and refuse TLS 1.1 in any case', async () => {
    const accepts = async (listener: string, version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<boolean> => {
      // Seclevel 0: else the client would refuse 1.1 itself.
      const { answer } = await attempt(broker.port(listener), { ca, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
      assert.ok(answer === '' || answer === '20020000', answer);
      return answer !== '';
    };
    const of = async (listener: string): Promise<boolean[]> => [
      await accepts(listener, 'TLSv1.1'),
      await accepts(listener, 'TLSv1.2'),
      await accepts(listener, 'TLSv1.3'),
    ];
    assert.deepEqual(await of('both'), [false, true, true]);
    assert.deepEqual(await of('old'), [false, true, false]);
    assert.deepEqual(await of('modern'), [false, false, true]);
  });

  it('select only suites that are configured', async () => {
    const select = async (version: 'TLSv1.2' | 'TLSv1.3', ciphers: string): Promise<string> => {
      const socket = connectTls(tlsOptions(broker.port('picky'), { ca, ciphers, minVersion: version, maxVersion: version }));
      const name = await new Promise<string>((resolve) => {
        socket.on('secureConnect', () => resolve(socket.getCipher().name));
        socket.on('error', () => resolve('none'));
      });
      socket.destroy();
      return name;
    };
    assert.equal(await select('TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384'), 'ECDHE-ECDSA-AES256-GCM-SHA384');
    assert.equal(await select('TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'none');
    assert.equal(await select('TLSv1.3', 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256'), 'TLS_CHACHA20_POLY1305_SHA256');
    assert.equal(await select('TLSv1.3', 'TLS_AES_128_GCM_SHA256'), 'none');
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`ask for a client certificate as configured, ${version}`, async () => {
      const versions = { ca, minVersion: version, maxVersion: version } as const;
      const answers = async (listener: string, pair?: Pair): Promise<string> =>
        (await attempt(broker.port(listener), { ...versions, ...pair })).answer;
      assert.equal(await answers('required', client), '20020000');
      assert.equal(await answers('optional', client), '20020000');
      assert.equal(await answers('optional'), '20020000');
      for (const listener of ['required', 'optional']) {
        assert.equal(await answers(listener, impostor), '', `${listener}: self-signed`);
        assert.equal(await answers(listener, expired), '', `${listener}: expired`);
        assert.equal(await answers(listener, server), '', `${listener}: not for clients`);
      }
      assert.equal(await answers('required'), '');
      // Where none is asked for, none is looked at.
      assert.equal(await answers('both', impostor), '20020000');
    });
  }

  it('tell a client that has no certificate, and must, by an alert', async () => {
    const { error } = await attempt(broker.port('required'), { ca, minVersion: 'TLSv1.3' });
    assert.match(error, /ALERT.*CERTIFICATE_REQUIRED/);
  });

  it('do not admit by a resumed session what was never verified', async () => {
    const port = broker.port('optional');
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const sessions: Buffer[] = [];
      const first = connectTls(tlsOptions(port, { ca, ...impostor, minVersion: version, maxVersion: version }));
      first.on('session', (session) => sessions.push(session));
      await outcome(first);
      for (const session of sessions)
        assert.equal((await attempt(port, { ca, ...impostor, session, minVersion: version, maxVersion: version })).answer, '');
    }
  });

  it('do not renegotiate', async () => {
    const socket: TLSSocket = connectTls(tlsOptions(broker.port('old'), { ca }));
    const wire = await WireClient.over(socket, 'secureConnect');
    wire.send(connect311(LOGIN));
    await wire.expect(ACCEPTED);
    let renegotiated = false;
    socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      renegotiated = error === null;
    });
    // The client takes the refusal as the end of the connection, once it looks at it.
    wire.send(PINGREQ);
    await wire.expectClosed();
    assert.equal(renegotiated, false);
  });

  it('close what is not TLS, and plain listeners close what is', async () => {
    const plain = await WireClient.connect(broker.port('both'));
    plain.send(connect311(LOGIN));
    // A TLS alert may come, never a CONNACK.
    const { answer } = await outcome(rawSocket(broker.port('both'), Buffer.from('101000044d5154540402003c0004746573740a', 'hex')));
    assert.doesNotMatch(answer, /^20/);
    const { error } = await attempt(broker.port('plain'), { ca });
    assert.notEqual(error, '');
    const { answer: nothing } = await attempt(broker.port('plain'), { ca });
    assert.equal(nothing, '');
    plain.reset();
    await broker.waitForOutput(/(?:info|debug) .*TLS handshake failed.*PCL_TLS_HANDSHAKE/);
    (await tlsLogin(broker.port('both'), { ca })).close();
  });

  it('carry large messages in both directions', async () => {
    const one = await tlsLogin(broker.port('both'), { ca }, { ...LOGIN, clientId: 'large' });
    one.send('82 08 0001 0003 74 2f 23 00');
    await one.expect('90 03 00 01 00');
    const payload = Buffer.alloc(900_000, 0x61);
    const body = Buffer.concat([Buffer.from('0003742f78', 'hex'), payload]);
    const packet = Buffer.concat([Buffer.from('30a5f736', 'hex'), body]);
    one.send(packet);
    assert.ok((await one.read(packet.length)).equals(packet));
    one.close();
  });

  it('serve WebSocket over TLS, with the same demands on certificates', async () => {
    const options = {
      ca,
      servername: 'localhost',
      rejectUnauthorized: true,
      username: 'alice',
      password: 'secret',
      reconnectPeriod: 0,
      connectTimeout: 5000,
    };
    const link = (listener: string): string => broker.url(listener).replace('127.0.0.1', 'localhost');
    for (const [listener, pair, accepted] of [
      ['web', {}, true],
      ['web', client, true],
      ['web', impostor, false],
      ['strictWeb', client, true],
      ['strictWeb', {}, false],
      ['strictWeb', impostor, false],
      ['strictWeb', expired, false],
    ] as const) {
      const attempted = mqtt.connectAsync(link(listener), { ...options, ...pair }, false);
      if (accepted) await (await attempted).endAsync();
      else await assert.rejects(attempted, `${listener} ${JSON.stringify(pair).length}`);
    }
  });

  it('serve MQTT.js', async () => {
    for (const [listener, pair] of [
      ['both', {}],
      ['required', client],
    ] as const) {
      const link = broker.url(listener).replace('127.0.0.1', 'localhost');
      const one = await mqtt.connectAsync(link, { ca, ...pair, username: 'alice', password: 'secret', reconnectPeriod: 0 }, false);
      await one.subscribeAsync('t/js', { qos: 2 });
      const came = new Promise<string>((resolve) => one.once('message', (_topic, payload) => resolve(payload.toString())));
      await one.publishAsync('t/js', 'over TLS', { qos: 2 });
      assert.equal(await came, 'over TLS');
      await one.endAsync();
    }
  });

  it('serve mosquitto_sub and mosquitto_pub', { skip: WITHOUT_DEBIAN }, async () => {
    const login = ['-h', 'localhost', '-u', 'alice', '-P', 'secret', '--cafile', file('ca.pem')];
    for (const [listener, own] of [
      ['both', []],
      ['required', ['--cert', file('client.pem'), '--key', file('client-key.pem')]],
    ] as const) {
      const common = [...login, '-p', String(broker.port(listener)), ...own];
      const sub = startTool(debianTools().mosquittoSub, [...common, '-t', 't/m', '-q', '1', '-C', '1', '-d']);
      await sub.printed(/^Subscribed/m);
      const pub = await runTool(debianTools().mosquittoPub, [...common, '-t', 't/m', '-q', '1', '-m', 'hello']);
      assert.equal(pub.code, 0, pub.stderr);
      assert.match((await sub.ended).stdout, /^hello$/m);
    }
    const { code } = await runTool(debianTools().mosquittoPub, [...login, '-p', String(broker.port('required')), '-t', 't/m', '-m', 'x']);
    assert.notEqual(code, 0);
    writeFileSync(file('other-ca.pem'), (await Authority.create()).pem);
    const stranger = await runTool(debianTools().mosquittoPub, [
      ...['-h', 'localhost', '-u', 'alice', '-P', 'secret', '--cafile', file('other-ca.pem'), '-p', String(broker.port('both'))],
      ...['-t', 't/m', '-m', 'x'],
    ]);
    assert.notEqual(stranger.code, 0);
  });

  it('still serve when all this is over', async () => {
    const one = await tlsClient(broker.port('required'), { ca, ...client });
    one.send(connect311(LOGIN));
    await one.expect(ACCEPTED);
    one.close();
  });
});
