import type { ConnectionInfo, TlsEvidence } from '@portcullis/sdk';

/**
 * A byte stream to a peer, as listeners hand it over. What comes in is handed to the connection's
 * `received`, `drained` and `closed`.
 */
export interface Transport {
  readonly info: ConnectionInfo;
  readonly tls: TlsEvidence | null;
  /** When the socket was accepted, in monotonic milliseconds, where that was long before now: behind a TLS handshake or an upgrade. */
  readonly acceptedAt?: number;
  /**
   * Writes; true when the kernel took everything, so that the bytes may be used again. `slab`: the buffer that they lie in, if it comes from
   * the pool; when the answer is false, it is the transport's to give back once the kernel has it, or to leave to the garbage collector.
   */
  write(bytes: Buffer, slab: Buffer | null): boolean;
  /** Writes several buffers as one; they are not used again. */
  writeAll(buffers: readonly Buffer[]): void;
  /** Bytes written that the kernel has not taken. */
  readonly buffered: number;
  /**
   * From so many of them on `drained` will be called, and nothing more is to be written until then: what is not written can be taken back.
   * 64 KiB where it does not say. With 1 it holds one write at a time, and its buffered bytes are the last of that.
   */
  readonly fullAt?: number;
  pause(): void;
  resume(): void;
  /** Closes after what was written is sent. `peerIsDone`: the peer has said that it sends nothing more, so nobody has to listen for it. */
  end(peerIsDone: boolean): void;
  /** Closes at once. */
  destroy(): void;
}
