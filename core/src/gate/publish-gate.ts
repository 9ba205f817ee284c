import type { DenyReason, MessageInfo, PublishPatch, PublishProperties } from '@portcullis/sdk';
import { isTopicName } from '@portcullis/sdk';
import type { Outcome, Pending } from '../hooks/index.js';
import { Answer } from '../policy/index.js';
import { type GateClient, isInternal } from './client.js';
import { foldAuthorize, type Judgement } from './fold.js';
import { Message } from './message.js';

/** Turns property bytes into what plugins see, and back. Implemented above the gate, where the codec is. */
export interface PropertyCodec {
  decode(bytes: Buffer): PublishProperties;
  encode(properties: PublishProperties): Buffer;
}

declare const approved: unique symbol;

/** A message that the gate let through. */
export interface ApprovedMessage {
  readonly message: Message;
  /** Whether it may replace the retained message of its topic. */
  readonly retain: boolean;
  readonly [approved]: true;
}

export type PublishVerdict =
  | { readonly outcome: 'route'; readonly approved: ApprovedMessage; readonly judgement: Judgement }
  | {
      readonly outcome: 'deny';
      readonly hook: PublishHook;
      readonly reason: DenyReason;
      readonly plugin: string | null;
      readonly rule: string | null;
    }
  | { readonly outcome: 'fault'; readonly hook: PublishHook; readonly plugin: string | null; readonly detail: string };

/** The questions that may refuse a publish. */
type PublishHook = 'authorize' | 'guardPublish' | 'rewritePublish' | 'guardRetain';

/** Judges one message by itself: rules and code, guards, rewriting, retaining. */
export class PublishGate {
  readonly #properties: PropertyCodec;
  readonly #now: () => number;
  readonly #maxTopicLevels: number;
  readonly #maxPacketBytes: number;

  constructor(options: { properties: PropertyCodec; now: () => number; maxTopicLevels: number; maxPacketBytes: number }) {
    this.#properties = options.properties;
    this.#now = options.now;
    this.#maxTopicLevels = options.maxTopicLevels;
    this.#maxPacketBytes = options.maxPacketBytes;
  }

  judge(client: GateClient, message: Message, will: boolean, deadlineAt: number, done: (verdict: PublishVerdict) => void): Pending | null {
    let again: Pending | null = null;
    const first = this.authorize(client, message, will, deadlineAt, (judgement) => {
      if (judgement.outcome !== 'allow') done(unauthorized(judgement));
      else again = this.#guard(client, message, will, deadlineAt, judgement, done);
    });
    // A message that was rewritten to another topic may be asked about twice, and each time the answer may take its time.
    if (first === null) return again;
    return {
      cancel() {
        first.cancel();
        again?.cancel();
      },
    };
  }

