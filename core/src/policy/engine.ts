import type { Rule } from '@portcullis/sdk';
import { Binding } from './binding.js';
import { CompiledRules } from './compiled-rules.js';
import { PolicyError } from './policy-error.js';
import { type Layout, RuleSlot, type SlotOwner } from './rule-slot.js';
import type { Variables } from './variables.js';

/** The rights that one plugin gives to one client. */
export interface BindingSource {
  readonly plugin: string;
  /** Names of this plugin's templates, in their order. */
  readonly templates: readonly string[];
  /** Rules of this client alone, after those of the templates. */
  readonly rules: CompiledRules | null;
}

export interface BindingInput {
  readonly combine: 'deny-overrides' | 'first-match';
  readonly variables: Variables;
  /** In the order of the chain. */
  readonly sources: readonly BindingSource[];
}

/** Keeps the templates of all plugins and binds clients to them. */
export class PolicyEngine implements SlotOwner {
  /**
   * Called after each change of rights, with the templates concerned, and whether anybody is bound to one of them. Not called when only the rules'
   * origins changed.
   */
  onChange: ((plugin: string, names: ReadonlySet<string>, inUse: boolean) => void) | null = null;
  #version = 0;
  readonly #plugins = new Map<string, Map<string, RuleSlot>>();
  readonly #layouts = new Map<string, Layout>();
  #lastLayout: Layout | null = null;
  /** Templates of which only the denials are left. */
  readonly #withdrawn = new Set<RuleSlot>();

  /** Grows with every change of any template. */
  get version(): number {
    return this.#version;
  }

  hasTemplate(plugin: string, name: string): boolean {
    return this.#isThere(this.#slot(plugin, name));
  }

  /** Defines or replaces a template. Throws `PolicyError`, and changes nothing, when a rule does not compile. */
  setTemplate(plugin: string, name: string, rules: readonly Rule[]): void {
    this.#apply(plugin, new Map([[name, CompiledRules.compile(rules)]]));
  }

  /** Clients bound to it lose its rules at once, and have them back if it is set again. */
  removeTemplate(plugin: string, name: string): void {
    this.#apply(plugin, new Map([[name, null]]));
  }

  /** Removes a template that nobody is bound to. False, and nothing changes, when somebody is. */
  forgetTemplate(plugin: string, name: string): boolean {
    const slot = this.#slot(plugin, name);
    if (slot === undefined) return true;
    if (slot.references > 0) return false;
    this.removeTemplate(plugin, name);
    return true;
  }

