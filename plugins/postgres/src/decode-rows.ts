import { type AttributeValue, decodeAttributes, decodeGroups, decodeRule, type Rule } from '@portcullis/sdk';
import type pg from 'pg';
import { type Column, LISTED_RULE, MAX_RULES, type Statement, TOO_LONG } from './statements.js';
import { TYPES } from './types.js';

/** How new an answer is; null where tables of one's own do not say. */
export interface State {
  readonly version: number | null;
  readonly epoch: string | null;
  /** When the newest change was made that is in it; null where that is not asked for, or nothing has changed yet. */
  readonly stamp: string | null;
}

/** A user as the database has him. */
export interface UserRow {
  /** Null or empty never verifies. */
  readonly passwordHash: string | null;
  readonly isEnabled: boolean;
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** His own rules as the list that `decodeListedRules` reads; null for none, and where they do not come with him. */
  readonly ownRules: string | null;
}

export interface UserAnswer extends State {
  /** Undefined for a user that is not there. */
  readonly user: UserRow | undefined;
}

export interface RulesAnswer extends State {
  readonly rules: readonly Rule[];
}

type Answer = Pick<pg.QueryArrayResult<unknown[]>, 'fields' | 'rows'>;

/** A row by the names of its columns; what is not there is undefined. */
class Row {
  readonly #places: ReadonlyMap<string, number>;
  readonly #values: readonly unknown[];

  constructor(places: ReadonlyMap<string, number>, values: readonly unknown[]) {
    this.#places = places;
    this.#values = values;
  }

  has(column: string): boolean {
    return this.#places.has(column);
  }

  get(column: string): unknown {
    const place = this.#places.get(column);
    return place === undefined ? undefined : this.#values[place];
  }
}

const NO_STATE: State = { version: null, epoch: null, stamp: null };

/**
 * Reads what the user statement gave. Whatever is not exactly what was awaited throws an `Error`: two rows, another type, a part of a row. The username
 * is compared with the one asked for, byte by byte: a statement that finds by likeness must not let in somebody else.
 */
export function decodeUser(statement: Statement, answer: Answer, tenant: string, username: string): UserAnswer {
  const [row, second] = rowsOf(statement, answer);
  if (second !== undefined) throw new Error('user: there are two rows for one username');
  if (row === undefined) return { ...stateOfNone(statement), user: undefined };
  checkEcho(statement, row, tenant, username);
  const state = stateOf(statement, row);
  const found = row.get('username');
  const hash = row.get('password_hash');
  if (found === null && statement.hasState && hash === null) return { ...state, user: undefined };
  if (typeof found !== 'string') throw new Error('user: "username" is no text');
  if (found !== username) return { ...state, user: undefined };
  if (hash !== null && typeof hash !== 'string') throw new Error('user: "password_hash" is no text');
  const isEnabled = row.has('enabled') ? row.get('enabled') : true;
  if (typeof isEnabled !== 'boolean') throw new Error('user: "enabled" is neither true nor false');
  const groups = decodeGroups(row.get('groups') ?? null, 'user');
  const attributes = decodeAttributes(row.get('attributes') ?? null, 'user');
  const ownRules = row.get('rules') ?? null;
  if (ownRules !== null && typeof ownRules !== 'string') throw new Error('user: "rules" is no text');
  return { ...state, user: { passwordHash: hash, isEnabled, groups, attributes, ownRules } };
}

/** Reads what a statement for rules gave. A row that is no rule throws an `Error` that names it: what cannot be read is not left out. */
export function decodeRules(statement: Statement, answer: Answer, ...asked: readonly string[]): RulesAnswer {
  const rows = rowsOf(statement, answer);
  const [first, second] = rows;
  if (first === undefined) return { ...stateOfNone(statement), rules: [] };
  checkEcho(statement, first, ...asked);
  const state = stateOf(statement, first);
  if (!statement.hasState) {
    checkNumber(statement.name, rows);
    return { ...state, rules: rows.map((row, index) => ruleOf(statement, row, index)) };
  }
  if (second !== undefined) throw new Error(`${statement.name}: there is not exactly one row`);
  const listed = first.get('rules') ?? null;
  if (listed !== null && typeof listed !== 'string') throw new Error(`${statement.name}: "rules" is no text`);
  return { ...state, rules: decodeListedRules(statement.name, listed) };
}

