import type { Credentials, PluginContext, PluginMetrics, PolicyService, Rule } from '@portcullis/sdk';
import { HashQueueFull } from '../hash-queue.js';
import { pairs } from './read-message.js';

type Args = readonly unknown[];
type Pairs = ReturnType<typeof pairs>;
type Perform = (context: PluginContext, args: Args) => unknown;

/**
 * What a thread may ask of the broker. Arguments are whatever came: the services check them, and the capability, as they do for a plugin in
 * the broker's own thread. Hence the types below say what is hoped for.
 */
const CALLS: Readonly<Record<string, Perform>> = {
  publish: ({ publish }, [message]) => publish.publish(message as Parameters<typeof publish.publish>[0]),
  metrics: ({ metrics }, [counts, gauges]) => takeMetrics(metrics, pairs(counts), pairs(gauges)),
  'stats.get': ({ stats }, [name]) => stats.get(String(name)),
  'stats.names': ({ stats }) => stats.names(),
  'sessions.find': ({ sessions }, [selector]) => sessions.find(objectOf(selector)),
  'sessions.disconnect': ({ sessions }, [selector, code]) => sessions.disconnect(objectOf(selector), code as number),
  'sessions.recheck': ({ sessions }, [selector]) => sessions.recheck(objectOf(selector)),
  'sessions.release': ({ sessions }, [clientId, tenant]) => sessions.release(textOf(clientId), tenant === undefined ? undefined : textOf(tenant)),
  'policy.change': ({ policy }, [replace, set, remove]) => changeTemplates(policy, replace === true, set, remove),
  'policy.forget': ({ policy }, [name]) => policy.forgetTemplate(textOf(name)),
  'policy.invalidate': ({ policy }, [selector, version]) =>
    policy.invalidate(selector === 'all' ? selector : objectOf(selector), version as number | undefined),
  'retained.get': ({ retained }, [topic, tenant]) => retained.get(textOf(topic), tenant === undefined ? undefined : textOf(tenant)),
  'retained.match': ({ retained }, [filter, options]) => retained.match(textOf(filter), objectOf(options)),
};

/** Does what the thread asks for; throws, or rejects, with what it is told instead. */
export function performCall(context: PluginContext, what: string, args: Args): unknown {
  const perform = Object.hasOwn(CALLS, what) ? CALLS[what] : undefined;
  if (perform === undefined) throw new TypeError('there is no such call');
  return perform(context, args);
}

/** What concerns the password of one question, which stays here unless it is exposed. */
export function performCredentialsCall(credentials: Credentials | null, what: string, argument: unknown): unknown {
  if (credentials === null) throw new HashQueueFull('the question is over');
  if (what === 'verify') return credentials.verify(typeof argument === 'string' ? argument : null);
  return what === 'equals' ? credentials.equals(textOf(argument)) : credentials.expose();
}

export function takeMetrics(metrics: PluginMetrics, counts: Pairs, gauges: Pairs): void {
  for (const [name, by] of counts) metrics.count(name, by);
  for (const [name, value] of gauges) metrics.gauge(name, value);
}

function changeTemplates(policy: PolicyService, replace: boolean, set: unknown, remove: unknown): void {
  if (!(set instanceof Map) || !Array.isArray(remove)) throw new TypeError('templates are not a map of rules');
  if (replace) return policy.replaceTemplates(set as Map<string, readonly Rule[]>);
  for (const [name, rules] of set as Map<string, readonly Rule[]>) policy.setTemplate(name, rules);
  for (const name of remove) policy.removeTemplate(textOf(name));
}

function objectOf(given: unknown): object {
  if (typeof given === 'object' && given !== null) return given;
  throw new TypeError('an argument is no object');
}

function textOf(given: unknown): string {
  if (typeof given === 'string') return given;
  throw new TypeError('an argument is no text');
}
