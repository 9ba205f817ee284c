import type { TLSSocket } from 'node:tls';
import { ReasonCode } from '@portcullis/sdk';
import { WheelTimer } from '../clock.js';
import { type Connection, dismiss } from '../connection/index.js';
import type { CertificateId, CertificateStanding, RevocationListInfo } from '../x509/index.js';
import { isValid } from '../x509/index.js';
import type { ListenerRoom } from './listener.js';
import { pairFor, type TlsMaterial } from './tls-material.js';
import type { Secured } from './tls-server.js';

/** Longest time between two looks at the clock on the wall, which may be set, in milliseconds. */
const LONGEST_WAIT_MS = 30_000;
/** So many revoked certificates are named in the log at a time; the others are counted. */
const MAX_NAMED = 20;
/** After so many holders the clock is looked at. */
const BETWEEN_LOOKS = 16;

/** An open socket whose client has shown a certificate. */
interface Holder {
  readonly socket: TLSSocket;
  readonly id: CertificateId;
  readonly serverName: string;
  readonly serial: string;
  readonly subject: string;
  /** Null until the socket carries MQTT. */
  connection: Connection | null;
  /** Since when no list in force covers its certificate, in monotonic milliseconds; null while one does. */
  unprovenSince: number | null;
}

/** What one walk has found, by serial number and subject. */
interface Findings {
  readonly revoked: Map<string, { readonly serial: string; readonly subject: string; connections: number }>;
  unproven: number;
}

/** The open connections of one listener whose clients have shown certificates: they end when the certificate is revoked. */
export class CertificateHolders {
  readonly #room: ListenerRoom;
  readonly #listener: () => string;
  readonly #material: () => TlsMaterial;
  readonly #holders = new Map<object, Holder>();
  readonly #timer = new WheelTimer(() => this.#due());
  /** Lists whose end was told of. */
  #ended = new Set<string>();
  /** When something changes by time alone: in milliseconds since 1970, and, where a grace ends, in monotonic ones. */
  #changesAt = Number.POSITIVE_INFINITY;
  #graceEndsAt = Number.POSITIVE_INFINITY;
  /** Grows with every walk: an older one goes no further. */
  #walk = 0;

  constructor(room: ListenerRoom, listener: () => string, material: () => TlsMaterial) {
    this.#room = room;
    this.#listener = listener;
    this.#material = material;
    this.judge();
  }

