import type { ErrorObject } from 'ajv';
import { nameHint } from './did-you-mean.js';
import type { JsonDocument } from './json-document.js';
import { type Problem, pathText, quoted, type Segment } from './problem.js';
import { REFERENCE_KEYWORD, referenceFault } from './references.js';

export interface Explanation {
  readonly message: string;
  readonly hint: string | null;
}

/** Lets a caller word certain errors itself; null leaves the general words. */
export type Explain = (error: ErrorObject, segments: readonly Segment[]) => Explanation | null;

/**
 * Ajv's errors as problems: one for each mistake, with its place, without the noise of schema combinators. Ajv must run with `verbose`, so that
 * errors carry the schema beside them. Values are looked at but never quoted.
 */
export function schemaProblems(
  errors: readonly ErrorObject[] | null | undefined,
  document: JsonDocument,
  base: readonly Segment[] = [],
  explain: Explain = () => null,
): Problem[] {
  return withoutNoise(errors ?? []).map((error) => toProblem(error, document, base, explain));
}

/** Drops what only repeats other errors, and of the branches of anyOf and oneOf all but the one that was probably meant. */
function withoutNoise(errors: readonly ErrorObject[]): ErrorObject[] {
  let rest = errors.filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames');
  // Inner combinators come first in Ajv's list; each is settled before the one around it.
  for (const choice of rest.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')) {
    const branches = new Map<string, ErrorObject[]>();
    for (const error of rest) {
      if (error === choice || !error.schemaPath.startsWith(`${choice.schemaPath}/`)) continue;
      const key = error.schemaPath.slice(choice.schemaPath.length + 1).split('/', 1)[0] as string;
      branches.set(key, [...(branches.get(key) ?? []), error]);
    }
    const likely = likelyBranch([...branches.values()], choice.instancePath);
    const inside = new Set([...branches.values()].flat());
    rest = rest.filter((error) => (likely === null ? !inside.has(error) : error !== choice && (!inside.has(error) || likely.includes(error))));
  }
  return rest;
}

function likelyBranch(branches: readonly ErrorObject[][], instancePath: string): ErrorObject[] | null {
  const fitting = branches.filter((errors) => !errors.some((error) => mismatch(error, instancePath)));
  return fitting.length === 1 ? (fitting[0] as ErrorObject[]) : null;
}

/** Whether the error says that another kind of thing was meant: wrong type of the whole, or wrong constant one level below. */
function mismatch(error: ErrorObject, instancePath: string): boolean {
  if (error.instancePath === instancePath) return ['type', 'enum', 'const', REFERENCE_KEYWORD].includes(error.keyword);
  return error.keyword === 'const' && error.instancePath.lastIndexOf('/') === instancePath.length;
}

function toProblem(error: ErrorObject, document: JsonDocument, base: readonly Segment[], explain: Explain): Problem {
  const segments = pointerSegments(error.instancePath, document, base);
  const at = explain(error, segments);
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params.additionalProperty);
    const known = Object.keys((error.parentSchema?.properties ?? {}) as object);
    return document.problemAtKey(
      [...segments, key],
      `unknown key ${quoted(key)}`,
      isBareConfig(segments, known) ? 'this plugin has no options' : nameHint(key, known),
    );
  }
  if (error.keyword === 'required') {
    const key = String(error.params.missingProperty);
    const text = at ?? { message: `${quoted(key)} is missing`, hint: describe(error.parentSchema, key) };
    return { ...document.keyAt(segments), path: pathText([...segments, key]), ...text };
  }
  const { message, hint } = at ?? words(error);
  if (error.propertyName !== undefined) {
    return document.problemAtKey([...segments, error.propertyName], `the name ${quoted(error.propertyName)} ${message}`, hint);
  }
  if (error.keyword === 'uniqueItems') {
    return document.problem([...segments, Math.max(Number(error.params.i), Number(error.params.j))], message, hint);
  }
  return document.problem(segments, message, hint);
}

function pointerSegments(pointer: string, document: JsonDocument, base: readonly Segment[]): Segment[] {
  const segments = [...base];
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    segments.push(document.node(segments)?.items == null ? name : Number(name));
  }
  return segments;
}

function describe(schema: object | undefined, key: string): string | null {
  const properties = (schema as { properties?: Record<string, { description?: unknown }> } | undefined)?.properties;
  const text = properties?.[key]?.description;
  return typeof text === 'string' ? text.replace(/\.$/, '') : null;
}

function ownDescription(error: ErrorObject): string | null {
  const text = error.parentSchema?.description;
  return typeof text === 'string' ? text.replace(/\.$/, '') : null;
}

