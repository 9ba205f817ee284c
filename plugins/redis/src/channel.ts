import type { PluginTimers } from '@portcullis/sdk';
import type { Redis } from 'ioredis';
import { retryDelayMs } from './connections.js';
import { asUnavailable } from './redis-errors.js';

export interface ChannelOptions {
  /** Opens a connection of one life, to another node at each attempt where there are several. */
  readonly open: (attempt: number) => Redis;
  readonly channel: string;
  /** What it is, in complaints. */
  readonly what: string;
  readonly timers: Pick<PluginTimers, 'after'>;
  /** A message of the channel. */
  readonly message: (text: string) => void;
  /** Messages come from now on; what was said before may have been missed. */
  readonly listening: () => void;
  /** Messages may be missed from now on. */
  readonly lost: (problem: string) => void;
}

/**
 * Listens to the channel of changes on a connection of its own, and again after each loss, until it is closed. The driver would reconnect by itself,
 * but says nothing that could be relied on about what was missed.
 */
export class Channel {
  readonly #options: ChannelOptions;
  #client: Redis | null = null;
  #attempt = 0;
  #isListening = false;
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Begins; resolves or rejects (BackendUnavailable) with the first attempt. Further ones follow in any case. */
  async open(): Promise<void> {
    const client = this.#options.open(this.#attempt);
    this.#client = client;
    let problem = 'was closed';
    const report = (error: unknown): void => {
      problem = asUnavailable(error, this.#options.what).message;
    };
    client.on('error', report);
    client.on('message', (_channel, text) => this.#options.message(text));
    client.on('end', () => this.#ended(client, problem));
    try {
      await client.connect();
      await client.subscribe(this.#options.channel);
    } catch (error) {
      report(error);
      client.disconnect();
      throw asUnavailable(error, this.#options.what);
    }
    if (this.#client !== client || client.status !== 'ready') return;
    this.#attempt = 0;
    this.#isListening = true;
    this.#options.listening();
  }

  /** Asks the server whether it is still there; a connection that does not answer is closed, and made anew. */
  async beat(): Promise<void> {
    const client = this.#client;
    if (client === null || !this.#isListening) return;
    try {
      await client.ping();
    } catch (error) {
      if (this.#client === client) this.#ended(client, asUnavailable(error, this.#options.what).message);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#client?.disconnect();
    this.#client = null;
  }

  #ended(client: Redis, problem: string): void {
    if (this.#client !== client || this.#closed) return;
    this.#client = null;
    client.disconnect();
    const wasListening = this.#isListening;
    this.#isListening = false;
    if (wasListening) this.#options.lost(problem);
    this.#attempt += 1;
    this.#cancelRetry = this.#options.timers.after(retryDelayMs(this.#attempt), () => {
      // What went wrong is told by the event of the connection's end, which leads to the next attempt.
      if (!this.#closed) this.open().catch(() => undefined);
    });
  }
}
