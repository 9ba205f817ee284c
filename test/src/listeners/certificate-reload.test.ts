import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { BrokerProcess } from '../support/broker-process.js';
import { Authority, encrypted, type Pair } from '../support/certificates.js';
import { connect311 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, filesWith, LOGIN, startWith, tlsLogin, tlsOptions } from './scene.js';

const PLAIN = 'mqtt://127.0.0.1:0';
const IN_FORCE = /info .*certificates read again: they are in force for new connections listener=tls/;
const KEPT = /error .*the certificates read before stay in force; everything else is in force .*listener=tls/;

describe('certificates that change while the broker runs', () => {
  let authority: Authority;
  let broker: BrokerProcess;
  let old: WireClient;
  let oldSession: Buffer;
  let client: Pair;
  let inForce: string;

  const tls = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', clientCertificate: 'optional' };
  const path = (name: string): string => join(broker.folder, name);

  /** Puts a file in place as certificate tools do: whole, by renaming. */
  function replace(name: string, text: string): void {
    writeFileSync(path(`${name}.new`), text);
    renameSync(path(`${name}.new`), path(name));
  }

  /** Fingerprint of the certificate that a new connection is shown. */
  async function shown(): Promise<string | undefined> {
    const socket = connectTls(tlsOptions(broker.port('tls'), { rejectUnauthorized: false }));
    const wire = await WireClient.over(socket, 'secureConnect');
    const fingerprint = (socket.getPeerX509Certificate() as X509Certificate | undefined)?.fingerprint256;
    wire.close();
    return fingerprint;
  }

  const fingerprint = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256;

  before(async () => {
    authority = await Authority.create();
    const first = await authority.issue();
    client = await authority.issue({ subject: [['CN', 'alice']], usage: 'client' });
    inForce = fingerprint(first);
    broker = await startWith({ tls: { url: 'mqtts://127.0.0.1:0', tls } }, { 'cert.pem': first.cert, 'key.pem': first.key, 'ca.pem': authority.pem });
    const socket = connectTls(tlsOptions(broker.port('tls'), { ca: authority.pem, ...client }));
    const session = new Promise<Buffer>((resolve) => socket.once('session', resolve));
    old = await WireClient.over(socket, 'secureConnect');
    old.send(connect311({ ...LOGIN, clientId: 'old' }));
    await old.expect(ACCEPTED);
    oldSession = await session;
  });

  after(async () => {
    await old.silence();
    old.close();
    assert.equal(await broker.stop(), 0);
  });

  it('are put in force by themselves, without ending a connection', async () => {
    const next = await authority.issue();
    const since = broker.output.length;
    replace('cert.pem', next.cert);
    replace('key.pem', next.key);
    await broker.waitForOutput(IN_FORCE, since);
    inForce = fingerprint(next);
    assert.equal(await shown(), inForce);
    await old.silence();
  });

  it('stay as they were when the new pair does not belong together, and the log says so once', async () => {
    const next = await authority.issue();
    const since = broker.output.length;
    const before = readFileSync(path('cert.pem'), 'utf8');
    replace('cert.pem', next.cert);
    const [line] = await broker.waitForOutput(/.*the certificates read before stay in force.*\n/, since);
    assert.match(line, /key\.pem is not the key of the certificate in .*cert\.pem/);
    assert.equal(await shown(), inForce);
    // SIGHUP is a question, and gets an answer: the same complaint, and then nothing until something changes.
    broker.signal('SIGHUP');
    await broker.waitForOutput(/told to read their files again/, since);
    assert.equal(
      broker.output
        .slice(since)
        .split('\n')
        .filter((text) => KEPT.test(text)).length,
      2,
    );
    replace('cert.pem', before);
    await old.silence();
  });

  for (const [what, name, text] of [
    ['half written', 'cert.pem', (pair: Pair) => pair.cert.slice(0, 300)],
    ['empty', 'key.pem', () => ''],
    ['no key', 'key.pem', (pair: Pair) => pair.cert],
    ['damaged', 'cert.pem', (pair: Pair) => pair.cert.replace(/[A-Za-z]{20}/, 'AAAAAAAAAAAAAAAAAAAA')],
    ['encrypted', 'key.pem', (pair: Pair) => encrypted(pair.key, 'secret')],
    ['an authority that is none', 'ca.pem', () => 'nothing'],
  ] as const) {
    it(`stay as they were when a file is no good: ${what}`, async () => {
      const since = broker.output.length;
      const before = readFileSync(path(name), 'utf8');
      replace(name, text(await authority.issue()));
      broker.signal('SIGHUP');
      const [line] = await broker.waitForOutput(/.*the (?:certificates|authorities) read before stay in force.*\n/, since);
      assert.ok(line.includes(name), line);
      await broker.waitForOutput(/told to read their files again/, since);
      assert.equal(await shown(), inForce);
      await old.silence();
      replace(name, before);
    });
  }

  it('are put in force at SIGHUP, before it is reported as done', async () => {
    const next = await authority.issue({ kind: 'rsa' });
    const since = broker.output.length;
    replace('cert.pem', next.cert);
    replace('key.pem', next.key);
    broker.signal('SIGHUP');
    await broker.waitForOutput(/told to read their files again/, since);
    inForce = fingerprint(next);
    assert.equal(await shown(), inForce);
    assert.match(broker.output.slice(since), IN_FORCE);
  });

  it('are taken over although expired, with a warning', async () => {
    const next = await authority.issue({ days: -3 });
    const since = broker.output.length;
    replace('cert.pem', next.cert);
    replace('key.pem', next.key);
    broker.signal('SIGHUP');
    await broker.waitForOutput(/warn .*cert\.pem: certificate 1 expired on \d{4}-\d\d-\d\d/, since);
    assert.equal(await shown(), fingerprint(next));
    const again = await authority.issue();
    replace('cert.pem', again.cert);
    replace('key.pem', again.key);
    broker.signal('SIGHUP');
    await broker.waitForOutput(IN_FORCE, broker.output.length);
    inForce = fingerprint(again);
  });

  it('no longer admit whom only the authority of before knew, not even by a resumed session', async () => {
    const other = await Authority.create('Another');
    const since = broker.output.length;
    replace('ca.pem', other.pem);
    broker.signal('SIGHUP');
    await broker.waitForOutput(IN_FORCE, since);
    const trusted = await other.issue({ usage: 'client' });
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem, ...trusted })).answer, '20020000');
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem, ...client })).answer, '');
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem, ...client, session: oldSession })).answer, '');
    // Whoever is connected stays: what ends that is the plugins' to say.
    await old.silence();
  });

  it('follow a changed configuration, and refuse a bad one as a whole', async () => {
    const configure = async (options: object, says: RegExp): Promise<void> => {
      const since = broker.output.length;
      const files = filesWith({ tls: { url: 'mqtts://127.0.0.1:0', tls: { cert: 'cert.pem', key: 'key.pem', ...options } } });
      writeFileSync(path('plugins.json'), JSON.stringify(files['plugins.json'], null, 2));
      broker.signal('SIGHUP');
      await broker.waitForOutput(says, since);
    };
    const reloaded = /info .*reloaded the configuration/;
    await configure({ minVersion: 'TLSv1.3' }, reloaded);
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem, maxVersion: 'TLSv1.2' })).answer, '');
    await configure({ ca: 'ca.pem', clientCertificate: 'required' }, reloaded);
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem })).answer, '');
    await configure({ cert: 'nothing.pem' }, /plugins\.json:\d+:\d+ .*there is no file .*nothing\.pem[\s\S]*reload refused/);
    assert.equal((await attempt(broker.port('tls'), { ca: authority.pem })).answer, '');
    await configure({}, reloaded);
    (await tlsLogin(broker.port('tls'), { ca: authority.pem })).close();
    await old.silence();
  });
});

