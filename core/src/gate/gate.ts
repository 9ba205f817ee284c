import type { ClientInfo, ConnectionInfo, DecisionNews, DropReason, RuleAction, UpgradeWebSocketRequest } from '@portcullis/sdk';
import type { TimerWheel } from '../clock.js';
import type { GlobalHooks, NewsHookName, Outcome, Pending } from '../hooks/index.js';
import type { Limits } from '../limits.js';
import type { Logger } from '../log.js';
import { Roster } from '../roster.js';
import type { Stats } from '../stats.js';
import { Admission } from './admission.js';
import type { AdmissionResult, ConnectRequest } from './admission-types.js';
import { type AuthorizedRun, MAX_RUN, RunDraft } from './authorized-run.js';
import type { GateClient, Standing } from './client.js';
import { FAULT_CODE, refusalCode } from './codes.js';
import { type DecisionLevel, DecisionLog } from './decision-log.js';
import { MESSAGES, NO_CHAIN, refusingRule } from './decision-words.js';
import { type DeliveryReason, type DeliveryVerdict, judgeDelivery } from './delivery-gate.js';
import type { Judgement } from './fold.js';
import type { GateOptions } from './gate-options.js';
import type { Message } from './message.js';
import type { SessionRules } from './options.js';
import { type ApprovedMessage, PublishGate, type PublishVerdict } from './publish-gate.js';
import { judgeSubscribe, type SubscribeQuestion, type SubscribeVerdict } from './subscribe-gate.js';
import { Tenancy } from './tenancy.js';
import type { TopicEntry, TopicTable } from './topic-table.js';
import { hex, wireAnswer } from './wire-answers.js';

/** The one place that decides. It folds rules and code, and is the only maker of what the router accepts. */
export class Gate {
  readonly wheel: TimerWheel;
  readonly limits: Limits;
  sessionRules: SessionRules;
  /** Whether somebody listens to `messageDelivered`, or to `messagePublished`; then messages are handled one by one. */
  tellsDeliveries = false;
  tellsPublishes = false;
  /** The run that connections fill; `approve` makes it routable. One for all: only one packet is handled at a time. */
  readonly draft = new RunDraft(MAX_RUN);
  /** What of all this is logged. */
  readonly decisions: DecisionLog;
  readonly options: GateOptions;
  readonly #log: Logger;
  readonly #stats: Stats;
  readonly #publish: PublishGate;
  #standings: ReadonlyMap<string, Standing> = new Map();
  #global: GlobalHooks | null = null;
  /** The tenants of the generation that is in force. */
  tenancy = new Tenancy();
  /** Chains by listener, and since when, in monotonic milliseconds. */
  #chains: ReadonlyMap<string, string> = new Map();
  #standsSince = 0;
  /** CONNECTs that are on their way. */
  readonly admissions = new Roster<Admission>();
  /** Grows when rights are invalidated. */
  invalidations = 0;
  /** Whether rights of a client whose load began after so many invalidations were invalidated by a later one that is yet to reach it. */
  isSuperseded: (client: GateClient, invalidations: number) => boolean = () => false;
  /** The versions that sources have announced for the client of a session that there is. */
  announcedFor: (tenant: string | null, clientId: string) => ReadonlyMap<string, number> | null = () => null;

