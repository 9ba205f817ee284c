import type { Identity, ProtocolName, RuleAction } from '@portcullis/sdk';
import { isTopicFilter, isTopicName, matches, parseSharedFilter } from '@portcullis/sdk';
import type { ListenerConfig, PortcullisConfig } from './config/index.js';
import { assumedAnswer } from './explain-identity.js';
import { type RelatedRules, relatedRules } from './explain-rules.js';
import { enter, mounted } from './explain-tenant.js';
import { Check, type ExplainedQuestion, Explainer, type Gate, type GateClient, type GateExplanation, type TracedStage } from './gate/index.js';
import { Target } from './router/index.js';
import { SESSION_REFUSALS, type Session, type SessionRefusal, type SessionRegistry } from './session/index.js';

/** What somebody wants to have explained, and about whom. */
export interface ExplainInput {
  readonly action: 'connect' | RuleAction;
  /** Topic name, or filter of a `subscribe`, as a client would send it; '' for `connect`. */
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Null: that of the session that `client` names, or, with `anonymous`, none. */
  readonly username: string | null;
  readonly anonymous: boolean;
  /** Client identifier, or null. */
  readonly client: string | null;
  /** Name of a tenant, to tell sessions with one client identifier apart. */
  readonly tenant: string | null;
  /** Name of a listener, or null for that of the session, or for any if all have one chain. */
  readonly listener: string | null;
  /** Remote address that guards are shown, or null for that of the session. */
  readonly address: string | null;
  /** Null when nothing is stated; then they are taken from where the identity is known. */
  readonly groups: readonly string[] | null;
  readonly attributes: Readonly<Record<string, string>> | null;
  /** With it, the authorities are really asked. Overwritten at the end. */
  readonly password: Buffer | null;
}

/** An explanation, ready for JSON. No password is in it, nor any value of an attribute. */
export interface Explanation {
  readonly action: 'connect' | RuleAction;
  readonly topic: string | null;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly username: string | null;
  readonly client: string;
  readonly tenant: string | null;
  readonly groups: readonly string[];
  /** Names of the attributes of the identity. */
  readonly attributes: readonly string[];
  readonly listener: string;
  readonly chain: string;
  readonly outcome: 'allow' | 'deny' | 'fault';
  /** Whether the outcome is about the action; false when already the CONNECT would be refused. */
  readonly reached: boolean;
  /** Who decided: the question, the plugin (null: nobody), where its rule stands (null: none). */
  readonly decidedBy: { readonly stage: string; readonly plugin: string | null; readonly rule: string | null; readonly detail: string };
  readonly stages: readonly TracedStage[];
  readonly codes: Readonly<Record<ProtocolName, string>>;
  readonly rules: RelatedRules | null;
}

/** Why a question cannot be explained: it is not one, or not about one client. */
export interface Unexplained {
  readonly unexplained: string;
  readonly hint: string | null;
}

export interface ExplainingParts {
  readonly gate: Gate;
  readonly registry: SessionRegistry;
}

/** What there is of a broker; less while it starts. */
interface Running {
  readonly parts: ExplainingParts | null;
  readonly config: PortcullisConfig | undefined;
}

const REFUSALS: Readonly<Record<SessionRefusal, string>> = {
  owner: 'the client identifier belongs to a session of another user',
  user: 'the user has maxConnectionsPerUser connections',
  sessions: 'there are maxSessions sessions, or the user has perPrincipal, or the tenant as many as it may',
};
const TRANSPORTS = { mqtt: 'tcp', mqtts: 'tls', ws: 'ws', wss: 'wss', unix: 'unix' } as const;
let questions = 0;

/** What explains how a question would end at this moment: null while the broker starts. Changes nothing; plugins are asked. */
export function makeExplain(running: () => Running): (input: ExplainInput) => Promise<Explanation | Unexplained | null> {
  return async (input) => {
    const { parts, config } = running();
    try {
      return parts === null || config === undefined ? null : await explain(parts, config, input);
    } finally {
      input.password?.fill(0);
    }
  };
}

