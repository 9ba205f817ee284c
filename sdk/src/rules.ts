/** What a rule may speak about. `subscribe` is judged when a client subscribes, `receive` for each delivered copy. */
export type RuleAction = 'publish' | 'subscribe' | 'receive';

/**
 * One right or its refusal, as data. The core compiles it; no code runs for it per message.
 */
export interface Rule {
  /** A deny outweighs every allow, unless the chain combines by `"first-match"`. */
  readonly effect: 'allow' | 'deny';
  /** At least one action. */
  readonly actions: readonly RuleAction[];
  /**
   * A topic filter of MQTT with variables: `%u` or `%{username}`, `%c` or `%{clientId}`, `%{tenant}`, `%{cn}` (common name of a verified
   * client certificate), `%{attr.<name>}`; `%%` is a percent sign. A variable stands for text within one level, as the whole level or with
   * a literal before and after it (`dev-%c`); at most one a level. A value that is empty or holds `+`, `#`, `/` or U+0000, and a variable
   * without a value, match nothing; nor does, in an allow rule, a variable at the very beginning whose value begins with `$`.
   * In an allow rule a leading wildcard spares topics that begin with `$`, as in MQTT; in a deny rule it takes them too. Text that begins
   * with `$share/` is refused: shared subscriptions are judged on the filter behind the group.
   */
  readonly pattern: string;
  /** For allow rules on publish and subscribe: the highest QoS (default 2). A publish above it is denied, a subscription gets the lower. */
  readonly maxQos?: 0 | 1 | 2;
  /** For allow rules on publish: whether the message may be retained (default true). */
  readonly retain?: boolean;
  /** Where the rule comes from, for people: file and line, table and row, key. */
  readonly from: string;
}

/** What `loadPolicy` gives: the rights of one client as far as this plugin knows them. */
export interface PolicyGrant {
  /**
   * Version of the data behind the answer, a number that grows or a string of any form. A numeric version below one that the plugin already
   * announced through `policy.invalidate` is thrown away and asked again.
   */
  readonly version: number | string;
  /** Names of templates that this plugin defined through `policy.setTemplate`; an unknown name makes the answer a fault. */
  readonly templates?: readonly string[];
  /** Rules of this client alone, after those of the templates. */
  readonly rules?: readonly Rule[];
  /** Seconds after which `loadPolicy` is asked again; without it only an invalidation asks again. A positive finite number. */
  readonly leaseSeconds?: number;
}
