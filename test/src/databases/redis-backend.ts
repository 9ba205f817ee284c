import { hashPassword } from '@portcullis/sdk/passwords';
import { type RedisServer, startRedis } from '@portcullis/test-servers';
import { Redis } from 'ioredis';
import { type Administrator, type Asked, type Backend, USERS, USERS_OF_A_KIND } from './backend.js';
import { documentedScript } from './redis-page.js';

/** A list of one rule. */
const rule = (pattern: string): string => JSON.stringify([{ effect: 'allow', actions: ['publish', 'subscribe', 'receive'], pattern }]);
/** Of the plugin: two of them fit into the time for an answer that a campaign gives. */
const COMMAND_TIMEOUT_MS = 400;

/** A Redis of its own with the users of a campaign, who have one password. */
export async function redisBackend(password: string, timeoutMs: number): Promise<Backend> {
  const server = await startRedis();
  try {
    const backend = new RedisBackend(server, await hashPassword(password, { format: 'sha512' }), timeoutMs);
    await backend.fill();
    return backend;
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

class RedisBackend implements Backend {
  readonly name = 'redis';
  readonly entry: Readonly<Record<string, unknown>>;
  /** The server counts by itself. */
  readonly countedEntry: Readonly<Record<string, unknown>>;
  readonly #server: RedisServer;
  readonly #hash: string;

  constructor(server: RedisServer, hash: string, timeoutMs: number) {
    this.#server = server;
    this.#hash = hash;
    this.entry = {
      use: '@portcullis/plugin-redis',
      timeoutMs,
      config: { host: server.host, port: server.port, commandTimeoutMs: COMMAND_TIMEOUT_MS },
    };
    this.countedEntry = this.entry;
  }

  async fill(): Promise<void> {
    await this.#administer(async (write) => {
      for (let number = 0; number < USERS_OF_A_KIND; number += 1) {
        await write('user', `${USERS.good}${number}`, this.#fields('1'));
        await write('user', `${USERS.disabled}${number}`, this.#fields('0'));
      }
      await write('everybody', '', { rules: rule('own/%u/#') });
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  freeze(): void {
    this.#server.freeze();
  }

  thaw(): void {
    this.#server.thaw();
  }

  async add(username: string): Promise<void> {
    await this.#administer((write) => write('user', username, this.#fields('1')));
  }

  async revoke(username: string): Promise<void> {
    await this.#administer((write) => write('user', username, this.#fields('0')));
  }

  async addAll(prefix: string, count: number): Promise<void> {
    await this.#administer(async (write) => {
      for (let number = 0; number < count; number += 1) await write('user', `${prefix}${number}`, this.#fields('1'));
    });
  }

  async administrator(): Promise<Administrator> {
    const { write, close } = await this.#writer();
    return {
      revoke: (username) => write('user', username, this.#fields('0')),
      permit: (username, filter) => write('user', username, { ...this.#fields('1'), rules: rule(filter) }),
      close: () => Promise.resolve(close()),
    };
  }

  /** Each user and each group is looked for with a transaction that has this command, and read with another one that has it, too. */
  async asked(): Promise<Asked> {
    const client = await this.#connected();
    const text = await client.info('commandstats');
    client.disconnect();
    const calls = (command: string): number => Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { questions: calls('hlen'), mostAtOnce: null };
  }

  dispose(): Promise<void> {
    return this.#server.dispose();
  }

  #fields(enabled: '0' | '1'): Readonly<Record<string, string>> {
    return { hash: this.#hash, enabled, groups: '[]', attributes: '{}', rules: '[]' };
  }

  async #administer(does: (write: Write) => Promise<void>): Promise<void> {
    const { write, close } = await this.#writer();
    try {
      await does(write);
    } finally {
      close();
    }
  }

  async #writer(): Promise<{ readonly write: Write; close(): void }> {
    const client = await this.#connected();
    const write: Write = async (kind, name, fields) => {
      const key = `portcullis:{-}:${kind === 'everybody' ? kind : `${kind}:${name}`}`;
      const message = ['{"v":', `,"kind":"${kind}","tenant":"","name":"${name}"}`, 'history-1'];
      await client.eval(documentedScript(), 3, key, 'portcullis:{-}:version', 'portcullis:{-}:epoch', ...message, ...Object.entries(fields).flat());
    };
    return { write, close: () => client.disconnect() };
  }

  async #connected(): Promise<Redis> {
    const client = new Redis(this.#server.port, this.#server.host, {
      protocol: 2,
      lazyConnect: true,
      commandTimeout: 10_000,
      retryStrategy: () => null,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}

type Write = (kind: 'user' | 'everybody', name: string, fields: Readonly<Record<string, string>>) => Promise<void>;
