import { type Pattern, type PatternLevel, type PatternVariable, parsePattern, type RuleAction } from '@portcullis/sdk';
import { ActionBit, actionBit } from './compiled-rules.js';
import type { RuleEntry } from './trie.js';
import { isOneLevel, rawValue, type Variables } from './variables.js';

/** A rule of a client, with where it stands. */
export interface ListedRule {
  readonly plugin: string;
  /** Name of the template; null for a rule of this client alone. */
  readonly template: string | null;
  readonly entry: RuleEntry;
}

/** What a rule is held against. */
export interface AskedRight {
  readonly action: RuleAction;
  /** A valid topic name; for `subscribe` a valid topic filter. */
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** How a rule bears on a question. */
export interface RuleComparison {
  /** Whether it takes the topic (of a filter: some topic) and names the action. Its limits may still refuse. */
  readonly matches: boolean;
  /** How far it is from matching: levels that differ or are missing, and the action, one each; 0 when it matches. */
  readonly distance: number;
  /** In what it differs, or which limit of it is exceeded; empty when there is nothing. */
  readonly why: readonly string[];
}

const ACTIONS: readonly RuleAction[] = ['publish', 'subscribe', 'receive'];
const MAX_SHOWN = 60;
const NO_DOLLAR = 'begins with a wildcard, which takes no topic that begins with $';

/** The actions that a rule names, in the usual order. */
export function actionsOf(entry: RuleEntry): RuleAction[] {
  return ACTIONS.filter((action) => (entry.actions & actionBit(action)) !== 0);
}

/**
 * Says why a rule matches a question or does not, for people. It decides nothing: what the engine answers is in a binding, and a test holds the
 * two against each other.
 */
export function compareRule(entry: RuleEntry, asked: AskedRight, variables: Variables): RuleComparison {
  const pattern = parsePattern(entry.pattern);
  const differences = new Differences();
  if ((entry.actions & actionBit(asked.action)) === 0) differences.add(`is for ${actionsOf(entry).join(' and ')}, not ${asked.action}`);
  (asked.action === 'subscribe' ? holdAgainstFilter : holdAgainstTopic)(differences, pattern, entry, asked.topic, variables);
  const { distance, why } = differences;
  return distance > 0 ? { matches: false, distance, why } : { matches: true, distance, why: limitsExceeded(entry, asked) };
}

/** In what a rule differs, and how much that is. */
class Differences {
  readonly why: string[] = [];
  distance = 0;

  add(text: string, weight = 1): void {
    this.why.push(text);
    this.distance += weight;
  }

