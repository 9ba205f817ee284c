import type { Rule, RuleAction } from '@portcullis/sdk';
import { PatternFault, parsePattern } from './pattern.js';
import { PolicyError } from './policy-error.js';
import { type RuleEntry, TrieBuilder, type TrieNode } from './trie.js';

/** Actions as bits. */
export const ActionBit = { PUBLISH: 1, SUBSCRIBE: 2, RECEIVE: 4 } as const;

export function actionBit(action: RuleAction): number {
  switch (action) {
    case 'publish':
      return ActionBit.PUBLISH;
    case 'subscribe':
      return ActionBit.SUBSCRIBE;
    case 'receive':
      return ActionBit.RECEIVE;
    default:
      return 0;
  }
}

/** Rules in the form in which they are looked up; the same for all clients, whose values are filled in while walking. */
export class CompiledRules {
  /** Allow and deny rules apart: they treat topics that begin with `$` differently. Null without any. */
  readonly allow: TrieNode | null;
  readonly deny: TrieNode | null;
  readonly entries: readonly RuleEntry[];

  private constructor(allow: TrieNode | null, deny: TrieNode | null, entries: readonly RuleEntry[]) {
    this.allow = allow;
    this.deny = deny;
    this.entries = entries;
  }

  /** Throws `PolicyError` at the first rule that is not sound in every respect; nothing is guessed and nothing left out. */
  static compile(rules: readonly Rule[]): CompiledRules {
    const allow = new TrieBuilder();
    const deny = new TrieBuilder();
    const entries: RuleEntry[] = [];
    for (const rule of rules) {
      const entry = entryOf(rule, entries.length);
      try {
        (entry.effect === 'allow' ? allow : deny).add(parsePattern(entry.pattern), entry);
      } catch (error) {
        if (error instanceof PatternFault) throw new PolicyError(`${entry.from}: pattern ${shown(entry.pattern)} ${error.message}`);
        throw error;
      }
      entries.push(entry);
    }
    return new CompiledRules(allow.finish(), deny.finish(), entries.slice());
  }

  /** The rules that deny, alone. */
  denials(): CompiledRules {
    return new CompiledRules(
      null,
      this.deny,
      this.entries.filter(({ effect }) => effect === 'deny'),
    );
  }

  get size(): number {
    return this.entries.length;
  }

  /** Whether both give the same answers to everything, wherever the rules come from. */
  grantsSameAs(other: CompiledRules): boolean {
    return this.size === other.size && this.entries.every((entry, i) => isSameRight(entry, other.entries[i] as RuleEntry));
  }
}

function isSameRight(a: RuleEntry, b: RuleEntry): boolean {
  return a.effect === b.effect && a.actions === b.actions && a.maxQos === b.maxQos && a.retain === b.retain && a.pattern === b.pattern;
}

/** Rules come from plugins: what the types promise is looked at again, each field once. */
function entryOf(rule: Rule, order: number): RuleEntry {
  const from: unknown = rule?.from;
  if (typeof from !== 'string') throw new PolicyError(`rule ${order + 1} does not say where it comes from`);
  const fail = (what: string): never => {
    throw new PolicyError(`${from === '' ? `rule ${order + 1}` : from}: ${what}`);
  };
  const { effect, actions: names, pattern, maxQos = 2, retain = true } = rule;
  if (effect !== 'allow' && effect !== 'deny') return fail(`the effect is neither "allow" nor "deny"`);
  if (typeof pattern !== 'string') return fail('the pattern is not text');
  if (maxQos !== 0 && maxQos !== 1 && maxQos !== 2) return fail('maxQos is not 0, 1 or 2');
  if (typeof retain !== 'boolean') return fail('retain is not true or false');
  const actions = actionsOf(names, fail);
  // Limits that have no effect would be read as rights that were never granted, or refusals narrower than they are.
  if (effect === 'deny' && (maxQos < 2 || !retain)) return fail('a deny rule refuses altogether and takes neither maxQos nor retain');
  if (maxQos < 2 && (actions & ~ActionBit.RECEIVE) === 0) return fail('maxQos limits publish and subscribe, and the rule allows neither');
  if (!retain && (actions & ActionBit.PUBLISH) === 0) return fail('retain limits publish, and the rule does not allow it');
  return { order, effect, actions, maxQos, retain, pattern, from };
}

function actionsOf(names: unknown, fail: (what: string) => never): number {
  if (!Array.isArray(names) || names.length === 0) return fail('there is no action');
  let actions = 0;
  for (const name of names) {
    const bit = actionBit(name);
    if (bit === 0) return fail('an action is none of "publish", "subscribe", "receive"');
    actions |= bit;
  }
  return actions;
}

function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}
