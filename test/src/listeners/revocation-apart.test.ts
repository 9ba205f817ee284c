import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type BrokerProcess, runCommand } from '../support/broker-process.js';
import { Authority, type Pair } from '../support/certificates.js';
import { connect5 } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { attempt, LOGIN, startWith, tlsLogin, tlsOptions } from './scene.js';

/** What a revoked client of 5.0 hears: DISCONNECT, not authorized; and one of whom nobody can say: server busy. */
const NOT_AUTHORIZED = 'e0 01 87';
const SERVER_BUSY = 'e0 01 89';
const ACCEPTED = '20020000';
/** A block of PEM that is none of TLS. */
const ATTRIBUTE_CERTIFICATE = '-----BEGIN ATTRIBUTE CERTIFICATE-----\nMIIB\n-----END ATTRIBUTE CERTIFICATE-----\n';
const SETTLE_MS = 15_000;

describe('a revocation list that is good', () => {
  let root: Authority;
  let other: Authority;
  let own: Pair;
  let beta: Pair;
  let broker: BrokerProcess;

  const path = (name: string): string => join(broker.folder, name);

  function replace(name: string, content: string): void {
    writeFileSync(path(`${name}.new`), content);
    renameSync(path(`${name}.new`), path(name));
  }

  const client = (of: Authority, name: string): Promise<Pair> => of.issue({ subject: [['CN', name]], usage: 'client', names: [] });
  const by = (pair: Pair): ConnectionOptions => ({ ca: root.pem, ...pair });
  const named = (pair: Pair): ConnectionOptions => ({ ...pair, servername: 'beta.example', rejectUnauthorized: false });
  const answer = async (options: ConnectionOptions, listener = 'tls'): Promise<string> => (await attempt(broker.port(listener), options)).answer;
  const login4 = (options: ConnectionOptions, clientId: string): Promise<WireClient> => tlsLogin(broker.port('tls'), options, { ...LOGIN, clientId });

  async function login5(options: ConnectionOptions, clientId: string): Promise<WireClient> {
    const wire = await WireClient.over(connectTls(tlsOptions(broker.port('tls'), options)), 'secureConnect');
    wire.send(connect5({ ...LOGIN, clientId }));
    assert.match(await wire.readPacket(), /^20 .. 00 00/);
    return wire;
  }

  const reload = (): ReturnType<typeof runCommand> => runCommand({ folder: broker.folder, args: ['reload'] });

  /** All files as they were at first. */
  async function mend(): Promise<void> {
    const sound = {
      'cert.pem': own.cert,
      'key.pem': own.key,
      'picky.pem': own.cert,
      'picky.key': own.key,
      'ca.pem': root.pem + other.pem,
      'beta.crt': beta.cert,
      'beta.key': beta.key,
      'root.crl': await root.list(),
      'other.crl': await other.list(),
    };
    for (const [name, content] of Object.entries(sound)) replace(name, content);
    const { code, output } = await reload();
    assert.equal(code, 0, output);
  }

  async function answersInTime(options: ConnectionOptions, wanted: string): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    while ((await answer(options)) !== wanted) assert.ok(performance.now() < until, `never answered ${wanted || 'by closing'}`);
  }

  before(async () => {
    [root, other] = await Promise.all([Authority.create('Root'), Authority.create('Other')]);
    [own, beta] = await Promise.all([root.issue(), root.issue({ subject: [['CN', 'beta']] })]);
    const names = { 'beta.example': { cert: 'beta.crt', key: 'beta.key', ca: 'beta-ca.pem', crl: 'beta-root.crl' } };
    const tls = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', crl: ['root.crl', 'other.crl'], clientCertificate: 'required', names };
    const files = {
      'cert.pem': own.cert,
      'key.pem': own.key,
      'picky.pem': own.cert,
      'picky.key': own.key,
      'beta.crt': beta.cert,
      'beta.key': beta.key,
      'ca.pem': root.pem + other.pem,
      'beta-ca.pem': root.pem,
      'root.crl': await root.list(),
      'beta-root.crl': await root.list(),
      'other.crl': await other.list(),
    };
    const picky = { ...tls, cert: 'picky.pem', key: 'picky.key', ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256'], maxVersion: 'TLSv1.2', names: {} };
    const url = 'mqtts://127.0.0.1:0';
    broker = await startWith({ tls: { url, tls }, picky: { url, tls: picky } }, files, { more: { control: { socket: 'control.sock' } } });
  });

  after(async () => assert.equal(await broker.stop(), 0));

  for (const [what, name, content] of [
    ['the certificate of another server name is half written', 'beta.crt', () => beta.cert.slice(0, 300)],
    ['the certificate of the listener was renewed before its key', 'cert.pem', () => beta.cert],
    ['the key of the listener is gone', 'key.pem', null],
    ['the list of another authority is damaged', 'other.crl', () => 'nothing'],
    ['the list of another authority is gone', 'other.crl', null],
    ['the list of a server name is damaged', 'beta-root.crl', () => 'nothing'],
    ['the authorities are damaged', 'ca.pem', () => 'nothing'],
    ['the authorities no longer have that of another list', 'ca.pem', () => root.pem],
  ] as const) {
    it(`holds for live sessions and handshakes although ${what}; reload says what is bad, and what holds`, async () => {
      const [victim, stranger] = [await client(root, 'victim'), await client(root, 'stranger')];
      const wires = [await login4(by(victim), 'v4'), await login5(by(victim), 'v5')] as const;
      const stays = await login5(by(stranger), 's5');
      const since = broker.output.length;
      if (content === null) rmSync(path(name));
      else replace(name, content());
      await broker.waitForOutput(/error .*everything else is in force as it is in its files listener=tls/, since);
      replace('root.crl', await root.list({ revoked: [victim.cert] }));
      await wires[0].expectClosed();
      await wires[1].expect(NOT_AUTHORIZED);
      await wires[1].expectClosed();
      assert.equal(await answer(by(victim)), '');
      assert.equal(await answer(by(stranger)), ACCEPTED);
      await stays.silence();
      stays.close();
      const { code, output } = await reload();
      assert.equal(code, 1, output);
      assert.match(output, new RegExp(name === 'ca.pem' && content?.() === root.pem ? 'other\\.crl' : name.replace('.', '\\.')));
      assert.match(output, /all else is in force/);
      if (name.startsWith('beta-')) replace(name, await root.list());
      await mend();
    });
  }

  for (const [what, listener, kind, cert, key] of [
    ['OpenSSL does not serve', 'tls', 'weak', 'cert.pem', 'key.pem'],
    ['no cipher suite of the listener goes with', 'picky', 'rsa', 'picky.pem', 'picky.key'],
  ] as const) {
    it(`holds although the certificate was renewed by one that ${what}; the one before stays`, async () => {
      const [victim, stranger] = [await client(root, 'victim'), await client(root, 'stranger')];
      const wire = await tlsLogin(broker.port(listener), by(victim), { ...LOGIN, clientId: 'v' });
      const next = await root.issue({ kind });
      replace(cert, next.cert);
      replace(key, next.key);
      replace('root.crl', await root.list({ revoked: [victim.cert] }));
      assert.equal((await reload()).code, 1);
      await wire.expectClosed();
      assert.equal(await answer(by(victim), listener), '');
      assert.equal(await answer(by(stranger), listener), ACCEPTED);
      await mend();
      assert.equal(await answer(by(victim), listener), ACCEPTED);
    });
  }

  for (const [what, ca] of [
    ['an attribute certificate stands behind the authorities', () => root.pem + other.pem + ATTRIBUTE_CERTIFICATE],
    ['another authority of the same name has a key of a kind that nobody knows', () => ofUnknownKey(root.pem) + root.pem + other.pem],
  ] as const) {
    it(`holds for live sessions and handshakes although ${what}`, async () => {
      const [victim, second] = [await client(root, 'victim'), await client(root, 'second')];
      const wires = [await login4(by(victim), 'v4'), await login5(by(victim), 'v5'), await login5(by(second), 's5')] as const;
      replace('ca.pem', ca());
      const { code, output } = await reload();
      assert.equal(code, 0, output);
      replace('root.crl', await root.list({ revoked: [victim.cert] }));
      await wires[0].expectClosed();
      await wires[1].expect(NOT_AUTHORIZED);
      await wires[1].expectClosed();
      assert.equal(await answer(by(victim)), '');
      // The next list, too.
      replace('root.crl', await root.list({ revoked: [victim.cert, second.cert] }));
      await wires[2].expect(NOT_AUTHORIZED);
      await wires[2].expectClosed();
      assert.equal(await answer(by(second)), '');
      await mend();
    });
  }

  it('holds although another list in the same file is damaged, beside what was read of that file before', async () => {
    const [old, next, third] = [await client(root, 'old'), await client(other, 'next'), await client(other, 'third')];
    replace('root.crl', (await root.list({ revoked: [old.cert] })) + (await other.list()));
    assert.equal((await reload()).code, 0);
    const wire = await login5(by(next), 'next');
    replace('root.crl', `${await other.list({ revoked: [next.cert] })}-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n`);
    await wire.expect(NOT_AUTHORIZED);
    await wire.expectClosed();
    for (const pair of [old, next]) assert.equal(await answer(by(pair)), '');
    assert.equal(await answer(by(third)), ACCEPTED);
    await mend();
  });

  it('holds although another list never comes to rest', async () => {
    const victim = await client(root, 'victim');
    const wire = await login4(by(victim), 'v');
    // Other files have changed before: their reading must not be what helps.
    await pause(3000);
    let isOver = false;
    const restless = (async () => {
      for (let blanks = 1; !isOver; blanks += 1) {
        writeFileSync(path('other.crl'), ' '.repeat(blanks));
        await pause(20);
      }
    })();
    replace('root.crl', await root.list({ revoked: [victim.cert] }));
    await wire.expectClosed();
    assert.equal(await answer(by(victim)), '');
    isOver = true;
    await restless;
    await mend();
  });

  it('ends those of an authority that is no longer in "ca", though its list is still there', async () => {
    const [gone, stays] = [await client(other, 'gone'), await client(root, 'stays')];
    const wires = [await login5(by(gone), 'g'), await login5(by(stays), 's')] as const;
    replace('ca.pem', root.pem);
    await wires[0].expect(SERVER_BUSY);
    await wires[0].expectClosed();
    assert.equal(await answer(by(gone)), '');
    assert.equal(await answer(by(stays)), ACCEPTED);
    await wires[1].silence();
    wires[1].close();
    await mend();
    assert.equal(await answer(by(gone)), ACCEPTED);
  });

  it('may be away for a moment: whoever replaces a file need not rename the next over it', async () => {
    const pair = await client(root, 'a');
    const since = broker.output.length;
    for (let round = 0; round < 3; round += 1) {
      const next = await root.list();
      rmSync(path('root.crl'));
      // Within the time that it may be away, on a machine that has a lot to do, too.
      await pause(300);
      assert.equal(await answer(by(pair)), ACCEPTED);
      writeFileSync(path('root.crl'), next);
      assert.equal(await answer(by(pair)), ACCEPTED);
      await pause(300);
    }
    assert.doesNotMatch(broker.output.slice(since), /error .*root\.crl/);
    await mend();
  });

  for (const how of ['by itself', 'by portcullis reload'] as const) {
    it(`lets nobody in any more when its file is gone (found ${how}); live sessions stay, and whom it revoked stays out`, async () => {
      const [revoked, pair, late, else_] = await Promise.all(
        [root, root, root, other].map((of, index) => client(of, `client ${index}`)) as [Promise<Pair>, Promise<Pair>, Promise<Pair>, Promise<Pair>],
      );
      replace('root.crl', await root.list({ revoked: [revoked.cert] }));
      assert.equal((await reload()).code, 0);
      const wires = [await login4(by(pair), 'l4'), await login5(by(pair), 'l5'), await login5(by(late), 'late')] as const;
      const since = broker.output.length;
      rmSync(path('root.crl'));
      if (how === 'by itself')
        await broker.waitForOutput(/error .*there is no file .*root\.crl .*until it is there and good, nobody new is accepted.*listener=tls/, since);
      else {
        const { code, output } = await reload();
        assert.equal(code, 1, output);
        assert.match(output, /there is no file .*root\.crl/);
        assert.match(output, /a revocation list that is gone lets nobody in/);
      }
      for (const one of [revoked, pair]) assert.equal(await answer(by(one)), '');
      assert.equal(await answer(by(else_)), ACCEPTED);
      assert.equal(await answer(named(pair)), ACCEPTED);
      assert.match((await runCommand({ folder: broker.folder, args: ['status'] })).output, /tls +CN=Root +1 +FILE GONE /);
      for (const wire of wires) await wire.silence();
      // Damaged is not back.
      replace('root.crl', 'nothing');
      assert.equal((await reload()).code, 1);
      assert.equal(await answer(by(pair)), '');
      replace('root.crl', await root.list({ revoked: [late.cert] }));
      await wires[2].expect(NOT_AUTHORIZED);
      await wires[2].expectClosed();
      await answersInTime(by(pair), ACCEPTED);
      assert.equal(await answer(by(late)), '');
      for (const wire of wires.slice(0, 2)) {
        await wire.silence();
        wire.close();
      }
      await mend();
    });
  }
});

/** A certificate with a key of an algorithm that does not exist: OpenSSL reads it, and cannot read its key. */
function ofUnknownKey(pem: string): string {
  const der = new X509Certificate(pem).raw;
  const ecPublicKey = Buffer.from('06072a8648ce3d0201', 'hex');
  der[der.indexOf(ecPublicKey) + ecPublicKey.length - 1] = 0x7f;
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}
