import type { Rule, RuleAction } from '@portcullis/sdk';
import type { Variables } from './variables.js';

/** Rules judged one by one, each written out as a filter for the client at hand. Shares no code with the engine. */
export class ReferencePolicy {
  readonly #rules: readonly { readonly rule: Rule; readonly filter: string | null; readonly guarded: boolean }[];

  constructor(rules: readonly Rule[], variables: Variables) {
    this.#rules = rules.map((rule) => ({ rule, filter: writtenOut(rule.pattern, variables), guarded: /^%[^%]/.test(rule.pattern) }));
  }

  /** The rules that match, in their order. */
  matching(action: RuleAction, topic: string): Rule[] {
    return this.#rules
      .filter(({ rule, filter, guarded }) => {
        if (filter === null || !rule.actions.includes(action)) return false;
        if (rule.effect === 'allow' && topic.startsWith('$') && (guarded || /^[+#]/.test(filter))) return false;
        return takes(filter.split('/'), topic.split('/'));
      })
      .map(({ rule }) => rule);
  }

  denyOverrides(action: RuleAction, topic: string, qos: number, retain: boolean): 0 | 1 | 2 {
    const matching = this.matching(action, topic);
    if (matching.length === 0) return 0;
    if (matching.some((rule) => rule.effect === 'deny')) return 2;
    return matching.some((rule) => fits(rule, action, qos, retain)) ? 1 : 2;
  }

  firstMatch(action: RuleAction, topic: string, qos: number, retain: boolean): 0 | 1 | 2 {
    const [first] = this.matching(action, topic);
    if (first === undefined) return 0;
    return first.effect === 'allow' && fits(first, action, qos, retain) ? 1 : 2;
  }
}

function fits(rule: Rule, action: RuleAction, qos: number, retain: boolean): boolean {
  return action !== 'publish' || (qos <= (rule.maxQos ?? 2) && (!retain || rule.retain !== false));
}

function takes(filter: readonly string[], topic: readonly string[]): boolean {
  if (filter[0] === '#') return true;
  if (filter.length === 0 || topic.length === 0) return filter.length === topic.length;
  return (filter[0] === '+' || filter[0] === topic[0]) && takes(filter.slice(1), topic.slice(1));
}

/** The filter of a pattern for one client; null if a value is missing or is not one level. */
function writtenOut(pattern: string, { username, clientId, tenant, commonName, attributes }: Variables): string | null {
  const values = new Map<string, string | null>([
    ['%u', username],
    ['%{username}', username],
    ['%c', clientId],
    ['%{clientId}', clientId],
    ['%{tenant}', tenant],
    ['%{cn}', commonName],
    ...Object.entries(attributes ?? {}).map(([name, value]) => [`%{attr.${name}}`, String(value)] as const),
  ]);
  let dead = false;
  const filter = pattern.replace(/%%|%[uc]|%\{[^}]*\}/g, (written) => {
    if (written === '%%') return '%';
    const value = values.get(written) ?? '';
    if (value === '' || /[+#/\0]/.test(value)) dead = true;
    return value;
  });
  return dead ? null : filter;
}
