/** The schema in which the tables are unless configured otherwise; also the channel on which changes are announced. */
export const DEFAULT_SCHEMA = 'portcullis';

/** What is wrong with the name of a schema, or null. Narrow, because the name is also a channel's and stands in statements and grants. */
export function schemaNameProblem(name: string): string | null {
  // PostgreSQL cuts longer names without a word, and two names that are cut alike would be one schema.
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return 'is not 1 to 63 of a-z, 0-9 and _, beginning with a letter or _';
  if (name.startsWith('pg_') || name === 'information_schema') return 'belongs to PostgreSQL itself';
  return null;
}

/** A name as it stands in a statement. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
