import { BackendUnavailable, InvalidPluginConfig } from '@portcullis/sdk';
import pg from 'pg';
import { MalformedAnswer } from './types.js';

/** The server gave up a statement because of `statement_timeout`, or was told to. */
export const QUERY_CANCELED = '57014';

/** Classes of SQLSTATE that say nothing about the question: connections, resources, an operator, the system. */
const UNAVAILABLE_CLASSES = ['08', '53', '57', '58', '40', '55'];
/** Damage, and what the server calls an internal error: of the row that was asked for, unless it ends the connection. */
const DAMAGED_CLASS = 'XX';
/** A statement that was prepared is not there, or not what it was: the connection has to be made anew. */
const UNPREPARED = ['26000', '0A000', '08P01', '42P05'];
/** What the operator has to put right before any start can succeed. */
const REFUSED: Readonly<Record<string, string>> = {
  '28P01': 'check "user" and "password"',
  '28000': 'check "user", "tls" and pg_hba.conf of the server',
  '3D000': 'check "database"',
  '42501': 'grant the role what it must read',
};
const MAX_TEXT = 300;

/** SQLSTATE of an error that a server has sent; null for any other. */
export function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

/** Whether a server has come upon damage in what was asked for: another server may have it whole. */
export function isDamage(error: unknown): boolean {
  return sqlState(error)?.startsWith(DAMAGED_CLASS) === true && !endsConnection(error);
}

function endsConnection(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.severity === 'FATAL' || error.severity === 'PANIC');
}

/** What may stand in a log: the message, without the details in which PostgreSQL shows rows. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message || String((error as { code?: unknown }).code ?? error.name) : String(error);
  const state = sqlState(error);
  return `${text.slice(0, MAX_TEXT)}${state === null ? '' : ` (${state})`}`;
}

/** Whether the connection that an error came from is of no more use: what was prepared is gone, or what it says is no PostgreSQL. */
export function breaksConnection(error: unknown): boolean {
  const state = sqlState(error);
  return state === null ? !(error instanceof MalformedAnswer) : UNPREPARED.includes(state);
}

/**
 * The error of a question: `BackendUnavailable` when the server could not be asked, which counts for the circuit breaker; an ordinary error when it is
 * the question that fails, because one poisoned name must not lock everybody out.
 */
export function questionError(what: string, error: unknown): Error {
  if (error instanceof BackendUnavailable) return error;
  const state = sqlState(error);
  const text = `${what}: ${errorText(error)}`;
  if (error instanceof MalformedAnswer) return new Error(text);
  if (isDamage(error)) return new Error(text);
  if (state === null || state.startsWith(DAMAGED_CLASS) || UNAVAILABLE_CLASSES.includes(state.slice(0, 2)) || UNPREPARED.includes(state))
    return new BackendUnavailable(text);
  return new Error(text);
}

const NOT_ALLOWED = '42501';
const LET_IT_READ = 'the role of "user" needs to read it: "portcullis-postgres init --grant-to <role>" lets it, of your own tables "grant select"';

/** The error of the start, where nothing was asked about anybody yet: what the server cannot do now it may do later. */
export function startError(error: unknown): Error {
  if (sqlState(error) === NOT_ALLOWED) return new InvalidPluginConfig(`start: ${errorText(error)}; ${LET_IT_READ}`);
  return isDamage(error) ? new BackendUnavailable(`start: ${errorText(error)}`) : questionError('start', error);
}

/** The error of a connection that could not be made: `InvalidPluginConfig` when no later try can succeed with these options. */
export function connectError(server: string, error: unknown): Error {
  if (error instanceof InvalidPluginConfig || error instanceof BackendUnavailable) return error;
  const text = `${server}: ${errorText(error)}`;
  const state = sqlState(error);
  const hint = state === null ? undefined : REFUSED[state];
  if (hint !== undefined) return new InvalidPluginConfig(`${text}; ${hint}`);
  if (state === '08P01' && /startup parameter/.test(text)) {
    return new InvalidPluginConfig(`${text}; a connection pooler stands between: give the address of the server itself`);
  }
  if (error instanceof Error && /password must be a (?:non-empty )?string/.test(error.message)) {
    return new InvalidPluginConfig(`${server}: the server asks for a password; give "password"`);
  }
  if (error instanceof Error && /does not support SSL/.test(error.message)) {
    return new InvalidPluginConfig(`${text}; let it, or say "tls": { "mode": "disable" } if nobody can listen in between`);
  }
  return new BackendUnavailable(text);
}