async function explain(parts: ExplainingParts, config: PortcullisConfig, input: ExplainInput): Promise<Explanation | Unexplained> {
  const question = questionOf(config, input);
  if ('unexplained' in question) return question;
  const found = sessionOf(parts.registry, input);
  if (found !== null && 'unexplained' in found) return found;
  const session = found?.session ?? null;
  const stated = input.groups !== null || input.attributes !== null || input.password !== null || input.anonymous;
  if (session === null || stated || input.action === 'connect') return ofConnect(parts, config, input, question, session);
  return ofSession(parts, mounted(question, session.client.mountpoint), session);
}

async function ofSession({ gate }: ExplainingParts, question: ExplainedQuestion, session: Session): Promise<Explanation> {
  for (let attempt = 1; ; attempt += 1) {
    const { client } = session;
    const { binding } = client;
    const [checks, subscriptions] = question.action === 'receive' ? receiveChecks(session, question.topic) : [Check.RECEIVE, ''];
    const here = session.connected ? 'connected, with the rights that it has now' : 'not connected; its session has these rights';
    const explanation = await new Explainer(gate).ofSession(client, question, checks, here + subscriptions);
    // Code took its time, and meanwhile others rights are in force: an answer by the old ones is none.
    if ((client.binding === binding && session.client === client) || attempt === 3) return report(question, explanation, client);
  }
}

async function ofConnect(
  { gate, registry }: ExplainingParts,
  config: PortcullisConfig,
  input: ExplainInput,
  asked: ExplainedQuestion,
  session: Session | null,
): Promise<Explanation | Unexplained> {
  const listener = listenerOf(config, input, session);
  if ('unexplained' in listener) return listener;
  const stated = input.anonymous ? null : (input.username ?? session?.client.username ?? null);
  if (stated === null && !input.anonymous && session === null)
    return { unexplained: 'there is no user to explain', hint: 'give --user or --anonymous' };
  const { info, tls = null } = session?.client ?? {};
  const known = input.tenant ?? session?.tenant ?? null;
  const entered = enter(gate, { listener: listener.name, chain: listener.chain, tenant: known, username: stated, tls });
  if (entered === null) return { unexplained: `there is no chain ${listener.chain}`, hint: null };
  const { standing, tenant, username } = entered;
  const mountpoint = gate.tenancy.mountOf(listener.name)?.text ?? '';
  const question = mounted(asked, mountpoint);
  questions += 1;
  const request = {
    connection: Object.freeze({
      id: `explain-${questions}`,
      listener: listener.name,
      transport: TRANSPORTS[listener.scheme],
      address: input.address ?? info?.connection.address ?? (listener.scheme === 'unix' ? '' : '127.0.0.1'),
      port: 0,
    }),
    ...(tenant === null ? {} : { tenant }),
    mountpoint,
    tls,
    protocolVersion: ({ '3.1': 3, '3.1.1': 4, '5.0': 5 } as const)[info?.protocol ?? '5.0'],
    clientId: input.client ?? '',
    cleanStart: info?.cleanStart ?? true,
    keepAliveSeconds: info?.keepAliveSeconds ?? 60,
    username,
    password: input.password,
    sessionExpirySeconds: info?.sessionExpirySeconds ?? null,
    authenticationMethod: null,
    authenticationData: null,
    userProperties: [],
    will: null,
  };
  // Without a name there is nothing to try out: the authorities are asked as they would be.
  const asks = input.password !== null || username === null;
  const assumed = asks ? null : await assumedAnswer(gate, registry, standing, request, { ...input, tenant, username, session });
  const explanation = await new Explainer(gate).afterConnect(standing, request, assumed, question, (client) => {
    const refusal = registry.refusalOf(client);
    return refusal === null ? null : { reasonCode: SESSION_REFUSALS[refusal], detail: REFUSALS[refusal] };
  });
  try {
    return await report(question, explanation, explanation.client, { username, client: request.clientId, listener });
  } finally {
    explanation.release();
  }
}

