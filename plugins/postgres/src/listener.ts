import { randomBytes } from 'node:crypto';
import { BackendUnavailable, InvalidPluginConfig, type PluginLog } from '@portcullis/sdk';
import type pg from 'pg';
import type { Change } from './changes.js';
import { destroy } from './connect.js';
import { errorText, sqlState } from './database-errors.js';
import { MAX_ANSWER_BYTES } from './link.js';
import { type RealTimers, retryDelayMs } from './real-timers.js';
import type { Source } from './source.js';

/** A probe that has not come after so many answers on the connection that listens, each of them so much later, does not come. */
const PROBE_ANSWERS = 5;
const PROBE_PAUSE_MS = 500;
/** Notifications that wait for a look to end, and the characters in them. */
const MAX_PENDING = 10_000;
const MAX_PENDING_CHARACTERS = 16 * 1024 * 1024;

const NOT_ARRIVED =
  'a notification did not arrive: a connection pooler, or a proxy to several servers, stands between; give the address of the server itself, or do without: "push": false';

interface Probe {
  readonly channel: string;
  hasArrived: boolean;
  wake(): void;
}

export interface ListenerOptions {
  readonly channel: string;
  readonly heartbeatMs: number;
  /** How long an answer on this connection may take. */
  readonly answerMs: number;
  readonly source: Source;
  readonly timers: RealTimers;
  readonly log: PluginLog;
  connect(): Promise<pg.Client>;
  /** Resolves when questions can be put. */
  answerable(): Promise<void>;
  /** Sends a notification by a connection for questions. */
  notify(channel: string, payload: string): Promise<void>;
  /** These have changed; in the order of commits. */
  readonly changed: (changes: readonly Change[]) => void;
  /** Whether changes are heard. When they are heard again, all that was missed was told before. */
  heard(isHeard: boolean): void;
}

