import { createHash } from 'node:crypto';
import {
  type AdmitClientRequest,
  type AdmitIdentityRequest,
  addressKey,
  type ConnectDecidedNews,
  type GuardPublishRequest,
  ReasonCode,
} from '@portcullis/sdk';
import { type Bucket, type Buckets, holds, type Rate } from './buckets.js';
import type { FailedLoginRules } from './failed-logins.js';
import type { Tables } from './tables.js';

/** How many connects of a client are flapping, and for how long it is refused then. */
export interface FlappingRules {
  readonly connects: number;
  readonly withinSeconds: number;
  readonly refuseSeconds: number;
}

/** The limits; what is undefined does not exist. */
export interface Rules {
  readonly connects?: { readonly perAddress?: Rate; readonly perUser?: Rate };
  readonly failedLogins?: FailedLoginRules;
  readonly flapping?: FlappingRules;
  readonly messages?: { readonly perClient?: Rate; readonly perTenant?: Rate };
  readonly bytes?: { readonly perClient?: Rate; readonly perTenant?: Rate };
}

/** What a limit said: null lets pass. `limit` is what the metric is called that counts it. */
export type Refusal = { readonly reason: 'rate' | 'busy'; readonly limit: string } | null;

const refusal = (limit: string, reason: 'rate' | 'busy' = 'rate'): Refusal => ({ reason, limit });

const REFUSED = {
  connectsPerAddress: refusal('refused.connectsPerAddress'),
  connectsPerUser: refusal('refused.connectsPerUser'),
  failedLogins: refusal('refused.failedLogins'),
  loginsAtOnce: refusal('refused.loginsAtOnce', 'busy'),
  flapping: refusal('refused.flapping'),
  messagesPerClient: refusal('refused.messagesPerClient'),
  messagesPerTenant: refusal('refused.messagesPerTenant'),
  bytesPerClient: refusal('refused.bytesPerClient'),
  bytesPerTenant: refusal('refused.bytesPerTenant'),
};

/** Codes of a denial by an authority that say nothing about the password. */
const NOT_ABOUT_PASSWORDS: readonly number[] = [ReasonCode.ServerBusy, ReasonCode.QuotaExceeded, ReasonCode.ConnectionRateExceeded];

/** Applies the limits. It knows no hooks and no clock: what is asked comes with its time, in monotonic milliseconds. */
export class Limiter {
  readonly #rules: Rules;
  readonly #tables: Tables;

  constructor(rules: Rules, tables: Tables) {
    this.#rules = rules;
    this.#tables = tables;
  }

  /** A client that wants to try its credentials. Counts what a stranger can do: by its address alone, or with the name that it claims. */
  admitClient({ client, username, tenant }: Pick<AdmitClientRequest, 'client' | 'username' | 'tenant'>, now: number): Refusal {
    const address = addressKey(client.connection.address);
    const { connects, failedLogins } = this.#rules;
    // A Unix socket has no address; whoever may open it is not told apart.
    if (connects?.perAddress !== undefined && address !== '') {
      const bucket = this.#tables.connectsPerAddress.at(address, connects.perAddress, now);
      if (!holds(bucket, 1, connects.perAddress, now)) return REFUSED.connectsPerAddress;
      bucket.tokens -= 1;
    }
    if (failedLogins === undefined) return null;
    const answer = this.#tables.failedLogins.attempt(client.connection.id, keyOf(address, tenant, named(username)), failedLogins, now);
    if (answer === 'pass') return null;
    return answer === 'busy' ? REFUSED.loginsAtOnce : REFUSED.failedLogins;
  }

  /** A client that has proved who it is. What is counted here, nobody can spend for somebody else. */
  admitIdentity({ client, identity, tenant }: Pick<AdmitIdentityRequest, 'client' | 'identity' | 'tenant'>, now: number): Refusal {
    this.#tables.failedLogins.proved(client.connection.id);
    const username = identity.anonymous === true ? null : identity.username;
    const perUser = username === null ? undefined : this.#rules.connects?.perUser;
    const { flapping } = this.#rules;
    let user: Bucket | null = null;
    if (perUser !== undefined) {
      user = this.#tables.connectsPerUser.at(keyOf(tenant ?? '', null, named(username)), perUser, now);
      if (!holds(user, 1, perUser, now)) return REFUSED.connectsPerUser;
    }
    if (flapping !== undefined) {
      // Anonymous clients are told apart by where they come from, so that nobody is refused for what another one did under the same identifier.
      const owner = username === null ? addressKey(client.connection.address) : named(username);
      const key = keyOf(username === null ? 'anonymous' : 'user', tenant, `${owner}\0${client.id}`);
      const rate = { perSecond: flapping.connects / flapping.withinSeconds, burst: flapping.connects };
      const bucket = this.#tables.flapping.at(key, rate, now);
      if (bucket.closedUntil > now) return REFUSED.flapping;
      if (!holds(bucket, 1, rate, now)) {
        bucket.closedUntil = now + flapping.refuseSeconds * 1000;
        return REFUSED.flapping;
      }
      bucket.tokens -= 1;
    }
    if (user !== null) user.tokens -= 1;
    return null;
  }

