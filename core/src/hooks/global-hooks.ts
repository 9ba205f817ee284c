import type { HookName, TenantGrant } from '@portcullis/sdk';
import type { HostTools } from './asked-plugin.js';
import { Announcement, invariant, SyncWalk, Walk } from './dispatch.js';
import { deliver } from './fold.js';
import { frozenView } from './frozen-view.js';
import { type GlobalGuardHook, HOOK_NAMES, HOOKS, type NewsHookName, type PatchHook } from './hook-table.js';
import { type FaultOutcome, fault, type GivenOutcome, NOTHING, type Outcome, PASS, type PluginOutcome } from './outcome.js';
import type { PluginLife } from './plugin-life.js';
import type { PluginRuntime } from './plugin-runtime.js';
import type { AskOptions, Pending } from './specs.js';

export type TenantOutcome =
  | { readonly kind: 'given'; readonly plugin: string; readonly value: TenantGrant }
  | { readonly kind: 'nothing' }
  | FaultOutcome;

/** Validates one patch and returns the request with it, or null when it is not valid. */
export type ApplyPatch<R extends object> = (request: R, patch: object, plugin: string) => R | null;
export type PatchedOutcome<R extends object> = { readonly request: R; readonly changed: boolean } | FaultOutcome;

/** The questions and news that concern every plugin, in the order of the file. */
export interface GlobalHooks {
  has(hook: HookName): boolean;
  guard(hook: GlobalGuardHook, request: object): Outcome;
  /** The first tenant given. */
  firstGiven(hook: 'resolveTenant', request: object, options: AskOptions, done: (outcome: TenantOutcome) => void): Pending | null;
  /** Each plugin sees the request with the patches of those before it. */
  waterfall<R extends object>(hook: PatchHook, request: R, apply: ApplyPatch<R>): PatchedOutcome<R>;
  /** Returns at once; listeners hear of it in a later turn. */
  tell(hook: NewsHookName, news: object): void;
}

interface PatchWalk {
  request: object;
  changed: boolean;
  readonly apply: ApplyPatch<object>;
}

const GUARDS: readonly GlobalGuardHook[] = ['acceptConnection', 'upgradeWebSocket'];
const PATCHES: readonly PatchHook[] = ['normalizeConnect', 'rewritePublish'];

/** What all plugins together tap beside the chains. */
export class Globals implements GlobalHooks {
  readonly #lives: readonly PluginLife[];
  readonly #tools: HostTools;
  #tapped: Readonly<Record<string, boolean>> = {};
  #guards: Readonly<Partial<Record<GlobalGuardHook, SyncWalk<object, Outcome>>>> = {};
  #patches: Readonly<Partial<Record<PatchHook, SyncWalk<PatchWalk, FaultOutcome>>>> = {};
  #tenants: Walk<TenantOutcome> | null = null;
  #news: Readonly<Partial<Record<HookName, Announcement>>> = {};

  constructor(lives: readonly PluginLife[], tools: HostTools) {
    this.#lives = lives;
    this.#tools = tools;
    this.rebuild();
  }

  rebuild(): void {
    this.#tapped = Object.fromEntries(HOOK_NAMES.map((hook) => [hook, this.#asked(hook).length > 0]));
    this.#guards = Object.fromEntries(GUARDS.filter((hook) => this.has(hook)).map((hook) => [hook, this.#guardWalk(hook)]));
    this.#patches = Object.fromEntries(PATCHES.filter((hook) => this.has(hook)).map((hook) => [hook, this.#patchWalk(hook)]));
    this.#tenants = this.has('resolveTenant') ? this.#tenantWalk() : null;
    const news = HOOK_NAMES.filter((hook) => HOOKS[hook].role === 'observer' && this.has(hook));
    this.#news = Object.fromEntries(news.map((hook) => [hook, this.#announcement(hook)]));
  }

  has(hook: HookName): boolean {
    return this.#tapped[hook] === true;
  }

