import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../clock.js';
import { connectHex, connectionRig, type Peer } from '../connection/connection.test.support.js';
import type { ConnectionRoom } from '../connection/index.js';
import { certificateWith } from '../gate/certificate.test.support.js';
import { Turns } from '../turns.js';
import { type CertificateId, type CertificateStanding, Revocation } from '../x509/index.js';
import { CertificateHolders } from './certificate-holders.js';
import type { TlsMaterial } from './tls-material.js';

/** Lists that say what they are told to, and change at one moment. */
class Script extends Revocation {
  readonly standings = new Map<string, CertificateStanding>();
  changesAt = Number.POSITIVE_INFINITY;

  constructor() {
    super([], []);
  }

  override judge({ serial }: CertificateId): CertificateStanding {
    return this.standings.get(serial) ?? 'good';
  }

  override nextChange(now: number): number {
    return this.changesAt > now ? this.changesAt : Number.POSITIVE_INFINITY;
  }
}

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function rig(given: Parameters<typeof connectionRig>[0] = {}, more: Partial<ConnectionRoom> = {}) {
  const connections = connectionRig(given);
  const script = new Script();
  const material: TlsMaterial = {
    clientCertificate: 'required',
    context: {},
    revocation: script,
    names: new Map(),
    unknownName: 'default',
    resumes: true,
    digest: '',
    warnings: [],
  };
  const room = { connections: { ...connections.room, ...more }, opened: () => () => {} };
  const holders = new CertificateHolders(
    room,
    () => 'tls',
    () => material,
  );
  /** A socket whose client has shown the certificate with this serial number. */
  const shown = (serial: string): FakeSocket => {
    const socket = new FakeSocket();
    const certificate = { ...certificateWith({}), serialNumber: serial, subject: `CN=${serial}` };
    const evidence = { protocol: 'TLSv1.3', serverName: '', certificate };
    holders.add({ socket: socket as unknown as TLSSocket, evidence, id: { issuer: 'i', serial } });
    return socket;
  };
  const carried = (serial: string, version: 3 | 4 | 5): Peer => {
    const peer = connections.connect(version);
    holders.carries(shown(serial), peer.connection);
    return peer;
  };
  const login = (serial: string, version: 3 | 4 | 5, clientId = serial): Peer => {
    const peer = carried(serial, version);
    const [connack] = peer.send(connectHex(version, clientId));
    assert.equal(connack?.cmd, 'connack');
    return peer;
  };
  return { ...connections, script, holders, shown, carried, login };
}

test('A revoked certificate ends its connections, each as far as it has come, and no others.', () => {
  const { script, holders, shown, carried, login, stats, lines } = rig();
  const [old, five, other] = [login('bad', 4, 'a'), login('bad', 5, 'b'), login('good', 5, 'c')];
  const [silent, bare] = [carried('bad', 5), shown('bad')];
  holders.judge();
  assert.equal(stats.closedCertificate, 0);
  script.standings.set('bad', 'revoked');
  holders.judge();
  assert.deepEqual(old.packets(), []);
  assert.equal(old.transport.ended, true);
  assert.equal(five.transport.bytes.subarray(-3).toString('hex'), 'e00187');
  assert.equal(five.transport.ended, true);
  assert.deepEqual([silent.transport.bytes.length, silent.transport.ended], [0, true]);
  assert.equal(bare.destroyed, true);
  assert.deepEqual([other.packets().length, other.transport.ended], [0, false]);
  assert.equal(stats.closedCertificate, 4);
  // Nothing is published in the name of somebody whose key may be another's.
  assert.equal(five.connection.client?.barred, true);
  const told = lines.filter((line) => line.includes('a certificate was revoked'));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /serial=bad subject="?CN=bad"? connections=4/);
  holders.judge();
  assert.equal(stats.closedCertificate, 4);
});

