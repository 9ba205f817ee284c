/**
 * What the raw path needs of Node's own TCP handles. They are internals: nothing here is promised by Node, so it is used only after
 * `raw-check.ts` has seen it work in this very process.
 */
export interface RawHandle {
  onread: (this: RawHandle) => void;
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  readStart(): number;
  readStop(): number;
  /** Reads go into this buffer from now on, instead of a new one each. */
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: RawRequest, bytes: Uint8Array): number;
  writev(request: RawRequest, chunks: readonly Uint8Array[], allBuffers: true): number;
  shutdown(request: RawRequest): number;
  setNoDelay(on: boolean): number;
  getpeername(out: { address?: string | undefined; port?: number | undefined }): number;
  close(): void;
}

/** An operation that may go on after the call. */
export interface RawRequest {
  oncomplete: (this: RawRequest, status: number) => void;
  /** Kept alive with the request. */
  bytes: unknown;
  owner: unknown;
}

/** A bound port, as `net.Server` holds it. */
export interface RawServer {
  onconnection: (status: number, handle: RawHandle | undefined) => void;
  setNoDelay?(on: boolean): number;
}

export interface RawSockets {
  newWrite(): RawRequest;
  newShutdown(): RawRequest;
  /** Result of the call or the read that was just made, at these places. */
  readonly state: Int32Array;
  readonly bytesReadAt: number;
  readonly wasAsyncAt: number;
}

/** UV_EOF of libuv, the same on every system. */
export const END_OF_STREAM = -4095;

interface StreamBinding {
  readonly WriteWrap: new () => RawRequest;
  readonly ShutdownWrap: new () => RawRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** Node's internals, or null where this Node does not show them, or not as they were. */
export function findRawSockets(): RawSockets | null {
  try {
    const { binding } = process as unknown as { binding?: (name: string) => unknown };
    if (typeof binding !== 'function') return null;
    const stream = binding.call(process, 'stream_wrap') as StreamBinding;
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = stream;
    const asKnown =
      typeof WriteWrap === 'function' &&
      typeof ShutdownWrap === 'function' &&
      streamBaseState instanceof Int32Array &&
      Number.isInteger(kReadBytesOrError) &&
      Number.isInteger(kLastWriteWasAsync);
    if (!asKnown) return null;
    return {
      newWrite: () => new WriteWrap(),
      newShutdown: () => new ShutdownWrap(),
      state: streamBaseState,
      bytesReadAt: kReadBytesOrError,
      wasAsyncAt: kLastWriteWasAsync,
    };
  } catch {
    return null;
  }
}

/** The handle behind a bound server, or null where it is not one of those that are known. */
export function rawServerOf(server: object): RawServer | null {
  const handle = (server as { _handle?: RawServer | null })._handle;
  return handle !== null && handle !== undefined && typeof handle.onconnection === 'function' ? handle : null;
}
