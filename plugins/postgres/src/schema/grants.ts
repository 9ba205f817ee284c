import { quoteIdentifier } from './names.js';

/** What the broker's role needs: to read. To listen needs no right, and to be told neither. */
export function readerGrants(schema: string, role: string): string[] {
  const s = quoteIdentifier(schema);
  const r = quoteIdentifier(role);
  return [`grant usage on schema ${s} to ${r}`, `grant select on all tables in schema ${s} to ${r}`];
}