  constructor(options: GateOptions) {
    this.options = options;
    this.decisions = new DecisionLog(options.log, options.wheel, options.limits);
    this.wheel = options.wheel;
    this.limits = options.limits;
    this.sessionRules = options.sessionRules;
    this.#log = options.log;
    this.#stats = options.stats;
    this.#publish = new PublishGate({
      properties: options.properties,
      now: () => this.now(),
      maxTopicLevels: options.limits.maxTopicLevels,
      maxPacketBytes: options.limits.maxPacketBytes,
    });
  }

  now(): number {
    return this.wheel.clock.now();
  }

  /**
   * Puts a configuration generation in force, whole: what each chain stands for, and which one each listener leads to. Of so many allowed decisions
   * one is logged, with 0 none.
   */
  stand(
    standings: ReadonlyMap<string, Standing>,
    global: GlobalHooks,
    sessionRules: SessionRules,
    logAllowedEvery = 0,
    chains: ReadonlyMap<string, string> = new Map(),
    tenancy: Tenancy = new Tenancy(),
  ): void {
    this.tenancy = tenancy;
    this.decisions.allowedEvery = logAllowedEvery;
    this.#standings = standings;
    this.#global = global;
    this.#chains = chains;
    this.#standsSince = this.now();
    this.sessionRules = sessionRules;
    this.tellsDeliveries = this.hears('messageDelivered');
    this.tellsPublishes = this.hears('messagePublished');
  }

  standing(chain: string): Standing | undefined {
    return this.#standings.get(chain);
  }

  /** The same of the generation that is in force now, also when it is not any more. */
  get standings(): Pick<ReadonlyMap<string, Standing>, 'get'> {
    return this.#standings;
  }

  /** What judges clients of a tenant that come by a listener of this chain; undefined when they are not let in there. */
  standingAt(listener: string, tenant: string | null, chain: string): Standing | undefined {
    const place = this.tenancy.place(listener, tenant, chain);
    return 'refused' in place ? undefined : this.standing(place.chain);
  }

  /**
   * The chain that judges a socket now. One that was accepted for `chain` before the last switch of generations goes by the chain that its listener
   * leads to since: else sockets that are opened in time would come in by a door that has been shut. One that was accepted after it, by a listener
   * of a generation that is not in force yet, goes by its own.
   */
  chainNow(listener: string, chain: string, acceptedAt: number): string {
    return acceptedAt <= this.#standsSince ? (this.#chains.get(listener) ?? chain) : chain;
  }

  /** Takes a CONNECT through the gate of a chain. */
  admit(chain: string, request: ConnectRequest, done: (result: AdmissionResult) => void): Admission | null {
    const standing = this.#standings.get(chain);
    if (standing === undefined) {
      done({ kind: 'refused', reasonCode: 0x88 });
      return null;
    }
    return new Admission(this, standing, request, done);
  }

  /** Approves the draft for a client whose publishes need rules only; null when the rules do not allow it. */
  approve(client: GateClient): AuthorizedRun | null {
    const { draft } = this;
    if (!client.mayPublish(draft.entry, draft.qos, false)) return null;
    if (this.decisions.allowedEvery !== 0) this.#samplePublish(client, draft.entry.topic, draft.qos, false);
    return draft as AuthorizedRun;
  }

  /** Approves one message for a client whose publishes need rules only; null when the rules do not allow it. */
  approveByRules(client: GateClient, topic: TopicEntry, message: Message): ApprovedMessage | null {
    if (!client.mayPublish(topic, message.qos, message.retain)) return null;
    if (this.decisions.allowedEvery !== 0) this.#samplePublish(client, topic.topic, message.qos, message.retain);
    return { message, retain: message.retain } as ApprovedMessage;
  }

  /** Judges one message by itself, with code, guards and rewriting. */
  judgePublish(client: GateClient, message: Message, will: boolean, done: (verdict: PublishVerdict) => void): Pending | null {
    const deadlineAt = this.now() + client.standing.chain.deadlineMs;
    return this.#publish.judge(client, message, will, deadlineAt, (verdict) => {
      const { topic } = message;
      if (verdict.outcome === 'route') {
        this.decided('authorize', verdict.judgement.plugin, 'allow', 0, client, 'publish', topic, verdict.judgement.rule);
      } else if (verdict.outcome === 'deny') {
        this.#stats.publishesDenied += 1;
        this.decided(verdict.hook, verdict.plugin, 'deny', refusalCode(verdict.reason, 'puback'), client, 'publish', topic, verdict.rule);
        if (!will) this.#tellDropped(client, topic, verdict.hook === 'authorize' ? 'not-authorized' : 'guard', 1);
      } else {
        this.#stats.publishesFaulted += 1;
        this.decided(verdict.hook, verdict.plugin, 'fault', FAULT_CODE.puback, client, 'publish', topic, null, verdict.detail);
        // At QoS 1 and 2 it is not acknowledged, so that its publisher still has it.
        if (!will && message.qos === 0) this.#tellDropped(client, topic, 'fault', 1);
      }
      done(verdict);
    });
  }

  /**
   * Asks whether a message may be published, without guards and rewriting: a will at CONNECT, which meets them when it is published, and a
   * QoS 2 message at its PUBREL, which has met them.
   */
  authorizeMessage(client: GateClient, message: Message, will: boolean, deadlineAt: number, done: (judgement: Judgement) => void): Pending | null {
    return this.#publish.authorize(client, message, will, deadlineAt, done);
  }

  /**
   * Makes the run of one approved message. A new one each time: while one is routed, a plugin that is asked may end a connection, and with that
   * a will is routed in the middle of it.
   */
  run(approved: ApprovedMessage, topics: TopicTable, origin: object | null): AuthorizedRun {
    const run = new RunDraft(0);
    run.message = approved.message;
    run.last = 1;
    run.qos = approved.message.qos;
    run.topic = topics.internBytes(approved.message.topicBytes);
    run.publisherClientId = approved.message.publisherClientId;
    run.publisher = approved.message.publisher;
    run.origin = origin;
    return run as AuthorizedRun;
  }

  /** A message that a plugin made, judged already against the topic filters that its entry grants. */
  approvePluginMessage(message: Message): ApprovedMessage {
    return { message, retain: message.retain } as ApprovedMessage;
  }

  judgeSubscribe(client: GateClient, question: SubscribeQuestion, done: (verdict: SubscribeVerdict) => void): Pending | null {
    const deadlineAt = this.now() + client.standing.chain.deadlineMs;
    return judgeSubscribe(client, question, deadlineAt, (verdict) => {
      const { filter } = question;
      if (verdict.outcome === 'grant') {
        if (verdict.partial) {
          this.#log.info({ client: client.info.id, filter }, 'subscription is partly allowed: each copy is checked');
        }
        this.decided('authorize', verdict.plugin, 'allow', 0, client, 'subscribe', filter, verdict.rule);
      } else if (verdict.outcome === 'deny') {
        this.#stats.subscribesDenied += 1;
        this.decided(verdict.hook, verdict.plugin, 'deny', refusalCode(verdict.reason, 'suback'), client, 'subscribe', filter, verdict.rule);
      } else {
        this.#stats.subscribesFaulted += 1;
        this.decided(verdict.hook, verdict.plugin, 'fault', FAULT_CODE.suback, client, 'subscribe', filter, null, verdict.detail);
      }
      done(verdict);
    });
  }

  /** Judges one copy for a receiver whose chain has code for it. */
  judgeDelivery(
    client: GateClient,
    copy: { readonly message: Message; readonly entry: TopicEntry; readonly checks: number; readonly qos: 0 | 1 | 2; readonly retain: boolean },
    done: (verdict: DeliveryVerdict, why: DeliveryReason | null) => void,
  ): Pending | null {
    const deadlineAt = this.now() + client.standing.chain.deadlineMs;
    return judgeDelivery(
      client,
      copy,
      (message) => this.#publish.info(message),
      deadlineAt,
      (verdict, why) => {
        if (verdict !== 'deliver') this.deliveryRefused(client, copy.message.topic, verdict, why, 1);
        done(verdict, why);
      },
    );
  }

  /** Whether a socket may stay; it is closed without a byte if not. */
  acceptConnection(connection: ConnectionInfo): boolean {
    if (this.#global === null) return false;
    if (!this.#global.has('acceptConnection')) return true;
    const outcome = this.#global.guard('acceptConnection', { connection });
    if (outcome.kind !== 'pass') this.#doorRefused('acceptConnection', outcome, connection);
    return outcome.kind === 'pass';
  }

  /** The HTTP status that answers a request for a WebSocket: 101 lets it through. */
  upgradeWebSocket(request: UpgradeWebSocketRequest): 101 | 403 | 503 {
    if (this.#global === null) return 503;
    if (!this.#global.has('upgradeWebSocket')) return 101;
    const outcome = this.#global.guard('upgradeWebSocket', request);
    if (outcome.kind === 'pass') return 101;
    this.#doorRefused('upgradeWebSocket', outcome, request.connection);
    return outcome.kind === 'deny' ? 403 : 503;
  }

  /** Records that a socket was refused before there was a client. */
  #doorRefused(hook: string, outcome: Outcome, { address, listener }: ConnectionInfo): void {
    const level = outcome.kind === 'deny' ? 'info' : 'warn';
    const message = outcome.kind === 'deny' ? 'socket refused' : 'socket refused: unavailable';
    if (!this.decisions.takes(level, address, message)) return;
    const plugin = 'plugin' in outcome ? (outcome.plugin ?? undefined) : undefined;
    this.decisions.write(level, { address, listener, plugin, hook, detail: outcome.kind === 'fault' ? outcome.detail : undefined }, message);
  }

  /** Whether somebody listens to this news in the generation that is in force. */
  hears(hook: NewsHookName): boolean {
    return this.#global?.has(hook) === true;
  }

  /** Tells news to everybody who listens. */
  tell(hook: NewsHookName, news: object): void {
    this.#global?.tell(hook, news);
  }

  /** Tells of a message that was routed; one of a plugin's is told of, too. */
  tellPublished(message: Message, tenant: string | null): void {
    if (!this.tellsPublishes) return;
    const { publisherClientId: publisher, topic, qos, retain, payload } = message;
    this.tell('messagePublished', { publisher, tenant, topic, qos, retain, payloadBytes: payload.length, payload });
  }

  /** Records that the rules did not allow a publish; asks them again for the rule, since a remembered answer has none. */
  publishDenied(client: GateClient, topic: string, qos: 0 | 1 | 2, retain: boolean, count: number): void {
    this.#stats.publishesDenied += count;
    this.#tellDropped(client, topic, 'not-authorized', count);
    const logs = this.decisions.takes('info', client, 'publish denied', count);
    if (!logs && !this.hears('decisionMade')) return;
    client.rules('publish', topic, qos, retain);
    const { plugin = null, from = null } = client.binding.lastRule ?? {};
    if (logs) this.#write('info', 'publish denied', client, { hook: 'authorize', topic, plugin, rule: from, qos, retain, code: hex(0x87) });
    this.#tellDecided('authorize', plugin, 'deny', 0x87, client, 'publish', topic, from);
  }

  /** Records that a copy did not reach a receiver; without `why` the rules refused it, and are asked again for the one that did. */
  deliveryRefused(client: GateClient, topic: string, verdict: Exclude<DeliveryVerdict, 'deliver'>, why: DeliveryReason | null, count: number): void {
    // A subscription that is allowed in part has its copies filtered all the time: that is no event for an administrator.
    const level = verdict === 'fault' ? 'warn' : 'debug';
    const message = verdict === 'fault' ? 'receive not judged: unavailable' : 'receive denied';
    if (!this.decisions.takes(level, client, message, count)) return;
    const { plugin, rule, detail } = why ?? refusingRule(client, topic);
    this.#write(level, message, client, { hook: why?.hook ?? 'authorize', topic, plugin, rule, detail });
  }

  /** Tells of a message that was refused, and so reaches nobody. */
  #tellDropped(client: GateClient, topic: string, reason: DropReason, count: number): void {
    if (this.hears('messageDropped')) this.tell('messageDropped', { clientId: null, tenant: client.tenant, topic, reason, count });
  }

  /** Records how a CONNECT was decided. */
  connectDecided(
    hook: string,
    plugin: string | null,
    outcome: 'allow' | 'deny' | 'fault',
    reasonCode: number,
    info: ClientInfo,
    username: string | null,
    detail: string,
  ): void {
    if (outcome === 'allow') this.#stats.connectsAccepted += 1;
    else this.#stats.connectsRefused += 1;
    const { id, protocol, connection } = info;
    const level = outcome === 'fault' ? 'warn' : 'info';
    const message = outcome === 'allow' ? 'client accepted' : outcome === 'fault' ? 'client refused: unavailable' : 'client refused';
    if (outcome === 'allow' ? this.decisions.samples() : this.decisions.takes(level, connection.address, message)) {
      const sent = protocol === '5.0' ? undefined : wireAnswer(protocol, { action: 'connect', outcome, reasonCode, qos: 0 }, NO_CHAIN);
      const who = { client: id, username, address: connection.address, plugin: plugin ?? undefined, hook };
      this.decisions.write(level, { ...who, code: hex(reasonCode), sent, detail }, message);
    }
    if (this.hears('connectDecided')) this.tell('connectDecided', { hook, plugin, outcome, client: info, username, reasonCode });
    if (!this.hears('decisionMade')) return;
    const news: DecisionNews = { hook, plugin, outcome, client: info, username, action: 'connect', topic: null, rule: null, reasonCode };
    this.tell('decisionMade', news);
  }

  /** The client of a CONNECT has gone before it was decided. */
  connectAbandoned(client: ClientInfo, username: string | null): void {
    if (!this.hears('connectDecided')) return;
    this.tell('connectDecided', { hook: 'connect', plugin: null, outcome: 'abandoned', client, username, reasonCode: 0 });
  }

  /** Records a decision about a client that is known. `detail` is for the log. */
  decided(
    hook: string,
    plugin: string | null,
    outcome: 'allow' | 'deny' | 'fault',
    reasonCode: number,
    client: GateClient,
    action: RuleAction | 'refresh',
    topic: string | null,
    rule: string | null,
    detail = '',
  ): void {
    const level = outcome === 'fault' ? 'warn' : 'info';
    const message = MESSAGES[action][outcome];
    if (outcome === 'allow' ? this.decisions.samples() : this.decisions.takes(level, client, message)) {
      this.#write(level, message, client, { hook, topic, plugin, rule, code: hex(reasonCode), detail });
    }
    this.#tellDecided(hook, plugin, outcome, reasonCode, client, action, topic, rule);
  }

  #tellDecided(
    hook: string,
    plugin: string | null,
    outcome: 'allow' | 'deny' | 'fault',
    reasonCode: number,
    client: GateClient,
    action: RuleAction | 'refresh',
    topic: string | null,
    rule: string | null,
  ): void {
    if (!this.hears('decisionMade')) return;
    const news: DecisionNews = { hook, plugin, outcome, client: client.info, username: client.username, action, topic, rule, reasonCode };
    this.tell('decisionMade', news);
  }

  /** One of so many publishes that rules alone allow; asks them again for the rule. */
  #samplePublish(client: GateClient, topic: string, qos: 0 | 1 | 2, retain: boolean): void {
    if (!this.decisions.samples()) return;
    client.rules('publish', topic, qos, retain);
    const { plugin = null, from = null } = client.binding.lastRule ?? {};
    this.#write('info', MESSAGES.publish.allow, client, { hook: 'authorize', topic, plugin, rule: from, code: hex(0) });
  }

  #write(level: DecisionLevel, message: string, client: GateClient, fields: Readonly<Record<string, unknown>>): void {
    const { id, connection, protocol } = client.info;
    const who = { client: id, username: client.username, tenant: client.tenant ?? undefined, address: connection.address, protocol };
    const said = Object.entries(fields).filter(([, value]) => value !== null && value !== '');
    this.decisions.write(level, { ...who, ...Object.fromEntries(said) }, message);
  }
}
