import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type BrokerProcess, runCommand } from '../support/broker-process.js';
import { Authority, type Pair, serialOf } from '../support/certificates.js';
import { connect5, connect311, subscribe } from '../support/packets.js';
import { WireClient } from '../support/wire-client.js';
import { ACCEPTED, attempt, LOGIN, startWith, tlsLogin, tlsOptions } from './scene.js';

const TLS = { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', crl: ['root.crl', 'lower.crl'] };
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
/** What a revoked client of 5.0 hears: DISCONNECT, not authorized. */
const NOT_AUTHORIZED = 'e0 01 87';
const LIMIT_MS = 1000;
const IN_FORCE = /info .*certificates read again: they are in force for new connections listener=tls/;
const KEPT = /error .*what was read of it before stays in force until it expires; everything else is in force .*listener=tls/;

describe('certificates that are revoked while the broker runs', () => {
  let root: Authority;
  let lower: Authority;
  let broker: BrokerProcess;

  const path = (name: string): string => join(broker.folder, name);

  function replace(name: string, content: string | Buffer): void {
    writeFileSync(path(`${name}.new`), content);
    renameSync(path(`${name}.new`), path(name));
  }

  const client = (by: Authority, name: string): Promise<Pair> => by.issue({ subject: [['CN', name]], usage: 'client', names: [] });
  /** Options of a client of this certificate. */
  const by = (pair: Pair, more: ConnectionOptions = {}): ConnectionOptions => ({ ca: root.pem, ...pair, ...more });
  const answer = async (options: ConnectionOptions, listener = 'tls'): Promise<string> => (await attempt(broker.port(listener), options)).answer;

  async function reload(): Promise<void> {
    const since = broker.output.length;
    broker.signal('SIGHUP');
    await broker.waitForOutput(/told to read their files again/, since);
  }

  async function reloadByCommand(code: number): Promise<void> {
    const result = await runCommand({ folder: broker.folder, args: ['reload'] });
    assert.equal(result.code, code, result.output);
  }

  /** Puts sound lists in force. */
  async function lists(revokedByRoot: readonly string[] = [], revokedByLower: readonly string[] = []): Promise<void> {
    replace('root.crl', await root.list({ revoked: revokedByRoot }));
    replace('lower.crl', await lower.list({ revoked: revokedByLower }));
    await reload();
  }

  async function login5(options: ConnectionOptions, clientId: string): Promise<WireClient> {
    const wire = await WireClient.over(connectTls(tlsOptions(broker.port('tls'), options)), 'secureConnect');
    wire.send(connect5({ ...LOGIN, clientId }));
    assert.match(await wire.readPacket(), /^20 .. 00 00/);
    return wire;
  }

  async function webLogin(pair: Pair, clientId: string): Promise<WireClient> {
    const options = tlsOptions(broker.port('web'), by(pair));
    const wire = await WireClient.connectWebSocket(broker.url('web').replace('127.0.0.1', 'localhost'), {
      createConnection: () => connectTls(options),
    });
    wire.send(connect5({ ...LOGIN, clientId }));
    assert.match(await wire.readPacket(), /^20 .. 00 00/);
    return wire;
  }

  before(async () => {
    root = await Authority.create('Root');
    lower = await root.intermediate('Lower');
    const own = await root.issue();
    const files = { 'cert.pem': own.cert, 'key.pem': own.key, 'ca.pem': root.pem + lower.pem };
    const url = 'mqtts://127.0.0.1:0';
    broker = await startWith(
      {
        tls: { url, tls: { ...TLS, clientCertificate: 'required' } },
        optional: { url, tls: { ...TLS, clientCertificate: 'optional' } },
        web: { url: 'wss://127.0.0.1:0/mqtt', tls: { ...TLS, clientCertificate: 'required' } },
      },
      { ...files, 'root.crl': await root.list(), 'lower.crl': await lower.list() },
      { more: { control: { socket: 'control.sock' } } },
    );
  });

  after(async () => assert.equal(await broker.stop(), 0));

  it('let in who is not revoked, of both authorities', async () => {
    for (const pair of [await client(root, 'a'), await client(lower, 'b')]) {
      for (const listener of ['tls', 'optional']) assert.equal(await answer(by(pair), listener), '20020000');
    }
    assert.equal(await answer({ ca: root.pem }, 'optional'), '20020000');
    assert.equal(await answer({ ca: root.pem }), '');
  });

  for (const [what, revoke] of [
    ['the file changes', async () => {}],
    ['portcullis reload is called', () => reloadByCommand(0)],
  ] as const) {
    it(`end their connections within a second after ${what}, and no others`, async () => {
      const [pair, other, lowerPair] = [await client(root, 'victim'), await client(root, 'other'), await client(lower, 'below')];
      const old = await tlsLogin(broker.port('tls'), by(pair), { ...LOGIN, clientId: 'v4' });
      const [five, web] = [await login5(by(pair), 'v5'), await webLogin(pair, 'vw')];
      const stays = [
        await tlsLogin(broker.port('tls'), by(other), { ...LOGIN, clientId: 'o' }),
        await tlsLogin(broker.port('tls'), by(lowerPair), { ...LOGIN, clientId: 'l' }),
        await tlsLogin(broker.port('optional'), { ca: root.pem }, { ...LOGIN, clientId: 'n' }),
      ];
      const since = broker.output.length;
      const list = await root.list({ revoked: [pair.cert] });
      replace('root.crl', list);
      const changedAt = performance.now();
      const gone = Promise.all([ended(old), ended(five, NOT_AUTHORIZED), ended(web, NOT_AUTHORIZED)]).then(() => performance.now() - changedAt);
      const [tookMs] = await Promise.all([gone, revoke()]);
      assert.ok(tookMs <= LIMIT_MS, `it took ${tookMs} ms`);
      const line = new RegExp(
        `warn .*a certificate was revoked: its connections are ended .*serial=${serialOf(pair.cert)} subject="CN=victim" connections=2`,
      );
      await broker.waitForOutput(line, since);
      for (const version of VERSIONS) {
        const { answer: bytes } = await attempt(broker.port('tls'), by(pair, { minVersion: version, maxVersion: version }));
        assert.equal(bytes, '', version);
        assert.equal(await answer(by(pair, { minVersion: version, maxVersion: version }), 'optional'), '', version);
      }
      for (const wire of stays) {
        await wire.silence();
        wire.close();
      }
      await lists();
    });
  }

  for (const version of VERSIONS) {
    it(`cannot be used to resume a session over ${version}`, async () => {
      const [pair, other] = [await client(root, 'resumer'), await client(root, 'other')];
      const begin = async (mine: Pair): Promise<Buffer> => {
        const socket = connectTls(tlsOptions(broker.port('tls'), by(mine, { minVersion: version, maxVersion: version })));
        const session = new Promise<Buffer>((resolve) => socket.once('session', resolve));
        const wire = await WireClient.over(socket, 'secureConnect');
        wire.send(connect311({ ...LOGIN, clientId: 'r' }));
        await wire.expect(ACCEPTED);
        const ticket = await session;
        wire.close();
        return ticket;
      };
      const again = (mine: Pair, session: Buffer): ConnectionOptions => by(mine, { minVersion: version, maxVersion: version, session });
      const [ticket, otherTicket] = [await begin(pair), await begin(other)];
      // A ticket is good as long as nothing was revoked.
      const socket = connectTls(tlsOptions(broker.port('tls'), again(pair, ticket)));
      const resumed = await WireClient.over(socket, 'secureConnect');
      assert.equal(socket.isSessionReused(), true);
      resumed.close();
      await lists([pair.cert]);
      assert.equal(await answer(again(pair, ticket)), '');
      // Whoever is not revoked is verified anew.
      assert.equal(await answer(again(other, otherTicket)), '20020000');
      await lists();
    });
  }

  it('have no will: nothing is published in the name of a client whose key others may have', async () => {
    const [pair, witness] = [await client(root, 'victim'), await client(root, 'witness')];
    const watcher = await login5(by(witness), 'watcher');
    watcher.send(subscribe({ filters: [['t/will', 0]], properties: '' }));
    assert.match(await watcher.readPacket(), /^90 /);
    const victim = await WireClient.over(connectTls(tlsOptions(broker.port('tls'), by(pair))), 'secureConnect');
    victim.send(connect311({ ...LOGIN, clientId: 'will', will: { topic: 't/will', payload: 'gone' } }));
    await victim.expect(ACCEPTED);
    await lists([pair.cert]);
    await ended(victim);
    await watcher.silence();
    // Who loses the connection otherwise has one.
    const other = await WireClient.over(connectTls(tlsOptions(broker.port('tls'), by(witness))), 'secureConnect');
    other.send(connect311({ ...LOGIN, clientId: 'will2', will: { topic: 't/will', payload: 'gone' } }));
    await other.expect(ACCEPTED);
    other.close();
    assert.match(await watcher.readPacket(), /^30 /);
    watcher.close();
    await lists();
  });

  it('take those with them that they have issued', async () => {
    const pair = await client(lower, 'below');
    const wire = await login5(by(pair), 'below');
    await lists([lower.pem]);
    await ended(wire, NOT_AUTHORIZED);
    assert.equal(await answer(by({ ...pair, cert: pair.cert + lower.pem })), '');
    await lists();
    assert.equal(await answer(by(pair)), '20020000');
  });

  it('of a whole authority are refused when its list is missing from the files, and not those of others', async () => {
    const [above, below] = [await client(root, 'above'), await client(lower, 'below')];
    const wire = await login5(by(below), 'unproven');
    const stays = await login5(by(above), 'proven');
    const since = broker.output.length;
    replace('lower.crl', await root.list());
    await reload();
    await broker.waitForOutput(/warn .*there is no list of "CN=Lower"/, since);
    await ended(wire, 'e0 01 89');
    await stays.silence();
    stays.close();
    assert.equal(await answer(by(below)), '');
    assert.equal(await answer(by(above)), '20020000');
    await lists();
  });

  for (const [what, list] of [
    ['expired', () => root.list({ until: -2 })],
    ['not valid yet', () => root.list({ from: 3600, until: 7200 })],
  ] as const) {
    it(`cannot be told from others by a list that is ${what}: all are refused`, async () => {
      const pair = await client(root, 'a');
      const wire = await login5(by(pair), 'stale');
      const since = broker.output.length;
      replace('root.crl', await list());
      await ended(wire, 'e0 01 89');
      // The other listeners look for themselves.
      await reload();
      await broker.waitForOutput(/warn .*root\.crl (?:expired on|is not valid before) \d{4}-/, since);
      for (const listener of ['tls', 'optional', 'web']) assert.equal(await answer(by(pair), listener), '', listener);
      await lists();
      assert.equal(await answer(by(pair)), '20020000');
    });
  }

  it('are refused as all others are when the list expires while the broker runs, live ones and resumed ones too', async () => {
    const pair = await client(root, 'a');
    replace('root.crl', await root.list({ until: 3 }));
    await reload();
    const wire = await login5(by(pair), 'stale');
    const since = broker.output.length;
    await ended(wire, 'e0 01 89');
    await broker.waitForOutput(/error .*a revocation list has expired/, since);
    assert.equal(await answer(by(pair)), '');
    const { output } = await runCommand({ folder: broker.folder, args: ['status'] });
    assert.match(output, /tls +CN=Root +0 +EXPIRED /);
    await lists();
    assert.equal(await answer(by(pair)), '20020000');
  });

  for (const [what, name, content] of [
    ['is empty', 'root.crl', () => ''],
    ['is half written', 'root.crl', async () => (await root.list()).slice(0, 200)],
    ['is no list', 'root.crl', () => root.pem],
    ['was signed by somebody else', 'root.crl', () => root.list({ by: lower })],
    ['is of an authority that nobody trusts', 'lower.crl', async () => (await Authority.create('Stranger')).list()],
    ['is older than the one in force', 'root.crl', () => root.list({ from: -600 })],
    ['was changed', 'root.crl', async () => changed(await root.list())],
  ] as const) {
    it(`stay revoked when the next list ${what}; the log says so once, and the next sound list counts`, async () => {
      const [pair, other] = [await client(root, 'revoked'), await client(root, 'other')];
      await lists([pair.cert]);
      const since = broker.output.length;
      replace(name, await content());
      await broker.waitForOutput(KEPT, since);
      assert.equal(await answer(by(pair)), '');
      assert.equal(await answer(by(other)), '20020000');
      const complaint = broker.output
        .slice(since)
        .split('\n')
        .filter((line) => KEPT.test(line));
      assert.equal(complaint.length, 1);
      assert.ok(complaint[0]?.includes(name), complaint[0]);
      replace('root.crl', await root.list({ revoked: [other.cert] }));
      replace('lower.crl', await lower.list());
      await broker.waitForOutput(IN_FORCE, since);
      assert.equal(await answer(by(pair)), '20020000');
      assert.equal(await answer(by(other)), '');
      await lists();
    });
  }

  it('are read from DER as well as from PEM, several in one file', async () => {
    const [pair, below] = [await client(root, 'a'), await client(lower, 'b')];
    const pem = await root.list({ revoked: [pair.cert] });
    replace('root.crl', Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'));
    await reload();
    assert.equal(await answer(by(pair)), '');
    replace('root.crl', `${await lower.list({ revoked: [below.cert] })}${await root.list()}`);
    await reload();
    assert.equal(await answer(by(pair)), '20020000');
    assert.equal(await answer(by(below)), '');
    await lists();
  });

  it('are counted for each list by portcullis status', async () => {
    const pair = await client(root, 'a');
    await lists([pair.cert]);
    const { output } = await runCommand({ folder: broker.folder, args: ['status'] });
    assert.match(output, /^tls +CN=Root +1 +in force +\d{4}-\S+Z +\S+root\.crl$/m);
    assert.match(output, /^web +CN=Lower +0 +in force/m);
    await lists();
  });

  // These two come last: the lists of the others are older than theirs.
  it('stay revoked when a list about their kind is older than the one before, whatever there is about the other kind', async () => {
    const [pair, other] = [await client(root, 'revoked'), await client(root, 'other')];
    const both = async (ends: string, from: number): Promise<void> => {
      replace('root.crl', ends + (await root.list({ about: 'authorities', from })));
    };
    const old = await root.list({ about: 'ends', from: -50 });
    await both(await root.list({ about: 'ends', from: -40, revoked: [pair.cert] }), -30);
    await reload();
    assert.deepEqual([await answer(by(pair)), await answer(by(other))], ['', '20020000']);
    await both(old, -20);
    const since = broker.output.length;
    await reloadByCommand(1);
    await broker.waitForOutput(/error .*root\.crl: the list of "CN=Root" is of \S+, older than the one of .*listener=tls/, since);
    assert.deepEqual([await answer(by(pair)), await answer(by(other))], ['', '20020000']);
  });

  it('stay revoked when a list is older than one that was not valid yet when it was read', async () => {
    const [pair, other] = [await client(root, 'revoked'), await client(root, 'other')];
    const old = await root.list({ from: -10 });
    replace('root.crl', await root.list({ from: 3, revoked: [pair.cert] }));
    await reload();
    while ((await answer(by(other))) !== '20020000') await pause(200);
    assert.equal(await answer(by(pair)), '');
    replace('root.crl', old);
    const since = broker.output.length;
    await reloadByCommand(1);
    await broker.waitForOutput(KEPT, since);
    assert.deepEqual([await answer(by(pair)), await answer(by(other))], ['', '20020000']);
    replace('root.crl', await root.list({ from: 0 }));
    await reload();
    assert.equal(await answer(by(pair)), '20020000');
  });
});

/** A list with a byte of its content changed, and its signature as it was. */
function changed(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const at = der.indexOf(Buffer.from('Root'));
  // The last second of its first time: the name stays that of the authority.
  const time = der.indexOf('Z', at) - 1;
  der[time] = der[time] === 0x30 ? 0x31 : 0x30;
  return `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`;
}

/** The connection ends, behind exactly these bytes. */
async function ended(wire: WireClient, bytes = ''): Promise<void> {
  if (bytes !== '') await wire.expect(bytes);
  await wire.expectClosed();
}