  /** A handshake is over. */
  add({ socket, evidence, id }: Secured): void {
    if (id === null) return;
    const { serialNumber = '', subject = '' } = evidence.certificate ?? {};
    const { serverName } = evidence;
    this.#holders.set(socket, { socket, id, serverName, serial: serialNumber, subject, connection: null, unprovenSince: null });
    socket.once('close', () => this.#holders.delete(socket));
  }

  /** The socket carries MQTT from now on. */
  carries(socket: object, connection: Connection): void {
    const holder = this.#holders.get(socket);
    if (holder !== undefined) holder.connection = connection;
  }

  /** Other certificates or lists are in force: everybody is judged by them, in slices. */
  judge(): void {
    const { wheel, urgent } = this.#room.connections;
    this.#walk += 1;
    const walk = this.#walk;
    const findings: Findings = { revoked: new Map(), unproven: 0 };
    this.#tellEnded();
    this.#graceEndsAt = Number.POSITIVE_INFINITY;
    this.#schedule();
    const holders = this.#holders.values();
    const slice = (): void => {
      if (walk !== this.#walk) return this.#report(findings);
      const until = urgent.begin(this);
      let work = 0;
      for (let next = holders.next(); next.done !== true; next = holders.next()) {
        this.#judge(next.value, wheel.clock.wall(), findings);
        work += 1;
        if (work % BETWEEN_LOOKS === 0 && urgent.over(until)) return urgent.later(slice);
      }
      this.#schedule();
      this.#report(findings);
    };
    slice();
  }

  stop(): void {
    this.#walk += 1;
    this.#room.connections.wheel.cancel(this.#timer);
  }

  #judge(holder: Holder, wall: number, findings: Findings): void {
    const { id, serverName, serial, subject, connection } = holder;
    const pair = pairFor(this.#material(), serverName);
    // Whoever came by a name that is no longer served is judged by what came in its place, like everybody.
    const standing: CertificateStanding = (pair ?? this.#material()).revocation?.judge(id, wall, true) ?? 'good';
    if (standing === 'good') holder.unprovenSince = null;
    else if (standing === 'revoked') {
      const key = `${serial} ${subject}`;
      const found = findings.revoked.get(key) ?? { serial, subject, connections: 0 };
      found.connections += 1;
      findings.revoked.set(key, found);
      this.#end(holder, ReasonCode.NotAuthorized, 'its certificate was revoked', true);
    } else {
      const now = this.#room.connections.wheel.clock.now();
      holder.unprovenSince ??= now;
      const endsAt = holder.unprovenSince + (connection?.client?.standing.chain.staleGraceMs ?? 0);
      if (endsAt > now) this.#graceEndsAt = Math.min(this.#graceEndsAt, endsAt);
      else {
        findings.unproven += 1;
        this.#end(holder, ReasonCode.ServerBusy, 'no revocation list in force covers its certificate', false);
      }
    }
  }

  #end({ socket, connection }: Holder, reasonCode: number, detail: string, forGood: boolean): void {
    this.#holders.delete(socket);
    this.#room.connections.stats.closedCertificate += 1;
    if (connection === null) socket.destroy();
    else dismiss(connection, reasonCode, detail, forGood);
  }

  #report({ revoked, unproven }: Findings): void {
    const { log } = this.#room.connections;
    const listener = this.#listener();
    const all = [...revoked.values()];
    for (const found of all.slice(0, MAX_NAMED)) log.warn({ listener, ...found }, 'a certificate was revoked: its connections are ended');
    const certificates = all.length - MAX_NAMED;
    if (certificates > 0) log.warn({ listener, certificates }, 'so many more certificates were revoked: their connections are ended');
    if (unproven > 0)
      log.error({ listener, connections: unproven }, 'no revocation list in force covers the certificates of these connections: they are ended');
  }

  /** Lists that have come to their end are told of once. */
  #tellEnded(): void {
    const { log, wheel } = this.#room.connections;
    const ended = new Set<string>();
    for (const list of this.lists) {
      if (list.nextUpdate === null || isValid({ thisUpdate: 0, nextUpdate: list.nextUpdate }, wheel.clock.wall())) continue;
      const key = `${list.file} ${list.issuer} ${list.nextUpdate}`;
      ended.add(key);
      if (this.#ended.has(key)) continue;
      const { file, issuer } = list;
      log.error(
        { listener: this.#listener(), file, issuer },
        'a revocation list has expired: no certificate of its issuer is accepted until there is a new one',
      );
    }
    this.#ended = ended;
  }

  /** All lists in force, of every name. */
  get lists(): readonly RevocationListInfo[] {
    const material = this.#material();
    const revocations = new Set([material, ...material.names.values()].map(({ revocation }) => revocation));
    return [...revocations].flatMap((revocation) => revocation?.lists ?? []);
  }

  #schedule(): void {
    const { wheel } = this.#room.connections;
    const wall = wheel.clock.wall();
    const material = this.#material();
    const revocations = [material, ...material.names.values()].flatMap(({ revocation }) => revocation ?? []);
    this.#changesAt = Math.min(Number.POSITIVE_INFINITY, ...revocations.map((revocation) => revocation.nextChange(wall)));
    this.#wait();
  }

  #due(): void {
    const { clock } = this.#room.connections.wheel;
    if (clock.wall() > this.#changesAt || clock.now() >= this.#graceEndsAt) this.judge();
    else this.#wait();
  }

  #wait(): void {
    const { wheel } = this.#room.connections;
    // A list is good to the end of its last millisecond.
    const wait = Math.min(this.#changesAt + 1 - wheel.clock.wall(), this.#graceEndsAt - wheel.clock.now());
    if (wait === Number.POSITIVE_INFINITY) wheel.cancel(this.#timer);
    else wheel.schedule(this.#timer, Math.min(wait, LONGEST_WAIT_MS));
  }
}