/** What the question is about, judged as a packet of a client would be. */
function questionOf({ limits }: PortcullisConfig, { action, topic, qos, retain }: ExplainInput): ExplainedQuestion | Unexplained {
  const plain = { action, topic, shareName: null, qos, retain };
  if (action === 'connect') return plain;
  if (topic.split('/').length > limits.maxTopicLevels) return { unexplained: 'the topic has more levels than maxTopicLevels', hint: null };
  if (action !== 'subscribe') {
    return isTopicName(topic) ? plain : { unexplained: 'this is no valid topic name', hint: 'it must not be empty, nor hold + or #' };
  }
  const shared = parseSharedFilter(topic);
  if (shared === 'invalid' || !isTopicFilter(shared?.filter ?? topic))
    return { unexplained: 'this is no valid topic filter', hint: 'for example site/+/temp, site/# or $share/group/site/#' };
  return shared === null ? plain : { ...plain, topic: shared.filter, shareName: shared.shareName };
}

/** The session that the question is about; null without one. */
function sessionOf(registry: SessionRegistry, { client, username, tenant }: ExplainInput): { session: Session } | Unexplained | null {
  if (client === null) return null;
  const found: Session[] = [];
  for (const session of registry.sessions()) {
    if (session.clientId !== client || (tenant !== null && session.tenant !== tenant)) continue;
    if (username === null || session.client.username === username) found.push(session);
  }
  const [first, second] = found;
  if (second !== undefined) return { unexplained: 'sessions of several tenants have this client identifier', hint: 'say which with --tenant' };
  if (first !== undefined) return { session: first };
  return null;
}

function listenerOf({ listeners }: PortcullisConfig, { listener }: ExplainInput, session: Session | null): ListenerConfig | Unexplained {
  const name = listener ?? session?.client.info.connection.listener ?? null;
  const named = listeners.find((one) => one.name === name);
  if (named !== undefined) return named;
  const names = listeners.map((one) => one.name).join(', ');
  if (listener !== null) return { unexplained: `there is no listener ${JSON.stringify(listener.slice(0, 64))}`, hint: `there are ${names}` };
  const [first] = listeners;
  if (first !== undefined && listeners.every(({ chain }) => chain === first.chain)) return first;
  return { unexplained: 'the listeners have different chains', hint: `say which with --listener: ${names}` };
}

/** What a copy for the session must have checked, and what to say about the subscriptions that ask for it. */
function receiveChecks(session: Session, topic: string): [checks: number, text: string] {
  const subscriptions = [...session.subscriptions.values()].filter(({ filter }) => matches(filter, topic));
  const target = Target.of(subscriptions);
  if (target === null) return [Check.RECEIVE, '; none of its subscriptions matches, so it gets nothing whatever its rights'];
  // Those of an older version of the rights say nothing: then all is checked, as for copies that have waited.
  const all = Check.RECEIVE | (target.byCode ? Check.SUBSCRIBE_NOT_DENY : Check.SUBSCRIBE_ALLOW) | (target.checks & Check.SUSPENDED);
  const filters = subscriptions.slice(0, 5).map(({ key }) => JSON.stringify(key.slice(0, 200)));
  return [session.client.receiveAsks || !target.current(session.client) ? all : target.checks, `; subscribed to ${filters.join(', ')}`];
}

async function report(
  question: ExplainedQuestion,
  explanation: GateExplanation,
  client: GateClient | null,
  asked: { readonly username: string | null; readonly client: string; readonly listener: ListenerConfig } | null = null,
): Promise<Explanation> {
  const { action, topic, shareName, qos, retain } = question;
  const { outcome, reached, stages, codes, decision } = explanation;
  const { groups = [], attributes = {} }: Pick<Identity, 'groups' | 'attributes'> = client?.identity ?? {};
  return {
    action,
    topic: action === 'connect' ? null : shareName === null ? topic : `$share/${shareName}/${topic}`,
    qos,
    retain,
    username: client === null ? (asked?.username ?? null) : client.username,
    client: client?.info.id ?? asked?.client ?? '',
    tenant: client?.tenant ?? null,
    groups,
    attributes: Object.keys(attributes),
    listener: client?.info.connection.listener ?? asked?.listener.name ?? '',
    chain: client?.standing.chain.name ?? asked?.listener.chain ?? '',
    outcome,
    reached,
    decidedBy: { stage: decision.hook, plugin: decision.plugin, rule: decision.rule, detail: decision.detail },
    stages,
    codes,
    rules: action === 'connect' || client === null || !reached ? null : await relatedRules(client, { action, topic, qos, retain }, decision),
  };
}
