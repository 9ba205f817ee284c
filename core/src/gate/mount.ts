import { parseSharedFilter } from '@portcullis/sdk';

/**
 * The place below which all topics of a listener's clients lie. They do not see it: it is put before what they send and taken from what they get.
 * Rules, plugins and the log know topics by their whole names.
 */
export class Mount {
  /** Ends with a slash: what stands before it and what stands behind it never share a level. */
  readonly text: string;
  readonly bytes: Buffer;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.from(text, 'utf8');
  }

  /** A topic name that a client sent, by its whole name. `..` is a level as any other: MQTT knows no way up. */
  topic(topic: string): string {
    return this.text + topic;
  }

  /** The same for a topic filter; the group of a shared one stays in front. One that is none at all stays as it is, to be refused. */
  filter(filter: string): string {
    const shared = parseSharedFilter(filter);
    if (shared === null) return this.text + filter;
    return shared === 'invalid' ? filter : `$share/${shared.shareName}/${this.text}${shared.filter}`;
  }

  /** The whole name of a topic that stands in a buffer. */
  joined(buffer: Buffer, start: number, end: number): Buffer {
    const { bytes } = this;
    const joined = Buffer.allocUnsafe(bytes.length + end - start);
    bytes.copy(joined, 0);
    buffer.copy(joined, bytes.length, start, end);
    return joined;
  }

  /** What a client sees of a topic name; null for one that does not lie here, and so is none of its business. */
  stripped(topic: Buffer): Buffer | null {
    const { bytes } = this;
    if (topic.length <= bytes.length || topic.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0) return null;
    return topic.subarray(bytes.length);
  }
}