  /** Makes these the only templates of the plugin, in one step. Throws `PolicyError`, and changes nothing, when a rule does not compile. */
  replaceTemplates(plugin: string, templates: ReadonlyMap<string, readonly Rule[]>): void {
    const changes = new Map<string, CompiledRules | null>();
    for (const name of this.#plugins.get(plugin)?.keys() ?? []) changes.set(name, null);
    for (const [name, rules] of templates) {
      try {
        changes.set(name, CompiledRules.compile(rules));
      } catch (error) {
        throw error instanceof PolicyError ? new PolicyError(`template ${JSON.stringify(name)}: ${error.message}`) : error;
      }
    }
    this.#apply(plugin, changes);
  }

  /**
   * Takes back what these templates grant. To those that are bound to them, what they deny stays denied until they are set again or removed; until
   * then nobody else is bound to them.
   */
  withdrawGrants(plugin: string, names: readonly string[]): void {
    const changes = new Map<string, CompiledRules | null>();
    for (const name of names) {
      const denials = this.#slot(plugin, name)?.rules?.denials();
      if (denials !== undefined) changes.set(name, denials.size === 0 ? null : denials);
    }
    this.#apply(plugin, changes);
    for (const name of changes.keys()) {
      const slot = this.#slot(plugin, name);
      if (slot !== undefined && slot.rules !== null) this.#withdrawn.add(slot);
    }
  }

  removePlugin(plugin: string): void {
    this.replaceTemplates(plugin, new Map());
  }

  /** Binds a client. Throws `PolicyError` when a template is not there: a client must not come in with fewer denials than it was given. */
  bind({ combine, variables, sources }: BindingInput): Binding {
    let count = 0;
    for (const { templates, rules } of sources) count += templates.length + (rules === null ? 0 : 1);
    // Made with its length: lists that grew by pushing keep room for more, which counts when there is one for each client.
    const slots = new Array<RuleSlot>(count);
    let at = 0;
    for (const { plugin, templates, rules } of sources) {
      const own = this.#plugins.get(plugin);
      for (const name of templates) {
        const slot = own?.get(name);
        if (slot === undefined || !this.#isThere(slot)) throw new PolicyError(`${plugin} has no template ${JSON.stringify(name)}`);
        slots[at++] = slot;
      }
      if (rules !== null) slots[at++] = new RuleSlot(plugin, null, rules, 0);
    }
    const layout = this.#layout(combine, sources);
    layout.references += 1;
    for (const slot of slots) slot.references += 1;
    return new Binding(layout, slots, variables);
  }

  /** For bindings only. */
  releaseSlots(slots: readonly RuleSlot[], layout: Layout): void {
    layout.references -= 1;
    if (layout.references === 0) this.#layouts.delete(layout.key);
    for (const slot of slots) {
      slot.references -= 1;
      this.#forgetIfUnused(slot);
    }
  }

  #apply(plugin: string, changes: ReadonlyMap<string, CompiledRules | null>): void {
    const changed = new Set<string>();
    let inUse = false;
    for (const [name, rules] of changes) {
      const slot = this.#slot(plugin, name);
      if (slot !== undefined) this.#withdrawn.delete(slot);
      const before = slot?.rules ?? null;
      if (before === rules) continue;
      // A file that was only moved about must not make everyone's rights be looked at again; what `explain` says follows nevertheless.
      if (slot !== undefined && before !== null && rules?.grantsSameAs(before) === true) slot.rules = rules;
      else {
        changed.add(name);
        inUse ||= slot !== undefined && slot.references > 0;
      }
    }
    if (changed.size === 0) return;
    this.#version += 1;
    for (const name of changed) this.#put(plugin, name, changes.get(name) ?? null);
    this.onChange?.(plugin, changed, inUse);
  }

  #put(plugin: string, name: string, rules: CompiledRules | null): void {
    const slot = this.#slot(plugin, name);
    if (slot === undefined) {
      const slots = this.#plugins.get(plugin) ?? new Map<string, RuleSlot>();
      this.#plugins.set(plugin, slots.set(name, new RuleSlot(plugin, name, rules, this.#version)));
      return;
    }
    slot.rules = rules;
    slot.version = this.#version;
    this.#forgetIfUnused(slot);
  }

  #forgetIfUnused(slot: RuleSlot): void {
    if (slot.template === null || slot.rules !== null || slot.references > 0) return;
    const slots = this.#plugins.get(slot.plugin);
    slots?.delete(slot.template);
    if (slots?.size === 0) this.#plugins.delete(slot.plugin);
  }

  #isThere(slot: RuleSlot | undefined): boolean {
    return slot !== undefined && slot.rules !== null && !this.#withdrawn.has(slot);
  }

  #slot(plugin: string, name: string): RuleSlot | undefined {
    return this.#plugins.get(plugin)?.get(name);
  }

  /** Where the slots of each source end. Nearly all clients of a chain share one. */
  #layout(combine: BindingInput['combine'], sources: readonly BindingSource[]): Layout {
    const last = this.#lastLayout;
    if (last !== null && last.references > 0 && last.combine === combine && hasEnds(last.ends, sources)) return last;
    const ends: number[] = [];
    let end = 0;
    for (const { templates, rules } of sources) {
      end += templates.length + (rules === null ? 0 : 1);
      ends.push(end);
    }
    const key = `${combine} ${ends.join(' ')}`;
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = { owner: this, key, combine, ends, references: 0 };
      this.#layouts.set(key, layout);
    }
    this.#lastLayout = layout;
    return layout;
  }
}

function hasEnds(ends: readonly number[], sources: readonly BindingSource[]): boolean {
  if (ends.length !== sources.length) return false;
  let end = 0;
  for (let i = 0; i < ends.length; i += 1) {
    const { templates, rules } = sources[i] as BindingSource;
    end += templates.length + (rules === null ? 0 : 1);
    if (ends[i] !== end) return false;
  }
  return true;
}
