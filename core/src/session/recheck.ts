import { WheelTimer } from '../clock.js';
import { grantedQos, REFRESH_RETRY_MS, rejudgeSubscribe } from '../gate/index.js';
import type { Pending } from '../hooks/index.js';
import type { Subscription } from '../router/index.js';
import { Awaited } from './in-flight.js';
import type { SessionRoom } from './room.js';
import type { Session } from './session.js';

/** `rules` changed, or code may answer otherwise than it did, too. */
export type RecheckScope = 'rules' | 'code';

/** Subscriptions that are judged between two looks at the clock. */
const BETWEEN_LOOKS = 16;

/**
 * Judges the subscriptions of a session again, in slices, after its rights have changed: those that code is asked about one after the other.
 * Meanwhile nothing is delivered that code would have to be asked about. What was begun before starts anew when the rights change once more.
 */
export class Recheck {
  /** Whether code is yet to confirm the subscriptions. */
  asking = false;
  readonly #room: SessionRoom;
  readonly #session: Session;
  #waiting: Subscription[] = [];
  #position = 0;
  #withCode = false;
  #running = false;
  #resting = false;
  #pending: Pending | null = null;
  #done: (() => void)[] = [];
  /** Since when code has not been able to say whether the subscriptions stand; null while it is. */
  #doubtSince: number | null = null;
  #doubts = false;
  #lost = false;
  #stopped = false;
  /** Made when first needed. */
  #timer: WheelTimer | null = null;

  constructor(room: SessionRoom, session: Session) {
    this.#room = room;
    this.#session = session;
  }

