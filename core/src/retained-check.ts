import type { ConnectionRoom } from './connection/index.js';
import { type GateClient, isInternal, REFRESH_RETRY_MS, type Standing } from './gate/index.js';
import { type RetainedEntry, RetainedSources, withdrawMessage } from './router/index.js';
import { type PublisherKeeper, type Session, tenantKey } from './session/index.js';

/** Longest pause before code that could not answer is asked again, in milliseconds. */
const MOST_RETRY_MS = 30_000;
const BETWEEN_LOOKS = 16;

/**
 * Withdraws retained messages whose publisher has lost the right to them. Looked at when rights change, never at a delivery. A publisher that is
 * gone is remembered with its rights for as long as a message of its is retained; there are no more of them than there are such messages.
 */
export class RetainedCheck implements PublisherKeeper {
  readonly #room: ConnectionRoom;
  /** By tenant and publisher. */
  readonly #gone = new Map<string, GateClient>();
  readonly #checking = new Map<GateClient, Checking>();
  readonly #owing: (client: GateClient) => void;

  /** `owing` hears of publishers that are gone while their rights were still to be loaded. */
  constructor(room: ConnectionRoom, owing: (client: GateClient) => void) {
    this.#room = room;
    this.#owing = owing;
  }

  publishers(): GateClient[] {
    return [...this.#gone.values()];
  }

  remembers(client: GateClient): boolean {
    return this.#gone.get(this.#keyOf(client)) === client;
  }

  /** A client has its session: from here on its own rights are what counts. */
  arrived({ client }: Session): void {
    const key = this.#keyOf(client);
    const before = this.#gone.get(key);
    if (before !== undefined) this.#forget(key, before);
    this.check(client);
  }

  /** A client is gone for good. True when its rights are still needed here; they are released later. */
  left(client: GateClient, willFollow = false): boolean {
    const { retained } = this.#room.router.domain(client.tenant);
    const own = sourceKey(client);
    if (!willFollow && retained.sources.topicsOf(own).size === 0) return false;
    const key = this.#keyOf(client);
    const before = this.#gone.get(key);
    if (before !== undefined && before !== client) this.#forget(key, before);
    this.#gone.set(key, client);
    retained.sources.onGone ??= (gone) => {
      const at = tenantKey(client.tenant, gone);
      const forgotten = this.#gone.get(at);
      if (forgotten !== undefined) this.#forget(at, forgotten);
    };
    this.#owed(client);
    return true;
  }

  /** A client is gone, and its session waits for it. */
  away(client: GateClient): void {
    const { retained } = this.#room.router.domain(client.tenant);
    if (retained.sources.topicsOf(sourceKey(client)).size > 0) this.#owed(client);
  }

  /** Another configuration is in force: those who stand under rules that are gone can no longer be asked about. */
  forgetAllBut(standingOf: (client: GateClient) => Standing | undefined): void {
    for (const [key, client] of this.#gone) {
      const standing = standingOf(client);
      if (standing === undefined || !standing.chain.authenticate.includes(client.authority)) this.#forget(key, client);
      else if (standing !== client.standing) client.owed = standing;
    }
  }

  /** Judges what a client has retained by the rights that it has now. */
  check(client: GateClient): void {
    const { retained } = this.#room.router.domain(client.tenant);
    if (retained.sources.topicsOf(sourceKey(client)).size === 0) return;
    this.#checking.get(client)?.stop();
    const checking = new Checking(this.#room, client, () => this.#checking.delete(client));
    this.#checking.set(client, checking);
    checking.run();
  }

  /** The rights of a publisher could not be loaded: its messages are not handed out until they are. False when it has none. */
  doubt(client: GateClient): boolean {
    const { retained } = this.#room.router.domain(client.tenant);
    const topics = retained.sources.topicsOf(sourceKey(client));
    for (const topic of topics) {
      const entry = retained.get(topic);
      if (entry !== null) entry.doubted = true;
    }
    return topics.size > 0;
  }

  /** A load that was out has ended with the connection. */
  #owed(client: GateClient): void {
    if (client.owed === null) return;
    if (client.unconfirmed) this.doubt(client);
    this.#owing(client);
  }

  #forget(key: string, client: GateClient): void {
    this.#gone.delete(key);
    this.#checking.get(client)?.stop();
    this.#checking.delete(client);
    client.binding.release();
  }

