/** Objects that are frozen all the way down and hold no bytes: safe to hand out as they are. */
const shareable = new WeakSet<object>();

/**
 * A deep-frozen copy of plain data, for handing to plugins. What is frozen already is shared.
 *
 * Bytes are copied, always: they cannot be frozen, so a plugin could change what is routed after it was judged, and through `.buffer` read
 * its neighbours in the receive buffer.
 */
export function frozenView<T>(value: T): T {
  return view(value) as T;
}

/** Copies the fields of a request into an object that is still being made, each as a view. */
export function fillView(target: object, source: object): void {
  for (const key of Object.keys(source)) define(target as Record<string, unknown>, key, view((source as Record<string, unknown>)[key]));
}

function view(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || shareable.has(value)) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice();
  return Array.isArray(value) ? viewOfArray(value) : viewOfObject(value as Record<string, unknown>);
}

function viewOfArray(source: readonly unknown[]): unknown {
  const copy: unknown[] = [];
  let same = Object.isFrozen(source);
  for (const item of source) {
    const seen = view(item);
    if (seen !== item) same = false;
    copy.push(seen);
  }
  if (same) return share(source);
  return Object.freeze(copy);
}

function viewOfObject(source: Record<string, unknown>): unknown {
  const copy: Record<string, unknown> = Object.getPrototypeOf(source) === null ? Object.create(null) : {};
  let same = Object.isFrozen(source);
  for (const key of Object.keys(source)) {
    const item = source[key];
    const seen = view(item);
    if (seen !== item) same = false;
    define(copy, key, seen);
  }
  if (same) return share(source);
  return Object.freeze(copy);
}

/** Assigning to the key `__proto__` would change the prototype instead. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function share<T extends object>(source: T): T {
  shareable.add(source);
  return source;
}

/** A deep-frozen copy of configuration whose objects have no prototype, so that a user named `constructor` finds nothing. */
export function frozenConfig(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenConfig));
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) define(copy, key, frozenConfig(item));
  return Object.freeze(copy);
}