  /** `done` is called when all are judged, or never will be. */
  run(scope: RecheckScope, done: () => void): void {
    if (this.#stopped) return done();
    this.#done.push(done);
    this.#pending?.cancel();
    this.#pending = null;
    this.#cancelTimer();
    this.#withCode ||= scope === 'code';
    this.asking = this.#withCode && this.#session.client.standing.hooks.has('authorize') && this.#session.subscriptions.size > 0;
    this.#waiting = [...this.#session.subscriptions.values()];
    this.#position = 0;
    this.#doubts = false;
    this.#lost = false;
    this.#go();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#pending?.cancel();
    this.#pending = null;
    this.asking = false;
    this.#tell();
  }

  /** Whether code could not say of all of them whether they stand. */
  get doubtful(): boolean {
    return this.#doubts;
  }

  /** The connection is gone: nobody is there who could be sent away. */
  disconnected(): void {
    this.#doubtSince = null;
    this.#cancelTimer();
  }

  #go(): void {
    if (this.#running || this.#resting) return;
    this.#running = true;
    const { urgent } = this.#room;
    // One slice for all sessions that are judged in a turn.
    const until = urgent.begin(this.#room);
    while (this.#pending === null && !this.#stopped) {
      const subscription = this.#waiting[this.#position];
      if (subscription === undefined) break;
      this.#position += 1;
      if (subscription.stands) this.#judge(subscription);
      if (this.#position % BETWEEN_LOOKS !== 0 || this.#pending !== null || !urgent.over(until)) continue;
      this.#resting = true;
      this.#running = false;
      return urgent.later(() => {
        this.#resting = false;
        this.#go();
      });
    }
    this.#running = false;
    if (this.#pending === null && !this.#stopped) this.#finish();
  }

  #judge(subscription: Subscription): void {
    const session = this.#session;
    const { client } = session;
    const asks = client.standing.hooks.has('authorize');
    if (!asks) {
      subscription.byCode = false;
      subscription.withheld = false;
    }
    session.judge(subscription);
    // Where rules no longer allow it, code still may.
    if (asks && (this.#withCode || (subscription.suspended && !subscription.byCode))) this.#ask(subscription);
    else this.#settle(subscription);
  }

  #ask(subscription: Subscription): void {
    const { gate } = this.#room;
    const { client } = this.#session;
    const { filter, shareName, granted } = subscription;
    let answered = false;
    const pending = rejudgeSubscribe(gate, client, { filter, shareName, qos: granted }, (verdict) => {
      answered = true;
      const waited = this.#pending !== null;
      this.#pending = null;
      if (this.#stopped) return;
      if (this.#session.client !== client) {
        // Somebody has come back to the session meanwhile; what was answered was about the one before.
        this.#ask(subscription);
      } else {
        subscription.withheld = verdict.outcome !== 'grant';
        if (verdict.outcome === 'grant') subscription.byCode = verdict.byCode;
        this.#session.judge(subscription);
        if (verdict.outcome === 'fault') this.#doubts = true;
        else this.#settle(subscription);
      }
      if (waited) this.#go();
    });
    if (!answered) this.#pending = pending;
  }

  #settle(subscription: Subscription): void {
    const session = this.#session;
    if (!subscription.suspended) {
      subscription.qos = grantedQos(session.client, subscription.filter, subscription.byCode, subscription.granted);
      session.revocations?.resume(subscription);
      return;
    }
    if (!session.revocable.suspend(subscription)) return;
    this.#lost = true;
    const { client } = session;
    this.#room.log.info({ client: client.info.id, filter: subscription.key }, 'subscription suspended: its right is gone');
  }

  #finish(): void {
    const session = this.#session;
    const { outlet } = session;
    const { chain } = session.client.standing;
    const withCode = this.#withCode;
    this.asking = false;
    this.#withCode = false;
    this.#waiting = [];
    // Code's answers leave no mark on the rights by which routes were judged.
    if (withCode) session.domain.tree.touch();
    session.revocations?.changed();
    const may = (topic: string): boolean => this.#stillMay(topic);
    const recalled = (topic: string, packetId: number, dup: boolean): void => this.#recalled(topic, packetId, dup);
    if (outlet?.recall(may, recalled) === false) this.#room.stats.closedRevoked += 1;
    session.revocations?.restore();
    const connected = outlet !== null && session.outlet === outlet;
    if (connected && this.#lost && chain.onRevoked === 'disconnect') outlet.end(0x87, 'a subscription has lost its right');
    else if (connected && this.#doubts) this.#doubt(chain.staleGraceMs);
    else this.#doubtSince = null;
    // There is one for every session: it is not kept for the next change.
    if (!this.#doubts) session.recheckDone(this);
    this.#tell();
    session.goOn();
  }

  /** Code could not be asked: what it has not confirmed is suspended, and asked about again while the grace lasts. */
  #doubt(staleGraceMs: number): void {
    const now = this.#room.wheel.clock.now();
    this.#doubtSince ??= now;
    const left = this.#doubtSince + staleGraceMs - now;
    if (left <= 0) this.#session.outlet?.end(0x89, 'the subscriptions could not be confirmed');
    else {
      this.#timer ??= new WheelTimer(() => this.run('code', () => {}));
      this.#room.wheel.schedule(this.#timer, Math.min(REFRESH_RETRY_MS, left));
    }
  }

  #cancelTimer(): void {
    if (this.#timer !== null) this.#room.wheel.cancel(this.#timer);
  }

  /** Whether what was sent of a topic, and has not left yet, may still leave; of code only the answers about subscriptions count. */
  #stillMay(topic: string): boolean {
    const { revocations, client } = this.#session;
    if (revocations?.covers(topic) === true) return false;
    if (client.standing.hooks.has('authorize')) return client.rules('receive', topic, 0, false) !== 2;
    return client.rules('receive', topic, 0, false) === 1 && client.rules('subscribe', topic, 0, false) === 1;
  }

  /** A message that has not left was taken back: one that lasts is held, and goes out again if its right returns. */
  #recalled(topic: string, packetId: number, dup: boolean): void {
    const { inFlight, revocable } = this.#session;
    this.#room.stats.copiesRecalled += 1;
    const delivery = packetId === 0 ? null : inFlight.delivery(packetId);
    if (packetId !== 0 && inFlight.awaited(packetId) !== Awaited.NOTHING) inFlight.free(packetId);
    // What the client may have had already must not come to it under another identifier.
    if (delivery !== null && !dup) revocable.hold(delivery);
    else if (delivery !== null) this.#session.settle(delivery, 'not-authorized');
    else this.#session.drop('not-authorized', topic, 1);
  }

  #tell(): void {
    const done = this.#done;
    this.#done = [];
    for (const tell of done) tell();
  }
}
