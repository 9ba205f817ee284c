import { Message } from './message.js';
import type { TopicEntry } from './topic-table.js';

const NO_OFFSETS = new Int32Array(0);
const NO_BYTES = Buffer.alloc(0);

/** Most messages in one run: a bound for the reused offset arrays. */
export const MAX_RUN = 512;

/**
 * Consecutive PUBLISH packets of one connection with the same first byte and topic, as they stand in the read buffer; or one message that
 * was judged by itself. For bytes one value is reused: it is valid for the current turn, and whatever is kept is copied out of it.
 *
 * Until the gate has approved it, it is only a draft.
 */
export class RunDraft {
  buffer: Buffer = NO_BYTES;
  /** First packet of the run that is meant, and the one after the last; a shared subscription looks at single ones. */
  first = 0;
  last = 0;
  /** Whether the first and the last are those of a part: what is made of it then is not what others get of the whole. */
  divided = false;
  start = 0;
  /** Protocol form of the bytes: 3 for 3.1 and 3.1.1, which do not differ in PUBLISH, and 5. */
  form: 3 | 5 = 3;
  qos: 0 | 1 | 2 = 0;
  topic: TopicEntry | null = null;
  /** Greatest packet of the run in bytes. */
  maxPacketBytes = 0;
  publisherClientId = '';
  publisher: string | null = null;
  /** Whether the receivers may be the publisher itself: the session that published, or null. */
  origin: object | null = null;
  /** End of each packet, start of its properties (their length first) and of its payload: offsets into the buffer. */
  readonly ends: Int32Array;
  readonly propertiesStarts: Int32Array;
  readonly payloadStarts: Int32Array;
  /** Set when the run is one message judged by itself; the buffer means nothing then. */
  message: Message | null = null;
  /** The run as QoS 0 in the 3.x and the 5.0 form, made by the connection room when first needed in this turn. */
  readonly transcoded: (Buffer | null)[] = [null, null];
  /** Whether more than a few receivers get it: then what they share is worth being made. */
  manyReceivers = false;
  /** A copy of the whole range for all receivers that take it as it is. */
  shared: Buffer | null = null;
  readonly copies: (Message | null)[] = [];

  /** `capacity`: how many packets it can hold as bytes; 0 for a single message. */
  constructor(capacity: number) {
    this.ends = capacity === 0 ? NO_OFFSETS : new Int32Array(capacity);
    this.propertiesStarts = capacity === 0 ? NO_OFFSETS : new Int32Array(capacity);
    this.payloadStarts = capacity === 0 ? NO_OFFSETS : new Int32Array(capacity);
  }

  /** Empties the draft for the next run. */
  reset(): void {
    this.first = 0;
    this.last = 0;
    this.divided = false;
    this.message = null;
    this.manyReceivers = false;
    this.shared = null;
    this.maxPacketBytes = 0;
    const { transcoded, copies } = this;
    transcoded[0] = null;
    transcoded[1] = null;
    if (copies.length > 0) copies.length = 0;
  }

  get count(): number {
    return this.last - this.first;
  }

  packetStart(index: number): number {
    return index === 0 ? this.start : (this.ends[index - 1] as number);
  }

  /** The topic of the run. */
  get entry(): TopicEntry {
    if (this.topic === null) throw new Error('a run without a topic');
    return this.topic;
  }

  /** One message of the run as a run of its own, which stays valid beyond the turn. */
  one(index: number): AuthorizedRun {
    const run = new RunDraft(0);
    run.message = this.copy(index);
    run.last = 1;
    run.qos = this.qos;
    run.topic = this.topic;
    run.publisherClientId = this.publisherClientId;
    run.publisher = this.publisher;
    run.origin = this.origin;
    // As approved as the run that it is a part of: only an approved one is ever divided.
    return run as AuthorizedRun;
  }

  /** One message of the run, copied; the same object however often it is asked for. */
  copy(index: number): Message {
    if (this.message !== null) return this.message;
    const known = this.copies[index];
    if (known !== undefined && known !== null) return known;
    const payloadStart = this.payloadStarts[index] as number;
    let properties: Buffer | null = null;
    if (this.form === 5) {
      const start = skipVariableByteInteger(this.buffer, this.propertiesStarts[index] as number);
      if (start < payloadStart) properties = Buffer.from(this.buffer.subarray(start, payloadStart));
    }
    const message = new Message({
      topic: this.entry.topic,
      topicBytes: this.entry.bytes,
      payload: Buffer.from(this.buffer.subarray(payloadStart, this.ends[index] as number)),
      qos: this.qos,
      retain: false,
      properties,
      expiresAt: 0,
      publisherClientId: this.publisherClientId,
      publisher: this.publisher,
    });
    while (this.copies.length <= index) this.copies.push(null);
    this.copies[index] = message;
    return message;
  }
}

declare const approved: unique symbol;

/** A run that the gate approved: the only thing that the router accepts. Only the gate can make one. */
export type AuthorizedRun = RunDraft & { readonly [approved]: true };

function skipVariableByteInteger(buffer: Buffer, offset: number): number {
  let at = offset;
  while ((buffer[at] as number) >= 0x80) at += 1;
  return at + 1;
}
