import type { ConfigSchema } from '@portcullis/sdk';
import { isRecord, mapTexts, printedReference } from './plugin-schema.js';
import { CONFIG_SCHEMA } from './schema.js';

/** A plugin whose options the printed schema describes. */
export interface DescribedPlugin {
  /** As `use` in the file names it. */
  readonly use: string;
  readonly schema: ConfigSchema;
}

/** The schema of `plugins.json` for editors: complete draft-07, with the options of these plugins wherever `use` names them. */
export function printableSchema(plugins: readonly DescribedPlugin[]): Readonly<Record<string, unknown>> {
  const root = structuredClone(CONFIG_SCHEMA) as unknown as Record<string, Record<string, Record<string, unknown>>>;
  const entry = root.properties?.plugins?.additionalProperties;
  if (!isRecord(entry) || plugins.length === 0) return root;
  const byUse = new Map(plugins.map(({ use, schema }) => [use, schema]));
  (entry as Record<string, unknown>).allOf = [...byUse].map(([use, schema]) => ({
    if: { properties: { use: { const: use } }, required: ['use'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { ...needsConfig(schema), properties: { config: mapTexts(schema, printedReference) } },
  }));
  return root;
}

function needsConfig(schema: ConfigSchema): Readonly<Record<string, unknown>> {
  return schema.required !== undefined && schema.required.length > 0 ? { required: ['config'] } : {};
}
