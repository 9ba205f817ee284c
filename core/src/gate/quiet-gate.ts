import type { ClientInfo, RuleAction } from '@portcullis/sdk';
import { Logger } from '../log.js';
import { Stats } from '../stats.js';
import type { GateClient, Standing } from './client.js';
import { Gate } from './gate.js';
import type { GateOptions } from './gate-options.js';
import type { Tenancy } from './tenancy.js';

/** What a gate has recorded of a decision. */
export interface RecordedDecision {
  readonly hook: string;
  readonly plugin: string | null;
  readonly outcome: 'allow' | 'deny' | 'fault';
  readonly reasonCode: number;
  /** Where the deciding rule comes from, or null. */
  readonly rule: string | null;
  readonly detail: string;
}

/**
 * The gate with other ears: it judges by the very code of the one that clients meet, but what it decides is counted, logged and told nowhere;
 * it only remembers the last. For questions that nobody has put but whoever wants to know how they would end.
 */
export class QuietGate extends Gate {
  last: RecordedDecision | null = null;
  /** Who hears of the decision about a CONNECT all the same; null for nobody. */
  readonly #connectsCountAt: Gate | null;
  /** What stands for chains that questions come to on their way. */
  readonly #others: (chain: string) => Standing | undefined;

  constructor(
    options: GateOptions,
    standing: Standing,
    tenancy: Tenancy,
    others: (chain: string) => Standing | undefined,
    connectsCountAt: Gate | null,
  ) {
    super({ ...options, log: new Logger(() => {}, 'silent'), stats: new Stats() });
    this.#connectsCountAt = connectsCountAt;
    this.#others = others;
    this.stand(new Map([[standing.chain.name, standing]]), standing.global, options.sessionRules, 0, new Map(), tenancy);
  }

  override standing(chain: string): Standing | undefined {
    return super.standing(chain) ?? this.#others(chain);
  }

  override get standings() {
    return { get: (chain: string) => this.standing(chain) };
  }

  override connectDecided(
    hook: string,
    plugin: string | null,
    outcome: 'allow' | 'deny' | 'fault',
    reasonCode: number,
    info: ClientInfo,
    username: string | null,
    detail: string,
  ): void {
    this.last = { hook, plugin, outcome, reasonCode, rule: null, detail };
    this.#connectsCountAt?.connectDecided(hook, plugin, outcome, reasonCode, info, username, `${detail} (explain)`);
  }

  override connectAbandoned(client: ClientInfo, username: string | null): void {
    this.#connectsCountAt?.connectAbandoned(client, username);
  }

  override decided(
    hook: string,
    plugin: string | null,
    outcome: 'allow' | 'deny' | 'fault',
    reasonCode: number,
    _client: GateClient,
    _action: RuleAction | 'refresh',
    _topic: string | null,
    rule: string | null,
    detail = '',
  ): void {
    this.last = { hook, plugin, outcome, reasonCode, rule, detail };
  }
}
