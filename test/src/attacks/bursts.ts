import { publish, subscribe, unsubscribe } from '../support/packets.js';
import { fromHex } from '../support/wire-client.js';

/** What a socket is given at once. */
export const BURST_BYTES = 65_536;

/** A packet as often as a burst has room for it. */
export function burst(packet: Buffer, bytes = BURST_BYTES): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(bytes / packet.length)) }, () => packet));
}

export const SUBSCRIBE = (filter: string, qos = 0): Buffer => fromHex(subscribe({ filters: [[filter, qos]] }));
export const UNSUBSCRIBE = (filter: string): Buffer => fromHex(unsubscribe({ filters: [filter] }));
export const PUBLISH = (topic: string, payload = 'x'): Buffer => fromHex(publish({ topic, payload }));

/** Publishes to topics that were never seen before, as many as a burst has room for. */
export function freshTopics(prefix: string, from: number, bytes = BURST_BYTES): { readonly packets: Buffer; readonly next: number } {
  const all: Buffer[] = [];
  let length = 0;
  let next = from;
  while (length < bytes) {
    const packet = PUBLISH(`${prefix}${next.toString(36)}`);
    all.push(packet);
    length += packet.length;
    next += 1;
  }
  return { packets: Buffer.concat(all), next };
}
