import { ToolError } from '@portcullis/sdk/tools';

/** The error of a database, in words for the user of the tool. Details that PostgreSQL gives may quote rows, and so hashes: never shown. */
export function explainDatabaseError(error: unknown, where: string): ToolError | null {
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  const inner = error instanceof AggregateError ? codeOf(error.errors[0]) : null;
  const network = NETWORK.get(code ?? '') ?? NETWORK.get(inner ?? '') ?? NETWORK_TEXT.find(([text]) => text.test(error.message))?.[1];
  if (network !== undefined) return new ToolError(`cannot reach PostgreSQL at ${where}: ${network}`);
  if (code !== null && TLS_CODE.test(code)) {
    return new ToolError(
      `the certificate of PostgreSQL at ${where} is not accepted (${code}); give its authority with sslrootcert=<file> in the address`,
    );
  }
  const words = WORDS.get(code ?? '');
  if (words !== undefined) return new ToolError(`${words(error.message)} (${where})`);
  // Five characters, class and number: whatever else PostgreSQL says is told in its own words.
  if (code !== null && /^[0-9A-Z]{5}$/.test(code)) return new ToolError(`PostgreSQL at ${where} says: ${error.message} (${code})`);
  return null;
}

function codeOf(error: unknown): string | null {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

const NETWORK: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the connection was refused; does the server run, and listen there?'],
  ['ENOTFOUND', 'there is no such host'],
  ['EAI_AGAIN', 'the name of the host could not be looked up'],
  ['ETIMEDOUT', 'it does not answer'],
  ['EHOSTUNREACH', 'there is no way to that host'],
  ['ENETUNREACH', 'there is no way to that network'],
  ['ECONNRESET', 'the connection was cut'],
  ['EPIPE', 'the connection was cut'],
  ['ENOENT', 'there is no such socket'],
  ['EACCES', 'the socket may not be opened'],
  ['57P01', 'it is being stopped'],
  ['57P02', 'it has crashed and starts again'],
  ['57P03', 'it is starting or stopping; try again'],
  ['53300', 'it has no connection left'],
]);

const NETWORK_TEXT: readonly (readonly [RegExp, string])[] = [
  [/timeout expired|timeout exceeded|Query read timeout/, 'it does not answer'],
  [/Connection terminated|Client has encountered a connection error/, 'the connection was cut'],
  [/does not support SSL/, 'it offers no TLS; set up TLS there, or say sslmode=disable in the address if the network is trusted'],
  [/SASL: .*must be a/, 'it asks for a password, and none was given; use PGPASSWORD, a password file, or PORTCULLIS_POSTGRES_URL'],
];

const TLS_CODE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/;

const WORDS: ReadonlyMap<string, (message: string) => string> = new Map<string, (message: string) => string>([
  ['28P01', () => 'the user or the password for the database is wrong'],
  ['28000', (message) => `the server does not let this user in: ${message}`],
  ['3D000', () => 'there is no such database; create it, for example with createdb'],
  ['42501', (message) => `the role may not do this: ${message}`],
  ['25006', () => 'this server is a replica, which cannot be changed; connect to the primary'],
  ['55P03', () => 'another program holds the tables; try again when it is done'],
  ['57014', () => 'the statement took too long and was cancelled; nothing was changed'],
  ['40001', () => 'another program changed the same rows; try again'],
  ['40P01', () => 'another program changed the same rows; try again'],
]);
