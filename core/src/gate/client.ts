import type { ClientInfo, Identity, RefreshIdentityRequest, TlsEvidence } from '@portcullis/sdk';
import type { ChainHooks, GlobalHooks } from '../hooks/index.js';
import type { Binding, PolicyEngine } from '../policy/index.js';
import { Answer } from '../policy/index.js';
import type { GateChain } from './options.js';
import type { LoadedPolicy } from './policy-loader.js';
import type { TopicEntry } from './topic-table.js';
import { publishClass, VerdictCache, VerdictClass } from './verdicts.js';

/**
 * What a subscription must have checked for each copy. 0: proven, nothing. From `SUSPENDED` on it has lost its right, and no copy goes by it
 * whatever else is checked.
 */
export const Check = { PROVEN: 0, RECEIVE: 1, SUBSCRIBE_ALLOW: 2, SUBSCRIBE_NOT_DENY: 4, SUSPENDED: 8 } as const;

/** What is known of the versions of sources before any was asked. */
export const NONE_KNOWN: ReadonlyMap<string, number | string> = new Map();

/** The part of a configuration generation that one client stands under. */
export interface Standing {
  readonly generation: number;
  readonly chain: GateChain;
  readonly hooks: ChainHooks;
  readonly global: GlobalHooks;
  readonly engine: PolicyEngine;
}

/** Whom a change of rights may concern: a client, or one that is on its way to be. */
export interface Concerned {
  readonly info: ClientInfo;
  readonly username: string | null;
  readonly tenant: string | null;
  readonly standing: Standing;
  readonly owed: Standing | null;
  readonly sources: readonly string[];
}

/** Who a session's client is, and what it may do: the value that every question of the gate is about. Lives as long as its session. */
export class GateClient {
  info: ClientInfo;
  /** A re-authentication may change it, but not whose it is. */
  identity: Identity;
  /** Username, or null for an anonymous client. */
  readonly username: string | null;
  readonly tenant: string | null;
  /** Where its topics lie; empty for one that sees them as they are. */
  readonly mountpoint: string;
  readonly tls: TlsEvidence | null;
  /** Entry of the plugin that allowed the identity, and the lease it gave in seconds. */
  readonly authority: string;
  leaseSeconds: number | null;
  identifiedAt: number;
  standing: Standing;
  binding: Binding;
  /** Plugins whose rules the binding holds, in its order. */
  sources: readonly string[];
  /** Last versions that the sources gave. */
  knownVersions: ReadonlyMap<string, number | string> = NONE_KNOWN;
  policyLeaseSeconds: number | null = null;
  /** When the lease of its rights ends, in monotonic milliseconds. */
  rightsEndAt = Number.POSITIVE_INFINITY;
  announced: Map<string, number> | null = null;
  /** Where its rights have yet to be loaded from; null while those that it has stand. What is published later, its will, waits for them. */
  owed: Standing | null = null;
  /** Whether they could not be loaded when they had to be: it is served by the old ones as long as the chain's grace lasts, and nobody else is. */
  unconfirmed = false;
  /** Whether it was refused for good: its identity no longer stands, or its chain is gone. Nothing is published in its name any more. */
  barred = false;
  /** Whether a publish needs more than rules: code, guards, rewriting or somebody who listens to decisions. */
  publishAsks = false;
  /** Whether a copy for this client needs more than rules. */
  receiveAsks = false;
  readonly #verdicts = new VerdictCache();
  #verdictBinding: Binding | null = null;
  #verdictVersion = -1;

  constructor(fields: GateClientFields) {
    this.info = fields.info;
    this.identity = fields.identity;
    this.username = fields.identity.anonymous === true ? null : fields.identity.username;
    this.tenant = fields.tenant;
    this.mountpoint = fields.mountpoint ?? '';
    this.tls = fields.tls;
    this.authority = fields.authority;
    this.leaseSeconds = fields.leaseSeconds;
    this.identifiedAt = fields.identifiedAt;
    this.standing = fields.standing;
    this.binding = fields.binding;
    this.sources = fields.sources;
    this.stand(fields.standing, fields.binding, fields.sources);
  }

  /** A source announced that its data has at least this version: an older answer is thrown away. */
  announce(plugin: string, version: number): void {
    this.announced ??= new Map();
    this.announced.set(plugin, Math.max(version, this.announced.get(plugin) ?? version));
  }

  /** Whether a source announced a version above the one that the rights were loaded from. */
  get outdated(): boolean {
    if (this.announced === null) return false;
    for (const [plugin, version] of this.announced) {
      const known = this.knownVersions.get(plugin);
      if (typeof known === 'number' && known < version) return true;
    }
    return false;
  }

  /** What its authority is asked when its identity has to be confirmed; `now` is in monotonic milliseconds. */
  refreshRequest(now: number): Omit<RefreshIdentityRequest, 'signal'> {
    const ageSeconds = Math.round((now - this.identifiedAt) / 1000);
    return { client: this.info, identity: this.identity, tenant: this.tenant, tls: this.tls, ageSeconds };
  }

