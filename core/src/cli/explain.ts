import { errorText } from '../errors.js';
import type { Explanation } from '../explain.js';
import { EXPLAIN_HELP, readExplainArguments } from './explain-arguments.js';
import { explanationLines } from './explain-lines.js';
import { printable } from './print-problems.js';
import { answeredLines, askRunning } from './running-broker.js';
import type { Terminal } from './terminal.js';

/** Exit status when there is no explanation. */
const UNEXPLAINED = 4;
/** A password of MQTT, and the end of a line. */
const MAX_PASSWORD_BYTES = 65_535;
const END_OF_LINE_BYTES = 2;

/** `portcullis explain`: has the running broker explain how it would decide. `input` is where a password comes from. */
export async function explain(argv: readonly string[], terminal: Terminal, input: AsyncIterable<Buffer> = process.stdin): Promise<number> {
  let command: ReturnType<typeof readExplainArguments>;
  let password: string | null;
  try {
    command = readExplainArguments(argv);
    password = command.passwordFromInput && !command.help ? await readPassword(input) : null;
  } catch (error) {
    terminal.complain(printable(`portcullis: ${errorText(error)}; see "portcullis explain --help"`));
    return 2;
  }
  const { help, json, question, configFile, socket } = command;
  if (help) {
    terminal.print(EXPLAIN_HELP);
    return 0;
  }
  // For as long as it takes: plugins have their own deadlines.
  const answer = await askRunning({ configFile, socket }, { command: 'explain', ...question, password }, null, terminal);
  if (typeof answer === 'number') return answer === 1 ? UNEXPLAINED : answer;
  if (json) terminal.print(JSON.stringify(answer));
  if (!answer.ok) {
    if (!json) for (const line of answeredLines(configFile, answer.problems)) terminal.complain(line);
    return UNEXPLAINED;
  }
  const explanation = answer as unknown as Explanation;
  if (!json) for (const line of explanationLines(explanation)) terminal.print(printable(line));
  return explanation.outcome === 'allow' && explanation.reached ? 0 : 1;
}

/** All of the input but one end of a line, as base64. */
async function readPassword(input: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of input) {
    length += part.length;
    if (length > MAX_PASSWORD_BYTES + END_OF_LINE_BYTES) throw new Error('the password is too long');
    parts.push(part);
  }
  const all = Buffer.concat(parts);
  let { length: end } = all;
  if (all[end - 1] === 0x0a) end -= all[end - 2] === 0x0d ? 2 : 1;
  if (end === 0) throw new Error('--password-stdin, but there is no password on standard input');
  const text = all.toString('base64', 0, end);
  for (const part of [...parts, all]) part.fill(0);
  return text;
}
