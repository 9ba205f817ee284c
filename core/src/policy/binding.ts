import { isTopicFilter, type RuleAction } from '@portcullis/sdk';
import { Answer } from './answer.js';
import { ActionBit, actionBit } from './compiled-rules.js';
import { type AskedFilter, askedFilter, FilterWalk, type Touch } from './filter-walk.js';
import type { ListedRule } from './nearest-rules.js';
import type { Layout, RuleSlot } from './rule-slot.js';
import {
  isProven,
  type Judgement,
  judgeFirstMatch,
  judgeOverrides,
  NOTHING_GRANTED,
  type SlotTouch,
  type SubscribeAnswer,
} from './subscribe-answer.js';
import { TopicWalk } from './topic-walk.js';
import type { RuleEntry } from './trie.js';
import type { Variables } from './variables.js';

/** Where a deciding rule comes from. */
export interface RuleOrigin {
  readonly plugin: string;
  readonly from: string;
  readonly effect: 'allow' | 'deny';
}

const RELEASED: Layout = { owner: null, key: '', combine: 'deny-overrides', ends: [], references: 0 };
/** One for all: a check never waits, and never asks back. */
const walk = new TopicWalk();
/** The last decision of all bindings. Not a field of each: it is read at once or never, and there are many bindings. */
const last: { binding: Binding | null; slot: RuleSlot | null; entry: RuleEntry | null } = { binding: null, slot: null, entry: null };

/**
 * The rights of one client: shared templates and own rules, seen with the client's values. There is one for each client, so it is kept small:
 * no object for the values, and functions instead of private methods, which would cost every instance a mark.
 */
export class Binding implements Variables {
  readonly username: string | null;
  readonly clientId: string;
  readonly tenant: string | null;
  readonly commonName: string | null;
  readonly attributes: Variables['attributes'];
  #layout: Layout;
  #slots: readonly RuleSlot[];

  constructor(layout: Layout, slots: readonly RuleSlot[], variables: Variables) {
    this.username = variables.username;
    this.clientId = variables.clientId;
    this.tenant = variables.tenant;
    this.commonName = variables.commonName;
    this.attributes = variables.attributes;
    this.#layout = layout;
    this.#slots = slots;
  }

  get sourceCount(): number {
    return this.#layout.ends.length;
  }

  /** Grows with every change of a template that the binding uses; what was remembered under another number no longer counts. */
  get version(): number {
    const slots = this.#slots;
    let version = this.#layout === RELEASED ? -1 : 0;
    for (let i = 0; i < slots.length; i++) {
      const changed = (slots[i] as RuleSlot).version;
      if (changed > version) version = changed;
    }
    return version;
  }

  /** The rule that decided this binding's last `check` or `subscribe`; null if none did, or if another binding was asked since. */
  get lastRule(): RuleOrigin | null {
    if (last.binding !== this || last.slot === null || last.entry === null) return null;
    return { plugin: last.slot.plugin, from: last.entry.from, effect: last.entry.effect };
  }

