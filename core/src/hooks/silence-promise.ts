/**
 * Subscribes to a promise, or to whatever claims to be one, and says whether it is. Calls `settled` and `failed` as often as it calls them; throws
 * what reading or calling `then` throws.
 */
export function followPromise(value: unknown, settled: (value: unknown) => void, failed: (error: unknown) => void): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  const then: unknown = (value as { then?: unknown }).then;
  if (typeof then !== 'function') return false;
  then.call(value, settled, failed);
  return true;
}

/** Whether something is a promise, or claims to be one. Its rejection is handed to `failed` instead of surfacing as an unhandled one later. */
export function silencePromiseWith(value: unknown, failed: (error: unknown) => void): boolean {
  return followPromise(value, () => {}, failed);
}