  /** Puts the client under new rights; answers remembered from the old ones are forgotten. */
  stand(standing: Standing, binding: Binding, sources: readonly string[]): void {
    if (binding !== this.binding) this.binding.release();
    this.standing = standing;
    this.binding = binding;
    this.sources = sources;
    const { hooks, global } = standing;
    this.publishAsks =
      hooks.has('authorize') || hooks.has('guardPublish') || hooks.has('guardRetain') || global.has('rewritePublish') || global.has('decisionMade');
    this.receiveAsks = hooks.has('authorize') || hooks.has('guardDelivery');
  }

  /** Puts the client under rights that were loaded for it; `now` is in monotonic milliseconds. */
  adopt(standing: Standing, { binding, sources, versions, leaseSeconds }: LoadedPolicy, now: number): void {
    this.stand(standing, binding, sources);
    this.owed = null;
    this.unconfirmed = false;
    this.knownVersions = versions;
    this.policyLeaseSeconds = leaseSeconds;
    this.rightsEndAt = leaseSeconds === null ? Number.POSITIVE_INFINITY : now + leaseSeconds * 1000;
  }

  /** Whether the rules alone let this client publish to the topic. */
  mayPublish(entry: TopicEntry, qos: 0 | 1 | 2, retain: boolean): boolean {
    const verdictClass = publishClass(qos, retain);
    let known = this.#known(entry, verdictClass);
    if (known === 0) {
      const answer = isInternal(entry.topic) ? Answer.DENY : this.rules('publish', entry.topic, qos, retain);
      this.#verdicts.set(entry, verdictClass, answer);
      known = answer + 1;
    }
    return known === Answer.ALLOW + 1;
  }

  /** Whether the rules alone let this client receive a copy, for a subscription with these checks. */
  mayReceive(entry: TopicEntry, checks: number): boolean {
    if (checks === Check.PROVEN) return true;
    if (checks >= Check.SUSPENDED) return false;
    if ((checks & Check.RECEIVE) !== 0 && this.#answer(entry, VerdictClass.RECEIVE, 'receive') !== Answer.ALLOW) return false;
    return this.passesSubscribe(entry, checks);
  }

  /** The subscribe half of the checks of a partly covered subscription. */
  passesSubscribe(entry: TopicEntry, checks: number): boolean {
    if (checks < Check.SUBSCRIBE_ALLOW) return true;
    if (checks >= Check.SUSPENDED) return false;
    // What code once allowed stands as long as there is code; a configuration without it goes by its rules.
    const byRules = (checks & Check.SUBSCRIBE_ALLOW) !== 0 || !this.standing.hooks.has('authorize');
    if (byRules) return this.#answer(entry, VerdictClass.SUBSCRIBE, 'subscribe') === Answer.ALLOW;
    return this.#answer(entry, VerdictClass.SUBSCRIBE, 'subscribe') !== Answer.DENY;
  }

  /** What the rules say, folded by the chain's `combine`. */
  rules(action: 'publish' | 'receive' | 'subscribe', topic: string, qos: 0 | 1 | 2, retain: boolean): 0 | 1 | 2 {
    return this.binding.check(action, topic, qos, retain, -1);
  }

  #answer(entry: TopicEntry, verdictClass: number, action: 'receive' | 'subscribe'): number {
    const known = this.#known(entry, verdictClass);
    if (known !== 0) return known - 1;
    const answer = this.rules(action, entry.topic, 0, false);
    this.#verdicts.set(entry, verdictClass, answer);
    return answer;
  }

  #known(entry: TopicEntry, verdictClass: number): number {
    const { binding } = this;
    if (binding !== this.#verdictBinding || binding.version !== this.#verdictVersion) {
      this.#verdicts.clear();
      this.#verdictBinding = binding;
      this.#verdictVersion = binding.version;
      return 0;
    }
    return this.#verdicts.get(entry, verdictClass);
  }
}

export interface GateClientFields {
  readonly info: ClientInfo;
  readonly identity: Identity;
  readonly tenant: string | null;
  readonly mountpoint?: string;
  readonly tls: TlsEvidence | null;
  readonly authority: string;
  readonly leaseSeconds: number | null;
  readonly identifiedAt: number;
  readonly standing: Standing;
  readonly binding: Binding;
  readonly sources: readonly string[];
}

const INTERNAL = ['$SYS', '$CONTROL', '$share'];

/** Topics that belong to brokers: nothing from the wire goes there, whatever the rules say. */
export function isInternal(topic: string): boolean {
  // Nearly all topics end here.
  if (topic.charCodeAt(0) !== 0x24) return false;
  return INTERNAL.some((name) => topic.startsWith(name) && (topic.length === name.length || topic[name.length] === '/'));
}
