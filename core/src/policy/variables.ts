import type { PatternVariable } from '@portcullis/sdk';

/** What the variables of patterns stand for, of one client. Null and missing values make the rules that name them match nothing. */
export interface Variables {
  readonly username: string | null;
  readonly clientId: string;
  readonly tenant: string | null;
  /** Common name of a verified client certificate. */
  readonly commonName: string | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>> | null;
}

/** The value as text, not yet judged; null without one. Only own attributes count: a rule may well name `constructor`. */
export function rawValue(variable: PatternVariable, variables: Variables): string | null {
  switch (variable.kind) {
    case 'username':
      return variables.username;
    case 'clientId':
      return variables.clientId;
    case 'tenant':
      return variables.tenant;
    case 'commonName':
      return variables.commonName;
    case 'attribute':
      return attributeText(variables.attributes, variable.name);
  }
}

/**
 * Whether a value may take part in a match: not empty, and one level for everybody who reads it. With `a/b` a client would reach into another
 * branch, with `+` or `#` into all of them.
 */
export function isOneLevel(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0x2f || unit === 0x2b || unit === 0x23 || unit === 0) return false;
  }
  return value.length > 0;
}

function attributeText(attributes: Variables['attributes'], name: string): string | null {
  if (attributes === null || !Object.hasOwn(attributes, name)) return null;
  const value: unknown = attributes[name];
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : null;
}
