import { Duplex, type Writable } from 'node:stream';
import * as ws from 'ws';

/** Turns hexadecimal text into bytes; white space is for the eye. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** Bytes that tell where they come from. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + seed * 97 + (i >> 8)) & 0xff;
  return bytes;
}

/** A frame of a client as an independent implementation writes it. */
export function theirFrame(opcode: number, payload: Buffer, final = true, mask = [0x37, 0xfa, 0x21, 0x3d]): Buffer {
  const generateMask = (target: Buffer): void => void target.set(mask);
  const maskBuffer = Buffer.alloc(4);
  // It masks in place.
  return Buffer.concat(
    THEIRS.Sender.frame(Buffer.from(payload), { opcode, fin: final, rsv1: false, mask: true, readOnly: false, maskBuffer, generateMask }),
  );
}

/** Reads frames of a server as an independent implementation does; what they hold is told in the order of their coming. */
export function theirReader(heard: (event: string, data: Buffer, binary: boolean) => void): Writable {
  const receiver = new THEIRS.Receiver({ isServer: false });
  receiver.on('message', (data: Buffer, binary: boolean) => heard('message', data, binary));
  receiver.on('pong', (data: Buffer) => heard('pong', data, true));
  receiver.on('conclude', (code: number) => heard(`close ${code}`, Buffer.alloc(0), true));
  receiver.on('error', (error: Error) => heard(`error ${error.message}`, Buffer.alloc(0), true));
  return receiver;
}

/** A socket whose kernel takes nothing until it is told to; what it was handed is looked at only then. */
export class LazySocket extends Duplex {
  lazy = false;
  readonly taken: Buffer[] = [];
  #waiting: (() => void)[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#later(() => this.taken.push(Buffer.from(chunk)), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#later(() => this.taken.push(Buffer.concat(chunks.map(({ chunk }) => chunk))), done);
  }

  settle(): void {
    while (this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.taken);
  }

  #later(take: () => void, done: () => void): void {
    const both = (): void => {
      take();
      done();
    };
    if (this.lazy) this.#waiting.push(both);
    else both();
  }
}

interface FrameOptions {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly mask: boolean;
  readonly readOnly: boolean;
  readonly maskBuffer: Buffer;
  readonly generateMask: (target: Buffer) => void;
}

/** Exported by `ws`, but not by its types. */
const THEIRS = ws as unknown as {
  readonly Receiver: new (options: { readonly isServer: boolean }) => Writable;
  readonly Sender: { frame(data: Buffer, options: FrameOptions): Buffer[] };
};
