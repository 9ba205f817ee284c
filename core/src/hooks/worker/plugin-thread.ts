import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { BackendUnavailable, type HookName, type PluginContext } from '@portcullis/sdk';
import { errorText } from '../../errors.js';
import type { HostTools } from '../asked-plugin.js';
import { Deferred } from '../deferred.js';
import { isHookName } from '../hook-table.js';
import { PlacedError } from '../place.js';
import type { PluginSpec } from '../specs.js';
import { within } from '../within.js';
import { performCall, performCredentialsCall, takeMetrics } from './broker-calls.js';
import { Heartbeat } from './heartbeat.js';
import { type AskMessage, type FromThread, SHARED, type ThreadInit, type ToThread, type WaitedCall } from './messages.js';
import { OpenQuestions } from './open-questions.js';
import { Outbox } from './outbox.js';
import { list, positive, readBatch, readMessage, record, Strange, text } from './read-message.js';
import { wireError } from './thread-link.js';
import { ThreadNews } from './thread-news.js';
import { threadOptions } from './thread-options.js';
import { ThreadOutput } from './thread-output.js';

/** What the callbacks of a stopping plugin have; less than all plugins together have, so that the thread is ended by then. */
const STOP_MS = 4000;
const MIB = 1024 * 1024;
/** What the rest of the process may have grown by in the time that a thread is silent. */
const GROWTH_BYTES = 64 * MIB;

export interface PluginThreadInit {
  readonly file: string;
  readonly root: string;
  readonly spec: PluginSpec;
  readonly tools: HostTools;
  readonly context: PluginContext;
  /** The thread ended, or had to be ended, after the plugin had started. */
  readonly lost: (cause: string) => void;
  /** The plugin was told to reload, and had something to read again, or had not. */
  readonly rereads: (some: boolean) => void;
}

/** What a started plugin taps. */
export interface Tapped {
  readonly hooks: readonly HookName[];
  readonly methods: readonly string[];
}

/**
 * The thread that one start of a plugin lives in, from the broker's side. It is told and asked by messages, and ended when it does not move, takes too much
 * memory, or sends what the runtime in it would not. Nothing that comes from it is believed.
 */
export class PluginThread {
  readonly #init: PluginThreadInit;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #outbox: Outbox<AskMessage>;
  readonly #calls: MessagePort;
  readonly #flags: Int32Array;
  readonly #maxBytes: number;
  readonly #heartbeat: Heartbeat;
  readonly #output: ThreadOutput;
  readonly questions: OpenQuestions;
  readonly news: ThreadNews;
  readonly #started = new Deferred<Tapped>();
  readonly #stopped = new Deferred<void>();
  readonly #ended = new Deferred<void>();
  #reloaded: Deferred<readonly string[]> | null = null;
  #stage: 'starting' | 'running' | 'stopping' | 'over' = 'starting';
  /** Messages since the last heartbeat that answer nothing, and calls that are being worked on. */
  #unasked = 0;
  #working = 0;

