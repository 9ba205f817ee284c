import type { Client } from './client.js';

const CAPACITY = 1 << 16;

/** Packets of four bytes, gathered while one read is taken apart and sent together. */
export class Acknowledgements {
  readonly #bytes = Buffer.allocUnsafeSlow(CAPACITY);
  #length = 0;

  add(client: Client, first: number, packetId: number): void {
    if (this.#length + 4 > CAPACITY) this.flush(client);
    const at = this.#length;
    this.#bytes[at] = first;
    this.#bytes[at + 1] = 2;
    this.#bytes[at + 2] = packetId >> 8;
    this.#bytes[at + 3] = packetId & 0xff;
    this.#length = at + 4;
  }

  flush(client: Client): void {
    if (this.#length === 0) return;
    client.send(Buffer.from(this.#bytes.subarray(0, this.#length)));
    this.#length = 0;
  }
}
