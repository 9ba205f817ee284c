import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BrokerProcess, type CommandResult, runCommand, temporaryFolder, writeFiles } from '../support/broker-process.js';
import { Authority, encrypted } from '../support/certificates.js';
import { filesWith } from './scene.js';

const PAIR = { cert: 'cert.pem', key: 'key.pem' };
let port = 20_000;

/** A listener of TLS with an address of its own, by what stands in its `tls` object. */
const withTls = (tls: object, more: object = {}): object => ({ url: `mqtts://127.0.0.1:${port++}`, tls, ...more });

/** Each of these listeners has one mistake; all are found in one run, each in one line that begins with where it stands. */
const MISTAKES: Readonly<Record<string, readonly [listener: object, place: string, says: RegExp]>> = {
  withoutTls: [{ url: 'mqtts://127.0.0.1:1' }, 'url', /mqtts:\/\/ listeners need "tls" — "tls": \{ "cert": "path", "key": "path" \}/],
  webWithoutTls: [{ url: 'wss://127.0.0.1:2/mqtt' }, 'url', /wss:\/\/ listeners need "tls"/],
  plainWithTls: [{ url: 'mqtt://127.0.0.1:3', tls: PAIR }, 'tls', /"tls" is for mqtts:\/\/ and wss:\/\/ listeners only — change the scheme/],
  unixWithTls: [{ url: 'unix:a.sock', tls: PAIR }, 'tls', /"tls" is for mqtts:\/\/ and wss:\/\/ listeners only/],
  noCert: [withTls({ key: 'key.pem' }), 'tls.cert', /"cert" is missing/],
  noKey: [withTls({ cert: 'cert.pem' }), 'tls.key', /"key" is missing/],
  unknownKey: [withTls({ ...PAIR, cihpers: [] }), 'tls.cihpers', /unknown key "cihpers" — did you mean "ciphers"\?/],
  certMissing: [withTls({ ...PAIR, cert: 'crt.pem' }), 'tls.cert', /there is no file \/.*\/crt\.pem — paths are relative/],
  keyMissing: [withTls({ ...PAIR, key: 'no.pem' }), 'tls.key', /there is no file \/.*\/no\.pem/],
  certIsFolder: [withTls({ ...PAIR, cert: 'folder' }), 'tls.cert', /folder is not a file/],
  certIsNone: [withTls({ ...PAIR, cert: 'key.pem' }), 'tls.cert', /key\.pem holds no certificate — it must be PEM/],
  certDamaged: [withTls({ ...PAIR, cert: 'damaged.pem' }), 'tls.cert', /damaged\.pem: certificate 1 cannot be read/],
  keyIsNone: [withTls({ ...PAIR, key: 'cert.pem' }), 'tls.key', /cert\.pem holds no private key/],
  keyDamaged: [withTls({ ...PAIR, key: 'damaged-key.pem' }), 'tls.key', /damaged-key\.pem: the private key cannot be read/],
  mismatch: [withTls({ ...PAIR, key: 'rsa-key.pem' }), 'tls.key', /rsa-key\.pem is not the key of the certificate in .*cert\.pem/],
  wrongOrder: [withTls({ cert: 'wrong-order.pem', key: 'key.pem' }), 'tls.key', /is not the key of the certificate.*own must come first/],
  mismatchInList: [
    withTls({ cert: ['cert.pem', 'rsa-cert.pem'], key: ['rsa-key.pem', 'key.pem'] }),
    'tls.key[1]',
    /key\.pem is not the key of the certificate in .*rsa-cert\.pem/,
  ],
  twoOfOneKind: [
    withTls({ cert: ['cert.pem', 'other-cert.pem'], key: ['key.pem', 'other-key.pem'] }),
    'tls.key[1]',
    /of the same kind \(ec\) as another/,
  ],
  unequalLists: [withTls({ cert: ['cert.pem', 'rsa-cert.pem'], key: 'key.pem' }), 'tls.key', /as many keys as certificates, and there are 1 and 2/],
  emptyList: [withTls({ cert: [], key: [] }), 'tls.cert', /must not be empty/],
  encryptedKey: [withTls({ ...PAIR, key: 'encrypted.pem' }), 'tls.key', /encrypted\.pem is encrypted — give its "passphrase"/],
  wrongPassphrase: [
    withTls({ ...PAIR, key: 'encrypted.pem', passphrase: { $file: 'wrong-phrase' } }),
    'tls.key',
    /encrypted\.pem cannot be decrypted with the passphrase/,
  ],
  plainPassphrase: [withTls({ ...PAIR, passphrase: 'canary' }), 'tls.passphrase', /secrets are given as \{"\$env": "NAME"\} or \{"\$file": "path"\}/],
  unsetPassphrase: [
    withTls({ ...PAIR, passphrase: { $env: 'PORTCULLIS_TEST_UNSET' } }),
    'tls.passphrase',
    /environment variable named here is not set/,
  ],
  caMissing: [withTls({ ...PAIR, ca: 'gone.pem', clientCertificate: 'required' }), 'tls.ca', /there is no file .*gone\.pem/],
  caIsNone: [withTls({ ...PAIR, ca: 'key.pem', clientCertificate: 'required' }), 'tls.ca', /key\.pem holds no certificate/],
  requiredWithoutCa: [withTls({ ...PAIR, clientCertificate: 'required' }), 'tls.clientCertificate', /"required" needs "ca"/],
  optionalWithoutCa: [withTls({ ...PAIR, clientCertificate: 'optional' }), 'tls.clientCertificate', /"optional" needs "ca"/],
  caWithoutUse: [withTls({ ...PAIR, ca: 'ca.pem' }), 'tls.ca', /"ca" has no use while "clientCertificate" is "none"/],
  wrongChoice: [withTls({ ...PAIR, clientCertificate: 'require' }), 'tls.clientCertificate', /must be one of .*did you mean "required"\?/],
  oldVersion: [withTls({ ...PAIR, minVersion: 'TLSv1.1' }), 'tls.minVersion', /must be one of "TLSv1\.2", "TLSv1\.3"/],
  versionsCrossed: [withTls({ ...PAIR, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }), 'tls.minVersion', /is above "maxVersion"/],
  unknownSuite: [
    withTls({ ...PAIR, ciphers: ['TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GMC-SHA256'] }),
    'tls.ciphers[1]',
    /is not the name of a cipher suite — did you mean "ECDHE-ECDSA-AES128-GCM-SHA256"\?/,
  ],
  suiteList: [withTls({ ...PAIR, ciphers: ['HIGH'] }), 'tls.ciphers[0]', /is not the name of a cipher suite/],
  uselessSuite: [
    withTls({ ...PAIR, ciphers: ['TLS_AES_128_GCM_SHA256', 'DHE-RSA-AES128-GCM-SHA256'] }),
    'tls.ciphers[1]',
    /this suite can never be selected — the broker has no DH parameters/,
  ],
  noSuiteOfOld: [
    withTls({ ...PAIR, ciphers: ['TLS_AES_128_GCM_SHA256'] }),
    'tls.ciphers',
    /no suite of TLSv1\.2 is left — name one, or set "minVersion" to "TLSv1\.3"/,
  ],
  noSuiteOfNew: [withTls({ ...PAIR, ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256'] }), 'tls.ciphers', /no suite of TLSv1\.3 is left/],
  noSuiteForKey: [
    withTls({ ...PAIR, maxVersion: 'TLSv1.2', ciphers: ['ECDHE-RSA-AES128-GCM-SHA256'] }),
    'tls.ciphers',
    /no suite of TLSv1\.2 is left that goes with the keys \(ecdsa\)/,
  ],
  mqttWithOrigins: [withTls(PAIR, { origins: [] }), 'origins', /"origins" is for ws:\/\/ and wss:\/\/ listeners only/],
  mqttWithMode: [{ url: 'mqtt://127.0.0.1:4', mode: '0600' }, 'mode', /"mode" is for unix: listeners only/],
  wrongMode: [{ url: 'unix:b.sock', mode: '0888' }, 'mode', /is not a mode — expected three octal digits/],
  modeAsNumber: [{ url: 'unix:c.sock', mode: 600 }, 'mode', /expected text, found a number/],
  secondOfPath: [{ url: 'unix:./a.sock' }, 'url', /the socket is that of the listener "unixWithTls" already/],
  noTrusted: [{ url: 'mqtt://127.0.0.1:5', proxyProtocol: {} }, 'proxyProtocol.trusted', /"trusted" must name at least one address or network/],
  emptyTrusted: [{ url: 'mqtt://127.0.0.1:6', proxyProtocol: { trusted: [] } }, 'proxyProtocol.trusted', /must name at least one address/],
  trustedName: [
    { url: 'mqtt://127.0.0.1:7', proxyProtocol: { trusted: ['::1', 'proxy.example'] } },
    'proxyProtocol.trusted[1]',
    /is neither an IP address nor a network/,
  ],
  longPrefix: [{ url: 'mqtt://127.0.0.1:8', proxyProtocol: { trusted: ['10.0.0.0/33'] } }, 'proxyProtocol.trusted[0]', /is neither an IP address/],
  oddPrefix: [{ url: 'mqtt://127.0.0.1:9', proxyProtocol: { trusted: ['10.0.0.0/08'] } }, 'proxyProtocol.trusted[0]', /is neither an IP address/],
  mapped: [
    { url: 'mqtt://127.0.0.1:99', proxyProtocol: { trusted: ['::ffff:10.0.0.5'] } },
    'proxyProtocol.trusted[0]',
    /is an IPv4 address written as IPv6/,
  ],
  unknownProxyKey: [
    { url: 'mqtt://127.0.0.1:10', proxyProtocol: { trusted: ['::1'], version: 2 } },
    'proxyProtocol.version',
    /unknown key "version" — known: "trusted"/,
  ],
  trustedUnix: [{ url: 'unix:d.sock', proxyProtocol: { trusted: ['::1'] } }, 'proxyProtocol.trusted', /"trusted" has no use on a unix: listener/],
};

describe('listeners in plugins.json', () => {
  const folder = temporaryFolder();

  before(async () => {
    const authority = await Authority.create();
    const [own, other, rsa, expired, future] = await Promise.all([
      authority.issue(),
      authority.issue(),
      authority.issue({ kind: 'rsa' }),
      authority.issue({ days: -10 }),
      authority.issue({ startsInDays: 5, days: 9 }),
    ]);
    mkdirSync(join(folder, 'folder'));
    writeFiles(folder, {
      'cert.pem': own.cert,
      'key.pem': own.key,
      'other-cert.pem': other.cert,
      'other-key.pem': other.key,
      'rsa-cert.pem': rsa.cert,
      'rsa-key.pem': rsa.key,
      'expired.pem': expired.cert,
      'expired-key.pem': expired.key,
      'future.pem': future.cert,
      'future-key.pem': future.key,
      'ca.pem': authority.pem,
      'wrong-order.pem': authority.pem + own.cert,
      'damaged.pem': own.cert.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'),
      'damaged-key.pem': own.key.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'),
      'encrypted.pem': encrypted(own.key, 'open sesame'),
      'wrong-phrase': 'open barley\n',
      phrase: 'open sesame\n',
    });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const check = (listeners: Readonly<Record<string, object>>, args = ['check']): Promise<CommandResult> =>
    runCommand({ folder, files: filesWith(listeners), args });

  describe('with a mistake', () => {
    let lines: readonly string[];

    before(async () => {
      const { code, output } = await check(Object.fromEntries(Object.entries(MISTAKES).map(([name, [listener]]) => [name, listener])));
      assert.equal(code, 1);
      assert.doesNotMatch(output, /canary|open sesame|open barley/);
      lines = output.split('\n').filter((line) => line !== '');
    });

    for (const [name, [, place, says]] of Object.entries(MISTAKES)) {
      it(`are refused by the check in a line of its own: ${name}`, () => {
        const own = lines.filter((line) => line.includes(` listeners.${name}.`));
        assert.equal(own.filter((line) => !line.startsWith('warning: ')).length > 0, true, `nothing about ${name} in\n${lines.join('\n')}`);
        const found = own.find((line) => line.includes(` listeners.${name}.${place}: `) && says.test(line));
        assert.ok(found, own.join('\n'));
        assert.match(found, /^plugins\.json:\d+:\d+ {2}/);
      });
    }

    it('are said nothing else about', () => {
      const twice = Object.keys(MISTAKES).filter((name) => lines.filter((line) => line.includes(` listeners.${name}.`)).length > 1);
      // An empty list is one too few certificates and one too few keys; both keys of a crossed pair are wrong.
      assert.deepEqual(twice, ['mismatchInList', 'emptyList']);
    });
  });

  it('stop the broker before it listens, in the same words', async () => {
    const listeners = { local: { url: 'mqtt://127.0.0.1:0' }, tls: { url: 'mqtts://127.0.0.1:0', tls: { ...PAIR, key: 'other-key.pem' } } };
    const { code, output } = await check(listeners, ['serve']);
    assert.equal(code, 1);
    assert.match(output, /plugins\.json:\d+:\d+ {2}listeners\.tls\.tls\.key: .*other-key\.pem is not the key of the certificate/);
    assert.doesNotMatch(output, /listening name=|^\s+at /m);
  });

  it('are warned about where they would work, but hardly as meant', async () => {
    const { code, output } = await check({
      expired: withTls({ cert: 'expired.pem', key: 'expired-key.pem' }),
      future: withTls({ cert: 'future.pem', key: 'future-key.pem' }),
      phrase: withTls({ ...PAIR, passphrase: { $file: 'phrase' } }),
      everybody: { url: 'mqtt://127.0.0.1:11', proxyProtocol: { trusted: ['0.0.0.0/0'] } },
    });
    assert.equal(code, 0, output);
    for (const line of [
      /^warning: plugins\.json:\d+:\d+ {2}listeners\.expired\.tls\.cert: .*expired\.pem: certificate 1 expired on \d{4}-\d\d-\d\d — clients that check it/m,
      /^warning: .*listeners\.future\.tls\.cert: .*certificate 1 is not valid before \d{4}-\d\d-\d\d/m,
      /^warning: .*listeners\.phrase\.tls\.passphrase: no key is encrypted: the passphrase has no use/m,
      /^warning: .*listeners\.everybody\.proxyProtocol\.trusted\[0\]: every peer is trusted/m,
    ]) {
      assert.match(output, line);
    }
  });

  it('are fine in all their variety, with a passphrase from a file or the environment', async () => {
    const listeners = {
      tls: { url: 'mqtts://127.0.0.1:0', tls: { cert: ['cert.pem', 'rsa-cert.pem'], key: ['key.pem', 'rsa-key.pem'] } },
      file: { url: 'mqtts://127.0.0.1:0', tls: { ...PAIR, key: 'encrypted.pem', passphrase: { $file: 'phrase' } } },
      env: { url: 'wss://127.0.0.1:0/mqtt', tls: { ...PAIR, key: 'encrypted.pem', passphrase: { $env: 'PORTCULLIS_TEST_PHRASE' } } },
      proxy: { url: 'ws://127.0.0.1:0/mqtt', proxyProtocol: { trusted: ['10.1.2.3', '10.0.0.0/8', '::1', 'fd00::/8'] } },
      unix: { url: 'unix:ok.sock', mode: '0660', proxyProtocol: {} },
    };
    const broker = await BrokerProcess.start({ folder, files: filesWith(listeners), env: { PORTCULLIS_TEST_PHRASE: 'open sesame' } });
    assert.doesNotMatch(broker.output, /open sesame/);
    assert.equal(await broker.stop(), 0);
  });

  it('are told apart by the variables for ports: those are for plain ones', async () => {
    const { output } = await runCommand({
      folder,
      files: filesWith({ tls: withTls(PAIR) }),
      args: ['check'],
      env: { PORTCULLIS_PORT: '1', PORTCULLIS_WS_PORT: '2' },
    });
    assert.match(output, /warning: .*PORTCULLIS_PORT: this environment variable has no effect: there is no mqtt:\/\/ listener/);
    assert.match(output, /warning: .*PORTCULLIS_WS_PORT: this environment variable has no effect: there is no ws:\/\/ listener/);
  });
});
