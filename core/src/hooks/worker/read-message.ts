import type { FaultKind } from '../fault-log.js';
import { MAX_FRAMES, type Place } from '../place.js';
import { type FromThread, MAX_BATCH, MAX_FIELDS, MAX_TEXT, type WireAnswer } from './messages.js';

/** The thread sent what the runtime in it never sends. */
export class Strange extends Error {}

/** What a thread may say that a question failed of. Time and room are the broker's to judge; all of them refuse. */
const KINDS: readonly FaultKind[] = ['threw', 'no-decision', 'foreign-decision', 'malformed', 'undeclared', 'unavailable', 'overload'];
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const MAX_NAMES = 1000;

/** The messages of one post, not read yet. */
export function readBatch(given: unknown): readonly unknown[] {
  if (Array.isArray(given) && given.length > 0 && given.length <= MAX_BATCH) return given;
  throw new Strange('a list of messages that is none, or too long');
}

/**
 * Reads a message of the thread, field by field. What an answer grants is not looked at here: the verbs of the question do that, as for a
 * plugin in the broker's own thread. Throws a Strange.
 */
export function readMessage(given: unknown): FromThread {
  const message = record(given);
  const { t, id } = message;
  switch (t) {
    case 'answer':
      return { t, id: positive(id), answer: readAnswer(message.answer) };
    case 'fault':
      return { t, id: positive(id), kind: oneOf(message.kind, KINDS), detail: text(message.detail), place: readPlace(message.place) };
    case 'call':
      return { t, id: positive(id), what: text(message.what), args: list(message.args) };
    case 'heard':
    case 'unsaid':
      return { t, count: positive(message.count) };
    case 'log':
      return { t, level: oneOf(message.level, LEVELS), fields: readFields(message.fields), message: text(message.message) };
    case 'metrics':
      return { t, counts: pairs(message.counts), gauges: pairs(message.gauges) };
    case 'escaped':
      return { t, where: text(message.where), text: text(message.text), place: readPlace(message.place) };
    case 'started':
      return { t, taps: list(message.taps).map(text), methods: list(message.methods).map(text) };
    case 'failed':
      return { t, unavailable: message.unavailable === true, text: text(message.text) };
    case 'reloaded':
      return { t, problems: list(message.problems).map(text), rereads: message.rereads === true };
    case 'second':
    case 'stopped':
      return { t };
    default:
      throw new Strange('a message of an unknown kind');
  }
}

function readAnswer(given: unknown): WireAnswer {
  const answer = record(given);
  const { kind } = answer;
  switch (kind) {
    case 'allow':
    case 'deny':
    case 'continue':
    case 'given':
    case 'pass':
    case 'skip':
    case 'nothing':
      // The verbs check the rest.
      return answer as unknown as WireAnswer;
    default:
      throw new Strange('an answer of an unknown kind');
  }
}

function readPlace(given: unknown): Place | null {
  if (given === null) return null;
  const { at, frames } = record(given);
  return { at: text(at), frames: list(frames).slice(0, MAX_FRAMES).map(text) };
}

export function record(given: unknown): Record<string, unknown> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
  throw new Strange('a message that is no object');
}

export function positive(given: unknown): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given > 0) return given;
  throw new Strange('a number that is none');
}

export function text(given: unknown): string {
  if (typeof given !== 'string') throw new Strange('a text that is none');
  return given.length <= MAX_TEXT ? given : `${given.slice(0, MAX_TEXT)}…`;
}

export function list(given: unknown): readonly unknown[] {
  if (Array.isArray(given) && given.length <= MAX_NAMES) return given;
  throw new Strange('a list that is none, or too long');
}

function oneOf<T extends string>(given: unknown, values: readonly T[]): T {
  const value = values.find((known) => known === given);
  if (value === undefined) throw new Strange('a word that is not known');
  return value;
}

function readFields(given: unknown): Readonly<Record<string, unknown>> {
  const fields = Object.entries(record(given));
  if (fields.length > MAX_FIELDS) throw new Strange('a log line with too many fields');
  for (const [, value] of fields)
    if (typeof value === 'object' && value !== null) throw new Strange('a log line that holds more than texts and numbers');
  return Object.fromEntries(fields.map(([name, value]) => [text(name), typeof value === 'string' ? text(value) : value]));
}

/** Names with numbers. */
export function pairs(given: unknown): readonly (readonly [string, number])[] {
  return list(given).map((pair) => {
    const [name, value] = list(pair);
    if (typeof value !== 'number') throw new Strange('a metric that is no number');
    return [text(name), value];
  });
}