  constructor(init: PluginThreadInit) {
    const { spec, tools, context } = init;
    const { limits, stats, wheel } = tools;
    this.#init = init;
    this.#maxBytes = spec.maxMemoryBytes ?? limits.workerMemoryBytes;
    const shared = new SharedArrayBuffer(4 * SHARED.count);
    this.#flags = new Int32Array(shared);
    const asked = new MessageChannel();
    const waited = new MessageChannel();
    this.#port = asked.port1;
    this.#calls = waited.port1;
    const data: ThreadInit = {
      port: asked.port2,
      calls: waited.port2,
      shared,
      file: init.file,
      root: init.root,
      spec,
      baseFolder: context.baseFolder,
      limits: { ...limits },
      logLevel: (['debug', 'info', 'warn'] as const).find((level) => tools.log.enabled(level)) ?? 'error',
    };
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      ...threadOptions(this.#maxBytes),
      name: `plugin ${spec.name}`,
      workerData: data,
      transferList: [asked.port2, waited.port2],
    });
    this.#outbox = new Outbox<AskMessage>({
      // Questions of many clients: each of their sockets is read by itself, but in one turn of the event loop.
      soon: (end) => void setImmediate(end),
      post: (batch) => this.#post(batch),
      unfit: ({ id }, error) => this.questions.settle({ t: 'fault', id, kind: 'threw', detail: errorText(error), place: null }),
    });
    const send = (message: ToThread) => this.#send(message);
    const ask = (message: AskMessage) => this.#outbox.add(message);
    const ignored = (which: 'secondAnswers' | 'foreignAnswers') => tools.faults.ignored(spec.name, which);
    this.questions = new OpenQuestions({ ask, send, ignored, maxGivenUp: limits.workerGivenUp, gaveUp: () => this.#heartbeat.gaveUp() });
    this.news = new ThreadNews(send, stats, limits.workerNews);
    this.#output = new ThreadOutput(tools.log.child({ plugin: spec.name }), limits.workerOutputBytes);
    this.#output.follow(this.#worker.stdout, 'stdout');
    this.#output.follow(this.#worker.stderr, 'stderr');
    this.#listen();
    this.#heartbeat = new Heartbeat({
      wheel,
      intervalMs: limits.workerHeartbeatMs,
      lateMs: limits.workerLateMs,
      silenceMs: limits.workerSilenceMs,
      growthBytes: this.#maxBytes + GROWTH_BYTES,
      processBytes: () => process.memoryUsage.rss(),
      ping: (beat) => this.#send({ t: 'ping', beat }),
      heard: () => Atomics.load(this.#flags, SHARED.beat),
      alive: () => this.#alive(),
      dead: (cause) => this.#end(cause),
    });
  }

  /** Resolves when the plugin's `start` has; rejects with what it threw, or when its thread ends before. */
  get started(): Promise<Tapped> {
    return this.#started.promise;
  }

  /** Resolves when there is no thread any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  signalStop(): void {
    this.news.flush();
    this.#send({ t: 'signal' });
  }

  /** Rejects with why the plugin could not reload, or when its thread ends before. */
  async reload(): Promise<void> {
    const reloaded = new Deferred<readonly string[]>();
    this.#reloaded = reloaded;
    this.#send({ t: 'reload' });
    const ended = this.#stopped.promise.then(() => ['the thread of the plugin has ended']);
    const problems = await Promise.race([reloaded.promise, ended]);
    if (problems.length > 0) throw new Error(problems.join('; '));
  }

  /** Lets the plugin's callbacks run, then ends the thread, whether they have or not. */
  async stop(): Promise<void> {
    if (this.#stage !== 'over') {
      this.#stage = 'stopping';
      this.#send({ t: 'stop' });
      const { wheel, log } = this.#init.tools;
      const stopped = await within(wheel, STOP_MS, () => this.#stopped.promise);
      if (!stopped) log.warn({ plugin: this.#init.spec.name, milliseconds: STOP_MS }, 'a plugin has not stopped in time; its thread is ended');
      this.#end('the plugin was stopped');
    }
    await this.#worker.terminate();
  }

  #listen(): void {
    this.#port.on('message', (batch: unknown) => this.#take(() => this.#handleAll(readBatch(batch))));
    this.#calls.on('message', (message: unknown) => this.#take(() => this.#reply(message)));
    for (const port of [this.#port, this.#calls]) port.on('messageerror', () => this.#end('it sent what cannot be read'));
    this.#worker.on('message', () => this.#end('it sent a message of its own to the broker'));
    this.#worker.on('messageerror', () => this.#end('it sent what cannot be read'));
    this.#worker.on('error', (error: unknown) => this.#end(this.#deathOf(error)));
    this.#worker.on('exit', (code) => {
      this.#ended.resolve();
      this.#end(`its thread ended with code ${code}`);
    });
  }

  #deathOf(error: unknown): string {
    const outOfMemory = (error as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    return outOfMemory ? `its heap came to its end` : `its thread broke: ${errorText(error)}`;
  }

  #send(message: ToThread): void {
    // An abort may not come before its question.
    this.#outbox.flush();
    this.#post([message]);
  }

  #post(batch: readonly ToThread[]): void {
    if (this.#stage !== 'over') this.#port.postMessage(batch);
  }

  #take(handle: () => void): void {
    if (this.#stage === 'over') return;
    try {
      handle();
    } catch (error) {
      this.#end(`it sent ${errorText(error)}`);
    }
  }

  #handleAll(batch: readonly unknown[]): void {
    for (const message of batch) {
      // What follows the message that ended it does not count.
      if (this.#stage === 'over') return;
      this.#handle(readMessage(message));
    }
  }

  #handle(message: FromThread): void {
    switch (message.t) {
      case 'answer':
      case 'fault':
        return this.questions.settle(message);
      case 'heard':
        return this.news.heard(message.count);
      case 'call':
        return this.#call(message.id, message.what, message.args);
      case 'started':
        return this.#tapped(message.taps, message.methods);
      case 'failed':
        return this.#failed(message.unavailable, message.text);
      case 'reloaded':
        this.#init.rereads(message.rereads);
        return this.#reloaded?.resolve(message.problems);
      case 'stopped':
        if (this.#stage !== 'stopping') throw new Strange('that it stopped, which nobody asked for');
        return this.#stopped.resolve();
      default:
        this.#unasked += 1;
        // As much as it may send between two heartbeats, twice: theirs and ours are not at the same moment.
        if (this.#unasked > 2 * this.#init.tools.limits.workerMessages) throw new Strange('more messages than it may');
        return this.#hear(message);
    }
  }

  #hear(message: Extract<FromThread, { t: 'log' | 'metrics' | 'escaped' | 'second' | 'unsaid' }>): void {
    const { context, tools, spec } = this.#init;
    switch (message.t) {
      case 'log':
        return context.log[message.level](message.fields, message.message);
      case 'metrics':
        return takeMetrics(context.metrics, message.counts, message.gauges);
      case 'escaped':
        return tools.faults.escaped(spec.name, message.where, new PlacedError(message.text, message.place));
      case 'second':
        return tools.faults.ignored(spec.name, 'secondAnswers');
      case 'unsaid':
        context.log.warn({ messages: message.count }, 'a plugin said more than is listened to');
    }
  }

  #tapped(taps: readonly string[], methods: readonly string[]): void {
    if (this.#stage !== 'starting') throw new Strange('that it started, once more');
    for (const hook of taps) if (!isHookName(hook)) throw new Strange('that it taps a hook that there is not');
    this.#stage = 'running';
    this.#started.resolve({ hooks: taps as readonly HookName[], methods });
  }

  #failed(unavailable: boolean, cause: string): void {
    if (this.#stage !== 'starting') throw new Strange('that it could not start, after it had');
    this.#started.reject(unavailable ? new BackendUnavailable(cause) : new Error(cause));
  }

  /** A call whose reply the plugin awaits. */
  #call(id: number, what: string, args: readonly unknown[]): void {
    if (this.#working >= this.#init.tools.limits.workerMessages) throw new Strange('more calls than it may');
    this.#working += 1;
    const reply = (ok: boolean, value: unknown) => {
      this.#working -= 1;
      this.#send({ t: 'reply', id, ok, value });
    };
    Promise.resolve()
      .then(() => this.#perform(what, args))
      .then((value) => reply(true, value))
      .catch((error: unknown) => reply(false, wireError(error)));
  }

  /** A call that the plugin stands still for. */
  #reply(given: unknown): void {
    const { id, what, args } = record(given) as Partial<WaitedCall>;
    const call = { id: positive(id), what: text(what), args: list(args) };
    let reply: { ok: boolean; value: unknown };
    try {
      reply = { ok: true, value: this.#perform(call.what, call.args) };
      if (reply.value instanceof Promise) throw new TypeError('nobody can stand still for this call');
    } catch (error) {
      reply = { ok: false, value: wireError(error) };
    }
    this.#calls.postMessage({ id: call.id, ...reply });
    Atomics.add(this.#flags, SHARED.replies, 1);
    Atomics.notify(this.#flags, SHARED.replies);
  }

  #perform(what: string, args: readonly unknown[]): unknown {
    if (what !== 'verify' && what !== 'equals' && what !== 'expose') return performCall(this.#init.context, what, args);
    return performCredentialsCall(this.questions.credentialsOf(args[0]), what, args[1]);
  }

  #alive(): void {
    this.#unasked = 0;
    this.#output.beat();
    const held = Atomics.load(this.#flags, SHARED.heldKiB) * 1024;
    if (held > this.#maxBytes) this.#end(`it holds ${Math.floor(held / MIB)} MiB of memory, and may hold ${Math.floor(this.#maxBytes / MIB)}`);
  }

  #end(cause: string): void {
    if (this.#stage === 'over') return;
    const wasRunning = this.#stage === 'running';
    this.#stage = 'over';
    this.#heartbeat.stop();
    this.#port.close();
    this.#calls.close();
    void this.#worker.terminate();
    this.questions.end(`the thread of the plugin has ended: ${cause}`);
    this.news.end();
    this.#started.reject(new Error(cause));
    this.#stopped.resolve();
    if (wasRunning) this.#init.lost(cause);
  }
}