test('A client that waits for the answer to its CONNECT gets one: not authorized.', () => {
  const { script, holders, carried, standing } = rig();
  for (const [version, bytes] of [
    [4, '20020005'],
    [5, '2003008700'],
  ] as const) {
    standing.hooks.script.delete('authenticate');
    const peer = carried('bad', version);
    assert.deepEqual(peer.send(connectHex(version, 'waits')), []);
    script.standings.set('bad', 'revoked');
    holders.judge();
    peer.packets();
    assert.equal(peer.transport.bytes.toString('hex'), bytes);
    assert.equal(peer.transport.ended, true);
    script.standings.clear();
  }
});

test('Where nothing is proven any more, connections end as soon as the grace of their chain is over.', () => {
  for (const staleGraceMs of [0, 5000]) {
    const { script, holders, login, clock, lines } = rig({ chain: { staleGraceMs } });
    const [five, old] = [login('a', 5), login('b', 4)];
    script.standings.set('a', 'unproven').set('b', 'unproven');
    holders.judge();
    if (staleGraceMs > 0) {
      clock.advance(4900);
      assert.equal(five.transport.ended, false);
      clock.advance(200);
    }
    five.packets();
    assert.equal(five.transport.bytes.subarray(-3).toString('hex'), 'e00189');
    assert.equal(old.transport.ended, true);
    assert.equal(lines.filter((line) => line.includes('no revocation list in force covers the certificates')).length, 1);
  }
});

test('A grace is over when the proof is back, and begins anew when it is lost again.', () => {
  const { script, holders, login, clock } = rig({ chain: { staleGraceMs: 5000 } });
  const peer = login('a', 5, 'a');
  script.standings.set('a', 'unproven');
  holders.judge();
  clock.advance(4000);
  script.standings.clear();
  holders.judge();
  clock.advance(4000);
  script.standings.set('a', 'unproven');
  holders.judge();
  clock.advance(4000);
  assert.equal(peer.transport.ended, false);
  clock.advance(1100);
  assert.equal(peer.transport.ended, true);
});

test('When a list ends by time alone, everybody is judged at that moment.', () => {
  const { script, holders, login, clock } = rig();
  const peer = login('a', 5);
  script.changesAt = clock.wall() + 80_000;
  holders.judge();
  script.standings.set('a', 'unproven');
  clock.advance(79_900);
  assert.equal(peer.transport.ended, false);
  clock.advance(200);
  assert.equal(peer.transport.ended, true);
  holders.stop();
});

test('Many revoked certificates are counted in the log, not listed.', () => {
  const { script, holders, shown, lines } = rig();
  for (let index = 0; index < 30; index += 1) {
    shown(`s${index}`);
    script.standings.set(`s${index}`, 'revoked');
  }
  holders.judge();
  assert.equal(lines.filter((line) => line.includes('a certificate was revoked')).length, 20);
  assert.equal(lines.filter((line) => /so many more certificates were revoked.*certificates=10/.test(line)).length, 1);
});

test('What has ended by itself is forgotten.', () => {
  const { script, holders, shown, stats } = rig();
  shown('bad').destroy();
  script.standings.set('bad', 'revoked');
  holders.judge();
  assert.equal(stats.closedCertificate, 0);
});

test('Ten thousand connections are judged in slices, and others are served in between.', async () => {
  const many = 10_000;
  const limits = { maxConnectionsPerUser: many * 2, maxSessions: many * 2 };
  const { script, holders, login, stats } = rig(
    { limits, sessionRules: { perPrincipal: many * 2 } },
    { urgent: new Turns(systemClock, assert.ifError, 10) },
  );
  for (let index = 0; index < many; index += 1) login(index % 2 === 0 ? 'bad' : 'good', 5, `c${index}`);
  script.standings.set('bad', 'revoked');
  holders.judge();
  let turns = 0;
  while (stats.closedCertificate < many / 2) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  assert.ok(turns > 10, `it took ${turns} turns`);
  assert.equal(stats.clientsConnected, many / 2);
});
