import type { HookName } from '@portcullis/sdk';
import type { AskedPlugin, Handler, HostTools } from './asked-plugin.js';
import type { FaultKind } from './fault-log.js';
import { frozenView } from './frozen-view.js';
import { isFailure, judgeAnswer, judgeError } from './judge-answer.js';
import { fault, type PluginOutcome } from './outcome.js';
import { silencePromiseWith } from './silence-promise.js';
import { makeVerbs } from './verbs.js';

/** Puts a question that must be answered before the handler returns. No timer, no signal, no slot. */
export function askNow(plugin: AskedPlugin, hook: HookName, handler: Handler, request: object, tools: HostTools): PluginOutcome {
  const question = {};
  let returned: unknown;
  let waits: boolean;
  try {
    returned = handler(frozenView(request), makeVerbs(hook, question));
    waits = silencePromiseWith(returned, () => {});
  } catch (error) {
    const { kind, detail } = judgeError(error);
    return refuse(plugin, hook, kind, detail, tools);
  }
  if (waits) return refuse(plugin, hook, 'promise', 'answered with a promise, but this hook must be answered at once', tools);
  const judged = judgeAnswer(returned, question, hook, plugin, tools);
  return isFailure(judged) ? refuse(plugin, hook, judged.kind, judged.detail, tools) : judged;
}

function refuse(plugin: AskedPlugin, hook: HookName, kind: FaultKind, detail: string, tools: HostTools): PluginOutcome {
  tools.faults.add(plugin.name, hook, kind, detail);
  return fault(plugin.name, detail, kind === 'overload');
}
