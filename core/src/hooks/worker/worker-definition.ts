import type { BrokerHooks, HookName, PluginContext, PluginDefinition } from '@portcullis/sdk';
import type { HostTools } from '../asked-plugin.js';
import { HOOKS } from '../hook-table.js';
import type { PluginSpec } from '../specs.js';
import { tapsProblem } from './needs.js';
import { PluginThread } from './plugin-thread.js';

export interface WorkerDefinitionInit {
  readonly manifest: PluginDefinition;
  readonly file: string;
  /** Folder of its package. */
  readonly root: string;
  readonly spec: PluginSpec;
  readonly tools: HostTools;
  readonly lost: (cause: string) => void;
  /** Hears at each reload whether the plugin had anything to read again. */
  readonly rereads: (some: boolean) => void;
  /** Takes back what these templates of the plugin grant. */
  readonly withdraw: (templates: readonly string[]) => void;
}

type Tap = { tap(...given: unknown[]): void };

/**
 * A plugin in a worker, as a plugin like any other: its `start` starts the thread, and its handlers put their question there. So deadlines, slots, the queue,
 * the breaker and the making of decisions are the same code for both.
 */
export function workerDefinition({ manifest, file, root, spec, tools, lost, withdraw, rereads }: WorkerDefinitionInit): PluginDefinition {
  /** What the start before this one has set up. What this one does not set again grants nothing any more. */
  let templates = new Set<string>();
  let previous: PluginThread | null = null;

  const start = async (context: PluginContext): Promise<void> => {
    const remembered = new Set<string>();
    // A thread that is in the middle of one long step of the engine ends only behind it. There is never a second one beside it.
    await previous?.ended;
    const thread = new PluginThread({ file, root, spec, tools, lost, rereads, context: rememberTemplates(context, remembered) });
    previous = thread;
    context.onDispose(() => thread.stop());
    context.onReload(() => thread.reload());
    context.signal.addEventListener('abort', () => thread.signalStop(), { once: true });
    try {
      const { hooks, methods } = await thread.started;
      const problem = tapsProblem(spec.name, hooks);
      if (problem !== null) throw new Error(problem);
      for (const hook of hooks) tap(context.hooks, hook, methods, thread);
    } catch (error) {
      for (const name of remembered) templates.add(name);
      throw error;
    }
    // Its denials stand until it says otherwise: it may set them a moment later, and what broke must not let anybody in meanwhile.
    const unsaid = [...templates].filter((name) => !remembered.has(name));
    withdraw(unsaid);
    for (const name of unsaid) remembered.add(name);
    templates = remembered;
  };
  return Object.freeze({ ...manifest, start });
}

function tap(hooks: BrokerHooks, hook: HookName, methods: readonly string[], thread: PluginThread): void {
  const tapped = hooks[hook] as Tap;
  if (HOOKS[hook].role === 'observer') return tapped.tap((news: object) => thread.news.add(hook, news));
  if (hook !== 'authenticateEnhanced') return tapped.tap((view: object, verbs: object) => thread.questions.ask(hook, null, view, verbs));
  for (const method of methods) tapped.tap(method, (view: object, verbs: object) => thread.questions.ask(hook, method, view, verbs));
}

/** The context with a policy service that notes which templates there are. */
function rememberTemplates(context: PluginContext, names: Set<string>): PluginContext {
  const { policy } = context;
  const remembering: PluginContext['policy'] = {
    setTemplate(name, rules) {
      policy.setTemplate(name, rules);
      names.add(name);
    },
    removeTemplate(name) {
      policy.removeTemplate(name);
      names.delete(name);
    },
    forgetTemplate(name) {
      const forgotten = policy.forgetTemplate(name);
      if (forgotten) names.delete(name);
      return forgotten;
    },
    replaceTemplates(templates) {
      policy.replaceTemplates(templates);
      names.clear();
      for (const name of templates.keys()) names.add(name);
    },
    invalidate: (selector, version) => policy.invalidate(selector, version),
  };
  return { ...context, policy: remembering };
}
