import type { ClientSelector, ClientSummary, PluginMessage, PolicySelector, RetainedInfo, RetainedStore, Rule, SessionStore } from '@portcullis/sdk';
import { isTopicFilter, isTopicName, matches } from '@portcullis/sdk';
import { encodePublishProperties, publishPropertiesFault } from './codec/index.js';
import { type Concerned, type Gate, Message, refusalCode } from './gate/index.js';
import type { HostServices, TemplateChange } from './hooks/index.js';
import { CompiledRules, type PolicyEngine } from './policy/index.js';
import { publishMessage, type Router } from './router/index.js';
import type { Session, SessionRegistry } from './session/index.js';
import type { Stats } from './stats.js';
import type { Custody } from './store/index.js';

/** What the broker's running parts are to plugins; null while they are not there yet. */
export interface RunningParts {
  readonly gate: Gate;
  readonly router: Router;
  readonly registry: SessionRegistry;
  readonly custody: Custody;
  readonly stats: Stats;
}

export interface ServicesOptions {
  readonly engine: PolicyEngine;
  /** The filters that each entry may publish to. */
  readonly publishTo: ReadonlyMap<string, readonly string[]>;
  parts(): RunningParts | null;
  /** Loads the rights of these sessions anew. */
  reload(concerns: (client: Concerned) => boolean, plugin: string, version: number | null): void;
  provideStores(plugin: string, stores: { sessions?: SessionStore; retained?: RetainedStore }): void;
}

/** What the broker does for the plugins of one configuration generation. */
export function makeServices(options: ServicesOptions): HostServices {
  const { engine } = options;
  const running = (): RunningParts => {
    const parts = options.parts();
    if (parts === null) throw new Error('the broker is not running yet');
    return parts;
  };
  const find = (selector: ClientSelector): Session[] => {
    const parts = options.parts();
    if (parts === null) return [];
    const { clientId, tenant } = selector;
    // There is one at most, and a plugin may end many clients one by one.
    const one = clientId === undefined || tenant === undefined ? undefined : [parts.registry.find(tenant, clientId)];
    const all = one?.filter((session) => session !== undefined) ?? [...parts.registry.sessions()];
    return all.filter((session) => isMeant(session, selector));
  };
  return {
    publish: (plugin, message) => publish(running(), plugin, options.publishTo.get(plugin) ?? [], message),
    findSessions: (selector) => find(selector).map(summary),
    disconnect(selector, reasonCode) {
      const sessions = find(selector).filter((session) => session.outlet !== null);
      const code = refusalCode(reasonCode, 'disconnect');
      for (const session of sessions) session.outlet?.end(code, 'disconnected by a plugin');
      // Also those that are about to get a session: their authority has answered by what it knew before.
      const isNext = (clientId: string, username: string | null, tenant: string | null) => isSelected(selector, clientId, username, tenant, true);
      const admissions = (options.parts()?.gate.admissions.all() ?? []).filter((admission) => admission.dismiss(isNext, reasonCode));
      return sessions.length + admissions.length;
    },
    recheck(selector) {
      const sessions = find(selector);
      options.reload((client) => isClientMeant(client, selector), '', null);
      return sessions.length;
    },
    release(clientId, tenant) {
      const { registry } = running();
      const session = registry.find(tenant ?? null, clientId);
      if (session === undefined || session.outlet !== null) return false;
      registry.end(session);
      return true;
    },
    setTemplates: (plugin, change) => setTemplates(engine, plugin, change),
    forgetTemplate: (plugin, template) => engine.forgetTemplate(plugin, template),
    withdrawGrants: (plugin, templates) => engine.withdrawGrants(plugin, templates),
    invalidate(plugin, selector: PolicySelector, version) {
      if (options.parts() === null) return;
      // Of this generation alone: of one that is being tried, and may yet be given up, nobody has rights.
      const isOurs = ({ owed, standing }: Concerned): boolean => {
        const { engine: own, chain } = owed ?? standing;
        return own === engine && chain.authorize.includes(plugin);
      };
      options.reload((client) => isOurs(client) && (selector === 'all' || isClientMeant(client, selector)), plugin, version ?? null);
    },
    // The engine belongs to one generation and goes with it; until every client stands under the next, the old rules stay in force.
    removePlugin() {},
    retainedGet(topic, tenant) {
      const { router } = running();
      const [entry] = isTopicName(topic) ? router.retained(router.domain(tenant ?? null), topic, 1) : [];
      return entry === undefined ? undefined : retainedInfo(entry.message);
    },
    retainedMatch(filter, { tenant, limit }) {
      const { router } = running();
      if (!isTopicFilter(filter)) throw new Error('not a topic filter');
      return router.retained(router.domain(tenant ?? null), filter, limit).map((entry) => retainedInfo(entry.message));
    },
    provideSessionStore: (plugin, sessions) => options.provideStores(plugin, { sessions }),
    provideRetainedStore: (plugin, retained) => options.provideStores(plugin, { retained }),
  };
}

