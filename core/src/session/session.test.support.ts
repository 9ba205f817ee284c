import type { ClientInfo } from '@portcullis/sdk';
import { clientOf, type FakeStanding, gateRig, INFO, messageOf, rules, standingOf } from '../gate/gate.test.support.js';
import type { AuthorizedRun, GateClient, Message, SessionRules } from '../gate/index.js';
import { type Limits, makeLimits } from '../limits.js';
import { Logger } from '../log.js';
import { type Domain, Router } from '../router/index.js';
import { slowCustody } from '../store/store.test.support.js';
import { Turns } from '../turns.js';
import type { InFlight } from './in-flight.js';
import type { Outlet } from './outlet.js';
import { SessionRegistry } from './registry.js';
import type { SessionRoom } from './room.js';
import { Session } from './session.js';

export interface Sent {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
  readonly ids: readonly number[] | null;
}

/** A connection that takes note of what is sent. */
export class FakeOutlet implements Outlet {
  congested = false;
  maxPacketBytes = 0;
  readonly sent: Sent[] = [];
  readonly runs: { count: number; qos: number }[] = [];
  readonly pubrels: number[] = [];
  /** What the kernel has not taken. */
  unsent: Sent[] = [];
  readonly ended: number[] = [];
  /** Takes no packet with more payload than this. */
  maxPayload = Number.POSITIVE_INFINITY;
  /** Becomes congested after so many messages. */
  congestAfter = Number.POSITIVE_INFINITY;
  /** Called when the connection is to end, as a real one would close its session. */
  onEnd: ((outlet: FakeOutlet) => void) | null = null;

  sendRun(run: AuthorizedRun, qos: 0 | 1 | 2, inFlight: InFlight): void {
    this.runs.push({ count: run.count, qos });
    if (qos > 0) for (let i = 0; i < run.count; i += 1) inFlight.take(qos, null);
  }

  sendMessage(message: Message, qos: 0 | 1 | 2, retain: boolean, dup: boolean, packetId: number, subscriptionIds: readonly number[] | null): boolean {
    if (message.payload.length > this.maxPayload) return false;
    this.sent.push({ topic: message.topic, payload: message.payload.toString(), qos, retain, dup, packetId, ids: subscriptionIds });
    if (this.sent.length >= this.congestAfter) this.congested = true;
    return true;
  }

  sendPubrel(packetId: number): void {
    this.pubrels.push(packetId);
  }

  recall(may: (topic: string) => boolean, recalled: (topic: string, packetId: number, dup: boolean) => void): boolean {
    const back = this.unsent.filter(({ topic }) => !may(topic));
    this.unsent = this.unsent.filter((one) => !back.includes(one));
    for (const { topic, packetId, dup } of back) recalled(topic, packetId, dup);
    return true;
  }

  end(reasonCode: number): void {
    this.ended.push(reasonCode);
    this.onEnd?.(this);
  }

  get payloads(): string[] {
    return this.sent.map(({ payload }) => payload);
  }
}

export interface SessionRig extends ReturnType<typeof gateRig>, ReturnType<typeof slowCustody> {
  readonly room: SessionRoom;
  readonly router: Router;
  readonly domain: Domain;
  readonly standing: FakeStanding;
  readonly registry: SessionRegistry;
  readonly wills: Message[];
  /** Ends the judging of each will; called at once unless `judgesLater`. */
  readonly judged: (() => void)[];
  judgesLater: boolean;
  client(own: readonly string[], info?: Partial<ClientInfo>, username?: string | null): GateClient;
  /** A session of its own, not in the registry. */
  session(own: readonly string[], info?: Partial<ClientInfo>): Session;
  publish(message: Message, origin?: object | null): boolean;
}

export function sessionRig(given: { limits?: Partial<Limits>; sessionRules?: Partial<SessionRules>; standing?: FakeStanding } = {}): SessionRig {
  const standing = given.standing ?? standingOf();
  const rig = gateRig({ ...given, standing });
  const stores = slowCustody();
  const limits = makeLimits(given.limits);
  const router = new Router({ limits, stats: rig.stats, custody: stores.custody, clock: rig.clock });
  router.onGroupDrop = (_domain, _topic, count) => {
    rig.stats.droppedNoGroupMember += count;
  };
  const { gate, wheel, stats } = rig;
  const room: SessionRoom = {
    gate,
    router,
    custody: stores.custody,
    wheel,
    turns: new Turns(wheel.clock, () => {}),
    urgent: new Turns(wheel.clock, () => {}, 10),
    limits,
    stats,
    log: new Logger(() => {}),
  };
  const wills: Message[] = [];
  const judged: (() => void)[] = [];
  const registry = new SessionRegistry(room, (_session, message, done) => {
    wills.push(message);
    if (made.judgesLater) judged.push(done);
    else done();
  });
  const domain = router.domain(null);
  const client: SessionRig['client'] = (own, info = {}, username = 'ann') =>
    clientOf(rules(...own), standing, { info: { ...INFO, ...info }, identity: username === null ? { anonymous: true } : { username } });
  const made: SessionRig = {
    judged,
    judgesLater: false,
    ...rig,
    ...stores,
    standing,
    room,
    router,
    domain,
    registry,
    wills,
    client,
    session: (own, info) => new Session(room, client(own, info), domain),
    publish: (message, origin = null) => router.route(domain, gate.run(gate.approvePluginMessage(message), domain.topics, origin)),
  };
  return made;
}

/** Ten digits, so that every message has the same size. */
export function numbered(topic: string, number: number, qos: 0 | 1 | 2 = 1, given: Parameters<typeof messageOf>[1] = {}): Message {
  return messageOf(topic, { payload: Buffer.from(String(number).padStart(3, '0')), qos, ...given });
}

export const OPTIONS = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, id: 0, byCode: false } as const;