  guard(hook: GlobalGuardHook, request: object): Outcome {
    const guards = this.#guards[hook];
    if (guards === undefined) return PASS;
    try {
      return guards.start(request) ?? PASS;
    } catch (error) {
      return invariant(this.#tools, error);
    }
  }

  firstGiven(_hook: 'resolveTenant', request: object, options: AskOptions, done: (outcome: TenantOutcome) => void): Pending | null {
    if (this.#tenants !== null) return this.#tenants.start(request, options, done);
    deliver<TenantOutcome>(this.#tools, done, NOTHING as { kind: 'nothing' });
    return null;
  }

  waterfall<R extends object>(hook: PatchHook, request: R, apply: ApplyPatch<R>): PatchedOutcome<R> {
    const walk: PatchWalk = { request, changed: false, apply: apply as unknown as ApplyPatch<object> };
    const patches = this.#patches[hook];
    try {
      const failed = patches?.start(walk);
      if (failed !== undefined) return failed;
    } catch (error) {
      return invariant(this.#tools, error);
    }
    return { request: walk.request as R, changed: walk.changed };
  }

  tell(hook: NewsHookName, news: object): void {
    const announcement = this.#news[hook];
    if (announcement === undefined) return;
    try {
      announcement.make(frozenView(news));
    } catch (error) {
      invariant(this.#tools, error);
    }
  }

  #asked(hook: HookName): readonly PluginRuntime[] {
    return this.#lives.map((life) => life.runtime).filter((plugin) => plugin.taps(hook));
  }

  #guardWalk(hook: GlobalGuardHook): SyncWalk<object, Outcome> {
    return new SyncWalk<object, Outcome>(hook, this.#asked(hook), (plugin, request) => {
      const outcome = plugin.askNow(hook, request);
      if (outcome.kind === 'pass') return undefined;
      return outcome.kind === 'deny' || outcome.kind === 'fault' ? outcome : fault(plugin.name, 'an answer of the wrong kind');
    });
  }

  #tenantWalk(): Walk<TenantOutcome> {
    return new Walk<TenantOutcome>('resolveTenant', this.#asked('resolveTenant'), this.#tools, {
      ask: (plugin, fold, next) =>
        plugin.ask('resolveTenant', fold.request, fold.options, (outcome) => {
          fold.options.heard?.(plugin.name, outcome);
          next(outcome.kind === 'nothing' ? undefined : tenantOf(plugin, outcome));
        }),
      runOut: () => NOTHING as Extract<GivenOutcome, { kind: 'nothing' }>,
      broken: (failed) => failed,
    });
  }

  #patchWalk(hook: PatchHook): SyncWalk<PatchWalk, FaultOutcome> {
    return new SyncWalk(hook, this.#asked(hook), (plugin, walk) => {
      const outcome = plugin.askNow(hook, walk.request);
      if (outcome.kind === 'nothing') return undefined;
      if (outcome.kind !== 'given') return outcome.kind === 'fault' ? outcome : fault(plugin.name, 'an answer of the wrong kind');
      const patched = walk.apply(walk.request, outcome.value, plugin.name);
      if (patched === null) return this.#badPatch(plugin, hook);
      walk.request = patched;
      walk.changed = true;
      return undefined;
    });
  }

  #badPatch(plugin: PluginRuntime, hook: PatchHook): FaultOutcome {
    const detail = 'gave a patch that is not valid';
    this.#tools.faults.add(plugin.name, hook, 'malformed', detail);
    return fault(plugin.name, detail);
  }

  #announcement(hook: HookName): Announcement {
    const listening = this.#lives.filter(({ runtime }) => runtime.state === 'ready' && runtime.taps(hook));
    return new Announcement(
      hook,
      listening.map(({ name, news, runtime }) => {
        const listener = runtime.registry?.handler(hook) as unknown as (news: object) => unknown;
        return { name, enqueue: (item: object) => news.add(hook, listener, item) };
      }),
    );
  }
}

function tenantOf(plugin: PluginRuntime, outcome: PluginOutcome): TenantOutcome {
  if (outcome.kind === 'given') return { kind: 'given', plugin: plugin.name, value: outcome.value as TenantGrant };
  return outcome.kind === 'fault' ? outcome : fault(plugin.name, 'an answer of the wrong kind');
}
