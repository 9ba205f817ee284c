import { InvalidPluginConfig } from '@portcullis/sdk';
import type pg from 'pg';
import { errorText, questionError, sqlState } from './database-errors.js';
import type { Column, Statement } from './statements.js';
import { TYPES } from './types.js';

/** What a server says about a statement. */
export interface Description {
  /** Types of its parameters. */
  readonly parameters: readonly number[];
  /** Names and types of its columns. */
  readonly columns: readonly { readonly name: string; readonly type: number }[];
}

/** Text that may be bound: what the server itself calls text, and what it takes text for. */
const TEXT_PARAMETERS: readonly number[] = [...TYPES.text, 705];

interface Wire {
  parse(message: { readonly text: string; readonly name: string; readonly types: readonly number[] }): void;
  describe(message: { readonly type: 'S'; readonly name: string }): void;
  sync(): void;
  once(event: 'parameterDescription', heard: (message: { readonly dataTypeIDs: readonly number[] }) => void): void;
}

/** Has a statement parsed and described, and executes nothing: Parse, Describe, Sync. */
class DescribeQuery {
  readonly #text: string;
  readonly #done: (error: Error | null, description: Description) => void;
  #parameters: readonly number[] = [];
  #columns: Description['columns'] = [];
  #error: Error | null = null;

  constructor(text: string, done: (error: Error | null, description: Description) => void) {
    this.#text = text;
    this.#done = done;
  }

  submit(connection: Wire): void {
    connection.once('parameterDescription', ({ dataTypeIDs }) => {
      this.#parameters = dataTypeIDs;
    });
    connection.parse({ text: this.#text, name: '', types: [] });
    connection.describe({ type: 'S', name: '' });
    connection.sync();
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
  }

  handleError(error: Error): void {
    this.#error = error;
    // Without an active query the driver tells nobody when the server is ready again.
    this.#done(error, { parameters: [], columns: [] });
  }

  handleReadyForQuery(): void {
    if (this.#error === null) this.#done(null, { parameters: this.#parameters, columns: this.#columns });
  }
}

/** Asks a server what a statement takes and gives. The connection must not be pipelined. */
export function describeStatement(client: pg.Client, text: string): Promise<Description> {
  return new Promise((resolve, reject) => {
    const query = new DescribeQuery(text, (error, description) => (error === null ? resolve(description) : reject(error)));
    client.query(query as unknown as pg.Submittable);
  });
}

/**
 * Judges a statement by what the server says about it. Throws `InvalidPluginConfig` that names statement, column, and the type that was awaited and
 * found; what the server cannot answer now is `BackendUnavailable`.
 */
export async function checkStatement(client: pg.Client, statement: Statement): Promise<void> {
  const what = `queries.${statement.name}`;
  let description: Description;
  try {
    description = await describeStatement(client, statement.text);
  } catch (error) {
    const state = sqlState(error);
    if (state?.startsWith('42') !== true && state?.startsWith('22') !== true && state !== '0A000') throw questionError(what, error);
    const hint = state === '42P18' ? '; use each of its parameters, where there is nothing to compare as $1::text = $1' : '';
    throw new InvalidPluginConfig(`${what}: ${errorText(error)}${hint}`);
  }
  checkParameters(what, statement, description);
  for (const column of statement.columns) await checkColumn(client, what, column, description);
}

function checkParameters(what: string, { parameters }: Statement, found: Description): void {
  if (found.parameters.length !== parameters) {
    throw new InvalidPluginConfig(`${what}: takes ${parametersText(found.parameters.length)} where ${parametersText(parameters)} must be used`);
  }
  const wrong = found.parameters.findIndex((type) => !TEXT_PARAMETERS.includes(type));
  if (wrong !== -1) throw new InvalidPluginConfig(`${what}: parameter $${wrong + 1} is compared with something that is no text`);
}

function parametersText(count: number): string {
  return count === 0 ? 'no parameter' : count === 1 ? 'the parameter $1' : `the parameters $1 to $${count}`;
}

async function checkColumn(client: pg.Client, what: string, { name, types, isOptional }: Column, { columns }: Description): Promise<void> {
  const found = columns.filter((column) => column.name === name);
  const [first, second] = found;
  if (second !== undefined) throw new InvalidPluginConfig(`${what}: gives the column "${name}" twice`);
  if (first === undefined) {
    if (isOptional === true) return;
    throw new InvalidPluginConfig(`${what}: gives no column "${name}" (${types.join(' or ')})`);
  }
  if (types.some((type) => (TYPES[type] as readonly number[]).includes(first.type))) return;
  const { rows } = await client.query<{ type: unknown }>('select pg_catalog.format_type($1::oid, null) as type', [String(first.type)]);
  throw new InvalidPluginConfig(`${what}: the column "${name}" is of type ${String(rows[0]?.type)}, and ${types.join(' or ')} is needed`);
}
