import { GroupTemplates, type PluginContext } from '@portcullis/sdk';
import { Channel } from './channel.js';
import type { RedisConfig } from './config-schema.js';
import { openLookupClient, openSingleClient } from './connections.js';
import { Directory } from './directory.js';
import { inBackground } from './in-background.js';
import { Judge } from './judge.js';
import type { Layout } from './layout.js';
import { Lookups } from './lookups.js';
import { LostTenants } from './lost-tenants.js';
import { type Memory, memoryOf } from './memory.js';
import { Objects } from './objects.js';
import { LostTenant } from './redis-errors.js';
import { describeServer, type ServerSettings } from './settings.js';
import { Trouble } from './trouble.js';
import { Watch } from './watch.js';

const MS_PER_SECOND = 1000;

/** Redis as the source of users and rights: what reads it, what hears of its changes, and what is done about them. */
export class Source {
  readonly memory: Memory;
  readonly directory: Directory;
  readonly templates: GroupTemplates;
  readonly #context: PluginContext;
  readonly #config: RedisConfig;
  readonly #settings: ServerSettings;
  readonly #lookups: Lookups;
  readonly #channel: Channel;
  readonly #watch: Watch;

  constructor(context: PluginContext, config: RedisConfig, settings: ServerSettings, layout: Layout) {
    this.#context = context;
    this.#config = config;
    this.#settings = settings;
    // The thread of a plugin may have been replaced, or its servers: who came before is still connected.
    this.memory = memoryOf(sourceOf(settings, config.prefix), context.sessions.find({ connected: true }).length > 0);
    const trouble = new Trouble(context);
    this.#lookups = new Lookups(() => openLookupClient(settings), describeServer(settings), settings.commandTimeoutMs, {
      ready: () => trouble.ready(),
      trouble: (problem) => trouble.trouble(problem),
      primary: (history) => {
        if (this.memory.isOtherHistory(history)) this.#watch.otherHistory();
      },
    });
    const objects = new Objects(this.#lookups, layout);
    const { memory } = this;
    const leaseMs = config.leaseSeconds * MS_PER_SECOND;
    const lost = new LostTenants(context, layout);
    this.directory = new Directory({
      ...{ objects, layout, memory, lost, leaseMs, maxUsers: config.maxCachedUsers },
      events: {
        suspect: (tenant) => this.#watch.suspect(tenant),
        changedUnsaid: (tenant, username) => judge.lookUnlessAtWork(tenant, username),
      },
    });
    this.templates = this.#groupTemplates(leaseMs);
    const { directory, templates } = this;
    const judge = new Judge({ context, directory, memory, unsure: (tenant) => this.#watch.unsure(tenant) });
    this.#watch = new Watch({ context, directory, objects, lookups: this.#lookups, templates, memory, lost, judge });
    this.#channel = this.#openChannel(layout.channel);
    this.#watch.use(this.#channel);
  }

  /** Listens, reads the versions, then serves. Rejects with BackendUnavailable when the server cannot be had now. */
  async start(): Promise<void> {
    await this.#lookups.connect(this.#settings.connectTimeoutMs);
    await this.#channel.open();
    await this.#watch.listening();
    let isBeating = false;
    this.#context.timers.every(this.#config.heartbeatMs, () => {
      // A beat that takes long is not followed by another one before it has ended.
      if (isBeating) return;
      isBeating = true;
      const beat = this.#watch.beat().finally(() => {
        isBeating = false;
      });
      inBackground(beat, this.#context.signal);
    });
  }

  /** Everything may have changed. */
  reload(): void {
    this.#watch.suspectAll();
  }

  close(): void {
    this.#channel.close();
    this.#lookups.close();
  }

  #groupTemplates(leaseMs: number): GroupTemplates {
    const { policy, timers, signal, log } = this.#context;
    return new GroupTemplates({
      policy,
      // Timers that nothing needs any more are not refused with an error when the plugin has stopped.
      timers: { after: (milliseconds, callback) => (signal.aborted ? () => undefined : timers.after(milliseconds, callback)) },
      leaseMs,
      maxGroups: this.#config.maxGroups,
      load: (tenant, group) => this.directory.group(tenant, group),
      failed: (tenant, group, error) => {
        // Of a lost tenant it has been said, and who is connected keeps his rights, denials among them, until his lease ends.
        if (signal.aborted || error instanceof LostTenant) return;
        log.error({ tenant, group, problem: error instanceof Error ? error.message : String(error) }, 'the rules of a group cannot be read again');
        policy.invalidate({ tenant });
      },
    });
  }

  #openChannel(channel: string): Channel {
    return new Channel({
      open: (attempt) => openSingleClient(this.#settings, this.#nodeFor(attempt)),
      channel,
      what: `the channel of ${describeServer(this.#settings)}`,
      timers: this.#context.timers,
      message: (text) => this.#watch.message(text),
      listening: () => {
        // Of a cluster it is not known which of its nodes was promoted meanwhile.
        if (this.#settings.kind === 'cluster') this.#watch.otherHistory();
        inBackground(this.#watch.listening(), this.#context.signal);
      },
      lost: (problem) => this.#watch.lost(problem),
    });
  }

  /** To which node of a cluster to listen: all of them hear every change. */
  #nodeFor(attempt: number): ServerSettings['addresses'][number] | undefined {
    if (this.#settings.kind !== 'cluster') return undefined;
    const nodes = this.#lookups.nodes.length > 0 ? this.#lookups.nodes : this.#settings.addresses;
    return nodes[attempt % nodes.length];
  }
}

/** Everything that says which data it is. */
function sourceOf({ kind, addresses, database, sentinel }: ServerSettings, prefix: string): string {
  return JSON.stringify([kind, addresses, database, sentinel?.name ?? null, prefix]);
}
