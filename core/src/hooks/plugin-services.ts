import {
  type Capability,
  type ClientSelector,
  isTopicName,
  matches,
  type PluginContext,
  type PluginMessage,
  type PluginMetrics,
  type PolicySelector,
  type PolicyService,
  type PublishService,
  type RetainedService,
  type Rule,
  type SessionsService,
  type StoresService,
} from '@portcullis/sdk';
import type { InstanceTools } from './asked-plugin.js';
import { checkQos, checkRules } from './grants.js';
import type { HostServices, PluginSpec } from './specs.js';

/** Whether the plugin may use a service now; throws when not. */
export type MayUse = (capability: Capability) => void;

type Services = Pick<PluginContext, 'publish' | 'sessions' | 'policy' | 'retained' | 'stores'>;

/** The services behind capabilities: attributed to the plugin, checked at each call, of no use once it has stopped. */
export function makeServices(spec: PluginSpec, services: HostServices, mayUse: MayUse, starting: () => boolean): Services {
  return {
    publish: publishService(spec, services, mayUse),
    sessions: sessionsService(services, mayUse),
    policy: policyService(spec.name, services, mayUse),
    retained: retainedService(services, mayUse),
    stores: storesService(spec.name, services, mayUse, starting),
  };
}

function publishService({ name, publishTo }: PluginSpec, services: HostServices, mayUse: MayUse): PublishService {
  return Object.freeze({
    async publish(message: PluginMessage): Promise<void> {
      mayUse('publish');
      const { topic, payload, qos = 0, retain = false, tenant, properties } = message;
      if (typeof topic !== 'string' || !isTopicName(topic)) throw new TypeError('the topic of a message is not a valid topic name');
      if (!publishTo.some((filter) => matches(filter, topic))) {
        throw new Error(`plugin ${name} may not publish to ${JSON.stringify(topic)}: "publishTo" of its entry does not cover it`);
      }
      if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) throw new TypeError('the payload of a message is text or bytes');
      checkQos(qos);
      const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : new Uint8Array(payload);
      const copy = { topic, payload: bytes, qos, retain, ...(tenant !== undefined && { tenant }), ...(properties !== undefined && { properties }) };
      await services.publish(name, copy);
    },
  });
}

function sessionsService(services: HostServices, mayUse: MayUse): SessionsService {
  return Object.freeze({
    find(selector: ClientSelector) {
      mayUse('sessions');
      return services.findSessions(checkSelector(selector));
    },
    disconnect(selector: ClientSelector, reasonCode = 0x98) {
      mayUse('sessions');
      if (!Number.isInteger(reasonCode) || reasonCode < 0x80 || reasonCode > 0xff) throw new TypeError('a reason code is a number from 0x80 to 0xFF');
      return services.disconnect(checkSelector(selector), reasonCode);
    },
    recheck(selector: ClientSelector) {
      mayUse('sessions');
      return services.recheck(checkSelector(selector));
    },
    release(clientId: string, tenant?: string) {
      mayUse('sessions');
      return tenant === undefined ? services.release(clientId) : services.release(clientId, tenant);
    },
  });
}

function policyService(name: string, services: HostServices, mayUse: MayUse): PolicyService {
  const change = (replace: boolean, set: ReadonlyMap<string, readonly Rule[]>, remove: readonly string[]) => {
    mayUse('policy');
    const checked = new Map<string, readonly Rule[]>();
    for (const [template, rules] of set) {
      if (typeof template !== 'string') throw new TypeError('the name of a template is text');
      checked.set(template, checkRules(rules));
    }
    services.setTemplates(name, { replace, set: checked, remove });
  };
  return Object.freeze({
    setTemplate: (template: string, rules: readonly Rule[]) => change(false, new Map([[template, rules]]), []),
    removeTemplate: (template: string) => change(false, new Map(), [template]),
    forgetTemplate(template: string) {
      mayUse('policy');
      if (typeof template !== 'string') throw new TypeError('the name of a template is text');
      return services.forgetTemplate(name, template);
    },
    replaceTemplates: (templates: ReadonlyMap<string, readonly Rule[]>) => change(true, templates, []),
    invalidate(selector: PolicySelector, version?: number) {
      mayUse('policy');
      if (version !== undefined && !Number.isFinite(version)) throw new TypeError('a version is a finite number');
      const checked = selector === 'all' ? selector : checkSelector(selector);
      if (version === undefined) services.invalidate(name, checked);
      else services.invalidate(name, checked, version);
    },
  });
}

const MAX_RETAINED = 1000;

function retainedService(services: HostServices, mayUse: MayUse): RetainedService {
  return Object.freeze({
    get(topic: string, tenant?: string) {
      mayUse('retained');
      return tenant === undefined ? services.retainedGet(topic) : services.retainedGet(topic, tenant);
    },
    match(filter: string, options: { readonly tenant?: string; readonly limit?: number } = {}) {
      mayUse('retained');
      const { tenant, limit = MAX_RETAINED } = options;
      return services.retainedMatch(filter, tenant === undefined ? { limit } : { tenant, limit });
    },
  });
}

function storesService(name: string, services: HostServices, mayUse: MayUse, starting: () => boolean): StoresService {
  const check = () => {
    mayUse('stores');
    if (!starting()) throw new Error(`plugin ${name}: a store is provided from start, not later`);
  };
  return Object.freeze({
    provideSessionStore(store: Parameters<StoresService['provideSessionStore']>[0]) {
      check();
      services.provideSessionStore(name, store);
    },
    provideRetainedStore(store: Parameters<StoresService['provideRetainedStore']>[0]) {
      check();
      services.provideRetainedStore(name, store);
    },
  });
}

/** A copy with the known fields only. An empty selector would mean everybody, and is likelier a mistake. */
function checkSelector(given: ClientSelector): ClientSelector {
  const { clientId, username, tenant, connected } = given;
  for (const field of [clientId, username, tenant ?? undefined]) {
    if (field !== undefined && typeof field !== 'string') throw new TypeError('a selector holds texts');
  }
  if (connected !== undefined && connected !== true) throw new TypeError('"connected" of a selector is true or left out');
  if (clientId === undefined && username === undefined && tenant === undefined && connected === undefined) {
    throw new TypeError('a selector needs at least one of clientId, username, tenant and connected');
  }
  return {
    ...(clientId !== undefined && { clientId }),
    ...(username !== undefined && { username }),
    ...(tenant !== undefined && { tenant }),
    ...(connected !== undefined && { connected }),
  };
}

const METRIC = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** Counters and gauges `plugin.<entry>.<name>`; so many names, so that data from the wire cannot fill the memory. */
export function makeMetrics(plugin: string, tools: Pick<InstanceTools, 'stats' | 'limits'>): PluginMetrics {
  const names = new Set<string>();
  const fullName = (name: string, value: number) => {
    if (typeof name !== 'string' || !METRIC.test(name))
      throw new TypeError('the name of a metric is a letter, then letters, digits, ".", "_" or "-"');
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('the value of a metric is a finite number');
    if (!names.has(name) && names.size >= tools.limits.pluginMetrics) throw new Error(`plugin ${plugin} has ${names.size} metrics already`);
    names.add(name);
    return `plugin.${plugin}.${name}`;
  };
  return Object.freeze({
    count: (name: string, by = 1) => tools.stats.countPlugin(fullName(name, by), by),
    gauge: (name: string, value: number) => tools.stats.setPlugin(fullName(name, value), value),
  });
}
