import type { ProtocolName, RuleAction } from '@portcullis/sdk';
import { Answer } from '../policy/index.js';
import { Admission } from './admission.js';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import { Check, GateClient, type Standing } from './client.js';
import { FAULT_CODE, refusalCode } from './codes.js';
import type { Gate } from './gate.js';
import { Message } from './message.js';
import { QuietGate, type RecordedDecision } from './quiet-gate.js';
import { TopicTable } from './topic-table.js';
import { Trace, type TracedStage } from './trace.js';
import { type AssumedAnswer, tracedStanding } from './traced-hooks.js';
import { type DecidedQuestion, wireAnswers } from './wire-answers.js';

/** What somebody wants to have explained. */
export interface ExplainedQuestion {
  readonly action: 'connect' | RuleAction;
  /** A valid topic name, or for `subscribe` a valid topic filter without `$share/<group>/`; '' for `connect`. */
  readonly topic: string;
  readonly shareName: string | null;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** How a question would end at this moment, and how it comes to that. */
export interface GateExplanation {
  readonly outcome: 'allow' | 'deny' | 'fault';
  readonly decision: RecordedDecision;
  /** In the order in which they were asked. */
  readonly stages: readonly TracedStage[];
  /** What clients of each version see. */
  readonly codes: Readonly<Record<ProtocolName, string>>;
  /** Who the question was about in the end; null when the CONNECT was refused before it had rights. Its rights are valid until `release`. */
  readonly client: GateClient | null;
  /** Whether the question got as far as its own action, and not only to a CONNECT that would be refused. */
  readonly reached: boolean;
  release(): void;
}

/** What answers a CONNECT after the gate: why there would be no session, or null. */
export type SessionCheck = (client: GateClient) => { readonly reasonCode: number; readonly detail: string } | null;

/**
 * Puts questions to the gate that nobody has put, by the code that judges real ones, and writes down how they come to their end. It has no
 * effect of its own: no session, no count, no news and no line of the log. Plugins are asked, and cannot tell it from a real question.
 */
export class Explainer {
  readonly #gate: Gate;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /**
   * Takes a CONNECT through all its stages, then the action, if that is another one. `assumed`: who the client is, instead of asking the
   * authorities; null asks them. With a password it counts as any other attempt would: an explanation is no place to try passwords out.
   */
  async afterConnect(
    standing: Standing,
    request: ConnectRequest,
    assumed: AssumedAnswer | null,
    question: ExplainedQuestion,
    sessions: SessionCheck,
  ): Promise<GateExplanation> {
    const trace = new Trace(this.#gate.wheel.clock);
    const traced = tracedStanding(standing, trace, assumed);
    const others = (chain: string): Standing | undefined => {
      const other = this.#gate.standing(chain);
      return other === undefined ? undefined : tracedStanding(other, trace, assumed);
    };
    const gate = new QuietGate(this.#options, traced, this.#gate.tenancy, others, request.password === null ? null : this.#gate);
    if (standing.global.has('acceptConnection') && !gate.acceptConnection(request.connection)) {
      const outcome = trace.stages.at(-1)?.outcome === 'fault' ? 'fault' : 'deny';
      const decision = { hook: 'acceptConnection', plugin: null, outcome, reasonCode: 0, rule: null, detail: 'the socket is closed' } as const;
      const codes = { '3.1': 'closed', '3.1.1': 'closed', '5.0': 'closed' };
      return { outcome, decision, stages: trace.stages, codes, client: null, reached: question.action === 'connect', release() {} };
    }
    const result = await new Promise<AdmissionResult>((resolve) => new Admission(gate, traced, request, resolve).start());
    if (result.kind !== 'accepted') return explained(gate, trace, question, 'connect', traced, null);
    const { client } = result;
    const release = (): void => client.binding.release();
    const refusal = sessions(client);
    trace.add({ stage: 'session', outcome: refusal === null ? 'allow' : 'deny', detail: refusal?.detail ?? '' });
    if (refusal !== null) {
      gate.last = { hook: 'session', plugin: null, outcome: 'deny', rule: null, ...refusal };
      return { ...explained(gate, trace, question, 'connect', traced, client), release };
    }
    if (question.action === 'connect') return { ...explained(gate, trace, question, 'connect', traced, client), release };
    return { ...(await this.#act(gate, trace, client.standing, client, question, Check.RECEIVE)), release };
  }

  /**
   * Takes an action of a client that has a session, with the rights that it has at this moment. `checks`: what its copies must have checked, of a
   * receive.
   */
  async ofSession(client: GateClient, question: ExplainedQuestion, checks: number, detail: string): Promise<GateExplanation> {
    const trace = new Trace(this.#gate.wheel.clock);
    const standing = tracedStanding(client.standing, trace, null);
    const gate = new QuietGate(this.#options, standing, this.#gate.tenancy, () => undefined, null);
    trace.add({ stage: 'session', outcome: 'allow', how: 'assumed', detail });
    return this.#act(gate, trace, standing, sameClient(client, standing), question, checks);
  }

  get #options(): Gate['options'] {
    return { ...this.#gate.options, sessionRules: this.#gate.sessionRules };
  }

  async #act(
    gate: QuietGate,
    trace: Trace,
    standing: Standing,
    client: GateClient,
    question: ExplainedQuestion,
    checks: number,
  ): Promise<GateExplanation> {
    const { action, topic, shareName, qos, retain } = question;
    gate.last = null;
    if (action !== 'connect') traceRules(trace, client, action, question);
    let grantedQos: number = qos;
    switch (action) {
      case 'publish':
        await new Promise<void>((resolve) =>
          gate.judgePublish(client, messageOf(client, question), false, (verdict) => {
            const unretained = verdict.outcome === 'route' && retain && !verdict.approved.retain;
            if (unretained && gate.last !== null) gate.last = { ...gate.last, detail: 'but it is not retained, since a guard refused that' };
            resolve();
          }),
        );
        break;
      case 'subscribe':
        await new Promise<void>((resolve) =>
          gate.judgeSubscribe(client, { filter: topic, shareName, qos }, (verdict) => {
            if (verdict.outcome === 'grant') {
              grantedQos = verdict.qos;
              // The rule that is named is then, as in the log, the first that denies a part.
              if (verdict.partial && gate.last !== null) gate.last = { ...gate.last, detail: 'in part, so each copy is checked' };
            }
            resolve();
          }),
        );
        break;
      default: {
        const message = messageOf(client, question);
        const entry = new TopicTable(1).intern(topic);
        await new Promise<void>((resolve) =>
          gate.judgeDelivery(client, { message, entry, checks, qos, retain }, (verdict, why) => {
            const outcome = verdict === 'deliver' ? 'allow' : verdict === 'fault' ? 'fault' : 'deny';
            const { plugin, rule, detail } = why ?? ruleOf(client, topic);
            const reasonCode = outcome === 'deny' ? refusalCode('not-authorized', 'puback') : outcome === 'fault' ? FAULT_CODE.puback : 0;
            gate.last = { hook: why?.hook ?? 'authorize', plugin, outcome, reasonCode, rule, detail };
            resolve();
          }),
        );
      }
    }
    return explained(gate, trace, question, action, standing, client, grantedQos);
  }
}

function explained(
  gate: QuietGate,
  trace: Trace,
  question: ExplainedQuestion,
  action: DecidedQuestion['action'],
  standing: Standing,
  client: GateClient | null,
  grantedQos = 0,
): GateExplanation {
  // Nothing recorded means that nobody allowed anything.
  const decision: RecordedDecision = gate.last ?? {
    hook: action,
    plugin: null,
    outcome: 'fault',
    reasonCode: 0x83,
    rule: null,
    detail: 'no decision',
  };
  const { outcome } = decision;
  const reasonCode = action === 'subscribe' && outcome === 'allow' ? grantedQos : decision.reasonCode;
  const codes = wireAnswers({ action, outcome, reasonCode, qos: question.qos }, standing.chain);
  return { outcome, decision, stages: trace.stages, codes, client, reached: action === question.action, release() {} };
}

/** What the rules of each plugin say by themselves: the gate asks the same binding in the same words. */
function traceRules(trace: Trace, client: GateClient, action: RuleAction, { topic, qos, retain }: ExplainedQuestion): void {
  const ask = (source: number): number => {
    if (action !== 'subscribe') return client.binding.check(action, topic, qos, retain, source);
    const { coverage } = client.binding.subscribe(topic, source);
    return coverage === 'none' ? Answer.NONE : coverage === 'denied' ? Answer.DENY : Answer.ALLOW;
  };
  const plugins = client.sources.map((plugin, source) => {
    const outcome = OUTCOMES[ask(source)] ?? 'none';
    return { plugin, outcome, milliseconds: null, detail: outcome === 'none' ? '' : (client.binding.lastRule?.from ?? '') };
  });
  trace.add({ stage: 'rules', outcome: OUTCOMES[ask(-1)] ?? 'none', plugins });
}

const OUTCOMES = ['none', 'allow', 'deny'] as const;

function ruleOf(client: GateClient, topic: string): { plugin: string | null; rule: string | null; detail: string } {
  if (client.rules('receive', topic, 0, false) === Answer.NONE) return { plugin: null, rule: null, detail: 'nothing allows it' };
  const { plugin = null, from = null } = client.binding.lastRule ?? {};
  return { plugin, rule: from, detail: '' };
}

/** The same client before other ears. It shares the rights, which belong to the session. */
function sameClient(client: GateClient, standing: Standing): GateClient {
  const { info, identity, tenant, mountpoint, tls, authority, leaseSeconds, identifiedAt, binding, sources } = client;
  return new GateClient({ info, identity, tenant, mountpoint, tls, authority, leaseSeconds, identifiedAt, standing, binding, sources });
}

function messageOf(client: GateClient, { topic, qos, retain }: ExplainedQuestion): Message {
  return new Message({
    topic,
    topicBytes: Buffer.from(topic, 'utf8'),
    payload: Buffer.alloc(0),
    qos,
    retain,
    properties: null,
    expiresAt: 0,
    publisherClientId: client.info.id,
    publisher: client.username,
  });
}