  level(level: PatternLevel, text: string, at: number, entry: RuleEntry, variables: Variables): void {
    const difference = levelDifference(level, text, at, entry, variables);
    if (difference !== null) this.add(difference);
  }
}

function limitsExceeded(entry: RuleEntry, { action, qos, retain }: AskedRight): string[] {
  // Of a subscription the QoS is lowered, nothing is refused.
  if (actionBit(action) !== ActionBit.PUBLISH) return [];
  const exceeded: string[] = [];
  if (qos > entry.maxQos) exceeded.push(`allows at most QoS ${entry.maxQos}`);
  if (retain && !entry.retain) exceeded.push('does not allow retained messages');
  return exceeded;
}

function holdAgainstTopic(differences: Differences, pattern: Pattern, entry: RuleEntry, topic: string, variables: Variables): void {
  const asked = topic.split('/');
  const { levels, open } = pattern;
  if (topic.startsWith('$') && sparesDollar(pattern, entry)) differences.add(NO_DOLLAR);
  for (let i = 0; i < levels.length && i < asked.length; i += 1) {
    differences.level(levels[i] as PatternLevel, asked[i] as string, i, entry, variables);
  }
  const has = open ? 'has at least' : 'has';
  if (asked.length < levels.length) differences.add(`${has} ${count(levels.length)}, the topic ${asked.length}`, levels.length - asked.length);
  if (asked.length > levels.length && !open) {
    differences.add(`has ${count(levels.length)}, the topic ${asked.length}`, asked.length - levels.length);
  }
}

function holdAgainstFilter(differences: Differences, pattern: Pattern, entry: RuleEntry, filter: string, variables: Variables): void {
  const asked = filter.split('/');
  const askedOpen = asked[asked.length - 1] === '#';
  if (askedOpen) asked.pop();
  const { levels, open } = pattern;
  const [first] = levels;
  if (filter.startsWith('$') && sparesDollar(pattern, entry)) differences.add(NO_DOLLAR);
  if (/^[+#]/.test(filter) && first !== undefined && textOf(first, variables)?.startsWith('$') === true) {
    differences.add('begins with $, and a filter that begins with a wildcard takes no such topic'); // [MQTT-4.7.2-1]
  }
  for (let i = 0; i < levels.length && (i < asked.length || askedOpen); i += 1) {
    // Beyond the filter's own levels the rule's have to be possible at all.
    differences.level(levels[i] as PatternLevel, asked[i] ?? '+', i, entry, variables);
  }
  const has = open ? 'has at least' : 'has';
  if (asked.length < levels.length && !askedOpen) {
    differences.add(`${has} ${count(levels.length)}, the filter ${asked.length}`, levels.length - asked.length);
  }
  if (asked.length > levels.length && !open) {
    differences.add(`has ${count(levels.length)}, the filter ${askedOpen ? 'at least ' : ''}${asked.length}`, asked.length - levels.length);
  }
  if (differences.distance === 0 && meetInNothing(levels, open, asked, askedOpen)) differences.add('would meet the filter in the empty topic only');
}

/** `/#` and `+`, or the other way round, would have only the empty topic name in common, which there is not. */
function meetInNothing(levels: readonly PatternLevel[], open: boolean, asked: readonly string[], askedOpen: boolean): boolean {
  if (levels.length !== 1 || asked.length !== 1 || open === askedOpen) return false;
  const [level] = levels;
  return open ? level?.kind === 'literal' && level.text === '' : asked[0] === '';
}

/** Whether it is a rule whose first level, a wildcard or a variable alone, takes no topics that begin with `$`. */
function sparesDollar({ levels: [first] }: Pattern, { effect }: RuleEntry): boolean {
  if (effect === 'deny') return false;
  return first === undefined || first.kind === 'any' || (first.kind === 'variable' && first.prefix === '');
}

/** Null when the level takes the text, which may be `+` of a filter. */
function levelDifference(level: PatternLevel, text: string, at: number, entry: RuleEntry, variables: Variables): string | null {
  switch (level.kind) {
    case 'any':
      return null;
    case 'literal':
      return level.text === text || isPlus(text) ? null : `level ${at + 1} is ${shown(level.text)}, not ${shown(text)}`;
    case 'variable': {
      const name = nameOf(level.variable);
      const value = rawValue(level.variable, variables);
      if (value === null) return `level ${at + 1} is ${name}, which has no value here`;
      if (!isOneLevel(value)) return `level ${at + 1} is ${name}, whose value ${shown(value)} is no single level and so matches nothing`;
      if (at === 0 && value.startsWith('$') && level.prefix === '' && entry.effect === 'allow')
        return `level 1 is ${name}, whose value begins with $ and so matches nothing`;
      const whole = level.prefix + value + level.suffix;
      return whole === text || isPlus(text) ? null : `level ${at + 1} is ${name}, here ${shown(whole)}, not ${shown(text)}`;
    }
  }
}

/** Topic names have none, so it is a filter's. */
function isPlus(text: string): boolean {
  return text === '+';
}

function textOf(level: PatternLevel, variables: Variables): string | null {
  if (level.kind === 'literal') return level.text;
  if (level.kind === 'any') return null;
  const value = rawValue(level.variable, variables);
  return value === null || !isOneLevel(value) ? null : level.prefix + value + level.suffix;
}

function nameOf({ kind, name }: PatternVariable): string {
  switch (kind) {
    case 'username':
      return '%u';
    case 'clientId':
      return '%c';
    case 'tenant':
      return '%{tenant}';
    case 'commonName':
      return '%{cn}';
    case 'attribute':
      return `%{attr.${name.slice(0, MAX_SHOWN)}}`;
  }
}

function count(levels: number): string {
  return `${levels} level${levels === 1 ? '' : 's'}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}
