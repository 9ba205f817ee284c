import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type BrokerProcess, runCommand } from '../support/broker-process.js';
import { Authority, type Pair } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, filesWith, LOGIN, startWith, tlsLogin, tlsOptions } from './scene.js';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const SETTLE_MS = 10_000;
const url = 'mqtts://127.0.0.1:0';

describe('certificates by the server name that a client asks for', () => {
  const pairs = new Map<string, Pair>();
  let root: Authority;
  let acme: Authority;
  let beta: Authority;
  let acmeClient: Pair;
  let betaClient: Pair;
  let broker: BrokerProcess;

  /** Nobody looks at whom the broker says to be: which certificate it shows is what is tested. */
  const asking = (servername: string, pair: Pair | null = null, more: ConnectionOptions = {}): ConnectionOptions => {
    return { servername, rejectUnauthorized: false, checkServerIdentity: () => undefined, ...(pair ?? {}), ...more };
  };
  const answer = async (listener: string, options: ConnectionOptions): Promise<string> => (await attempt(broker.port(listener), options)).answer;
  const fingerprint = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256;

  /** Of the certificate that is shown to who asks for this name; null when there is no handshake. */
  async function shown(listener: string, options: ConnectionOptions): Promise<string | null> {
    const socket = connectTls(tlsOptions(broker.port(listener), options));
    try {
      const wire = await WireClient.over(socket, 'secureConnect');
      const found = (socket.getPeerX509Certificate() as X509Certificate | undefined)?.fingerprint256 ?? null;
      wire.close();
      return found;
    } catch {
      return null;
    }
  }

  function replace(name: string, text: string): void {
    writeFileSync(join(broker.folder, `${name}.new`), text);
    renameSync(join(broker.folder, `${name}.new`), join(broker.folder, name));
  }

  before(async () => {
    [root, acme, beta] = await Promise.all([Authority.create('Root'), Authority.create('Acme'), Authority.create('Beta')]);
    const files: Record<string, string> = { 'root.pem': root.pem, 'acme.pem': acme.pem, 'beta.pem': beta.pem, 'acme.crl': await acme.list() };
    for (const name of ['default', 'acme', 'beta', 'wild']) {
      const pair = await root.issue({ subject: [['CN', name]] });
      pairs.set(name, pair);
      files[`${name}.crt`] = pair.cert;
      files[`${name}.key`] = pair.key;
    }
    [acmeClient, betaClient] = (await Promise.all(
      [acme, beta].map((by) => by.issue({ subject: [['CN', 'device']], usage: 'client', names: [] })),
    )) as [Pair, Pair];
    const names = {
      'acme.example': { cert: 'acme.crt', key: 'acme.key', ca: 'acme.pem', crl: 'acme.crl' },
      'beta.example': { cert: 'beta.crt', key: 'beta.key', ca: 'beta.pem' },
      '*.wild.example': { cert: 'wild.crt', key: 'wild.key' },
    };
    const tls = { cert: 'default.crt', key: 'default.key', ca: 'root.pem', names };
    broker = await startWith(
      {
        tls: { url, tls: { ...tls, clientCertificate: 'optional' } },
        strict: { url, tls: { ...tls, clientCertificate: 'required', unknownName: 'refuse' } },
        plainTenants: {
          url,
          tls: { cert: 'default.crt', key: 'default.key', ca: 'acme.pem', clientCertificate: 'required' },
          tenant: { sni: { 'acme.example': 'acme' } },
        },
        tenants: { url, tls: { ...tls, clientCertificate: 'required' }, tenant: { sni: { 'acme.example': 'acme', 'beta.example': 'beta' } } },
      },
      files,
      { more: { tenants: { acme: {}, beta: {} } } },
    );
  });

  after(async () => assert.equal(await broker.stop(), 0));

  it('are shown by name, in any case, and the one of the listener to everybody else', async () => {
    for (const [asked, name] of [
      ['acme.example', 'acme'],
      ['ACME.Example', 'acme'],
      ['beta.example', 'beta'],
      ['a.wild.example', 'wild'],
      ['wild.example', 'default'],
      ['a.b.wild.example', 'default'],
      ['other.example', 'default'],
      ['xacme.example', 'default'],
      ['', 'default'],
    ] as const) {
      assert.equal(await shown('tls', asking(asked)), fingerprint(pairs.get(name) as Pair), asked);
    }
  });

  for (const version of VERSIONS) {
    const only = { minVersion: version, maxVersion: version } as const;

    it(`have clients judged by the authority of the name that they asked for, over ${version}`, async () => {
      for (const listener of ['tls', 'strict', 'tenants']) {
        assert.equal(await answer(listener, asking('acme.example', acmeClient, only)), '20020000', listener);
        assert.equal(await answer(listener, asking('beta.example', betaClient, only)), '20020000', listener);
        assert.equal(await answer(listener, asking('beta.example', acmeClient, only)), '', listener);
        assert.equal(await answer(listener, asking('acme.example', betaClient, only)), '', listener);
        for (const name of ['other.example', 'a.wild.example', ''])
          assert.equal(await answer(listener, asking(name, acmeClient, only)), '', listener);
      }
    });

    it(`do not resume a session, under another name or the same, over ${version}`, async () => {
      await resumesNothing('plainTenants', acmeClient, only);
      const session = await resumesNothing('tenants', acmeClient, only);
      if (session !== null) assert.equal(await answer('tenants', asking('beta.example', acmeClient, { ...only, session })), '');
    });
  }

  /** Logs in twice, the second time with the session of the first if there was one, which it gives. */
  async function resumesNothing(listener: string, pair: Pair, only: ConnectionOptions): Promise<Buffer | null> {
    const socket = connectTls(tlsOptions(broker.port(listener), asking('acme.example', pair, only)));
    let session: Buffer | null = null;
    socket.on('session', (given: Buffer) => {
      session = given;
    });
    const wire = await WireClient.over(socket, 'secureConnect');
    wire.send(connect311(LOGIN));
    await wire.expect(ACCEPTED);
    session ??= (socket.getSession() as Buffer | undefined) ?? null;
    wire.close();
    const again = session === null ? {} : { session };
    const second = connectTls(tlsOptions(broker.port(listener), asking('acme.example', pair, { ...only, ...again })));
    const resumed = await WireClient.over(second, 'secureConnect');
    assert.equal(second.isSessionReused(), false);
    resumed.send(connect311(LOGIN));
    await resumed.expect(ACCEPTED);
    resumed.close();
    return session;
  }

  it('refuse who asks for no name of theirs, whatever it is, and nothing is left of it', async () => {
    const descriptors = (): number => readdirSync(`/proc/${broker.pid}/fd`).length;
    const good = await tlsLogin(broker.port('strict'), asking('acme.example', acmeClient), { ...LOGIN, clientId: 'good' });
    const before = descriptors();
    const names = [
      '',
      'other.example',
      '__proto__',
      'constructor',
      'toString',
      '*.wild.example',
      'a.b.wild.example',
      '.',
      '..',
      'acme.example.',
      'x'.repeat(254),
      '\u{1f512}',
      'a b',
      '%00',
    ];
    for (let round = 0; round < 5; round += 1) {
      for (const name of names) assert.equal(await answer('strict', asking(name, acmeClient)), '', name);
    }
    for (const name of names) assert.equal(await shown('tls', asking(name)), fingerprint(pairs.get('default') as Pair), name);
    const until = performance.now() + SETTLE_MS;
    while (descriptors() > before && performance.now() < until) await good.silence();
    assert.ok(descriptors() <= before, `${before} descriptors have become ${descriptors()}`);
    await good.silence();
    good.close();
  });

  it('have their own revocation lists, and their own live connections', async () => {
    const revoked = await acme.issue({ subject: [['CN', 'gone']], usage: 'client', names: [] });
    const wire = await tlsLogin(broker.port('tls'), asking('acme.example', revoked), { ...LOGIN, clientId: 'gone' });
    const stays = [
      await tlsLogin(broker.port('tls'), asking('acme.example', acmeClient), { ...LOGIN, clientId: 'a' }),
      await tlsLogin(broker.port('tls'), asking('beta.example', betaClient), { ...LOGIN, clientId: 'b' }),
      await tlsLogin(broker.port('tls'), asking(''), { ...LOGIN, clientId: 'n' }),
    ];
    replace('acme.crl', await acme.list({ revoked: [revoked.cert] }));
    await wire.expectClosed();
    assert.equal(await answer('tls', asking('acme.example', revoked)), '');
    for (const other of stays) {
      await other.silence();
      other.close();
    }
  });

  it('are read again when they change, each for itself', async () => {
    const next = await root.issue({ subject: [['CN', 'acme']] });
    const since = broker.output.length;
    replace('acme.crt', next.cert);
    replace('acme.key', next.key);
    await broker.waitForOutput(/info .*certificates read again: they are in force for new connections listener=tls/, since);
    assert.equal(await shown('tls', asking('acme.example')), fingerprint(next));
    assert.equal(await shown('tls', asking('beta.example')), fingerprint(pairs.get('beta') as Pair));
  });
});

