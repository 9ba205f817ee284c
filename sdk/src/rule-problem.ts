import { PatternFault, parsePattern } from './patterns.js';
import type { Rule, RuleAction } from './rules.js';

const ACTIONS: readonly unknown[] = ['publish', 'subscribe', 'receive'] satisfies readonly RuleAction[];

/** A rule that nobody has looked at yet. */
export type UncheckedRule = { readonly [field in Exclude<keyof Rule, 'from'>]?: unknown };

/**
 * Says in one clause what the broker would refuse a rule for, or null: for tools that write rules, so that nothing gets into a file or a table that
 * would later be a fault. It is what the broker itself asks. A fault of the pattern comes with its place, counted from 1.
 */
export function ruleProblem(rule: UncheckedRule): string | null {
  const problem = ruleShapeProblem(rule);
  if (problem !== null) return problem;
  try {
    parsePattern(rule.pattern as string);
    return null;
  } catch (error) {
    if (!(error instanceof PatternFault)) throw error;
    return `the pattern ${error.message} (at character ${error.at + 1})`;
  }
}

/** The same, but for the pattern: of that it only says whether it is text. */
export function ruleShapeProblem({ effect, actions, pattern, maxQos = 2, retain = true }: UncheckedRule): string | null {
  if (effect !== 'allow' && effect !== 'deny') return `the effect is neither "allow" nor "deny"`;
  if (typeof pattern !== 'string') return 'the pattern is not text';
  if (maxQos !== 0 && maxQos !== 1 && maxQos !== 2) return 'maxQos is not 0, 1 or 2';
  if (typeof retain !== 'boolean') return 'retain is not true or false';
  if (!Array.isArray(actions) || actions.length === 0) return 'there is no action';
  if (!actions.every((action) => ACTIONS.includes(action))) return 'an action is none of "publish", "subscribe", "receive"';
  // Limits that have no effect would be read as rights that were never granted, or refusals narrower than they are.
  if (effect === 'deny' && (maxQos < 2 || !retain)) return 'a deny rule refuses altogether and takes neither maxQos nor retain';
  if (maxQos < 2 && !actions.some((action) => action !== 'receive')) return 'maxQos limits publish and subscribe, and the rule allows neither';
  if (!retain && !actions.includes('publish')) return 'retain limits publish, and the rule does not allow it';
  return null;
}
