import type { RuleAction } from '@portcullis/sdk';
import type { GateClient } from './gate/index.js';
import { type AskedRight, actionsOf, compareRule, type ListedRule, type RuleComparison } from './policy/index.js';

/** A rule as an explanation shows it. */
export interface ShownRule {
  readonly plugin: string;
  readonly template: string | null;
  /** File and line, table and row, or what else its source says. */
  readonly from: string;
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly RuleAction[];
  readonly pattern: string;
  readonly maxQos: 0 | 1 | 2;
  readonly retain: boolean;
  /** In what it differs from the question, or which of its limits is exceeded. */
  readonly why: readonly string[];
}

/** The rules of a client that bear on a question. */
export interface RelatedRules {
  /** How many rules the client has. */
  readonly total: number;
  /** The one that decided; null when none did. */
  readonly deciding: ShownRule | null;
  /** Others that match. */
  readonly matching: readonly ShownRule[];
  /** Those that come nearest to matching, the nearest first. */
  readonly nearest: readonly ShownRule[];
}

/** How many rules of each kind are shown. */
const SHOWN = 5;
/** Rules that are looked at before others have their turn: a client may have a hundred thousand. */
const RULES_A_TURN = 500;

/** Finds them. What decided is the gate's to say; this only looks its rule up. */
export async function relatedRules(
  client: GateClient,
  asked: AskedRight,
  decision: { readonly plugin: string | null; readonly rule: string | null },
): Promise<RelatedRules> {
  const { binding } = client;
  let total = 0;
  let deciding: ShownRule | null = null;
  const matching: ShownRule[] = [];
  const near: { readonly distance: number; readonly rule: ListedRule; readonly comparison: RuleComparison }[] = [];
  for (const rule of binding.listed()) {
    total += 1;
    if (total % RULES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const comparison = compareRule(rule.entry, asked, binding);
    if (comparison.matches) {
      const isIt = deciding === null && rule.plugin === decision.plugin && rule.entry.from === decision.rule;
      if (isIt) deciding = shown(rule, comparison);
      else if (matching.length < SHOWN) matching.push(shown(rule, comparison));
      continue;
    }
    const { distance } = comparison;
    if (near.length === SHOWN && distance >= (near[SHOWN - 1]?.distance ?? 0)) continue;
    // Behind those that are as near: of these the first counts.
    const place = near.findIndex((other) => other.distance > distance);
    near.splice(place < 0 ? near.length : place, 0, { distance, rule, comparison });
    if (near.length > SHOWN) near.pop();
  }
  return { total, deciding, matching, nearest: near.map(({ rule, comparison }) => shown(rule, comparison)) };
}

function shown({ plugin, template, entry }: ListedRule, { why }: RuleComparison): ShownRule {
  const { from, effect, pattern, maxQos, retain } = entry;
  return { plugin, template, from, effect, actions: actionsOf(entry), pattern, maxQos, retain, why };
}
