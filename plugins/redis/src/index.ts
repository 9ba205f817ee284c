import {
  type Credentials,
  type DecideIdentity,
  type Decision,
  definePlugin,
  GroupTemplates,
  type Identity,
  type PluginContext,
  type Rule,
} from '@portcullis/sdk';
import { decoyHash } from '@portcullis/sdk/passwords';
import { Channel } from './channel.js';
import { CONFIG_SCHEMA } from './config-schema.js';
import { openLookupClient, openSingleClient } from './connections.js';
import { Directory, type User } from './directory.js';
import { inBackground } from './in-background.js';
import { Judge } from './judge.js';
import { Layout, nameProblem } from './layout.js';
import { Lookups } from './lookups.js';
import { Decoys, memoryOf } from './memory.js';
import { Objects } from './objects.js';
import { describeServer, type ServerSettings, serverSettings } from './settings.js';
import { Watch } from './watch.js';

const MS_PER_SECOND = 1000;
/** Of the rights of whom Redis does not know: such an answer is never kept, so that it is always the newest. */
const NO_VERSION = 'unknown';

/** Knows users, groups and rights by keys of Redis, and hears of changes as they are made. */
export default definePlugin({
  name: 'redis',
  sdk: '^1.0.0',
  taps: ['authenticate', 'refreshIdentity', 'loadPolicy'],
  decides: { authenticate: ['allow', 'deny', 'skip'], refreshIdentity: ['allow', 'deny'] },
  capabilities: ['policy', 'sessions'],
  config: CONFIG_SCHEMA,

  async start(context, config) {
    const { hooks, log, timers } = context;
    const settings = serverSettings(config, context.baseFolder);
    const layout = new Layout(config.prefix);
    const memory = memoryOf(sourceOf(settings, config.prefix));
    const decoys = new Decoys(decoyHash);
    const trouble = new Trouble(context);

    const lookups = new Lookups(openLookupClient(settings), describeServer(settings), settings.commandTimeoutMs, trouble);
    const objects = new Objects(lookups, layout);
    const directory = new Directory({
      ...{ objects, layout, memory, leaseMs: config.leaseSeconds * MS_PER_SECOND, maxUsers: config.maxCachedUsers },
      events: {
        suspect: (tenant) => watch.suspect(tenant),
        changedUnsaid: (tenant, username) => judge.lookUnlessAtWork(tenant, username),
      },
    });
    const templates = new GroupTemplates({
      ...{ policy: context.policy, timers: lasting(context), leaseMs: config.leaseSeconds * MS_PER_SECOND, maxGroups: config.maxGroups },
      load: (tenant, group) => directory.group(tenant, group),
      failed: (tenant, group, error) => {
        if (context.signal.aborted) return;
        log.error({ tenant, group, problem: error instanceof Error ? error.message : String(error) }, 'the rules of a group cannot be read again');
        context.policy.invalidate({ tenant });
      },
    });
    const watch = new Watch({ context, directory, objects, lookups, templates, memory, judge: () => judge });
    const judge = new Judge({ context, directory, memory, unsure: (tenant) => watch.unsure(tenant) });
    const channel = new Channel({
      open: (attempt) => openSingleClient(settings, nodeFor(attempt, settings, lookups)),
      channel: layout.channel,
      what: `the channel of ${describeServer(settings)}`,
      timers,
      message: (text) => watch.message(text),
      listening: () => inBackground(watch.listening(), context.signal),
      lost: (problem) => watch.lost(problem),
    });
    watch.use(channel);
    context.onDispose(() => {
      channel.close();
      lookups.close();
    });

    hooks.authenticate.tap(({ credentials, tenant, signal }, decide) => {
      const name = credentials.username;
      // A name that cannot be in Redis costs neither a question nor a hash.
      return name === null || nameProblem(name) !== null ? decide.skip() : authenticate(name, credentials, tenant, signal, decide);
    });

    async function authenticate(
      name: string,
      credentials: Credentials,
      tenant: string | null,
      signal: AbortSignal,
      decide: DecideIdentity,
    ): Promise<Decision> {
      const found = (await directory.user(tenant, name, signal))?.value;
      if (found === undefined) {
        // The answer is the same whatever this says: only the time that it takes counts.
        await credentials.verify(decoys.for(name));
        return decide.skip();
      }
      const hasHash = found.hash !== '';
      if (hasHash) decoys.note(found.hash);
      const matches = await credentials.verify(hasHash ? found.hash : decoys.for(name));
      if (!matches || !hasHash || !found.enabled) return decide.deny('bad-credentials');
      // Hashing takes long: what has changed meanwhile has no session yet that could be ended.
      const user = await directory.user(tenant, name, signal);
      if (user === undefined || !user.value.enabled || user.value.hash !== found.hash) return decide.deny('bad-credentials');
      know(tenant, user.value, name);
      const { groups, attributes } = user.value;
      return decide.allow({ identity: { username: name, groups, attributes }, leaseSeconds: user.leftMs / MS_PER_SECOND });
    }

    /** Notes how a user stands on whom a session will rest. One that is known in another version is being looked at already. */
    function know(tenant: string | null, user: User, name: string): void {
      const key = directory.userKey(tenant, name);
      if (memory.known(key) === undefined) memory.know(key, memory.standingOf(user));
    }

    hooks.refreshIdentity.tap(async ({ identity, tenant, signal }, decide) => {
      const name = nameOf(identity);
      const user = name === null ? undefined : await directory.user(tenant, name, signal);
      if (name === null || user === undefined || !user.value.enabled || user.value.hash === '') return decide.deny('not-authorized');
      const known = memory.known(directory.userKey(tenant, name));
      const now = memory.standingOf(user.value);
      if (known !== undefined && (known.password !== now.password || known.attributes !== now.attributes)) return decide.deny('not-authorized');
      know(tenant, user.value, name);
      return decide.allow({ leaseSeconds: user.leftMs / MS_PER_SECOND });
    });

    hooks.loadPolicy.tap(async ({ identity, tenant, signal }, give) => {
      const name = nameOf(identity);
      const user = name === null ? undefined : await directory.user(tenant, name, signal);
      // Whom Redis does not know may have come in by another authority: what everybody may, and may not, holds for them, too.
      const groups = user?.value.enabled === true ? user.value.groups : [];
      const { templates: names, leftMs } = await templates.use(tenant, [null, ...groups], signal);
      if (name === null || user === undefined) return give.policy({ version: NO_VERSION, templates: names, leaseSeconds: leftMs / MS_PER_SECOND });
      know(tenant, user.value, name);
      return give.policy({
        ...{ templates: names, version: user.value.announced, leaseSeconds: Math.min(user.leftMs, leftMs) / MS_PER_SECOND },
        rules: user.value.enabled ? user.value.rules : [denyAll(layout.user(tenant, name))],
      });
    });

    await lookups.connect(settings.connectTimeoutMs);
    await channel.open();
    await watch.listening();
    timers.every(config.heartbeatMs, beater(watch, context.signal));
    context.onReload(() => watch.suspectAll());
  },
});