/**
 * The connection that hears of changes. The order is: listen, then read how new the data is, then be heard; so nothing falls in between. When the
 * connection is lost, or silent, nothing that is kept counts any more until another one has caught up.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #client: pg.Client | null = null;
  #isHeard = false;
  #isStopped = false;
  #failures = 0;
  /** That of the server that was heard last; undefined before the first. */
  #timeline: string | null | undefined;
  /** What was notified while another look was under way; its own look comes after that. */
  #pending: string[] = [];
  #pendingCharacters = 0;
  /** What has come since the last message that was understood. */
  #receivedBytes = 0;
  /** Why it could not be listened last, of what an administrator has to mend. */
  #lastProblem = '';
  #isLooking = false;
  #cancelHeartbeat: () => void = () => {};
  /** Of the notification that this plugin has sent to itself. */
  #probe: Probe | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Listens on a connection that is there. Rejects with what stands in the way. */
  async start(client: pg.Client): Promise<void> {
    await this.#listen(client);
  }

  stop(): void {
    this.#isStopped = true;
    this.#lose('the plugin stops');
  }

  async #listen(client: pg.Client): Promise<void> {
    const { channel } = this.#options;
    this.#client = client;
    this.#takePending();
    this.#receivedBytes = 0;
    client.on('error', (error) => this.#lost(client, errorText(error)));
    client.on('end', () => this.#lost(client, 'the connection was closed'));
    client.on('notification', ({ channel: on, payload = '' }) => this.#notified(client, on, payload));
    client.connection.stream.on('data', (bytes: Uint8Array) => this.#received(client, bytes.length));
    try {
      // Whoever is told of a change asks at once, and who gets no answer then has to go.
      await this.#within(this.#options.answerable());
      await this.#hearItself(client);
      const timeline = await this.#within(timelineOf(client));
      await this.#ask(client, `listen "${channel.replaceAll('"', '""')}"`);
      await this.#look(client, true, []);
      this.#compare(timeline);
    } catch (error) {
      if (client === this.#client) {
        this.#client = null;
        destroy(client);
      }
      throw error;
    }
    if (this.#isStopped || client !== this.#client) {
      destroy(client);
      throw new BackendUnavailable('the connection that listens was lost at once');
    }
    this.#failures = 0;
    this.#lastProblem = '';
    this.#isHeard = true;
    this.#options.heard(true);
    this.#beat(client);
  }

  /**
   * Sends a notification by another connection and waits for it on this one. A server that is slow has not answered here either; when it answers and the
   * notification does not come all the same, something stands between that hands connections around: `InvalidPluginConfig`.
   */
  async #hearItself(client: pg.Client): Promise<void> {
    const probe: Probe = { channel: `portcullis_probe_${randomBytes(8).toString('hex')}`, hasArrived: false, wake: () => {} };
    this.#probe = probe;
    try {
      await this.#ask(client, `listen "${probe.channel}"`);
      await this.#options.notify(probe.channel, 'probe');
      for (let answers = 0; !probe.hasArrived; answers += 1) {
        if (answers === PROBE_ANSWERS) throw new InvalidPluginConfig(NOT_ARRIVED);
        await this.#ask(client, 'select 1');
        if (!probe.hasArrived) await this.#pause(probe);
        if (client !== this.#client) throw new BackendUnavailable('the connection that listens was lost');
      }
      await this.#ask(client, `unlisten "${probe.channel}"`);
    } finally {
      this.#probe = null;
    }
  }

  #pause(probe: Probe): Promise<void> {
    return new Promise((resolve) => {
      probe.wake = resolve;
      this.#options.timers.after(PROBE_PAUSE_MS, resolve);
    });
  }

  /** A server that took over may lack what the one before had told, and have told as much of its own since: then no version shows it. */
  #compare(timeline: string | null): void {
    const isSame = this.#timeline === undefined || (timeline !== null && timeline === this.#timeline);
    this.#timeline = timeline;
    if (!isSame) this.#options.changed([{ kind: 'all' }]);
  }

  #notified(client: pg.Client, channel: string, payload: string): void {
    if (client !== this.#client) return;
    this.#receivedBytes = 0;
    if (channel === this.#probe?.channel) {
      this.#probe.hasArrived = true;
      return this.#probe.wake();
    }
    if (channel !== this.#options.channel) return;
    if (this.#isLooking) {
      this.#pendingCharacters += payload.length;
      // Bounded: who is not done with so many would not be done with more, and begins anew.
      const isTooMuch = this.#pending.push(payload) > MAX_PENDING || this.#pendingCharacters > MAX_PENDING_CHARACTERS;
      if (isTooMuch) this.#lost(client, 'changes come faster than they can be read');
      return;
    }
    if (!this.#options.source.isKnown(payload)) this.#lookOrLose(client, [payload]);
  }

  #takePending(): string[] {
    this.#pendingCharacters = 0;
    return this.#pending.splice(0);
  }

  /** What is looked for here is short, whatever stands in the tables. */
  #received(client: pg.Client, bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes > MAX_ANSWER_BYTES) this.#lost(client, `an answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }

  #lookOrLose(client: pg.Client, pending: readonly string[]): void {
    this.#look(client, false, pending).catch((error: unknown) => this.#lost(client, errorText(error)));
  }

  /** Looks until nothing was notified meanwhile. */
  async #look(client: pg.Client, isNew: boolean, notified: readonly string[]): Promise<void> {
    const { source, changed } = this.#options;
    this.#isLooking = true;
    try {
      const more = (): string[] => this.#takePending();
      let look = { isNew, pending: notified, more };
      for (;;) {
        await this.#within(source.look(client, look, changed));
        const pending = this.#takePending().filter((payload) => !source.isKnown(payload));
        if (client !== this.#client || pending.length === 0) return;
        look = { isNew: false, pending, more };
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #beat(client: pg.Client): void {
    const { timers, heartbeatMs } = this.#options;
    this.#cancelHeartbeat = timers.after(heartbeatMs, () => {
      if (client !== this.#client) return;
      if (!this.#isLooking) this.#lookOrLose(client, []);
      this.#beat(client);
    });
  }

  #lost(client: pg.Client, why: string): void {
    if (client === this.#client) this.#lose(why);
  }

  #lose(why: string): void {
    const client = this.#client;
    this.#client = null;
    this.#cancelHeartbeat();
    this.#probe?.wake();
    if (client !== null) destroy(client);
    if (!this.#isHeard) return;
    this.#isHeard = false;
    if (this.#isStopped) return;
    this.#options.log.warn({ why }, 'changes are no longer heard: nothing is kept until they are again');
    this.#options.heard(false);
    this.#again();
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#options.timers.after(retryDelayMs(this.#failures), () => {
      this.#failures += 1;
      void this.#connect();
    });
  }

  async #connect(): Promise<void> {
    try {
      const client = await this.#options.connect();
      if (this.#isStopped) return destroy(client);
      await this.#listen(client);
      this.#options.log.info({}, 'changes are heard again');
    } catch (error) {
      const why = errorText(error);
      // Once for each cause: it is tried again and again.
      if (error instanceof InvalidPluginConfig && why !== this.#lastProblem) {
        this.#lastProblem = why;
        this.#options.log.error({ why }, 'the database cannot be listened to: nothing is kept until it can');
      } else {
        this.#options.log.debug({ why }, 'the database cannot be listened to yet');
      }
      this.#again();
    }
  }

  #ask(client: pg.Client, text: string): Promise<unknown> {
    return this.#within(client.query(text));
  }

  #within<T>(answer: Promise<T>): Promise<T> {
    const { timers, answerMs } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = timers.after(answerMs, () => reject(new BackendUnavailable(`no answer for ${answerMs} ms`)));
      const answered = (): void => {
        this.#receivedBytes = 0;
        cancel();
      };
      answer.then(resolve, reject).finally(answered);
    });
  }
}

/** Which history of its data a server writes on: another one since each promotion. Null where it does not say. */
async function timelineOf(client: pg.Client): Promise<string | null> {
  try {
    const { rows } = await client.query<{ file: unknown }>('select pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) as file');
    const file = rows[0]?.file;
    return typeof file === 'string' && /^[0-9A-F]{24}$/.test(file) ? file.slice(0, 8) : null;
  } catch (error) {
    if (sqlState(error) === null) throw error;
    return null;
  }
}
