import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isRecord } from './plugin-schema.js';
import type { Problem, Segment } from './problem.js';
import type { ConfigDocument } from './types.js';

/** The files that a plugin's options name, whose schema says that they must be there, and that are not. */
export function missingFiles(schema: unknown, value: unknown, segments: readonly Segment[], document: ConfigDocument): Problem[] {
  if (!isRecord(schema)) return [];
  if (typeof value === 'string') return missingFile(schema, value, segments, document);
  if (Array.isArray(value)) return value.flatMap((item, index) => missingFiles(schema.items, item, [...segments, index], document));
  if (!isRecord(value)) return [];
  const properties = isRecord(schema.properties) ? schema.properties : {};
  return Object.entries(value).flatMap(([key, inner]) =>
    missingFiles(Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties, inner, [...segments, key], document),
  );
}

function missingFile(
  { existingFile }: { readonly existingFile?: unknown },
  value: string,
  segments: readonly Segment[],
  document: ConfigDocument,
): Problem[] {
  if (typeof existingFile !== 'string') return [];
  const path = resolve(document.folder, value);
  if (existsSync(path)) return [];
  // A path that came from a reference is not in the file, and is not printed.
  const given = document.json.node(segments)?.value === value;
  const shown = given ? path : 'it';
  return [document.json.problem(segments, given ? `there is no file ${path}` : 'there is no such file', existingFile.replaceAll('<file>', shown))];
}
