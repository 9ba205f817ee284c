import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { isVersion } from './change-message.js';
import type { Layout } from './layout.js';
import { asUnavailable, firstWord } from './redis-errors.js';
import { EPOCH_SCRIPT, WRITE_SCRIPT, type Write, writeArguments } from './write-script.js';

/** The object has changed between reading and writing. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

/** Writes objects as the layout says: with their versions, and the news of it, in one step. */
export class Writer {
  readonly #client: Redis | Cluster;
  readonly #layout: Layout;

  constructor(client: Redis | Cluster, layout: Layout) {
    this.#client = client;
    this.#layout = layout;
  }

  /** Gives the version that was made. Rejects with Conflict when the object has another version than was expected; nothing is written then. */
  async write(write: Write): Promise<number> {
    const { keys, args } = writeArguments(this.#layout, write);
    return await this.#run(WRITE_SCRIPT, keys, args);
  }

  /** Begins another history of a tenant, in which no version is below `least`. */
  async beginEpoch(tenant: string | null, least: number): Promise<number> {
    const keys = [this.#layout.version(tenant), this.#layout.epoch(tenant)];
    return await this.#run(EPOCH_SCRIPT, keys, [this.#layout.channel, JSON.stringify(tenant ?? ''), randomUUID(), String(least)]);
  }

  async #run(script: string, keys: readonly string[], args: readonly string[]): Promise<number> {
    let answer: unknown;
    try {
      answer = await this.#client.eval(script, keys.length, ...keys, ...args);
    } catch (error) {
      if (error instanceof Error && firstWord(error.message) === 'CONFLICT') throw new Conflict('the object was changed by somebody else meanwhile');
      throw asUnavailable(error, 'Redis');
    }
    const version = Number(answer);
    if (!isVersion(version)) throw new Error('Redis gave no version for what was written');
    return version;
  }
}
