import { Coverage, coversAlone } from './coverage.js';
import type { AskedFilter, Touch } from './filter-walk.js';
import type { RuleSlot } from './rule-slot.js';

/** What the rules say about all topics of a filter together. */
export interface SubscribeAnswer {
  /**
   * `all`: every topic is allowed. `denied`: every topic is refused by a deny. `none`: no allow touches it (a deny may touch a part).
   * `partial`: anything else, each topic has to be checked. The first three are said only when they are certain.
   */
  readonly coverage: 'all' | 'partial' | 'none' | 'denied';
  /** The highest QoS that may be granted; 0 for `none` and `denied`. */
  readonly maxQos: 0 | 1 | 2;
  /** Whether a deny refuses some topics of the filter that nothing before it allowed: whoever else allows must not allow those. */
  readonly deniesPart: boolean;
}

/** A rule that touches the filter, with the slot it stands in. */
export interface SlotTouch {
  readonly slot: RuleSlot;
  readonly touch: Touch;
}

/** An answer and the rule that decided it. */
export interface Judgement {
  readonly answer: SubscribeAnswer;
  readonly by: SlotTouch | null;
}

const NOTHING: SubscribeAnswer = Object.freeze({ coverage: 'none', maxQos: 0, deniesPart: false });
const DENIED: SubscribeAnswer = Object.freeze({ coverage: 'denied', maxQos: 0, deniesPart: true });
export const NOTHING_GRANTED: Judgement = Object.freeze({ answer: NOTHING, by: null });

/** Any deny that matches refuses. The touches of allow and of deny rules, each in order of their rules. */
export function judgeOverrides(asked: AskedFilter, allows: readonly SlotTouch[], denies: readonly SlotTouch[]): Judgement {
  const denied = new Coverage(asked);
  for (const by of denies) if (denied.add(by.touch)) return { answer: DENIED, by };
  const [firstDeny = null] = denies;
  const deniesPart = firstDeny !== null;
  const [firstAllow = null] = allows;
  if (firstAllow === null) return deniesPart ? { answer: { coverage: 'none', maxQos: 0, deniesPart }, by: firstDeny } : NOTHING_GRANTED;
  const allowed = new Coverage(asked);
  let alone: SlotTouch | null = null;
  for (const by of allows) {
    allowed.add(by.touch);
    if (coversAlone(asked, by.touch) && (alone === null || by.touch.entry.maxQos > alone.touch.entry.maxQos)) alone = by;
  }
  const maxQos = alone === null ? lowestQos(allows) : alone.touch.entry.maxQos;
  const coverage = allowed.complete && !deniesPart ? 'all' : 'partial';
  return { answer: { coverage, maxQos, deniesPart }, by: firstDeny ?? alone ?? firstAllow };
}

/** The first rule that matches decides. The touches of allow and deny rules together, in order of their rules. */
export function judgeFirstMatch(asked: AskedFilter, touches: readonly SlotTouch[]): Judgement {
  const denied = new Coverage(asked);
  const allowed = new Coverage(asked);
  const allows: SlotTouch[] = [];
  let firstDeny: SlotTouch | null = null;
  for (const by of touches) {
    if (by.touch.entry.effect === 'deny') {
      firstDeny ??= by;
      if (allows.length === 0 && denied.add(by.touch)) return { answer: DENIED, by };
    } else {
      allows.push(by);
      // Behind a deny that touches the filter an allow no longer reaches all of it.
      if (firstDeny === null && allowed.add(by.touch)) return { answer: { coverage: 'all', maxQos: lowestQos(allows), deniesPart: false }, by };
    }
  }
  const [firstAllow = null] = allows;
  const deniesPart = firstDeny !== null;
  if (firstAllow === null) return deniesPart ? { answer: { coverage: 'none', maxQos: 0, deniesPart }, by: firstDeny } : NOTHING_GRANTED;
  return { answer: { coverage: 'partial', maxQos: lowestQos(allows), deniesPart }, by: firstDeny ?? firstAllow };
}

/** Whether allows take every topic of the filter and no deny takes any. */
export function isProven(asked: AskedFilter, allows: readonly SlotTouch[], denies: readonly SlotTouch[]): boolean {
  if (denies.length > 0) return false;
  const allowed = new Coverage(asked);
  return allows.some((by) => allowed.add(by.touch));
}

function lowestQos(allows: readonly SlotTouch[]): 0 | 1 | 2 {
  let lowest: 0 | 1 | 2 = 2;
  for (const { touch } of allows) if (touch.entry.maxQos < lowest) lowest = touch.entry.maxQos;
  return lowest;
}