function words(error: ErrorObject): Explanation {
  const limit = error.params.limit;
  switch (error.keyword) {
    case 'type':
      return { message: `expected ${typeWords(error.params.type)}, found ${foundWords(error)}`, hint: typeHint(error) ?? ownDescription(error) };
    case 'enum':
      return { message: `must be one of ${list(error.params.allowedValues)}`, hint: closeValue(error) };
    case 'const':
      return { message: `must be ${JSON.stringify(error.params.allowedValue)}`, hint: `write ${JSON.stringify(error.params.allowedValue)} there` };
    case 'minimum':
      return { message: `must be at least ${limit}`, hint: null };
    case 'maximum':
      return { message: `must be at most ${limit}`, hint: null };
    case 'exclusiveMinimum':
      return { message: `must be greater than ${limit}`, hint: null };
    case 'exclusiveMaximum':
      return { message: `must be less than ${limit}`, hint: null };
    case 'minLength':
      return { message: limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`, hint: null };
    case 'maxLength':
      return { message: `must have at most ${limit} characters`, hint: null };
    case 'minItems':
    case 'minProperties':
      return { message: limit === 1 ? 'must not be empty' : `must have at least ${limit} entries`, hint: ownDescription(error) };
    case 'maxItems':
    case 'maxProperties':
      return { message: `must have at most ${limit} entries`, hint: null };
    case 'uniqueItems':
      return { message: 'this entry stands in the list already', hint: null };
    case 'pattern':
      return { message: `must match ${String(error.params.pattern)}`, hint: ownDescription(error) };
    case 'multipleOf':
      return { message: `must be a multiple of ${String(error.params.multipleOf)}`, hint: null };
    case 'anyOf':
    case 'oneOf':
      return { message: choiceWords(error), hint: ownDescription(error) };
    case 'false schema':
      return { message: 'is not allowed here', hint: null };
    case REFERENCE_KEYWORD:
      return referenceFault(error.schema === 'secret', error.data) ?? { message: 'is not valid', hint: null };
    default:
      return { message: error.message ?? 'is not valid', hint: ownDescription(error) };
  }
}

/** How the value is written so that it has the type; never quotes the value. */
function typeHint({ data, params }: ErrorObject): string | null {
  const wanted = String(params.type).split(',');
  const asks = (type: string): boolean => wanted.includes(type);
  if (typeof data === 'string' && (asks('number') || asks('integer')) && /^-?\d+(\.\d+)?$/.test(data)) return 'numbers are written without quotes';
  if (typeof data === 'string' && asks('boolean') && /^(true|false)$/i.test(data)) return 'true and false are written without quotes';
  if ((typeof data === 'number' || typeof data === 'boolean') && asks('string')) return 'text is written in double quotes';
  return asks('array') && !Array.isArray(data) ? 'a list is written in [ ], also when it has one entry' : null;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'an object in { }',
  array: 'a list in [ ]',
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
};

function typeWords(type: unknown): string {
  return (Array.isArray(type) ? type : String(type).split(',')).map((one) => TYPE_WORDS[String(one)] ?? String(one)).join(' or ');
}

function foundWords(error: ErrorObject): string {
  const { data } = error;
  if (data === null) return 'null';
  if (Array.isArray(data)) return 'a list';
  if (typeof data === 'object') return 'an object';
  if (typeof data === 'number' && error.params.type === 'integer') return 'a fraction';
  return typeof data === 'string' ? 'text' : typeof data === 'boolean' ? 'true or false' : 'a number';
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(', ') : '';
}

/** Only ever names an allowed value, never the given one. */
function closeValue(error: ErrorObject): string | null {
  const allowed = (error.params.allowedValues as unknown[]).filter((value) => typeof value === 'string');
  const hint = typeof error.data === 'string' ? nameHint(error.data, allowed) : null;
  return hint?.startsWith('did') === true ? hint : null;
}

function choiceWords(error: ErrorObject): string {
  if (Array.isArray(error.params.passingSchemas)) return 'fits more than one of the allowed forms';
  const branches = Array.isArray(error.schema) ? (error.schema as { type?: unknown; else?: { type?: unknown } }[]) : [];
  const types = new Set(branches.map((branch) => branch.type ?? branch.else?.type).filter((type) => typeof type === 'string'));
  return types.size > 1 ? `expected ${[...types].map(typeWords).join(' or ')}` : 'has none of the allowed forms';
}

function isBareConfig([top, , key, ...deeper]: readonly Segment[], known: readonly string[]): boolean {
  return known.length === 0 && top === 'plugins' && key === 'config' && deeper.length === 0;
}
