import { systemClock, TimerWheel } from '../../clock.js';
import { errorText } from '../../errors.js';
import type { InstanceTools, PlainLog } from '../asked-plugin.js';
import { placeOf } from '../place.js';
import type { HostServices } from '../specs.js';
import { MAX_FIELDS, MAX_TEXT, type ThreadInit } from './messages.js';
import type { ThreadLink } from './thread-link.js';

type Fields = Readonly<Record<string, unknown>>;
type Level = ThreadInit['logLevel'];

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
const MAX_FIELD = 500;

/** The log of a plugin in a thread: its lines are written by the broker. */
class ThreadLog implements PlainLog {
  readonly #link: ThreadLink;
  readonly #least: number;

  constructor(link: ThreadLink, level: Level) {
    this.#link = link;
    this.#least = LEVELS.indexOf(level);
  }

  /** The broker knows whose lines they are. */
  child(): PlainLog {
    return this;
  }

  /** The broker hides what is secret in whatever comes from here. */
  hide(text: string): string {
    return text;
  }

  debug(fields: Fields, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: Fields, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: Fields, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: Fields, message: string): void {
    this.#write('error', fields, message);
  }

  #write(level: Level, fields: Fields, message: string): void {
    if (LEVELS.indexOf(level) < this.#least) return;
    this.#link.tell({ t: 'log', level, fields: plainFields(fields), message: String(message).slice(0, MAX_TEXT) });
  }
}

/** Texts and numbers only: anything else might not be fit to cross, and is written as text in the end. */
function plainFields(fields: Fields): Fields {
  const plain: Record<string, unknown> = Object.create(null);
  try {
    for (const [name, value] of Object.entries(fields).slice(0, MAX_FIELDS)) plain[name] = plainValue(value);
  } catch (error) {
    plain.log = errorText(error);
  }
  return plain;
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MAX_FIELD + 1);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (value instanceof Error) return errorText(value);
  if (typeof value === 'object') return (JSON.stringify(value) ?? 'null').slice(0, MAX_FIELD + 1);
  return String(value);
}

type Pairs = readonly (readonly [string, number])[];

/** Counts of a plugin that the broker hears of at each heartbeat. */
class ThreadMetrics {
  readonly #prefix: string;
  readonly #counts = new Map<string, number>();
  readonly #gauges = new Map<string, number>();

  constructor(plugin: string) {
    this.#prefix = `plugin.${plugin}.`;
  }

  count(fullName: string, by: number): void {
    const name = fullName.slice(this.#prefix.length);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  set(fullName: string, value: number): void {
    this.#gauges.set(fullName.slice(this.#prefix.length), value);
  }

  /** What has been counted and set since the last time; null when nothing was. */
  take(): readonly [counts: Pairs, gauges: Pairs] | null {
    if (this.#counts.size + this.#gauges.size === 0) return null;
    const taken: readonly [Pairs, Pairs] = [[...this.#counts], [...this.#gauges]];
    this.#counts.clear();
    this.#gauges.clear();
    return taken;
  }
}

/** What a plugin's instance needs in its thread. `flush` sends what has been counted. */
export function threadTools({ spec, limits, logLevel, root }: ThreadInit, link: ThreadLink): InstanceTools & { readonly flush: () => void } {
  const metrics = new ThreadMetrics(spec.name);
  const flush = () => {
    const taken = metrics.take();
    if (taken !== null) link.post({ t: 'metrics', counts: taken[0], gauges: taken[1] });
  };
  /** Whoever looks finds what it has counted itself. */
  const look = (what: string, args: readonly unknown[]) => {
    const taken = metrics.take();
    if (taken !== null) link.wait('metrics', taken);
    return link.wait(what, args);
  };
  const escaped = (_plugin: string, where: string, error: unknown) =>
    link.tell({ t: 'escaped', where, text: errorText(error).slice(0, MAX_TEXT), place: placeOf(error, root) });
  return {
    wheel: new TimerWheel(systemClock, (error) => escaped(spec.name, 'timer', error)),
    log: new ThreadLog(link, logLevel),
    limits,
    faults: { escaped },
    stats: {
      get: (name) => look('stats.get', [name]) as number | undefined,
      names: () => look('stats.names', []) as string[],
      countPlugin: (name, by) => metrics.count(name, by),
      setPlugin: (name, value) => metrics.set(name, value),
    },
    flush,
  };
}

/** The services of the broker, reached from the thread. What they return is the broker's, so it is taken as it comes. */
export function threadServices(link: ThreadLink): HostServices {
  const noStores = () => {
    throw new Error('a plugin in a worker cannot provide a store');
  };
  return {
    publish: async (_plugin, message) => void (await link.call('publish', [message])),
    findSessions: (selector) => link.wait('sessions.find', [selector]) as ReturnType<HostServices['findSessions']>,
    disconnect: (selector, reasonCode) => link.wait('sessions.disconnect', [selector, reasonCode]) as number,
    recheck: (selector) => link.wait('sessions.recheck', [selector]) as number,
    release: (clientId, tenant) => link.wait('sessions.release', [clientId, tenant]) === true,
    setTemplates: (_plugin, { replace, set, remove }) => void link.wait('policy.change', [replace, set, remove]),
    forgetTemplate: (_plugin, template) => link.wait('policy.forget', [template]) === true,
    invalidate: (_plugin, selector, version) => void link.wait('policy.invalidate', [selector, version]),
    withdrawGrants: () => {},
    removePlugin: () => {},
    retainedGet: (topic, tenant) => link.wait('retained.get', [topic, tenant]) as ReturnType<HostServices['retainedGet']>,
    retainedMatch: (filter, options) => link.wait('retained.match', [filter, options]) as ReturnType<HostServices['retainedMatch']>,
    provideSessionStore: noStores,
    provideRetainedStore: noStores,
  };
}