  /** All its rules in their order, for whoever explains an answer. */
  *listed(): Generator<ListedRule> {
    for (const { plugin, template, rules } of this.#slots) for (const entry of rules?.entries ?? []) yield { plugin, template, entry };
  }

  /** Whether the binding lists one of these templates. */
  uses(plugin: string, names: ReadonlySet<string>): boolean {
    return this.#slots.some((slot) => slot.template !== null && slot.plugin === plugin && names.has(slot.template));
  }

  /**
   * What the rules say about one valid topic name: of all sources if `source` is -1, else of one, folded as the chain's `combine` says.
   * `subscribe` asks whether a subscription may yield this topic. QoS and retain count for `publish` only.
   */
  check(action: RuleAction, topic: string, qos: 0 | 1 | 2, retain: boolean, source: number): Answer {
    const { ends, combine } = this.#layout;
    const from = source > 0 ? (ends[source - 1] ?? 0) : 0;
    const to = (source < 0 ? this.#slots.length : ends[source]) ?? 0;
    last.binding = this;
    last.entry = null;
    walk.read(topic);
    const fold = combine === 'first-match' ? firstMatch : denyOverrides;
    return fold(this.#slots, from, to, this, actionBit(action), qos, retain);
  }

  /** What the rules say about a topic filter (of a shared subscription the inner one), of all sources or of one. */
  subscribe(filter: string, source: number): SubscribeAnswer {
    const { ends, combine } = this.#layout;
    const from = source > 0 ? (ends[source - 1] ?? 0) : 0;
    const slots = source < 0 ? this.#slots : this.#slots.slice(from, ends[source] ?? 0);
    const { answer, by } = judge(filter, slots, this, combine);
    last.binding = this;
    last.slot = by?.slot ?? null;
    last.entry = by?.touch.entry ?? null;
    return answer;
  }

  /** Whether every topic of the filter may be received, whatever `combine` says: allows cover it and no deny touches it. */
  proven(filter: string): boolean {
    if (!isTopicFilter(filter)) return false;
    const asked = askedFilter(filter);
    const allows = touchesOf(this.#slots, asked, ActionBit.RECEIVE, this, 'allow');
    return isProven(asked, allows, touchesOf(this.#slots, asked, ActionBit.RECEIVE, this, 'deny'));
  }

  /** The binding is no longer used. From now on it grants nothing. */
  release(): void {
    this.#layout.owner?.releaseSlots(this.#slots, this.#layout);
    this.#layout = RELEASED;
    this.#slots = [];
    if (last.binding === this) last.binding = null;
  }
}

type Fold = (slots: readonly RuleSlot[], from: number, to: number, variables: Variables, action: number, qos: number, retain: boolean) => Answer;

const denyOverrides: Fold = (slots, from, to, variables, action, qos, retain) => {
  for (let i = from; i < to; i++) {
    const slot = slots[i] as RuleSlot;
    if (slot.rules === null || slot.rules.deny === null) continue;
    walk.run(slot.rules.deny, action, variables, true, qos, retain);
    if (walk.first !== null) return decide(slot, walk.first, Answer.DENY);
  }
  let answer: Answer = Answer.NONE;
  for (let i = from; i < to; i++) {
    const slot = slots[i] as RuleSlot;
    if (slot.rules === null || slot.rules.allow === null) continue;
    walk.run(slot.rules.allow, action, variables, false, qos, retain);
    if (walk.fitting !== null) return decide(slot, walk.fitting, Answer.ALLOW);
    // Allowed within limits that are exceeded: refused, unless a wider rule follows.
    if (walk.first !== null && answer === Answer.NONE) answer = decide(slot, walk.first, Answer.DENY);
  }
  return answer;
};

const firstMatch: Fold = (slots, from, to, variables, action, qos, retain) => {
  for (let i = from; i < to; i++) {
    const slot = slots[i] as RuleSlot;
    const rules = slot.rules;
    if (rules === null) continue;
    let denied: RuleEntry | null = null;
    if (rules.deny !== null) {
      walk.run(rules.deny, action, variables, true, qos, retain);
      denied = walk.first;
    }
    if (rules.allow !== null) {
      walk.run(rules.allow, action, variables, false, qos, retain);
      const allowed = walk.first;
      if (allowed !== null && (denied === null || allowed.order < denied.order)) {
        return decide(slot, allowed, allowed === walk.fitting ? Answer.ALLOW : Answer.DENY);
      }
    }
    if (denied !== null) return decide(slot, denied, Answer.DENY);
  }
  return Answer.NONE;
};

function decide(slot: RuleSlot, entry: RuleEntry, answer: Answer): Answer {
  last.slot = slot;
  last.entry = entry;
  return answer;
}

function judge(filter: string, slots: readonly RuleSlot[], variables: Variables, combine: Layout['combine']): Judgement {
  // Never to be read as something else than what the router would make of it.
  if (!isTopicFilter(filter)) return NOTHING_GRANTED;
  const asked = askedFilter(filter);
  const action = ActionBit.SUBSCRIBE;
  if (combine === 'first-match') return judgeFirstMatch(asked, touchesOf(slots, asked, action, variables, 'both'));
  return judgeOverrides(asked, touchesOf(slots, asked, action, variables, 'allow'), touchesOf(slots, asked, action, variables, 'deny'));
}

/** The rules of these slots that have a topic in common with the filter, in the order of slots and rules. */
function touchesOf(
  slots: readonly RuleSlot[],
  asked: AskedFilter,
  action: number,
  variables: Variables,
  effect: 'allow' | 'deny' | 'both',
): SlotTouch[] {
  const found: SlotTouch[] = [];
  for (const slot of slots) {
    const touches: Touch[] = [];
    const { allow = null, deny = null } = slot.rules ?? {};
    if (allow !== null && effect !== 'deny') new FilterWalk(asked, action, variables, false, touches).run(allow);
    if (deny !== null && effect !== 'allow') new FilterWalk(asked, action, variables, true, touches).run(deny);
    touches.sort((a, b) => a.entry.order - b.entry.order);
    for (const touch of touches) found.push({ slot, touch });
  }
  return found;
}