describe('a passphrase', () => {
  it('is read again with the key that it belongs to', async () => {
    const authority = await Authority.create();
    const [first, second] = await Promise.all([authority.issue(), authority.issue()]);
    const tls = { cert: 'cert.pem', key: 'key.pem', passphrase: { $file: 'phrase' } };
    const broker = await startWith(
      { tls: { url: 'mqtts://127.0.0.1:0', tls }, local: { url: PLAIN } },
      { 'cert.pem': first.cert, 'key.pem': encrypted(first.key, 'one'), phrase: 'one\n' },
    );
    (await tlsLogin(broker.port('tls'), { ca: authority.pem })).close();
    const since = broker.output.length;
    writeFileSync(join(broker.folder, 'cert.pem'), second.cert);
    writeFileSync(join(broker.folder, 'key.pem'), encrypted(second.key, 'two'));
    broker.signal('SIGHUP');
    await broker.waitForOutput(/key\.pem cannot be decrypted with the passphrase.*stay in force/, since);
    writeFileSync(join(broker.folder, 'phrase'), 'two\n');
    await broker.waitForOutput(IN_FORCE, since);
    const socket = connectTls(tlsOptions(broker.port('tls'), { ca: authority.pem }));
    await WireClient.over(socket, 'secureConnect');
    assert.equal((socket.getPeerX509Certificate() as X509Certificate | undefined)?.fingerprint256, new X509Certificate(second.cert).fingerprint256);
    socket.destroy();
    assert.doesNotMatch(broker.output, /\bone\b|\btwo\b/);
    assert.equal(await broker.stop(), 0);
  });
});

describe('an address that is bound', () => {
  it('does not change in silence what its connections begin with', async () => {
    const pair = await (await Authority.create()).issue();
    const first = await startWith({ local: { url: PLAIN } });
    const port = first.port('local');
    assert.equal(await first.stop(), 0);
    // A number that was free a moment ago: only listeners with a number of their own keep it over a reload.
    const broker = await startWith(
      { local: { url: `mqtt://127.0.0.1:${port}` } },
      { 'cert.pem': pair.cert, 'key.pem': pair.key },
      { env: { PORTCULLIS_PORT: String(port) } },
    );
    const client = await WireClient.connect(port);
    client.send(connect311(LOGIN));
    await client.expect(ACCEPTED);
    for (const [listener, says] of [
      [
        { url: `mqtts://127.0.0.1:${port}`, tls: { cert: 'cert.pem', key: 'key.pem' } },
        /bound by \\"local\\", and that it is mqtt cannot change without a restart/,
      ],
      [
        { url: `mqtt://127.0.0.1:${port}`, proxyProtocol: { trusted: ['127.0.0.1'] } },
        /bound by \\"local\\", and whether its connections begin with a PROXY header cannot change without a restart/,
      ],
    ] as const) {
      const since = broker.output.length;
      writeFileSync(join(broker.folder, 'plugins.json'), JSON.stringify(filesWith({ local: listener })['plugins.json'], null, 2));
      broker.signal('SIGHUP');
      await broker.waitForOutput(says, since);
      await client.silence();
    }
    client.close();
    assert.equal(await broker.stop(), 0);
  });
});
