import type { HookName } from '@portcullis/sdk';
import type { AskedPlugin, Handler, HostTools } from './asked-plugin.js';
import { frozenView } from './frozen-view.js';
import { type Failure, isFailure, judgeAnswer, judgeError } from './judge-answer.js';
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
    return refuse(plugin, hook, judgeError(error, hook), tools);
  }
  if (waits) return refuse(plugin, hook, WAITS, tools);
  const judged = judgeAnswer(returned, question, hook, plugin, tools);
  return isFailure(judged) ? refuse(plugin, hook, judged, tools) : judged;
}

const WAITS: Failure = { kind: 'promise', detail: 'answered with a promise, but this hook must be answered at once' };

function refuse(plugin: AskedPlugin, hook: HookName, { kind, detail, error }: Failure, tools: HostTools): PluginOutcome {
  tools.faults.add(plugin.name, hook, kind, detail, error === undefined ? null : { error, hide: (text) => text });
  return fault(plugin.name, detail, kind === 'overload');
}
