import type { ConfigSchema } from '@portcullis/sdk';
import { Ajv, type ValidateFunction } from 'ajv';
import { errorText } from '../errors.js';
import { missingFiles } from './existing-files.js';
import { isRecord, mapTexts, openPlaces, type RawSchema, validatedReference } from './plugin-schema.js';
import { type Problem, type Segment, sortProblems } from './problem.js';
import { REFERENCE_KEYWORD, referenceFault, resolveReferences } from './references.js';
import { schemaProblems } from './schema-errors.js';
import { QUICK_COMPILATION } from './schema-parts.js';
import { plainCopy, sealed } from './sealed.js';
import type { ConfigDocument } from './types.js';

export interface PluginConfigResult {
  /** Frozen, without prototypes, with defaults and secrets; null when there are problems. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What references in it stand for, which may be shown nowhere; also of options that have problems. */
  readonly secrets: readonly string[];
}

/**
 * Judges the `config` of one plugin by the plugin's own schema. The shape is judged before secrets are looked up, and the values once more
 * afterwards, so that what comes from the environment has to meet the schema too.
 */
export function validatePluginConfig(
  document: ConfigDocument,
  entryName: string,
  schema: ConfigSchema,
  env: Readonly<Record<string, string | undefined>>,
): PluginConfigResult {
  const base: readonly Segment[] = ['plugins', entryName, 'config'];
  const validators = compile(schema);
  if (typeof validators === 'string') {
    const message = `this plugin's config schema cannot be used: ${validators}`;
    return refused([document.json.problem(['plugins', entryName, 'use'], message, 'this is for the author of the plugin to correct')]);
  }
  const given = plainCopy(document.json.node(base)?.value ?? {});
  if (!validators.shape(given)) return refused(schemaProblems(validators.shape.errors, document.json, base));
  const { value, problems, warnings, secrets } = resolveReferences(given, base, { env, folder: document.folder }, document.json);
  if (problems.length > 0) return refused(problems, secrets);
  if (!validators.values(value)) return refused(schemaProblems(validators.values.errors, document.json, base), secrets);
  const missing = missingFiles(schema, value, base, document);
  return missing.length > 0 ? refused(missing, secrets) : { value: sealed(value), problems: [], warnings, secrets };
}

function refused(problems: readonly Problem[], secrets: readonly string[] = []): PluginConfigResult {
  return { value: null, problems: sortProblems(problems), warnings: [], secrets };
}

interface Validators {
  /** References stand where texts may, and for secrets they must. */
  readonly shape: ValidateFunction;
  readonly values: ValidateFunction;
}

function compile(schema: unknown): Validators | string {
  try {
    const described = requireSchema(schema);
    metaSchema ??= newAjv();
    if (metaSchema.validateSchema(described, true) !== true) throw new TypeError('it cannot be judged at once');
    const values = newAjv().compile(described);
    const open = openPlaces(schema);
    if (open[0] !== undefined) return open[0];
    const ajv = newAjv();
    ajv.addKeyword({
      keyword: REFERENCE_KEYWORD,
      schemaType: 'string',
      errors: false,
      validate: (kind: string, data: unknown) => referenceFault(kind === 'secret', data) === null,
    });
    return { shape: ajv.compile(mapTexts(schema, validatedReference) as RawSchema), values };
  } catch (error) {
    return errorText(error).replaceAll(/\s+/g, ' ').slice(0, 200);
  }
}

function requireSchema(schema: unknown): RawSchema {
  if (!isRecord(schema)) throw new TypeError('it is not an object');
  return schema;
}

/** Judges the schemas themselves: making such a judge takes longer than a schema's own compilation, so there is one. */
let metaSchema: Ajv | undefined;

function newAjv(): Ajv {
  const ajv = new Ajv({
    ...QUICK_COMPILATION,
    allErrors: true,
    verbose: true,
    useDefaults: true,
    ownProperties: true,
    coerceTypes: false,
    strictSchema: true,
    strictNumbers: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    logger: false,
  });
  ajv.addKeyword({ keyword: 'secret', schemaType: 'boolean' });
  ajv.addKeyword({ keyword: 'existingFile', schemaType: 'string' });
  return ajv;
}
