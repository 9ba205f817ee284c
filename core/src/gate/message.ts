import type { StoredMessage } from '@portcullis/sdk';

let nextMessageId = 1;

/** One message, copied out of the bytes it came in. Immutable, and shared by every session that holds it. */
export class Message {
  readonly id: number;
  readonly topic: string;
  readonly topicBytes: Buffer;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Property bytes of 5.0 section 3.3.2.3 that travel on as they are, or null. */
  readonly properties: Buffer | null;
  /** Monotonic milliseconds at which the message expires; 0 for never. */
  readonly expiresAt: number;
  readonly publisherClientId: string;
  /** Username of the publisher; null for an anonymous one. */
  readonly publisher: string | null;
  /** Whether it is a plugin's, or another tenant's: then no client is its publisher, though one may have the same names. */
  readonly foreign: boolean;
  /** What the message costs in memory, about. */
  readonly bytes: number;
  /** Finished packets of QoS 0 by protocol form and RETAIN; the connection room fills them, so that a fan-out encodes once. */
  encodings: (Buffer | null)[] | null = null;

  constructor(fields: MessageFields) {
    this.id = nextMessageId;
    nextMessageId += 1;
    this.topic = fields.topic;
    this.topicBytes = fields.topicBytes;
    this.payload = fields.payload;
    this.qos = fields.qos;
    this.retain = fields.retain;
    this.properties = fields.properties;
    this.expiresAt = fields.expiresAt;
    this.publisherClientId = fields.publisherClientId;
    this.publisher = fields.publisher;
    this.foreign = fields.foreign ?? false;
    this.bytes = 200 + fields.topicBytes.length + fields.payload.length + (fields.properties?.length ?? 0);
  }

  /** The same message with another expiry. */
  expiring(expiresAt: number): Message {
    return new Message({ ...this, expiresAt });
  }

  /** The message as stores keep it; `wallOffset` turns monotonic milliseconds into milliseconds since the epoch. */
  stored(wallOffset: number): StoredMessage {
    return {
      id: this.id,
      topic: this.topic,
      payload: this.payload,
      qos: this.qos,
      retain: this.retain,
      properties: this.properties,
      expiresAt: this.expiresAt === 0 ? null : this.expiresAt + wallOffset,
      publisherClientId: this.publisherClientId,
      publisher: this.publisher,
    };
  }
}

/** What a message is made from. */
export type MessageFields = Pick<
  Message,
  'topic' | 'topicBytes' | 'payload' | 'qos' | 'retain' | 'properties' | 'expiresAt' | 'publisherClientId' | 'publisher'
> & { readonly foreign?: boolean };