/** Reads rules that stand in one value as a list in JSON. `name` is how they are called where one of them is named. Throws an `Error` as `decodeRules` does. */
export function decodeListedRules(name: string, text: string | null): readonly Rule[] {
  if (text === null) return [];
  let listed: unknown;
  try {
    // No objects stand in it, in which a name could be doubled.
    listed = JSON.parse(text);
  } catch {
    throw new Error(`${name}: "rules" is no JSON`);
  }
  if (!Array.isArray(listed)) throw new Error(`${name}: "rules" is ${listed === TOO_LONG ? TOO_LONG : 'no list'}`);
  checkNumber(name, listed);
  return listed.map((rule: unknown) => listedRule(name, rule));
}

function checkNumber(name: string, rules: readonly unknown[]): void {
  if (rules.length > MAX_RULES) throw new Error(`${name}: there are more than ${MAX_RULES} rules`);
}

/** The state of all data, as the source itself tells it. */
export interface KnownState extends State {
  readonly version: number;
  readonly epoch: string;
}

/** Reads the version of all data. */
export function decodeState(statement: Statement, answer: Answer): KnownState {
  const [row, second] = rowsOf(statement, answer);
  if (row === undefined || second !== undefined) throw new Error(`${statement.name}: there is not exactly one row`);
  const { version, epoch, stamp } = stateOf(statement, row);
  if (version === null) throw new Error(`${statement.name}: "version" is null`);
  return { version, epoch: epoch ?? '', stamp };
}

function ruleOf({ name }: Statement, row: Row, index: number): Rule {
  const id = row.get('id');
  const from = typeof id === 'string' || typeof id === 'number' ? `${name}#${id}` : `${name} row ${index + 1}`;
  const fields = { effect: row.get('effect'), actions: row.get('actions'), pattern: row.get('pattern') };
  return decodeRule({ ...fields, maxQos: row.get('max_qos'), retain: row.get('retain') }, from);
}

function listedRule(name: string, rule: unknown): Rule {
  if (!Array.isArray(rule) || rule.length !== LISTED_RULE.length) throw new Error(`${name}: a rule is not complete`);
  const [id, effect, actions, pattern, maxQos, retain] = rule as readonly unknown[];
  if (typeof id !== 'number') throw new Error(`${name}: the "id" of a rule is no number`);
  return decodeRule({ effect, actions, pattern, maxQos, retain }, `${name}#${id}`);
}

function stateOfNone({ name, hasState }: Statement): State {
  if (hasState) throw new Error(`${name}: the table "state" has lost its row`);
  return NO_STATE;
}

function stateOf({ name, hasState }: Statement, row: Row): State {
  const version = row.get('version') ?? null;
  const epoch = row.get('epoch') ?? null;
  const stamp = row.get('stamp') ?? null;
  const isVersion = typeof version === 'number' && version >= 0;
  if (hasState ? !isVersion : version !== null && !isVersion) throw new Error(`${name}: "version" is no version`);
  if (hasState ? typeof epoch !== 'string' : epoch !== null && typeof epoch !== 'string') throw new Error(`${name}: "epoch" is no text`);
  return { version: isVersion ? version : null, epoch: typeof epoch === 'string' ? epoch : null, stamp: typeof stamp === 'string' ? stamp : null };
}

function checkEcho({ name, hasState }: Statement, row: Row, tenant?: string, asked?: string): void {
  if (!hasState) return;
  const isAnother = row.get('asked_tenant') !== tenant || (asked !== undefined && row.get('asked_name') !== asked);
  if (isAnother) throw new Error(`${name}: the answer is that to another question`);
}

/** The rows by the names of their columns. Throws when a column is missing, doubled, or of another type than at the start. */
function rowsOf({ name, columns }: Statement, { fields, rows }: Answer): Row[] {
  const places = new Map<string, number>();
  for (const column of columns) {
    const place = placeOf(name, column, fields);
    if (place !== null) places.set(column.name, place);
  }
  return rows.map((values) => {
    if (values.length !== fields.length) throw new Error(`${name}: a row is not complete`);
    return new Row(places, values);
  });
}

function placeOf(statement: string, { name, types, isOptional }: Column, fields: Answer['fields']): number | null {
  const place = fields.findIndex((field) => field.name === name);
  if (place === -1) {
    if (isOptional === true) return null;
    throw new Error(`${statement}: the answer has no column "${name}"`);
  }
  const type = fields[place]?.dataTypeID ?? 0;
  if (fields.some((field, other) => field.name === name && other !== place))
    throw new Error(`${statement}: the answer has the column "${name}" twice`);
  if (!types.some((known) => (TYPES[known] as readonly number[]).includes(type)))
    throw new Error(`${statement}: the column "${name}" is of another type`);
  return place;
}