  /** The properties of a message as plugins see them. */
  info(message: Message): MessageInfo {
    const properties = message.properties === null ? {} : this.#properties.decode(message.properties);
    const seconds = message.expiresAt === 0 ? undefined : Math.max(0, Math.ceil((message.expiresAt - this.#now()) / 1000));
    return {
      topic: message.topic,
      // A copy: what a plugin does to it must not change what was judged.
      payload: Buffer.from(message.payload),
      qos: message.qos,
      retain: message.retain,
      properties: seconds === undefined ? properties : { ...properties, messageExpirySeconds: seconds },
    };
  }

  /** Rules and code alone. */
  authorize(client: GateClient, message: Message, will: boolean, deadlineAt: number, done: (judgement: Judgement) => void): Pending | null {
    if (isInternal(message.topic)) {
      done({ outcome: 'deny', reason: 'not-authorized', plugin: null, rule: null, detail: 'the topic belongs to the broker', byCode: false });
      return null;
    }
    const { topic, qos, retain } = message;
    const request = {
      client: client.info,
      identity: client.identity,
      tenant: client.tenant,
      action: 'publish',
      topic,
      qos,
      retain,
      shareName: null,
      will,
    };
    const rules = (source: number): 0 | 1 | 2 =>
      source >= client.sources.length ? Answer.NONE : client.binding.check('publish', topic, qos, retain, source);
    return foldAuthorize(client, { action: 'publish', request, rules }, deadlineAt, done);
  }

  #guard(
    client: GateClient,
    message: Message,
    will: boolean,
    deadlineAt: number,
    allowed: Judgement,
    done: (verdict: PublishVerdict) => void,
  ): Pending | null {
    const { hooks, global } = client.standing;
    if (hooks.has('guardPublish')) {
      const refused = refusal('guardPublish', hooks.guard('guardPublish', { ...subject(client), message: this.info(message), will }));
      if (refused !== null) return end(done, refused);
    }
    if (!global.has('rewritePublish')) return end(done, this.#retain(client, message, allowed));
    const rewritten = global.waterfall('rewritePublish', { ...subject(client), message: this.info(message) }, (request, patch) =>
      this.#patched(request, patch as PublishPatch),
    );
    if ('kind' in rewritten) return end(done, { outcome: 'fault', hook: 'rewritePublish', plugin: rewritten.plugin, detail: rewritten.detail });
    if (!rewritten.changed) return end(done, this.#retain(client, message, allowed));
    const changed = this.#rebuild(client, message, rewritten.request.message);
    if (changed.topic === message.topic) return end(done, this.#retain(client, changed, allowed));
    return this.authorize(client, changed, will, deadlineAt, (judgement) => {
      done(judgement.outcome === 'allow' ? this.#retain(client, changed, judgement) : unauthorized(judgement));
    });
  }

  #retain(client: GateClient, message: Message, judgement: Judgement): PublishVerdict {
    let { retain } = message;
    if (retain && client.standing.hooks.has('guardRetain')) {
      const refused = refusal('guardRetain', client.standing.hooks.guard('guardRetain', { ...subject(client), message: this.info(message) }));
      if (refused?.outcome === 'fault') return refused;
      retain = refused === null;
    }
    return { outcome: 'route', approved: { message, retain } as ApprovedMessage, judgement };
  }

  /** One patch applied to what plugins see; null when it is not valid, by the rules for what a client sends. */
  #patched<Request extends { readonly message: MessageInfo }>(request: Request, patch: PublishPatch): Request | null {
    const { topic, payload, properties } = patch;
    if (topic !== undefined && (typeof topic !== 'string' || !isTopicName(topic) || isInternal(topic))) return null;
    if (topic !== undefined && topic.split('/').length > this.#maxTopicLevels) return null;
    if (payload !== undefined && !(payload instanceof Uint8Array)) return null;
    if (payload !== undefined && payload.length > this.#maxPacketBytes) return null;
    if (properties !== undefined) {
      try {
        if (this.#properties.encode(properties).length > this.#maxPacketBytes) return null;
        if (properties.messageExpirySeconds !== undefined && !isSeconds(properties.messageExpirySeconds)) return null;
      } catch {
        return null;
      }
    }
    return {
      ...request,
      message: {
        ...request.message,
        topic: topic ?? request.message.topic,
        payload: payload === undefined ? request.message.payload : Buffer.from(payload),
        properties: properties ?? request.message.properties,
      },
    };
  }

  #rebuild(client: GateClient, original: Message, info: MessageInfo): Message {
    const { messageExpirySeconds, ...travelling } = info.properties;
    const properties = this.#properties.encode(travelling);
    return new Message({
      topic: info.topic,
      topicBytes: Buffer.from(info.topic, 'utf8'),
      payload: Buffer.from(info.payload),
      qos: original.qos,
      retain: original.retain,
      properties: properties.length === 0 ? null : properties,
      expiresAt: messageExpirySeconds === undefined ? 0 : this.#now() + messageExpirySeconds * 1000,
      publisherClientId: original.publisherClientId,
      publisher: client.username,
    });
  }
}

/** What a guard's outcome amounts to: null lets pass, and nothing but `pass` does. */
function refusal(hook: PublishHook, outcome: Outcome): PublishVerdict | null {
  switch (outcome.kind) {
    case 'pass':
      return null;
    case 'deny':
      return { outcome: 'deny', hook, reason: outcome.reason, plugin: outcome.plugin, rule: null };
    case 'fault':
      return { outcome: 'fault', hook, plugin: outcome.plugin, detail: outcome.detail };
    default:
      return { outcome: 'fault', hook, plugin: null, detail: `a guard answered ${outcome.kind}` };
  }
}

function unauthorized({ outcome, reason, plugin, rule, detail }: Judgement): PublishVerdict {
  return outcome === 'deny' ? { outcome, hook: 'authorize', reason, plugin, rule } : { outcome: 'fault', hook: 'authorize', plugin, detail };
}

/** Nobody has to be waited for. */
function end(done: (verdict: PublishVerdict) => void, verdict: PublishVerdict): null {
  done(verdict);
  return null;
}

function subject(client: GateClient): { client: GateClient['info']; identity: GateClient['identity']; tenant: string | null } {
  return { client: client.info, identity: client.identity, tenant: client.tenant };
}

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}
