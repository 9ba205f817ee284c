import { errorText } from '../errors.js';
import type { ListedSession, SessionList } from '../session-admin.js';
import { printable } from './print-problems.js';
import { answeredLines, askRunning } from './running-broker.js';
import { readSessionArguments, SESSION_HELP, type SessionCommand } from './session-arguments.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

/** A broker that does not answer within so many milliseconds is not well. */
const TIMEOUT_MS = 60_000;
const MAX_SHOWN = 200;

/** `portcullis session`: lists the sessions of the running broker, or has it release one. */
export async function session(argv: readonly string[], terminal: Terminal): Promise<number> {
  let command: SessionCommand;
  try {
    command = readSessionArguments(argv);
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}; see "portcullis session --help"`));
    return 2;
  }
  const { help, json, question, configFile, socket } = command;
  if (help) {
    terminal.print(SESSION_HELP);
    return 0;
  }
  const answer = await askRunning({ configFile, socket }, { command: 'sessions', ...question }, TIMEOUT_MS, terminal);
  if (typeof answer === 'number') return answer;
  if (json) terminal.print(JSON.stringify(answer));
  else if (!answer.ok) for (const line of answeredLines(configFile, answer.problems)) terminal.complain(line);
  else if (question.action === 'release') terminal.print('released: the client identifier is free');
  else for (const line of sessionLines(answer as unknown as SessionList)) terminal.print(printable(line));
  return answer.ok ? 0 : 1;
}

/** A list as lines for people. */
export function sessionLines({ sessions, total }: SessionList): string[] {
  if (total === 0) return ['no session'];
  const rows = sessions.map((shown) => [...namesOf(shown), stateOf(shown), shown.subscriptions, shown.waiting]);
  const more = total - sessions.length;
  return [
    ...table(['client', 'user', 'tenant', 'address', 'state', 'subscriptions', 'waiting'], rows),
    ...(more === 0 ? [] : [`… and ${more} more`]),
  ];
}

function namesOf({ clientId, username, tenant, address }: ListedSession): string[] {
  return [quoted(clientId), username === null ? 'anonymous' : quoted(username), tenant === null ? '-' : quoted(tenant), address];
}

function stateOf({ connected, expirySeconds }: ListedSession): string {
  if (!connected) return expirySeconds === null ? 'away, stays' : `away, ends in ${expirySeconds} s`;
  if (expirySeconds === 0) return 'connected, ends with the connection';
  return expirySeconds === null ? 'connected, stays' : `connected, stays ${expirySeconds} s`;
}

/** In quotes, so that a blank at the end, or a user called "anonymous", is seen. */
function quoted(text: string): string {
  return JSON.stringify(text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`);
}
