/**
 * Objects that were found to be shareable not long ago: one CONNECT shows the same few to several plugins. A handful, not a WeakSet of all: each
 * entry of such a set costs the garbage collector more than looking again.
 */
const RECENT = 8;
const recent: unknown[] = new Array<unknown>(RECENT).fill(null);
let recentAt = 0;

/**
 * A deep-frozen copy of plain data, for handing to plugins. What is frozen all the way down already is shared.
 *
 * Bytes are copied, always: they cannot be frozen, so a plugin could change what is routed after it was judged, and through `.buffer` read
 * its neighbours in the receive buffer.
 */
export function frozenView<T>(value: T): T {
  return view(value) as T;
}

/** Copies the fields of a request into an object that is still being made, each as a view. */
export function fillView(target: object, source: object): void {
  for (const key in source) define(target as Record<string, unknown>, key, view((source as Record<string, unknown>)[key]));
}

function view(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isShareable(value)) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength).slice();
  if (Array.isArray(value)) return Object.freeze(value.map(view));
  const copy: Record<string, unknown> = Object.getPrototypeOf(value) === null ? Object.create(null) : {};
  for (const key of Object.keys(value)) define(copy, key, view((value as Record<string, unknown>)[key]));
  return Object.freeze(copy);
}

/** Whether an object is frozen all the way down and holds no bytes: safe to hand out as it is. */
function isShareable(value: object): boolean {
  if (!Object.isFrozen(value) || ArrayBuffer.isView(value)) return false;
  if (recent.includes(value)) return true;
  if (!Array.isArray(value) && !leadsNowhere(Object.getPrototypeOf(value))) return false;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null && !isShareable(item)) return false;
  }
  recent[recentAt] = value;
  recentAt = (recentAt + 1) % RECENT;
  return true;
}

let lastEmpty: object | null = null;

/** Whether a prototype is that of plain data, or one of ours that is empty and frozen. */
function leadsNowhere(prototype: object | null): boolean {
  if (prototype === null || prototype === Object.prototype || prototype === lastEmpty) return true;
  if (!Object.isFrozen(prototype) || Object.getPrototypeOf(prototype) !== null || Reflect.ownKeys(prototype).length > 0) return false;
  lastEmpty = prototype;
  return true;
}

/** Assigning to the key `__proto__` would change the prototype instead. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

/** A deep-frozen copy of configuration whose objects have no prototype, so that a user named `constructor` finds nothing. */
export function frozenConfig(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenConfig));
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) define(copy, key, frozenConfig(item));
  return Object.freeze(copy);
}
