import { setImmediate } from 'node:timers';
import { pathToFileURL } from 'node:url';
import { workerData } from 'node:worker_threads';
import { declaredAnswers } from '../asked-plugin.js';
import { copyDefinition, definitionProblems } from '../definition.js';
import { frozenConfig } from '../frozen-view.js';
import { isBackendUnavailable } from '../judge-answer.js';
import { startText } from '../place.js';
import { PluginInstance } from '../plugin-instance.js';
import { silencePromiseWith } from '../silence-promise.js';
import { HeldMemory } from './memory.js';
import { type AskMessage, MAX_TEXT, type NewsItem, type ThreadInit, type ToThread } from './messages.js';
import { frozenReceived } from './received.js';
import { threadServices, threadTools } from './thread-context.js';
import { ThreadLink } from './thread-link.js';
import { type ThreadPlugin, ThreadQuestion } from './thread-question.js';

// The thread of one plugin, from its first line to its end.

/** Exchanges of enhanced authentication that are remembered; a step of one that is not is a fault. */
const MAX_EXCHANGES = 10_000;
/** How long messages are worked on at a stretch, in milliseconds: answers leave in between. */
const SLICE_MS = 1;

const init = { ...(workerData as ThreadInit) };
// Nothing that leads to the broker is left where the plugin's code would find it.
for (const key of Object.keys(workerData as object)) Reflect.deleteProperty(workerData as object, key);

const link = new ThreadLink(init.port, init.calls, init.shared, init.limits.workerMessages);
const tools = threadTools(init, link);
const memory = new HeldMemory();
const questions = new Map<number, ThreadQuestion>();
const exchanges = new Map<number, object>();
const inbox: ToThread[] = [];
let working = false;
let instance: PluginInstance | null = null;
let plugin: ThreadPlugin | null = null;

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => tools.faults.escaped(init.spec.name, 'worker', error));
}
init.port.on('message', (batch: readonly ToThread[]) => {
  for (const message of batch) inbox.push(message);
  if (!working) work();
});
start().then(
  (started) => link.post({ t: 'started', taps: started.registry.tapped, methods: started.registry.methods }),
  (error: unknown) => link.post({ t: 'failed', unavailable: isBackendUnavailable(error), text: startText(error, init.root).slice(0, MAX_TEXT) }),
);

async function start(): Promise<PluginInstance> {
  const module = (await import(pathToFileURL(init.file).href)) as Readonly<Record<string, unknown>>;
  const problems = definitionProblems(module.default);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const definition = copyDefinition(module.default as Parameters<typeof copyDefinition>[0]);
  plugin = { name: init.spec.name, answers: declaredAnswers(definition), root: init.root };
  instance = new PluginInstance({ spec: init.spec, definition, baseFolder: init.baseFolder, services: threadServices(link), tools });
  await instance.start(frozenConfig(init.spec.config));
  return instance;
}

/** In the order in which they came, whatever that is: a question may not be put behind the word that nobody waits for it. */
function work(): void {
  const until = performance.now() + SLICE_MS;
  working = true;
  try {
    for (let message = inbox.shift(); message !== undefined; message = inbox.shift()) {
      take(message);
      if (performance.now() >= until) break;
    }
  } finally {
    // Also behind a message that could not be taken: that is in the log by then.
    if (inbox.length > 0) setImmediate(work);
    else working = false;
  }
}

function take(message: ToThread): void {
  switch (message.t) {
    case 'ask':
      return ask(message);
    case 'abort':
      return questions.get(message.id)?.abort();
    case 'news':
      return tellNews(message.items);
    case 'reply':
      return link.replied(message.id, message.ok, message.value);
    case 'ping':
      tools.flush();
      return link.beat(message.beat, memory.bytes);
    case 'forget':
      exchanges.delete(message.exchange);
      return;
    case 'signal':
      return instance?.signalStop();
    case 'reload':
      return reload();
    case 'stop':
      void stop();
  }
}

function ask(message: AskMessage): void {
  const { id, hook, method, exchange, request } = message;
  if (plugin === null) return link.answer({ t: 'fault', id, kind: 'threw', detail: 'the plugin has not been loaded', place: null });
  const question = new ThreadQuestion(message, plugin, link, (goesOn) => {
    questions.delete(id);
    if (!goesOn) exchanges.delete(exchange);
  });
  questions.set(id, question);
  const registry = instance?.registry;
  const handler = method === null ? registry?.handler(hook) : registry?.methodHandler(method);
  if (handler === undefined) return question.fail({ kind: 'threw', detail: `the plugin does not tap ${hook}` });
  if (exchange !== 0 && request.step !== 1 && !exchanges.has(exchange)) {
    return question.fail({ kind: 'threw', detail: 'the exchange that the step belongs to is not known any more' });
  }
  question.put(handler, exchange === 0 ? null : exchangeOf(exchange));
}

function exchangeOf(number: number): object {
  const known = exchanges.get(number);
  if (known !== undefined) return known;
  for (const oldest of exchanges.keys()) {
    if (exchanges.size < MAX_EXCHANGES) break;
    exchanges.delete(oldest);
  }
  const made = Object.freeze({});
  exchanges.set(number, made);
  return made;
}

function tellNews(items: readonly NewsItem[]): void {
  for (const { hook, news } of items) {
    const failed = (error: unknown) => tools.faults.escaped(init.spec.name, hook, error);
    try {
      const listener = instance?.registry.handler(hook) as ((news: unknown) => unknown) | undefined;
      silencePromiseWith(listener?.(frozenReceived(news)), failed);
    } catch (error) {
      failed(error);
    }
  }
  link.post({ t: 'heard', count: items.length });
}

function reload(): void {
  const asked = instance;
  void asked?.reload().then((problems) => {
    link.post({ t: 'reloaded', problems: problems.map((text) => text.slice(0, MAX_TEXT)), rereads: asked.rereads });
  });
}

async function stop(): Promise<void> {
  instance?.signalStop();
  for (const question of questions.values()) question.abort();
  await instance?.runDisposers();
  tools.flush();
  link.post({ t: 'stopped' });
}