/** A beat that takes long is not followed by another one before it has ended. */
function beater(watch: Watch, signal: AbortSignal): () => void {
  let isBeating = false;
  return () => {
    if (isBeating) return;
    isBeating = true;
    const beat = watch.beat().finally(() => {
      isBeating = false;
    });
    inBackground(beat, signal);
  };
}

/** Timers that nothing needs any more are not refused with an error when the plugin has stopped. */
function lasting({ timers, signal }: PluginContext): Pick<PluginContext['timers'], 'after'> {
  return { after: (milliseconds, callback) => (signal.aborted ? () => undefined : timers.after(milliseconds, callback)) };
}

/** Says once what is wrong, and once that it is over. */
class Trouble {
  readonly #context: PluginContext;
  #last = '';

  constructor(context: PluginContext) {
    this.#context = context;
  }

  ready(): void {
    this.#context.metrics.gauge('connected', 1);
    if (this.#last !== '') this.#context.log.info({}, 'Redis can be asked again');
    this.#last = '';
  }

  trouble(problem: string): void {
    this.#context.metrics.gauge('connected', 0);
    if (problem === this.#last) return;
    this.#last = problem;
    this.#context.log.warn({ problem }, 'Redis cannot be asked: who is unknown to the memory is refused');
  }
}

/** Somebody else may have let a disabled user in, and a third give rights. */
function denyAll(key: string): Rule {
  return { effect: 'deny', actions: ['publish', 'subscribe', 'receive'], pattern: '#', from: `${key} enabled` };
}

function nameOf(identity: Identity): string | null {
  return identity.anonymous === true || nameProblem(identity.username) !== null ? null : identity.username;
}

/** To which node of a cluster to listen: all of them hear every change. */
function nodeFor(attempt: number, settings: ServerSettings, lookups: Lookups): ServerSettings['addresses'][number] | undefined {
  if (settings.kind !== 'cluster') return undefined;
  const nodes = lookups.nodes.length > 0 ? lookups.nodes : settings.addresses;
  return nodes[attempt % nodes.length];
}

/** Everything that says which data it is. */
function sourceOf({ kind, addresses, database, sentinel }: ServerSettings, prefix: string): string {
  return JSON.stringify([kind, addresses, database, sentinel?.name ?? null, prefix]);
}
