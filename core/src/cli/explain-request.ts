import type { ControlAnswer, ControlRequest } from '../control/index.js';
import { refusal } from '../control/index.js';
import type { ExplainInput, Explanation, Unexplained } from '../explain.js';
import { isUtf8Text } from '../gate/index.js';

/** Whoever explains: the broker. */
export interface Explaining {
  explain(input: ExplainInput): Promise<Explanation | Unexplained | null>;
}

const ACTIONS = ['connect', 'publish', 'subscribe', 'receive'] as const;

/** The answer to "explain". */
export async function explainAnswer(broker: Explaining, request: ControlRequest): Promise<ControlAnswer> {
  const input = readRequest(request);
  if (typeof input === 'string') return refusal(`the request to explain is not sound: ${input}`);
  const explained = await broker.explain(input);
  if (explained === null) return refusal('the broker is still starting');
  return 'unexplained' in explained ? refusal(explained.unexplained, explained.hint) : { ok: true, ...explained };
}

/** Reads a request of unknown soundness; a text says what is wrong with it, and never what is in it. */
function readRequest(request: ControlRequest): ExplainInput | string {
  const { action, topic = '', qos = 0, retain = false, anonymous = false, groups = null, attributes = null, password = null } = request;
  const known = ACTIONS.find((name) => name === action);
  if (known === undefined) return `"action" must be one of ${ACTIONS.join(', ')}`;
  if (!isUtf8Text(topic)) return '"topic" must be text';
  if (qos !== 0 && qos !== 1 && qos !== 2) return '"qos" must be 0, 1 or 2';
  if (typeof retain !== 'boolean' || typeof anonymous !== 'boolean') return '"retain" and "anonymous" must be true or false';
  const texts: Record<string, string | null> = {};
  for (const name of ['username', 'client', 'tenant', 'listener', 'address'] as const) {
    const value = request[name] ?? null;
    if (value !== null && (!isUtf8Text(value) || value === '')) return `"${name}" must be text of at least one character`;
    texts[name] = value;
  }
  if (groups !== null && !(Array.isArray(groups) && groups.every(isUtf8Text))) return '"groups" must be a list of texts';
  if (!isAttributes(attributes)) return '"attributes" must be an object of texts';
  if (password !== null && !isUtf8Text(password)) return '"password" must be base64';
  const { username = null, client = null, tenant = null, listener = null, address = null } = texts;
  if (anonymous && (username !== null || password !== null)) return 'an anonymous client has neither username nor password';
  if (password !== null && (groups !== null || attributes !== null)) return 'with a password, groups and attributes are what the authorities say';
  const secret = password === null ? null : Buffer.from(password, 'base64');
  return { action: known, topic, qos, retain, anonymous, username, client, tenant, listener, address, groups, attributes, password: secret };
}

function isAttributes(value: unknown): value is Readonly<Record<string, string>> | null {
  return value === null || (typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isUtf8Text));
}
