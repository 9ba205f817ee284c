import type { ApprovedMessage, Message } from '../gate/index.js';
import type { SessionRoom } from './room.js';

/**
 * QoS 2 messages of a client that wait for their PUBREL, by packet identifier; null where the message was refused. Their bytes count with those
 * that are queued: a client that never releases any could else leave a gigabyte behind with each of its sessions.
 */
export class Received {
  readonly #room: SessionRoom;
  /** Made with the first: most clients never send at QoS 2. */
  #messages: Map<number, ApprovedMessage | null> | null = null;
  #bytes = 0;

  constructor(room: SessionRoom) {
    this.#room = room;
  }

  get size(): number {
    return this.#messages === null ? 0 : this.#messages.size;
  }

  /** Whether there is room for one more. */
  takes({ bytes }: Message): boolean {
    const { limits, stats } = this.#room;
    return this.#bytes + bytes <= limits.maxQueuedBytes && stats.queuedBytes + bytes <= limits.maxTotalQueuedBytes;
  }

  has(packetId: number): boolean {
    return this.#messages?.has(packetId) === true;
  }

  get(packetId: number): ApprovedMessage | null | undefined {
    return this.#messages?.get(packetId);
  }

  set(packetId: number, approved: ApprovedMessage | null): void {
    this.delete(packetId);
    this.#messages ??= new Map();
    this.#messages.set(packetId, approved);
    if (approved !== null) this.#count(approved.message.bytes);
  }

  delete(packetId: number): boolean {
    const approved = this.#messages?.get(packetId);
    if (approved !== null && approved !== undefined) this.#count(-approved.message.bytes);
    return this.#messages?.delete(packetId) === true;
  }

  clear(): void {
    if (this.#messages === null) return;
    this.#count(-this.#bytes);
    this.#messages = null;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#room.stats.queuedBytes += bytes;
  }
}