function isMeant(session: Session, selector: ClientSelector): boolean {
  return isSelected(selector, session.clientId, session.client.username, session.tenant, session.connected);
}

function isClientMeant({ info, username, tenant }: Concerned, selector: ClientSelector): boolean {
  return isSelected(selector, info.id, username, tenant, true);
}

function isSelected(selector: ClientSelector, clientId: string, username: string | null, tenant: string | null, connected: boolean): boolean {
  const { clientId: id, username: name, tenant: domain, connected: here } = selector;
  if (id === undefined && name === undefined && domain === undefined && here === undefined) return false;
  if (here === true && !connected) return false;
  return (id === undefined || id === clientId) && (name === undefined || name === username) && (domain === undefined || domain === tenant);
}

function summary(session: Session): ClientSummary {
  const { clientId, tenant, client } = session;
  return { clientId, tenant, username: client.username, address: client.info.connection.address, connected: session.connected };
}

function retainedInfo(message: Message): RetainedInfo {
  return { topic: message.topic, payload: new Uint8Array(message.payload), qos: message.qos };
}

/** All or nothing: everything is compiled before anything changes. */
function setTemplates(engine: PolicyEngine, plugin: string, change: TemplateChange): void {
  if (change.replace) return engine.replaceTemplates(plugin, change.set);
  const compiled: [string, readonly Rule[]][] = [...change.set];
  for (const [, rules] of compiled) CompiledRules.compile(rules);
  for (const [name, rules] of compiled) engine.setTemplate(plugin, name, rules);
  for (const name of change.remove) engine.removeTemplate(plugin, name);
}

async function publish(parts: RunningParts, plugin: string, granted: readonly string[], message: PluginMessage): Promise<void> {
  // Not from within a question that the plugin is just asked: what is being routed comes first.
  await null;
  const { topic, qos = 0, retain = false, tenant, properties = {} } = message;
  if (!isTopicName(topic)) throw new Error('publish: the topic is not a valid topic name');
  if (!granted.some((filter) => isTopicFilter(filter) && matches(filter, topic))) {
    throw new Error(`publish: the entry's "publishTo" in plugins.json does not grant ${JSON.stringify(topic)}`);
  }
  // What is retained for a name that nobody has would be there for whoever gets it.
  if (tenant !== undefined && !parts.gate.tenancy.knows(tenant)) throw new Error(`publish: there is no tenant ${JSON.stringify(tenant)}`);
  const fault = publishPropertiesFault(properties);
  if (fault !== null) throw new Error(`publish: ${fault}`);
  const { messageExpirySeconds, ...travelling } = properties;
  const encoded = encodePublishProperties(travelling);
  const made = new Message({
    topic,
    topicBytes: Buffer.from(topic, 'utf8'),
    payload: Buffer.from(message.payload),
    qos,
    retain,
    properties: encoded.length === 0 ? null : encoded,
    expiresAt: messageExpirySeconds === undefined ? 0 : parts.gate.now() + messageExpirySeconds * 1000,
    publisherClientId: `plugin/${plugin}`,
    publisher: `plugin/${plugin}`,
    foreign: true,
  });
  const { custody, router, gate } = parts;
  const approved = gate.approvePluginMessage(made);
  custody.begin();
  publishMessage(parts, router.domain(tenant ?? null), approved, null);
  const mark = custody.end();
  if (mark === null) throw new Error('publish: the store cannot take the message');
  if (!custody.settled(mark)) await new Promise<void>((resolve, reject) => waitFor(custody, mark, resolve, reject));
}

function waitFor(custody: Custody, mark: Parameters<Custody['settled']>[0], resolve: () => void, reject: (error: Error) => void): void {
  const stop = custody.onProgress(() => {
    if (custody.settled(mark)) {
      stop();
      resolve();
    } else if (custody.failed || custody.lost(mark)) {
      stop();
      reject(new Error('publish: the store failed'));
    }
  });
}