describe('names in the check of a configuration', () => {
  it('are judged like the certificate of the listener, each mistake at its place', async () => {
    const [authority, other] = await Promise.all([Authority.create('One'), Authority.create('Other')]);
    const [own, second] = await Promise.all([authority.issue(), authority.issue()]);
    const given = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', crl: 'ca.crl' };
    const files = {
      'cert.pem': own.cert,
      'key.pem': own.key,
      'second.crt': second.cert,
      'ca.pem': authority.pem,
      'other.pem': other.pem,
      'both.pem': authority.pem + other.pem,
      'ca.crl': await authority.list(),
      'old.crl': await authority.list({ from: -7200, until: -3600 }),
    };
    const pair = { cert: 'cert.pem', key: 'key.pem' };
    const check = (listeners: Readonly<Record<string, object>>): Promise<{ readonly code: number | NodeJS.Signals; readonly output: string }> => {
      const all = Object.entries(listeners).map(([name, tls]) => [name, { url, tls: { clientCertificate: 'required', ...given, ...tls } }]);
      return runCommand({ files: filesWith(Object.fromEntries(all), files), args: ['check', '-c', 'plugins.json'] });
    };
    const faults: Readonly<Record<string, readonly [tls: object, says: RegExp]>> = {
      upperCase: [{ names: { 'A.example': pair } }, /names.*A\.example/],
      inside: [{ names: { 'a.*': pair } }, /names.*a\.\*/],
      half: [{ names: { 'a.example': { cert: 'cert.pem' } } }, /names.*key/],
    };
    const mistakes: Readonly<Record<string, readonly [tls: object, says: RegExp]>> = {
      foreignKey: [{ names: { 'a.example': { ...pair, cert: 'second.crt' } } }, /names\["a\.example"\]\.key: .*key\.pem is not the key/],
      nobody: [{ unknownName: 'refuse' }, /unknownName: .*would refuse everybody/],
      missing: [{ crl: 'gone.crl' }, /crl: there is no file .*gone\.crl/],
      none: [{ crl: 'ca.pem' }, /crl: .*holds no revocation list/],
      foreign: [{ ca: 'other.pem' }, /crl: .*was issued by "CN=One", who is not in "ca"/],
      bare: [{ names: { 'a.example': { ...pair, ca: 'other.pem' } } }, /names\["a\.example"\]: .*for "a\.example" there is no revocation list/],
      bareTwin: [{ names: { 'a.example': { ...pair, ca: 'ca.pem' } } }, /names\["a\.example"\]: .*for "a\.example" there is no revocation list/],
      useless: [{ clientCertificate: 'none', names: { 'a.example': { ...pair, ca: 'other.pem' } } }, /names\["a\.example"\]\.ca: .*has no use/],
    };
    for (const cases of [faults, mistakes]) {
      const { code, output } = await check(Object.fromEntries(Object.entries(cases).map(([name, [tls]]) => [name, tls])));
      assert.equal(code, 1, output);
      for (const [name, [, says]] of Object.entries(cases)) {
        const own = output.split('\n').filter((line) => line.includes(`listeners.${name}.tls`));
        assert.ok(
          own.some((line) => says.test(line)),
          `${name}:\n${output}`,
        );
      }
    }
    const odd = await check({ old: { crl: 'old.crl' }, gap: { ca: 'both.pem' } });
    assert.equal(odd.code, 0, odd.output);
    assert.match(odd.output, /warning: .*old\.tls\.crl: .*old\.crl expired on/);
    assert.match(odd.output, /warning: .*gap\.tls\.crl: there is no list of "CN=Other"/);
  });
});
