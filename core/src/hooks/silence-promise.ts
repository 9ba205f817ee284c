/**
 * Whether something is a promise, or claims to be one. Its rejection is handed to `failed` instead of surfacing as an unhandled one later.
 * Throws what reading or calling `then` throws.
 */
export function silencePromiseWith(value: unknown, failed: (error: unknown) => void): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  const then: unknown = (value as { then?: unknown }).then;
  if (typeof then !== 'function') return false;
  then.call(value, () => {}, failed);
  return true;
}
