import { REFERENCE_KEYWORD } from './references.js';

/** A schema as a plugin may really send it: anything. */
export type RawSchema = Readonly<Record<string, unknown>>;

const MAPS = ['properties', 'patternProperties', 'definitions'] as const;
const LISTS = ['anyOf', 'oneOf', 'allOf'] as const;

export function isRecord(value: unknown): value is RawSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What is wrong with a plugin's schema beyond its syntax: places that accept anything. A misspelt key is harmless only where unknown keys are
 * refused.
 */
export function openPlaces(schema: unknown): string[] {
  if (!isRecord(schema) || schema.type !== 'object') return ['the schema must have "type": "object"'];
  const found: string[] = [];
  visit(schema, '', found, true);
  return found;
}

/** `judged` is false where the schema only adds conditions to one that has been judged: such parts need not be closed themselves. */
function visit(schema: unknown, path: string, found: string[], judged: boolean): void {
  if (schema === false) return;
  const place = path === '' ? 'the schema itself' : `"${path}"`;
  if (!isRecord(schema)) {
    if (judged) found.push(`${place} accepts anything: describe what it takes`);
    return;
  }
  if (judged) judge(schema, place, found);
  visitSecret(schema, place, found);
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  for (const key of MAPS) {
    const inner = schema[key];
    const conditions = !judged && key === 'properties';
    if (isRecord(inner)) for (const [name, part] of Object.entries(inner)) visit(part, at(`${key}.${name}`), found, !conditions);
  }
  if (isRecord(schema.additionalProperties)) visit(schema.additionalProperties, at('additionalProperties'), found, judged);
  const items = schema.items;
  if (Array.isArray(items)) for (const [index, item] of items.entries()) visit(item, at(`items[${index}]`), found, judged);
  else if (items !== undefined) visit(items, at('items'), found, judged);
  for (const key of LISTS) {
    const inner = schema[key];
    const branches = judged && !saysWhat(schema) && key !== 'allOf';
    if (Array.isArray(inner)) for (const [index, part] of inner.entries()) visit(part, at(`${key}[${index}]`), found, branches);
  }
}

function saysWhat(schema: RawSchema): boolean {
  return ['type', 'enum', 'const', '$ref'].some((key) => schema[key] !== undefined);
}

function judge(schema: RawSchema, place: string, found: string[]): void {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  const hasChoice = Array.isArray(schema.anyOf) || Array.isArray(schema.oneOf);
  if (!saysWhat(schema) && !hasChoice) {
    found.push(`${place} accepts anything: give it a type`);
    return;
  }
  const extra = schema.additionalProperties;
  if (types.includes('object') && extra !== false && !isRecord(extra)) {
    found.push(`${place} is an open object: set "additionalProperties" to false, or to a schema`);
  }
  if (types.includes('array') && schema.items === undefined) found.push(`${place} is a list of anything: describe its "items"`);
}

function visitSecret(schema: RawSchema, place: string, found: string[]): void {
  if (schema.secret !== true) return;
  if (schema.type !== 'string') found.push(`${place} is a secret: its type must be "string"`);
  if (schema.default !== undefined) found.push(`${place} is a secret: it cannot have a default`);
}

/** What a place that accepts a text looks like when a reference may stand there; for secrets it must. */
type ReferencePlace = (schema: RawSchema, secret: boolean) => RawSchema;

/** The schema with every place for a text widened (or, for secrets, narrowed) to references. */
export function mapTexts(schema: unknown, place: ReferencePlace): unknown {
  if (!isRecord(schema)) return schema;
  const copy: Record<string, unknown> = { ...schema };
  for (const key of MAPS) {
    const inner = schema[key];
    if (isRecord(inner)) copy[key] = Object.fromEntries(Object.entries(inner).map(([name, part]) => [name, mapTexts(part, place)]));
  }
  for (const key of ['additionalProperties', 'items'] as const) {
    const inner = schema[key];
    if (inner !== undefined) copy[key] = Array.isArray(inner) ? inner.map((part) => mapTexts(part, place)) : mapTexts(inner, place);
  }
  for (const key of LISTS) {
    const inner = schema[key];
    if (Array.isArray(inner)) copy[key] = inner.map((part) => mapTexts(part, place));
  }
  if (schema.secret === true) return place(copy, true);
  return schema.type === 'string' ? place(copy, false) : copy;
}

/** For our own validation, where an own keyword gives one error instead of several. */
export const validatedReference: ReferencePlace = (schema, secret) => {
  // These stay outside: Ajv does not fill in defaults beneath "else", and messages look for descriptions at the property.
  const { default: initial, ...rest } = schema;
  const { description } = schema;
  const outside = { ...(initial === undefined ? {} : { default: initial }), ...(description === undefined ? {} : { description }) };
  if (secret) return { ...outside, [REFERENCE_KEYWORD]: 'secret' };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { ...outside, if: { type: 'object' }, then: { [REFERENCE_KEYWORD]: 'text' }, else: rest };
};

/** For editors, which know draft-07 only. */
export const printedReference: ReferencePlace = (schema, secret) => {
  const { secret: _, default: initial, ...rest } = schema;
  const { description, title, ...forms } = rest;
  const reference = (key: string): RawSchema => ({
    type: 'object',
    required: [key],
    additionalProperties: false,
    properties: { [key]: { type: 'string', minLength: 1 } },
  });
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
    anyOf: [...(secret ? [] : [forms]), reference('$env'), reference('$file')],
  };
};
