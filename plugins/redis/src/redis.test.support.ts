import { after, afterEach, before, beforeEach } from 'node:test';
import { type RedisServer, startRedis } from '@portcullis/test-servers';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '@portcullis/testing';
import { Redis } from 'ioredis';
import plugin from './index.js';
import { Layout } from './layout.js';
import { Writer } from './writer.js';

export const PASSWORD = 'correct horse';
export const OTHER_PASSWORD = 'pässwörd';
/** Of the first one, as mosquitto_passwd makes it: cheap, so that tests are about Redis and not about hashing. */
export const HASH = '$7$101$P3oFgCKlVM3D+4hf$2wALm6UtUvq+dHg5nC0lPyY8RL6AXds0OOAdQ7uysuxYARPK6EwCdpoZDX3ZDkNvAVO/G5RLPvsOcDy74q5IwQ==';
/** Of the other one. */
export const OTHER_HASH = '$6$HuSKjQSBqmZIW+ps$tslRMECgMjmkBnc0GDVlVmt5CdYnF2cM+a3cVJky69mjrMf9ZGBiKh6fYjv/ThqHEX7Fkg5xrfi8SVRU7Sf4ww==';

export interface SampleRule {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly string[];
  readonly pattern: string;
}

export interface SampleUser {
  readonly hash?: string;
  readonly enabled?: boolean;
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly rules?: readonly SampleRule[];
}

export function allow(pattern: string, ...actions: readonly string[]): SampleRule {
  return { effect: 'allow', actions: actions.length > 0 ? actions : ['publish', 'subscribe', 'receive'], pattern };
}

/** An administrator with a connection of its own. */
export class Administrator {
  readonly client: Redis;
  readonly layout = new Layout('portcullis');
  readonly #writer: Writer;

  constructor(url: string, options: { readonly tls?: { readonly ca: string } } = {}) {
    this.client = new Redis(url, { protocol: 2, lazyConnect: true, retryStrategy: () => 50, ...options });
    this.client.on('error', () => {});
    this.#writer = new Writer(this.client, this.layout);
  }

  async putUser(name: string, user: SampleUser = {}, tenant: string | null = null): Promise<number> {
    const fields = {
      hash: user.hash ?? HASH,
      enabled: user.enabled === false ? '0' : '1',
      groups: JSON.stringify(user.groups ?? []),
      attributes: JSON.stringify(user.attributes ?? {}),
      rules: JSON.stringify(user.rules ?? []),
    };
    return await this.#writer.write({ kind: 'user', tenant, name, expected: await this.#versionOf(this.layout.user(tenant, name)), fields });
  }

  async deleteUser(name: string, tenant: string | null = null): Promise<number> {
    const expected = await this.#versionOf(this.layout.user(tenant, name));
    return await this.#writer.write({ kind: 'user', tenant, name, expected, fields: null });
  }

  /** With '' the rules of everybody. */
  async putGroup(name: string, rules: readonly SampleRule[], tenant: string | null = null): Promise<number> {
    const kind = name === '' ? 'everybody' : 'group';
    const expected = await this.#versionOf(this.layout.object(kind, tenant, name));
    return await this.#writer.write({ kind, tenant, name, expected, fields: { rules: JSON.stringify(rules) } });
  }

  async beginEpoch(tenant: string | null = null): Promise<number> {
    return await this.#writer.beginEpoch(tenant, 1);
  }

  close(): void {
    this.client.disconnect();
  }

  async #versionOf(key: string): Promise<string | null> {
    const [version, deleted] = await this.client.hmget(key, 'v', 'deleted');
    return version == null || deleted != null ? null : version;
  }
}

/** A broker whose users and rights are those of the server at this port. */
export function redisBroker(
  port: number,
  config: Readonly<Record<string, unknown>> = {},
  more: Partial<TestBrokerOptions> = {},
): Promise<TestBroker> {
  const chain = { authenticate: ['plugin'], authorize: ['plugin'] };
  return startTestBroker({ plugin, config: { ...(port > 0 && { port }), ...config }, chain, clock: 'system', ...more });
}

/** A server for the tests of a file, empty before each of them, and its administrator. */
export interface RedisScene {
  readonly server: RedisServer;
  readonly admin: Administrator;
}

/** Called at the top of a file, before its own hooks. */
export function redisScene(): RedisScene {
  let server: RedisServer | null = null;
  let admin: Administrator | null = null;
  before(async () => {
    server = await startRedis();
    admin = new Administrator(server.url());
  });
  after(async () => {
    admin?.close();
    await server?.dispose();
  });
  const there = <Thing>(thing: Thing | null): Thing => {
    if (thing === null) throw new Error('the server has not been started yet');
    return thing;
  };
  const scene: RedisScene = {
    get server() {
      return there(server);
    },
    get admin() {
      return there(admin);
    },
  };
  beforeEach(async () => {
    await scene.server.command('FLUSHALL');
    // Another history: what the process has seen of the tests before does not count.
    await scene.admin.beginEpoch();
  });
  return scene;
}

/** Servers of one test each, whoever administers them, and a broker: they end with the test, the broker first. */
export interface OwnServers {
  /** The broker of the test that runs. */
  broker: TestBroker | null;
  started(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer>;
  administrator(server: RedisServer): Administrator;
  /** What a login is answered, with the right password. */
  codeOf(username: string): Promise<number>;
}

export function ownServers(): OwnServers {
  const servers: RedisServer[] = [];
  const administrators: Administrator[] = [];
  const own: OwnServers = {
    broker: null,
    started: async (options = {}) => {
      const server = await startRedis(options);
      servers.push(server);
      return server;
    },
    administrator: (server) => {
      const made = new Administrator(server.url());
      administrators.push(made);
      return made;
    },
    codeOf: async (username) => {
      if (own.broker === null) throw new Error('there is no broker');
      const client = await own.broker.client({ protocol: '5.0' });
      client.sendConnect({ username, password: PASSWORD });
      const { code } = await client.expectPacket((packet) => packet.type === 2);
      client.close();
      return code ?? -1;
    },
  };
  afterEach(async () => {
    await own.broker?.stop();
    own.broker = null;
    for (const administrator of administrators.splice(0)) administrator.close();
    for (const server of servers.splice(0).reverse()) await server.dispose();
  });
  return own;
}

export { type RedisServer, startRedis };
