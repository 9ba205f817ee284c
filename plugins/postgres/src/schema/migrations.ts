import { firstTables } from './first-tables.js';
import { firstTriggers } from './first-triggers.js';

/** One step of the schema. What has been released is never changed: databases out there have it as it was. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  sql(schema: string): string;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'users, groups, rules, and news of their changes', sql: (schema) => firstTables(schema) + firstTriggers(schema) },
];

/** The version of the schema that this package reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;
