import type { ConnectionInfo, TlsEvidence } from '@portcullis/sdk';

/** A byte stream to a peer, as listeners hand it over. What comes in is handed to the connection's `received`, `drained` and `closed`. */
export interface Transport {
  readonly info: ConnectionInfo;
  readonly tls: TlsEvidence | null;
  /** When the socket was accepted, in monotonic milliseconds, where that was long before now: behind a TLS handshake or an upgrade. */
  readonly acceptedAt?: number;
  /** Writes; true when the kernel took everything, so that the buffer may be used again. */
  write(buffer: Buffer): boolean;
  /** Writes several buffers as one; they are not used again. */
  writeAll(buffers: readonly Buffer[]): void;
  /** Bytes written that the kernel has not taken. */
  readonly buffered: number;
  pause(): void;
  resume(): void;
  /** Closes after what was written is sent. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}
