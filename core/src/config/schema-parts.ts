import type { ConfigSchema } from '@portcullis/sdk';

/** What the file's own schema uses beyond what plugins may. */
export interface DocumentSchema extends Omit<ConfigSchema, 'properties' | 'additionalProperties' | 'items' | 'propertyNames' | 'anyOf'> {
  readonly $schema?: string;
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly additionalProperties?: boolean | DocumentSchema;
  readonly propertyNames?: DocumentSchema;
  readonly items?: DocumentSchema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly anyOf?: readonly DocumentSchema[];
  readonly allOf?: readonly DocumentSchema[];
  readonly if?: DocumentSchema;
  readonly then?: DocumentSchema;
  readonly else?: DocumentSchema;
}

/**
 * For Ajv: a schema judges a few options once or twice, so it is compiled quickly and not to quick code; that it is a schema is judged
 * apart, of a plugin's when it is loaded, of ours in a test.
 */
export const QUICK_COMPILATION = { validateSchema: false, code: { optimize: false } } as const;

export const choice = (values: readonly string[], description: string): DocumentSchema => ({ enum: values, default: values[0], description });

export const NAME_PATTERN = '^[A-Za-z][A-Za-z0-9._-]{0,63}$';
export const closed = (
  description: string,
  properties: Readonly<Record<string, DocumentSchema>>,
  required: readonly string[] = [],
): DocumentSchema => ({
  type: 'object',
  description,
  additionalProperties: false,
  required,
  properties,
});

export const named = (description: string, entry: DocumentSchema): DocumentSchema => ({
  type: 'object',
  description,
  propertyNames: { pattern: NAME_PATTERN },
  additionalProperties: entry,
});

/** What a unit adds to a description. */
export const UNITS = { bytes: ' In bytes.', milliseconds: ' In milliseconds.', seconds: ' In seconds.', count: '' } as const;
