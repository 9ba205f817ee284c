import type { CompiledRules } from './compiled-rules.js';

/**
 * The place where a binding finds rules: a template, the same slot for all bindings that list it, or a client's own rules. Bindings hold the
 * slot and not the rules, so that new rules of a template are in force for everyone in one assignment.
 */
export class RuleSlot {
  readonly plugin: string;
  /** Name of the template; null for a client's own rules. */
  readonly template: string | null;
  /** Null once the template was removed: then it says nothing. */
  rules: CompiledRules | null;
  /** The engine's version at the last change of the rules; 0 for own rules, which never change. */
  version: number;
  /** How many places in bindings refer to it. */
  references = 0;

  constructor(plugin: string, template: string | null, rules: CompiledRules | null, version: number) {
    this.plugin = plugin;
    this.template = template;
    this.rules = rules;
    this.version = version;
  }
}

/** What bindings of one chain and one number of templates have in common; shared, because there are many bindings. */
export interface Layout {
  /** Who keeps it; null for that of released bindings. */
  readonly owner: SlotOwner | null;
  readonly key: string;
  readonly combine: 'deny-overrides' | 'first-match';
  /** For each source, where its slots end in the binding's list. */
  readonly ends: readonly number[];
  /** How many bindings use it. */
  references: number;
}

/** Who is told that a binding is no longer used. */
export interface SlotOwner {
  releaseSlots(slots: readonly RuleSlot[], layout: Layout): void;
}