  #keyOf(client: GateClient): string {
    return tenantKey(client.tenant, sourceKey(client));
  }
}

/** One walk over what a publisher has retained, in slices; where code has to be asked, one question after the other. */
class Checking {
  readonly #room: ConnectionRoom;
  readonly #client: GateClient;
  readonly #done: () => void;
  #topics: readonly string[];
  #position = 0;
  #doubted: string[] = [];
  #retryMs = REFRESH_RETRY_MS;
  #running = false;
  #waiting = false;
  #stopped = false;

  constructor(room: ConnectionRoom, client: GateClient, done: () => void) {
    this.#room = room;
    this.#client = client;
    this.#done = done;
    this.#topics = [...room.router.domain(client.tenant).retained.sources.topicsOf(sourceKey(client))];
  }

  stop(): void {
    this.#stopped = true;
  }

  run(): void {
    if (this.#running || this.#waiting || this.#stopped) return;
    this.#running = true;
    const { urgent } = this.#room;
    const until = urgent.begin(this.#room);
    while (this.#position < this.#topics.length && !this.#waiting) {
      this.#judge(this.#topics[this.#position] as string);
      this.#position += 1;
      if (this.#position % BETWEEN_LOOKS !== 0 || this.#waiting || !urgent.over(until)) continue;
      this.#waiting = true;
      urgent.later(() => this.#resume());
    }
    this.#running = false;
    if (!this.#waiting) this.#end();
  }

  #resume(): void {
    this.#waiting = false;
    this.run();
  }

  #judge(topic: string): void {
    const client = this.#client;
    const { router, gate } = this.#room;
    const entry = router.domain(client.tenant).retained.get(topic);
    if (entry === null || entry.message.foreign || entry.message.publisherClientId !== client.info.id || entry.message.publisher !== client.username)
      return;
    const { message } = entry;
    if (!client.standing.hooks.has('authorize')) {
      return this.#decide(topic, entry, !isInternal(topic) && client.rules('publish', topic, message.qos, true) === 1);
    }
    this.#waiting = true;
    gate.authorizeMessage(client, message, false, gate.now() + client.standing.chain.deadlineMs, ({ outcome }) => {
      if (!this.#stopped) {
        if (outcome === 'fault') {
          entry.doubted = true;
          this.#doubted.push(topic);
        } else this.#decide(topic, entry, outcome === 'allow');
      }
      this.#resume();
    });
  }

  #decide(topic: string, entry: RetainedEntry, allowed: boolean): void {
    const { router, registry, log } = this.#room;
    const { tenant, info, username, unconfirmed } = this.#client;
    // Rights that could not be confirmed serve their client alone, as long as the grace lasts.
    const session = registry.find(tenant, info.id);
    entry.doubted = unconfirmed && !(session?.client === this.#client && session.connected);
    if (allowed) return;
    const domain = router.domain(tenant);
    // Something newer may have been retained while code was asked.
    if (domain.retained.get(topic) !== entry) return;
    log.info({ topic, client: info.id, username }, 'retained message withdrawn: its publisher has lost the right');
    withdrawMessage(this.#room, domain, entry.message);
  }

  #end(): void {
    if (this.#stopped) return;
    if (this.#doubted.length === 0) return this.#done();
    this.#topics = this.#doubted;
    this.#doubted = [];
    this.#position = 0;
    this.#room.wheel.after(this.#retryMs, () => this.run());
    this.#retryMs = Math.min(MOST_RETRY_MS, this.#retryMs * 2);
  }
}

function sourceKey(client: GateClient): string {
  return RetainedSources.key(client.info.id, client.username);
}