  /** What became of a login, as far as `admitIdentity` did not see it. */
  decided({ hook, outcome, reasonCode, client }: Pick<ConnectDecidedNews, 'hook' | 'outcome' | 'reasonCode' | 'client'>, now: number): void {
    const { failedLogins } = this.#tables;
    const { id } = client.connection;
    // Whoever leaves before the answer has learnt nothing.
    if (outcome === 'abandoned' || hook === 'admitClient') failedLogins.withdrawn(id);
    else if (hook === 'authenticate' || hook === 'authenticateEnhanced') {
      if (outcome === 'allow') failedLogins.proved(id);
      else if (outcome === 'deny' && !NOT_ABOUT_PASSWORDS.includes(reasonCode)) failedLogins.failed(id, now);
      // A database that is down must not make its users wait once it is back.
      else failedLogins.withdrawn(id);
    }
    // Whatever else decides about a CONNECT does so when its identity is known.
    else failedLogins.proved(id);
  }

  /** A message that its publisher may publish. It counts only when all limits let it pass. */
  guardPublish({ client, identity, tenant, message }: Pick<GuardPublishRequest, 'client' | 'identity' | 'tenant' | 'message'>, now: number): Refusal {
    const { messages, bytes } = this.#rules;
    const tables = this.#tables;
    const publisher = keyOf(tenant ?? '', null, `${named(identity.anonymous === true ? null : identity.username)}\0${client.id}`);
    const all = tenant ?? '';
    const size = bytes === undefined ? 0 : Buffer.byteLength(message.topic) + message.payload.length;
    const byClient = bucketFor(tables.messagesPerClient, publisher, messages?.perClient, 1, now);
    if (byClient === 'empty') return REFUSED.messagesPerClient;
    const byTenant = bucketFor(tables.messagesPerTenant, all, messages?.perTenant, 1, now);
    if (byTenant === 'empty') return REFUSED.messagesPerTenant;
    const bytesByClient = bucketFor(tables.bytesPerClient, publisher, bytes?.perClient, size, now);
    if (bytesByClient === 'empty') return REFUSED.bytesPerClient;
    const bytesByTenant = bucketFor(tables.bytesPerTenant, all, bytes?.perTenant, size, now);
    if (bytesByTenant === 'empty') return REFUSED.bytesPerTenant;
    if (byClient !== null) byClient.tokens -= 1;
    if (byTenant !== null) byTenant.tokens -= 1;
    if (bytesByClient !== null) bytesByClient.tokens -= size;
    if (bytesByTenant !== null) bytesByTenant.tokens -= size;
    return null;
  }
}

/** The bucket that has to pay; null where there is no limit, `empty` where it cannot. */
function bucketFor(buckets: Buckets, key: string, rate: Rate | undefined, cost: number, now: number): Bucket | 'empty' | null {
  if (rate === undefined) return null;
  const bucket = buckets.at(key, rate, now);
  return holds(bucket, cost, rate, now) ? bucket : 'empty';
}

/** Names may be of 64 KiB, and a hundred thousand of them are remembered: longer keys are kept as a digest. */
const LONGEST_KEY = 128;

/** U+0000 is in no name of MQTT; no two different triples give the same key. */
function keyOf(first: string, tenant: string | null, last: string): string {
  const key = `${first}\0${tenant ?? ''}\0${last}`;
  // Behind U+0000 no tenant begins with a digit.
  return key.length <= LONGEST_KEY ? key : `\x000${createHash('sha256').update(key).digest('base64')}`;
}

/** None is not the same as an empty one. */
function named(username: string | null): string {
  return username === null ? '' : `=${username}`;
}
